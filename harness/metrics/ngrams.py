"""Matching n-grams of two token sequences, and the smoothed geometric mean that BLEU makes of them.

Source: Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation (2002); the smoothing is the
first method of Chen and Cherry, A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU (2014).
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

ORDERS = 4
"""N-grams of 1 to 4 tokens are matched."""

_EPSILON = 0.1

KEYWORDS = frozenset(
    "False None True and as assert async await break case class continue def del elif else except finally for from "
    "global if import in is lambda match nonlocal not or pass raise return try type while with yield".split()
)
"""The keywords of Python, soft ones included but for `_`."""

KEYWORD_WEIGHT, OTHER_WEIGHT = 1.0, 0.2


class NGrams:
    """The n-grams of one sequence with their counts, made once and kept; by order, from 1."""

    __slots__ = ("_longer", "length", "tokens", "unigrams")

    def __init__(self, tokens: Sequence[Hashable]) -> None:
        """Counts the tokens; longer n-grams wait until somebody asks."""
        self.tokens = tokens
        self.length = len(tokens)
        self.unigrams: Mapping[Hashable, int] = Counter(tokens)
        self._longer: dict[int, Counter[tuple[Hashable, ...]]] = {}

    def of(self, order: int) -> Mapping[Hashable, int]:
        """The n-grams of `order` tokens with their counts."""
        if order == 1:
            return self.unigrams
        if order not in self._longer:
            self._longer[order] = Counter(zip(*(self.tokens[start:] for start in range(order)), strict=False))
        return self._longer[order]


def overlaps(first: NGrams, second: NGrams, orders: int = ORDERS) -> list[int]:
    """How many n-grams of each order both sequences have, repeated ones as often as they are in both.

    A shorter n-gram is part of every longer one, so that counting ends at the first order that has none.
    """
    found = [0] * orders
    for order in range(1, min(orders, first.length, second.length) + 1):
        there = second.of(order)
        found[order - 1] = sum(min(count, there[ngram]) for ngram, count in first.of(order).items() if ngram in there)
        if not found[order - 1]:
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
