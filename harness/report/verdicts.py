"""A comparison of two methods in one sentence. Pure."""

from harness.pairing import FEWEST_REPOSITORIES, Pair, Verdict
from harness.stats import Estimate


def verdict_sentence(first: str, second: str, pair: Pair, *, points: bool = True) -> str:
    """What `pair` says of `first` and `second`; `points` prints differences in percentage points."""
    difference = pair.difference
    if difference.mean < 0:
        first, second = second, first
    lead = f"{_number(abs(difference.mean), points)}{' points' if points else ''} {_interval(difference, points)}"
    match pair.verdict:
        case Verdict.BEATS:
            return f"{first} beats {second} by {lead}."
        case Verdict.AHEAD:
            return (
                f"{first} is ahead of {second} by {lead}, but not significantly among all pairs of this report "
                f"(corrected p {p_value(pair.corrected)})."
            )
        case Verdict.NO_DIFFERENCE_SHOWN:
            return f"No difference shown between {first} and {second}: {lead}{_detectable(pair, points)}."
        case Verdict.TOO_FEW:
            held = f"{difference.clusters} {'repository is' if difference.clusters == 1 else 'repositories are'}"
            return (
                f"No verdict on {first} and {second}: {held} too few, {FEWEST_REPOSITORIES} are needed. Lead: {lead}."
            )


def p_value(value: float) -> str:
    """A p value with two significant digits, `<0.001` below that."""
    return "<0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _detectable(pair: Pair, points: bool) -> str:
    if pair.detectable is None:
        return ""
    if pair.detectable > 1:
        return "; so few and unequal repositories would not show any difference with a power of 80 %"
    least = f"{_number(pair.detectable, points)}{' points' if points else ''}"
    return f"; a difference of {least} would have been found with a power of about 80 %"


def _interval(difference: Estimate, points: bool) -> str:
    """The interval as seen by the one that leads."""
    if difference.low is None or difference.high is None:
        return "[no interval]"
    ends = (difference.low, difference.high) if difference.mean >= 0 else (-difference.high, -difference.low)
    return f"[{_number(ends[0], points)}, {_number(ends[1], points)}]"


def _number(value: float, points: bool) -> str:
    # `+ 0.0` turns the negative zero that rounding can leave into zero.
    return f"{round(100 * value, 1) + 0.0:.1f}" if points else f"{round(value, 3) + 0.0:.3f}"
