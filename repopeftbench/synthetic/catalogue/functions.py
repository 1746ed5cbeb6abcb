"""Kinds of feature that compute: charges and curves (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _charge(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Cost}",
        charge="{subject}_{cost}",
        reduced="reduced_{subject}_{cost}",
        total="total_{subject}_{cost}",
    )
    rng = draw.rng
    low = rng.randint(2, 9)
    return names, {
        "base": draw.cents(),
        "rate": draw.cents(5, 120),
        "percent": rng.randint(4, 45),
        "minimum": rng.randint(2, 5),
        "low": low,
        "high": low + rng.randint(3, 40),
        "other": draw.cents(1000, 2000),
    }


CHARGE = Kind(
    key="charge",
    area="money",
    draw=_charge,
    tunable=("base", "rate", "percent", "minimum"),
    parts=(
        part(
            '''
def $charge($measure, *, base=$base, per_$unit=$rate):
    """Return the $cost in cents of one $subject.

    It is ``base`` plus ``per_$unit`` times the $measure in $unit.
    """
    if $measure < 0:
        raise $Invalid(f"$measure must not be negative, not {$measure}")
    return base + per_$unit * $measure
''',
            """
# ${charge}_of_nothing_is_the_base
assert $charge(0) == ?
# ${charge}_grows_with_${measure}
assert $charge($low) == ?
assert $charge($high) == ?
assert $charge($low) < $charge($high)
# ${charge}_with_another_base
assert $charge($low, base=$other) == ?
assert $charge($low, base=0, per_$unit=1) == ?
# ${charge}_refuses_negative_${measure}
raises $Invalid ~: $charge(-$low)
""",
        ),
        part(
            '''
def $reduced($measure, percent=$percent):
    """Return the $cost after a reduction of ``percent``, rounded down to whole cents."""
    return $charge($measure) * (100 - percent) // 100
''',
            """
# ${reduced}_by_default
assert $reduced($low) == ?
assert $reduced($high) == ?
# ${reduced}_by_everything
assert $reduced($high, percent=100) == ?
assert 0 < $reduced($low) < $charge($low)
""",
        ),
        part(
            '''
def $total(amounts, minimum=$minimum):
    """Return the sum for several $subjects; from ``minimum`` of them on the cheapest is free."""
    charges = sorted($charge(amount) for amount in amounts)
    if len(charges) >= minimum:
        charges = charges[1:]
    return sum(charges)
''',
            """
# ${total}_of_one
assert $total([$low]) == ?
assert $total([]) == ?
# ${total}_frees_the_cheapest
amounts = [$high, $low, $high, $low, $low]
assert $total(amounts) == ?
assert $total(amounts, minimum=9) == ?  # too few for that
""",
        ),
    ),
)


def _wave(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Curve",
        curve="{subject}_{measure}_at",
        peak="highest_{subject}_{measure}",
        series="{subject}_{measure}_series",
    )
    rng = draw.rng
    return names, {
        "mean": draw.real(3.0, 40.0),
        "swing": draw.real(0.5, 2.9),
        "period": draw.real(8.0, 30.0),
        "early": rng.randint(1, 3),
        "later": draw.real(4.0, 7.5),
        "points": rng.randint(3, 4),
    }


WAVE = Kind(
    key="wave",
    area="time",
    draw=_wave,
    tunable=("mean", "swing", "period"),
    parts=(
        part(
            '''
def $curve(hours, *, mean=$mean, swing=$swing, period=$period):
    """Return the $measure in $unit, ``hours`` after the start of the season.

    It swings around ``mean`` once in every ``period`` hours.
    """
    return mean + swing * math.sin(2 * math.pi * hours / period)
''',
            """
# ${curve}_start_is_the_mean
assert $curve(0) ~ ?
# ${curve}_swings
assert $curve($early) ~ ?
assert $curve($later) ~ ?
# ${curve}_without_swing
assert $curve($later, swing=0) == ?
assert $curve($early, mean=0.0, period=4) ~ ?
""",
        ),
        part(
            '''
def $peak(mean=$mean, swing=$swing):
    """Return the largest $measure of a whole period, to one decimal."""
    return round(mean + swing, 1)
''',
            """
# ${peak}_by_default
assert $peak() == ?
assert $peak(10, 2) == ?
""",
        ),
        part(
            '''
def $series(count, step=1.5):
    """Return ``count`` values of the curve, ``step`` hours apart, to two decimals."""
    return [round($curve(index * step), 2) for index in range(count)]
''',
            """
# ${series}_is_rounded
assert $series($points) == ?
# ${series}_length
assert $series(0) == []
assert len($series(24)) == ?
assert $series(2, step=6)[1] ~ ?
""",
        ),
    ),
)
