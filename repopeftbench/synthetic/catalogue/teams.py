"""Kinds of feature that build on others or on people: quotes and rotas (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _quote(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}Quote",
        quote="quote_{subject}_{cost}",
        factors="{SUBJECT}_{COST}_FACTORS",
        cheapest="cheapest_{subject}_{cost}",
    )
    rng = draw.rng
    return names, {
        "percents": tuple(rng.sample(range(60, 320, 5), 2)),
        "low": rng.randint(2, 9),
        "high": rng.randint(20, 60),
    }


QUOTE = Kind(
    key="quote",
    area="money",
    draw=_quote,
    tunable=("percents",),
    peers=("charge", "enumeration"),
    parts=(
        part(
            '''
#: Percentage of the plain $cost for some classes; the others pay it as it is.
$factors = {
    $enum.$members_k0: $percents_0,
    $enum.$members_k1: $percents_1,
}


def $quote(amount, $enum_word=$enum.$members_k2):
    """Return the price in cents for ``amount`` in the given class."""
    return $charge(amount) * $factors.get($enum_word, 100) // 100
''',
            """
# ${quote}_by_class
assert $quote($low) == ?
assert $quote($low, $enum.$members_k0) == ?
assert $quote($high, $enum.$members_k1) == ?
# ${quote}_plain_class
assert $quote($high) == $charge($high)
assert $enum.$members_k2 not in $factors
# ${quote}_factors
assert $factors[$enum.$members_k0] == ?
assert set($factors) == ?
""",
        ),
        part(
            '''
def $cheapest(amount):
    """Return the class with the lowest price; of equals the one with the smaller value."""
    return min(sorted($enum), key=lambda option: $quote(amount, option))
''',
            """
# ${cheapest}_class
assert $cheapest($low) is ?
assert $quote($high, $cheapest($high)) == ?
assert $cheapest($low) in $enum
""",
        ),
    ),
)


def _rota(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Holder}Rota",
        people="{HOLDER}_CREW",
        rota="{holder}_rota",
        duty="on_{holder}_duty",
    )
    people = draw.rng.sample(("Ada", "Bodil", "Cem", "Dana", "Eero", "Fatou", "Gro", "Ida", "Jiří", "Kofi"), 5)
    values = {
        "crew": tuple(people[: draw.rng.randint(3, 4)]),
        "day": draw.rng.randint(5, 40),
        "shifts": draw.rng.randint(2, 5),
    }
    return names, {**values, "start": draw.rng.randint(1, 3)}


ROTA = Kind(
    key="rota",
    area="places",
    draw=_rota,
    tunable=("crew", "shifts"),
    parts=(
        part(
            '''
#: Who looks after the $holder, in the order of their turns.
$people = $crew


def $rota(start=0, shifts=$shifts):
    """Yield who is on duty in each shift, from turn ``start`` on."""
    for turn in range(start, start + shifts):
        yield $people[turn % len($people)]
''',
            """
# ${rota}_turns
assert list($rota()) == ?
assert list($rota($start)) == ?
# ${rota}_starts_over
assert list($rota(shifts=6)) == ?
assert next($rota(len($people))) == ?
# ${rota}_crew_size
assert len($people) == ?
assert "Zoe" not in $people
""",
        ),
        part(
            '''
def $duty(day, shift=0):
    """Return who is on duty in a shift of a day."""
    return $people[(day * $shifts + shift) % len($people)]
''',
            """
# ${duty}_of_a_day
assert $duty($day) == ?
assert $duty($day, shift=1) == ?
assert $duty(0) == $people[0]
# ${duty}_is_crew
assert $duty(3) in $people
assert {$duty(day) for day in range(30)} <= set($people)
""",
        ),
    ),
)
