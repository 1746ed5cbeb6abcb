r"""CodeBLEU of two expressions without the defects that `codebleu_paper` keeps.

Four components, each in [0, 1] and 1 for equal texts:

* `ngram`: BLEU of the leaves of the syntax tree: the precision of n-grams of 1 to 4 tokens, of no more than the target
  has, times the penalty for what is shorter than the target.
* `weighted`: the same, but a keyword counts five times as much as another token.
* `syntax`: the sub-trees that both trees have, each as often as it is in both, over the mean of how many they have
  (Dice). Sub-trees are the inner nodes with all below them, operators included and names left out, and every name and
  literal by itself.
* `dataflow`: the same of the data flow (`flow`).

A component with nothing to measure on a target is named `degenerate` and unscored: `weighted` where the target has no
keyword, `dataflow` where it has no data flow. The score is the mean of the others. What a target lacks never counts
for or against a prediction.

Texts are read within brackets, so that line breaks mean nothing. Quotes of strings, underscores in numbers and
comments do not count, as in `exact`. Nothing depends on hash seeds, and nothing recurses.

Source of the components: Ren et al., CodeBLEU: a Method for Automatic Evaluation of Code Synthesis (2020).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from typing import Any

from harness.metrics.ngrams import (
    KEYWORD_WEIGHT,
    KEYWORDS,
    ORDERS,
    OTHER_WEIGHT,
    brevity,
    overlaps,
    shared,
    smoothed_mean,
)
from harness.metrics.reading import Reading, read_expression
from harness.records import CodeBleu, Measure, Unscored

VERSION = 2
"""Raised whenever a value may change; stored with every score."""

MAX_CHARACTERS = 200_000
"""Longest text that is measured."""

_KEYWORDS = frozenset(keyword.encode() for keyword in KEYWORDS)
_NO_KEYWORD = Unscored(reason="the target has no keyword")
_NO_DATAFLOW = Unscored(reason="the target has no data flow")
_DEGENERATE = {
    (True, True): (),
    (True, False): ("dataflow",),
    (False, True): ("weighted",),
    (False, False): ("weighted", "dataflow"),
}
"""What has nothing to measure, by whether the target has keywords and data flow."""

_NOTHING = CodeBleu(0.0, 0.0, _NO_KEYWORD, 0.0, _NO_DATAFLOW, _DEGENERATE[False, False])
"""What a text scores that shares nothing with a plain name, number or string."""

_NO_MATCH = (0,)
_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 500
"""Characters."""


def codebleu(prediction: str, target: str) -> CodeBleu:
    """CodeBLEU of a prediction; unscored where a text is too long or the target has no token."""
    if len(prediction) > MAX_CHARACTERS or len(target) > MAX_CHARACTERS:
        return CodeBleu.settled(Unscored(reason=f"longer than {MAX_CHARACTERS} characters"))
    theirs = _read(target)
    if not theirs.tokens:
        return CodeBleu.settled(Unscored(reason="the target has no token"))
    if prediction == target:
        return _perfect(theirs.has_keyword, bool(theirs.flows))
    word = theirs.only_word
    if word is not None and word not in prediction and word not in prediction.replace("_", ""):
        return _NOTHING  # as most wrong answers to such targets do: they need not be read
    ours = _read(prediction)
    if ours.tokens == theirs.tokens:
        return _perfect(theirs.has_keyword, bool(theirs.flows))
    return _compared(ours, theirs)


def _compared(ours: Reading, theirs: Reading) -> CodeBleu:
    ngram = 0.0
    matches: tuple[int, ...] = _NO_MATCH
    if not set(theirs.tokens).isdisjoint(ours.tokens):  # else, as with most wrong answers, there is nothing to count
        matches = tuple(overlaps(ours.tokens, theirs.tokens, min(ORDERS, len(theirs.tokens))))
        ngram = _bleu(matches, len(ours.tokens), len(theirs.tokens))
    syntax = _dice(ours.subtrees, theirs.subtrees)
    total, measured = ngram + syntax, 2
    weighted: Measure = _NO_KEYWORD
    dataflow: Measure = _NO_DATAFLOW
    if theirs.has_keyword:
        weighted = _weighted_bleu(ours.tokens, theirs.tokens, matches)
        total, measured = total + weighted, measured + 1
    if theirs.flows:
        dataflow = _dice(ours.flows, theirs.flows)
        total, measured = total + dataflow, measured + 1
    degenerate = _DEGENERATE[theirs.has_keyword, bool(theirs.flows)]
    return CodeBleu(total / measured, ngram, weighted, syntax, dataflow, degenerate)


@cache
def _perfect(has_keyword: bool, has_flow: bool) -> CodeBleu:
    """What equal texts score."""
    return CodeBleu(
        score=1.0,
        ngram=1.0,
        weighted=1.0 if has_keyword else _NO_KEYWORD,
        syntax=1.0,
        dataflow=1.0 if has_flow else _NO_DATAFLOW,
        degenerate=_DEGENERATE[has_keyword, has_flow],
    )


def _read(text: str) -> Reading:
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else read_expression(text)


_remembered = lru_cache(maxsize=_REMEMBERED)(read_expression)


@lru_cache(maxsize=_REMEMBERED)
def _bleu(matches: tuple[int, ...], length: int, wanted: int) -> float:
    """BLEU of `length` tokens where `wanted` are; `matches` has one count per order.

    So a target of fewer than 4 tokens is compared up to its length.
    """
    if not matches[0]:
        return 0.0
    totals = [max(1, length - order) for order in range(len(matches))]
    return brevity(length, wanted) * smoothed_mean(matches, totals)


def _weighted_bleu(prediction: Sequence[bytes], target: Sequence[bytes], matches: Sequence[float]) -> float:
    """BLEU whose single tokens count by weight."""
    if not matches[0]:
        return 0.0
    wanted, matching, total = Counter(target), 0.0, 0.0
    for token, count in Counter(prediction).items():
        weight = KEYWORD_WEIGHT if token in _KEYWORDS else OTHER_WEIGHT
        matching += weight * min(count, wanted[token])
        total += weight * count
    totals = [total, *(max(1, len(prediction) - order) for order in range(1, len(matches)))]
    return brevity(len(prediction), len(target)) * smoothed_mean([matching, *matches[1:]], totals)


def _dice(ours: Collection[Any], theirs: Collection[Any]) -> float:
    """Twice what both have over what each has, in [0, 1]; 0 where neither has anything."""
    both = shared(theirs, ours)  # a target is the shorter one mostly
    return 2 * both / (len(ours) + len(theirs)) if both else 0.0
