"""Kinds of feature that are classes with state: stock, records, windows (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _holder(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Holder}Stock",
        class_name="{Holder}",
        fixture="{holder}",
    )
    rng = draw.rng
    first, second = rng.randint(3, 15), rng.randint(3, 15)
    values = {"home": names["p0"], "capacity": rng.randint(60, 240), "first": first, "second": second}
    return names, {**values, "huge": rng.randint(5000, 9000), "reserve": rng.randint(5, 25)}


HOLDER = Kind(
    key="holder",
    area="places",
    draw=_holder,
    tunable=("home", "capacity", "reserve"),
    fixture='$fixture = $class_name()\n$fixture.add("$l0", $first)\n$fixture.add("$l1", $second)',
    parts=(
        part(
            '''
class $class_name:
    """Keeps $subjects by their contents, up to a capacity."""

    def __init__(self, name=$home, capacity=$capacity):
        self.name = name
        self.capacity = capacity
        self._amounts = {}

    def add(self, content, amount=1):
        """Take in ``amount`` more of ``content`` and return how much of it is there now."""
        if self.total() + amount > self.capacity:
            raise $Full(f"{self.name} holds at most {self.capacity}")
        self._amounts[content] = self._amounts.get(content, 0) + amount
        return self._amounts[content]

    def total(self):
        """Return how much is there altogether."""
        return sum(self._amounts.values())
''',
            """
# ${fixture}_defaults
$fixture = $class_name()
assert $fixture.name == ?
assert $fixture.capacity == ?
assert $fixture.total() == 0
# ${fixture}_adds_up
assert $fixture.total() == ?
assert $fixture.add("$l0", 2) == ?
assert $fixture.add("$l2") == ?
assert $fixture.total() == ?
# ${fixture}_has_an_end
raises $Full !: $fixture.add("$l3", $huge)
assert $fixture.total() == ?
""",
        ),
        part(
            '''
    def contents(self):
        """Return the names of everything that is there, sorted."""
        return sorted(self._amounts)

    def remove(self, content):
        """Take out all of ``content`` and return how much it was."""
        try:
            return self._amounts.pop(content)
        except KeyError:
            raise $Unknown(f"no {content} in {self.name}") from None
''',
            """
# ${fixture}_contents_are_sorted
assert $fixture.contents() == ?
assert "$l0" in $fixture.contents()
assert $class_name().contents() == []
# ${fixture}_remove_returns_the_amount
assert $fixture.remove("$l1") == ?
assert $fixture.contents() == ?
assert "$l1" not in $fixture.contents()
# ${fixture}_remove_unknown
raises $Unknown !: $fixture.remove("$l4")
""",
            method=True,
        ),
        part(
            '''
    def free(self, reserve=$reserve):
        """Return the room that is left when ``reserve`` is kept back."""
        return max(0, self.capacity - self.total() - reserve)
''',
            """
# ${fixture}_free_room
assert $fixture.free() == ?
assert $fixture.free(reserve=0) == ?
# ${fixture}_free_never_negative
assert $fixture.free(reserve=$huge) == 0
assert 0 <= $fixture.free() < $fixture.capacity
""",
            method=True,
        ),
        part(
            '''
    def __str__(self):
        return f"{self.name}: {self.total()} of {self.capacity}"

    def share(self, content):
        """Return the percentage of the stock that is ``content``."""
        return 100 * self._amounts.get(content, 0) / max(1, self.total())
''',
            """
# ${fixture}_as_text
assert str($fixture) == ?
assert str($class_name("$p1", 7)) == ?
# ${fixture}_shares
assert $fixture.share("$l0") ~ ?
assert $fixture.share("$l1") ~ ?
assert $fixture.share("$l4") == ?
""",
            method=True,
        ),
    ),
)


def _record(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Record",
        class_name="{Subject}",
        fixture="plain_{subject}",
        merge="merge_{subjects}",
    )
    rng = draw.rng
    default = rng.randint(3, 60)
    values = {
        "amount": default,
        "home": names["p1"],
        "days": rng.randint(3, 40),
        "large": default + rng.randint(10, 90),
    }
    return names, {**values, "more": rng.randint(100, 200), "step": rng.randint(2, 9)}


RECORD = Kind(
    key="record",
    area="things",
    draw=_record,
    tunable=("amount", "home", "days", "large"),
    fixture='$fixture = $class_name("$l0", place="$p2")',
    helper="""
def a_$subject(name="$l4", **changes):
    \"\"\"Return one $subject that is like any other but for ``changes``.\"\"\"
    return $class_name(name, **changes)
