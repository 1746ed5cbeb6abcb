"""Kinds of feature about quantities: losses, conversions and summaries (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _decay(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Loss",
        decay="remaining_{subject}_{measure}",
        days="days_until_{subject}_{measure}",
        half="{SUBJECT}_{MEASURE}_HALF_LIFE",
    )
    rng = draw.rng
    return names, {
        "half_value": rng.randint(4, 90),
        "start": draw.real(20, 90),
        "day": rng.randint(3, 30),
        "goal": draw.real(1, 9),
    }


DECAY = Kind(
    key="decay",
    area="stats",
    draw=_decay,
    tunable=("half_value", "start"),
    parts=(
        part(
            '''
#: Days after which half of the $measure is gone.
$half = $half_value


def $decay(days, start=$start):
    """Return what is left of ``start`` $unit after so many days."""
    return start * 0.5 ** (days / $half)
''',
            """
# ${decay}_over_time
assert $decay(0) == ?
assert $decay($day) ~ ?
assert $decay($half) ~ ?
# ${decay}_of_another_start
assert $decay($day, start=1.0) ~ ?
assert 0 < $decay($day) <= $decay(0)
""",
        ),
        part(
            '''
def $days(goal, start=$start):
    """Return the whole days after which at most ``goal`` $unit are left."""
    if goal <= 0:
        raise $Invalid("the goal must be positive")
    return max(0, math.ceil($half * math.log2(start / goal)))
''',
            """
# ${days}_goal
assert $days($goal) == ?
assert $days(1) == ?
# ${days}_nothing_to_do
assert $days(500.0) == ?
# ${days}_impossible_goal
raises $Invalid ~: $days(0)
""",
        ),
    ),
)


def _conversion(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Conversion",
        factor="{MEASURE}_PER_{SUBJECT}",
        needed="{subjects}_for_{measure}",
        back="{measure}_of_{subjects}",
        share="{subject}_{measure}_share",
    )
    rng = draw.rng
    amounts = sorted(rng.sample(range(40, 900), 3))
    return names, {"factor_value": draw.real(1.2, 24), "small": amounts[0], "middle": amounts[1], "large": amounts[2]}


CONVERSION = Kind(
    key="conversion",
    area="stats",
    draw=_conversion,
    tunable=("factor_value",),
    parts=(
        part(
            '''
#: How much $measure, in $unit, goes with one $subject.
$factor = $factor_value


def $needed($measure):
    """Return how many $subjects the given $measure makes, counting a started one as whole."""
    return math.ceil($measure / $factor)
''',
            """
# ${needed}_rounds_up
assert $needed($small) == ?
assert $needed($large) == ?
assert $needed(0) == 0
# ${needed}_is_an_int
assert isinstance($needed($middle), int)
assert type($needed($middle)) is ?
""",
        ),
        part(
            '''
def $back(count):
    """Return the $measure of ``count`` $subjects, in $unit."""
    return count * $factor
''',
            """
# ${back}_count
assert $back(1) ~ ?
assert $back(12) ~ ?
assert $back($needed($small)) >= $small
""",
        ),
        part(
            '''
def $share($measure, whole=$large):
    """Return ``$measure`` as a percentage of ``whole``, as text."""
    return f"{100 * $measure / whole:.1f} %"
''',
            """
# ${share}_text
assert $share($small) == ?
assert $share($middle) == ?
# ${share}_of_another_whole
assert $share(1, whole=8) == "12.5 %"
assert $share($small, whole=$middle).endswith("%")
""",
        ),
    ),
)


def _summary(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Summary",
        summarise="summarise_{subject}_{measure}",
        grade="grade_{subject}_{measure}",
        above="{subject}_{measure}_above",
    )
    rng = draw.rng
    grades = draw.pairs(("poor", "usable", "good"), range(8, 90))
    numbers = [rng.randint(5, 120) for _ in range(6)]
    ordered = tuple(zip((name for name, _ in grades), sorted(number for _, number in grades), strict=True))
    return names, {
        "grades": ordered,
        "best": draw.letters(2),
        **{f"n{index}": number for index, number in enumerate(numbers)},
    }


SUMMARY = Kind(
    key="summary",
    area="stats",
    draw=_summary,
    tunable=("grades", "best"),
    parts=(
        part(
            '''
def $summarise(numbers):
    """Return count, smallest, largest and mean of some values of the $measure, in $unit."""
    numbers = list(numbers)
    if not numbers:
        return {"count": 0}
    return {
        "count": len(numbers),
        "smallest": min(numbers),
        "largest": max(numbers),
        "mean": round(sum(numbers) / len(numbers), 1),
    }
''',
            """
# ${summarise}_numbers
assert $summarise([$n0, $n1, $n2]) == ?
assert $summarise([$n3])["mean"] == ?
# ${summarise}_nothing
assert $summarise([]) == ?
assert "mean" not in $summarise(())
# ${summarise}_keys
found = $summarise([$n4, $n5])
assert sorted(found) == ?
assert found["smallest"] <= found["mean"] <= found["largest"]
""",
        ),
        part(
            '''
def $grade($measure):
    """Return the grade of a $subject by its $measure, ``$best`` for the best."""
    for name, limit in (
$grades_deeper
    ):
        if $measure < limit:
            return name
    return $best
''',
            """
# ${grade}_scale
assert $grade(0) == ?
assert $grade($n0) == ?
assert $grade($n1) == ?
# ${grade}_best
assert $grade(1000) == ?
""",
        ),
        part(
            '''
def $above(numbers, limit=$grades_v1):
    """Return the numbers above ``limit``, largest first."""
    return sorted((number for number in numbers if number > limit), reverse=True)
''',
            """
# ${above}_the_limit
assert $above([$n0, $n1, $n2, $n3]) == ?
assert $above([$n4, $n5, 100], limit=20) == ?
# ${above}_everything
assert $above(range(3)) == []
""",
        ),
    ),
)
