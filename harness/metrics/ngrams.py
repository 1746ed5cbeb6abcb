"""Matching n-grams of two token sequences, and the smoothed geometric mean that BLEU makes of them.

Source: Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation (2002); the smoothing is the
first method of Chen and Cherry, A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU (2014).
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

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


def tally(items: Iterable[_T]) -> dict[_T, int]:
    """How often each item comes, in the order of first coming; for few items faster than a `Counter`."""
    counts: dict[_T, int] = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts


def shared(first: Mapping[_T, int], second: Mapping[_T, int]) -> int:
    """How many items both tallies have, repeated ones as often as they are in both."""
    found = 0
    for item, count in first.items():
        if item in second:
            there = second[item]
            found += count if count < there else there
    return found


class NGrams(Generic[_T]):
    """The n-grams of one sequence with their counts, made once and kept."""

    __slots__ = ("_tallies", "length", "tokens")

    def __init__(self, tokens: Sequence[_T]) -> None:
        """Counts the tokens; longer n-grams wait until somebody asks."""
        self.tokens = tokens
        self.length = len(tokens)
        self._tallies: list[dict[Any, int]] = [tally(tokens)]

    def of(self, order: int) -> dict[Any, int]:
        """The n-grams of `order` tokens, from 1, with their counts: tokens for 1, tuples for more."""
        tallies = self._tallies
        while len(tallies) < order:
            tallies.append(tally(zip(*(self.tokens[start:] for start in range(len(tallies) + 1)), strict=False)))
        return tallies[order - 1]


def overlaps(first: NGrams[_T], second: NGrams[_T], orders: int = ORDERS) -> list[int]:
    """How many n-grams of each order both sequences have.

    A shorter n-gram is part of every longer one, so that counting ends at the first order that has none.
    """
    found = [0] * orders
    for order in range(1, min(orders, first.length, second.length) + 1):
        count = shared(first.of(order), second.of(order))
        if not count:
            break
        found[order - 1] = count
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