""",
    parts=(
        part(
            '''
@dataclass
class $class_name:
    """One $subject as it stands in the book."""

    name: str
    $measure: int = $amount
    place: str = $home
    days: int = $days
    notes: list = field(default_factory=list)

    def describe(self):
        """Return one line for lists."""
        return f"{self.name} ({self.$measure} $unit) at {self.place}"
''',
            """
# ${subject}_defaults
made = a_$subject()
assert made.$measure == ?
assert made.place == ?
assert made.days == ?
assert made.notes == []
# ${subject}_equality
assert $class_name("$l2") == $class_name("$l2", $measure=$amount)
assert $class_name("$l2") != $class_name("$l3")
assert $class_name("$l0", 1, "$p0", 2) == ?
# ${subject}_description
assert $fixture.describe() == ?
assert a_$subject($measure=$more).describe() == ?
""",
        ),
        part(
            '''
    @property
    def large(self):
        """Whether this $subject needs two people."""
        return self.$measure >= $large
''',
            """
# ${subject}_large
assert $fixture.large is ?
assert a_$subject($measure=$large).large is ?
assert $class_name("$l1", $measure=0).large is False
""",
            method=True,
        ),
        part(
            '''
    def note(self, text, days=$step):
        """Append a note, allow ``days`` more, and return the number of notes."""
        self.notes.append(text.strip())
        self.days += days
        return len(self.notes)
''',
            """
# ${subject}_notes
assert $fixture.note(" wet ") == ?
assert $fixture.note("torn", days=1) == ?
assert $fixture.notes == ?
# ${subject}_note_allows_more_days
$fixture.note("late")
assert $fixture.days == ?
assert len($fixture.notes) == 1
""",
            method=True,
        ),
        part(
            '''
def $merge(first, second):
    """Return one $subject made of two: their $measure is added, the longer term counts."""
    if first.place != second.place:
        raise $Invalid(f"{first.name} is at {first.place}, {second.name} at {second.place}")
    return $class_name(
        name=f"{first.name}+{second.name}",
        $measure=first.$measure + second.$measure,
        place=first.place,
        days=max(first.days, second.days),
    )
''',
            """
# ${merge}_adds_${measure}
both = $merge($class_name("$l0"), $class_name("$l1", days=1))
assert both.name == ?
assert both.$measure == ?
assert both.days == ?
# ${merge}_gives_a_${subject}
assert $merge($class_name("$l3", 1), $class_name("$l4", 2)) == ?
# ${merge}_wants_one_place
raises $Invalid !: $merge($class_name("$l0", place="$p0"), $class_name("$l1", place="$p2"))
""",
        ),
    ),
)


def _window(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Measure}WindowOf{Subject}",
        class_name="{Subject}{Measure}Window",
        fixture="{measure}_window",
    )
    rng = draw.rng
    values: Values = {f"n{index}": rng.randint(10, 90) for index in range(5)}
    return names, {**values, "size": rng.randint(3, 4), "alarm": rng.randint(30, 80)}


WINDOW = Kind(
    key="window",
    area="stats",
    draw=_window,
    tunable=("size", "alarm"),
    fixture="$fixture = $class_name()\nfor number in ($n0, $n1, $n2, $n3, $n4):\n    $fixture.push(number)",
    parts=(
        part(
            '''
class $class_name:
    """Remembers the last few values of the $measure, in $unit."""

    def __init__(self, size=$size):
        self._numbers = deque(maxlen=size)

    def push(self, number):
        """Add a value; the oldest one is forgotten when the window is full."""
        self._numbers.append(number)

    def numbers(self):
        """Return the remembered values, oldest first."""
        return list(self._numbers)
''',
            """
# ${fixture}_forgets_the_oldest
assert $fixture.numbers() == ?
assert len($fixture.numbers()) == ?
# ${fixture}_of_size_one
narrow = $class_name(size=1)
narrow.push($n0)
narrow.push($n1)
assert narrow.numbers() == ?
# ${fixture}_starts_empty
assert $class_name().numbers() == []
""",
        ),
        part(
            '''
    def mean(self):
        """Return the mean of the remembered values, or None without any."""
        if not self._numbers:
            return None
        return sum(self._numbers) / len(self._numbers)
''',
            """
# ${fixture}_mean
assert $fixture.mean() ~ ?
$fixture.push($n2)
assert $fixture.mean() ~ ?
# ${fixture}_mean_of_nothing
assert $class_name().mean() is None
""",
            method=True,
        ),
        part(
            '''
    def alarming(self, limit=$alarm):
        """Return the remembered values above ``limit``."""
        return [number for number in self._numbers if number > limit]
''',
            """
# ${fixture}_alarming_values
assert $fixture.alarming() == ?
assert $fixture.alarming(limit=95) == []
assert $fixture.alarming(limit=0) == ?
""",
            method=True,
        ),
    ),
)
