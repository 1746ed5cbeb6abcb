"""Kinds of feature that answer questions: life cycles, rankings, desks (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _life(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}LifeCycle",
        states="{SUBJECT}_STATES",
        class_name="{Subject}Life",
        fixture="{subject}_life",
        between="{subject}_states_between",
    )
    states = draw.rng.sample(draw.theme.states, len(draw.theme.states))
    names |= {f"s{index}": state for index, state in enumerate(states)}
    values = {"days": draw.pairs(states[:5], range(1, 30))}
    return names, values


LIFE = Kind(
    key="life",
    area="time",
    draw=_life,
    tunable=("days",),
    fixture="$fixture = $class_name()\n$fixture.advance()",
    parts=(
        part(
            '''
#: States of every $subject in their order, and the days that each may take.
$states = {
$days_items
}


class $class_name:
    """Follows one $subject through its states."""

    def __init__(self, state="$s0"):
        if state not in $states:
            raise $Unknown(f"no such state: {state}")
        self.state = state
        self.passed = []

    def advance(self):
        """Go on to the next state and return it."""
        order = list($states)
        position = order.index(self.state)
        if position + 1 == len(order):
            raise $Invalid(f"nothing follows {self.state}")
        self.passed.append(self.state)
        self.state = order[position + 1]
        return self.state
''',
            """
# ${fixture}_starts
assert $class_name().state == ?
assert $class_name().passed == []
# ${fixture}_advances
assert $fixture.state == ?
assert $fixture.advance() == ?
assert $fixture.passed == ?
assert $fixture.state in $states
# ${fixture}_ends
last = $class_name("$days_klast")
raises $Invalid !: last.advance()
# ${fixture}_unknown_state
raises $Unknown ~: $class_name("$l0")
""",
        ),
        part(
            '''
    def due(self):
        """Return how many days the current state may take."""
        return $states[self.state]

    def remaining(self):
        """Return the days from here to the end."""
        order = list($states)
        return sum($states[state] for state in order[order.index(self.state) :])
''',
            """
# ${fixture}_due
assert $fixture.due() == ?
assert $class_name("$s3").due() == ?
# ${fixture}_remaining_days
assert $fixture.remaining() == ?
assert $class_name("$s2").remaining() == ?
assert $fixture.due() <= $fixture.remaining()
""",
            method=True,
        ),
        part(
            '''
def $between(first, last):
    """Return the states from ``first`` up to but without ``last``."""
    order = list($states)
    return order[order.index(first) : order.index(last)]
''',
            """
# ${between}_two_states
assert $between("$s0", "$s3") == ?
assert $between("$s1", "$s2") == ?
# ${between}_backwards
assert $between("$s4", "$s1") == []
""",
        ),
    ),
)


def _ranking(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}Ranking",
        weights="{SUBJECT}_WEIGHTS",
        score="{subject}_score",
        rank="rank_{subjects}",
        best="best_{subject}",
    )
    rng = draw.rng
    weights = draw.pairs((names["measure"], "rarity", "demand"), range(2, 12))
    return names, {"counts": weights, **{f"n{index}": rng.randint(1, 30) for index in range(6)}}


RANKING = Kind(
    key="ranking",
    area="places",
    draw=_ranking,
    tunable=("counts",),
    helper="""
def only_demand(**demands):
    \"\"\"Return a table in which demand is the one property.\"\"\"
    return {name: {"demand": demand} for name, demand in demands.items()}
""",
    parts=(
        part(
            '''
#: How much each property counts.
$weights = {
$counts_items
}


def $score(properties):
    """Return the weighted sum of the properties; those without a weight count once."""
    return sum($weights.get(name, 1) * number for name, number in properties.items())
''',
            """
# ${score}_is_weighted
assert $score({"rarity": $n0}) == ?
assert $score({"$measure": $n1, "demand": $n2}) == ?
# ${score}_of_others
assert $score({"$l0": $n3}) == ?
assert $score({}) == 0
""",
        ),
        part(
            '''
def $rank(table):
    """Return the names of all $subjects, best first; ties go by name."""
    return sorted(table, key=lambda name: (-$score(table[name]), name))
''',
            """
# ${rank}_best_first
table_of_three = {
    "$l0": {"rarity": $n0, "demand": $n1},
    "$l1": {"rarity": $n2, "$measure": $n3},
    "$l2": {"demand": $n4, "$measure": $n5},
}
assert $rank(table_of_three) == ?
assert $rank(table_of_three)[0] == ?
# ${rank}_ties
assert $rank({"$l3": {}, "$l4": {}}) == ?
assert $rank({}) == []
# ${rank}_by_demand
assert $rank(only_demand($l0=$n0, $l1=$n1, $l2=$n2)) == ?
assert $rank(only_demand($l3=1, $l4=2))[0] == ?
""",
        ),
        part(
            '''
def $best(table):
    """Return the first of the ranking and its score, or raise when there is none."""
    if not table:
        raise $Invalid("nothing to choose from")
    name = $rank(table)[0]
    return name, $score(table[name])
''',
            """
# ${best}_has_a_score
assert $best({"$l1": {"rarity": $n4}, "$l2": {"$measure": $n5}}) == ?
name, points = $best({"$l3": {"demand": $n2}})
assert name == ?
assert points == ?
# ${best}_of_nothing
raises $Invalid ~: $best({})
""",
        ),
    ),
)


def _desk(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Holder}Enquiries",
        class_name="{Subject}{Holder}Desk",
        fixture="{subject}_desk",
    )
    rng = draw.rng
    names["answer"] = rng.choice(("not here", "ask again", "no entry", "unknown to us"))
    return names, {
        "patience": rng.randint(2, 6),
        "number": rng.randint(10, 99),
        "other": rng.randint(100, 999),
    }


DESK = Kind(
    key="desk",
    area="places",
    draw=_desk,
    tunable=("patience",),
    asynchronous=True,
    fixture='$fixture = $class_name({$number: "$p0"})',
    parts=(
        part(
            '''
class $class_name:
    """Answers where each $subject is, a limited number of times."""

    def __init__(self, places, patience=$patience):
        self._places = dict(places)
        self.patience = patience

    async def where(self, number):
        """Return the place of $subject ``number``, or a polite answer."""
        if self.patience == 0:
            raise $Full("the desk is closed")
        self.patience -= 1
        await asyncio.sleep(0)
        return self._places.get(number, "$answer")
''',
            """
# ${fixture}_knows_places
assert await $fixture.where($number) == ?
assert await $fixture.where($other) == ?
# ${fixture}_loses_patience
await $fixture.where($number)
assert $fixture.patience == ?
# ${fixture}_closes
$fixture.patience = 0
raises $Full ~: await $fixture.where($number)
""",
        ),
        part(
            '''
    async def move(self, number, place):
        """Note a new place and return the old one, None for an unknown $subject."""
        await asyncio.sleep(0)
        old = self._places.get(number)
        self._places[number] = place
        return old
''',
            """
# ${fixture}_notes_moves
assert await $fixture.move($number, "$p1") == ?
assert await $fixture.move($other, "$p2") is ?
assert await $fixture.where($number) == ?
""",
            method=True,
        ),
    ),
)
