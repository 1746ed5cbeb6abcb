"""Matching n-grams of two token sequences, and the smoothed geometric mean that BLEU makes of them.

Source: Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation (2002); the smoothing is the
first method of Chen and Cherry, A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU (2014).
"""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import Any, TypeVar

ORDERS = 4
"""N-grams of 1 to 4 tokens are matched."""

_EPSILON = 0.1

KEYWORDS = frozenset(
    "False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield".split()
)
"""The keywords of Python that cannot be names."""

KEYWORD_WEIGHT, OTHER_WEIGHT = 1.0, 0.2
"""What a match of one token counts; source: CodeBLEU, section 3.2."""


_T = TypeVar("_T", bound=Hashable)


def shared(first: Collection[_T], second: Collection[_T]) -> int:
    """How many items both have, repeated ones as often as they are in both."""
    distinct = set(first)
    common = distinct.intersection(second)
    if not common or len(distinct) == len(first):
        return len(common)
    ours, theirs = Counter(first), Counter(second)
    return sum(min(ours[item], theirs[item]) for item in common)


def overlaps(first: Sequence[_T], second: Sequence[_T], orders: int = ORDERS) -> list[int]:
    """How many n-grams of each order two sequences of tokens have in common.

    An n-gram in both has two in both that are shorter by a token, so that counting ends at the first order with fewer.
    """
    found = [0] * orders
    ours: Sequence[Any] = first
    theirs: Sequence[Any] = second
    for order in range(min(orders, len(first), len(second))):
        if order:  # an n-gram is a pair: the shorter one, and the token behind it
            ours, theirs = list(zip(ours, first[order:], strict=False)), list(zip(theirs, second[order:], strict=False))
        found[order] = shared(ours, theirs)
        if found[order] < 2:
            break
    return found


def smoothed_mean(matches: Sequence[float], totals: Sequence[float]) -> float:
    """The geometric mean of matches over totals, where no match counts as 0.1 of one."""
    logarithms = [math.log((match or _EPSILON) / total) for match, total in zip(matches, totals, strict=True)]
    return math.exp(math.fsum(logarithms) / len(logarithms))


def brevity(length: int, wanted: int) -> float:
    """BLEU's factor in [0, 1] for a prediction of `length` tokens where `wanted` are expected."""
    if length > wanted:
        return 1.0
    return math.exp(1 - wanted / length) if length else 0.0
