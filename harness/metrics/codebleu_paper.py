"""CodeBLEU as the paper's evaluation computes it: the numbers of the `codebleu` package 0.7.0, defects included.

The score is the mean of four components: BLEU of white-space separated words; the same as recall, with the weight of
keywords five times that of other words; the share of the target's sub-trees that the prediction has; the share of its
data flow. What that does to short texts is known, and kept here for comparison alone:

* a data-flow score of 0, genuine or for want of any data flow, counts as 1: unrelated texts score 0.25;
* equal short texts do not score 1, as BLEU wants four words, and the weighted one compares lengths with 2;
* sub-trees know no names, values and operators, and one of the prediction may match many of the target;
* a text that is a string is taken for a docstring and vanishes.

Numbers equal the package's to rounding wherever the package gives the same ones under every hash seed (see
`flow_paper`). Source: https://pypi.org/project/codebleu/0.7.0/; Ren et al., CodeBLEU: a Method for Automatic
Evaluation of Code Synthesis (2020).
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tree_sitter import Node

from harness.metrics.flow_paper import MAKES_FLOW, NormalisedFlow, Span, Token, is_leaf, read_flow
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
from harness.metrics.published import Truncated
from harness.metrics.stripping import strip_comments
from harness.records import CodeBleu, Unscored
from repopeftbench.syntax import is_deeper, parse

VERSION = 1
"""Raised whenever a value may change; stored with every score."""

MAX_CHARACTERS = 200_000
"""Longest text that is measured."""

MAX_DEPTH = 200
"""Deepest tree that is measured: the package recurses, and what it gives where Python refuses depends on the caller."""

_HEAVY = KEYWORDS | {"case", "match", "type"}

_BARE_DEPTH = 20
"""More than the levels of a tree that no character of the text accounts for."""

_WEIGHTED_LENGTH = 2
"""What the weighted component takes for the length of every target: it counts a pair of words and weights."""

_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 500
"""Characters."""

_WORD = re.compile(r"[A-Za-z_]\w*")

Formula = Callable[[str, str], CodeBleu]
"""Prediction and target to CodeBLEU: `package_formula`, or the package itself."""


def codebleu_paper(texts: Truncated, formula: Formula) -> CodeBleu:
    """What the paper's evaluation reports: 0 where a text is empty, 1 where both are equal, else `formula`.

    A verdict of the first two kinds is that of all components, too.
    """
    prediction, target = texts.prediction.strip(), texts.target.strip()
    if not prediction or not target:
        return CodeBleu.settled(0.0)
    if prediction == target:
        return CodeBleu.settled(1.0)
    return formula(prediction, target)


def package_formula(prediction: str, target: str) -> CodeBleu:
    """The package's numbers for one prediction and target, each in [0, 1]; unscored where a text is out of bounds."""
    ours, theirs = _features(prediction.strip()), _features(target.strip())
    if isinstance(theirs, Unscored):
        return CodeBleu.settled(theirs)
    if isinstance(ours, Unscored):
        return CodeBleu.settled(ours)
    ngram, weighted = _bleu(ours.words, theirs.words)
    shapes = ours.shapes
    syntax = sum(1 for shape in theirs.shapes if shape in shapes) / len(theirs.shapes)
    dataflow = _dataflow(ours, theirs)
    return CodeBleu(
        score=0.25 * ngram + 0.25 * weighted + 0.25 * syntax + 0.25 * (dataflow or 1.0),
        ngram=ngram,
        weighted=weighted,
        syntax=syntax,
        dataflow=dataflow,
    )


class _Features(NamedTuple):
    """What is compared of one text: its words and its sub-trees; and what its data flow is read from, if it has any."""

    words: list[str]
    shapes: list[str]
    flowing: str | None


def _dataflow(prediction: _Features, target: _Features) -> float:
    if target.flowing is None:
        return 0.0
    theirs = _flows(target.flowing)
    if not theirs or prediction.flowing is None:
        return 0.0
    return shared(theirs, _flows(prediction.flowing)) / len(theirs)


def _bleu(prediction: Sequence[str], target: Sequence[str]) -> tuple[float, float]:
    """BLEU and its weighted sister."""
    matches: list[float] = [*overlaps(prediction, target)]
    if not matches[0]:
        return 0.0, 0.0
    totals = [max(1, len(prediction) - order) for order in range(ORDERS)]
    ngram = brevity(len(prediction), len(target)) * smoothed_mean(matches, totals)
    recall_totals: list[float] = [max(1, len(target) - order) for order in range(ORDERS)]
    found, weight, total = Counter(prediction), 0.0, 0.0
    for word, count in Counter(target).items():
        each = KEYWORD_WEIGHT if word in _HEAVY else OTHER_WEIGHT
        weight += each * min(count, found[word])
        total += each * count
    matches[0], recall_totals[0] = weight, max(1.0, total)
    return ngram, brevity(len(prediction), _WEIGHTED_LENGTH) * smoothed_mean(matches, recall_totals)


def _features(text: str) -> _Features | Unscored:
    return _remembered_features(text) if len(text) <= _LONGEST_REMEMBERED else _read_features(text)


def _flows(code: str) -> list[NormalisedFlow]:
    return _remembered_flows(code) if len(code) <= _LONGEST_REMEMBERED else _read_flows(code)


def _read_features(text: str) -> _Features | Unscored:
    if len(text) > MAX_CHARACTERS:
        return Unscored(reason=f"longer than {MAX_CHARACTERS} characters")
    code = strip_comments(text)
    try:
        source = code.encode()
    except UnicodeEncodeError:
        return Unscored(reason="half of a surrogate pair is no text")
    root = parse(source).root_node
    if len(source) > MAX_DEPTH - _BARE_DEPTH and is_deeper(root, MAX_DEPTH):
        return Unscored(reason=f"nested more than {MAX_DEPTH} levels deep")
    shapes, makes_flow = _shapes(root)
    return _Features(
        words=text.split(),
        shapes=shapes,
        flowing=code if makes_flow or root.has_error or _may_repeat_a_name(code) else None,
    )


def _read_flows(code: str) -> list[NormalisedFlow]:
    """The data flow of a text without comments that is within bounds."""
    source = code.encode()
    root = parse(source).root_node
    leaves = _leaves(root)
    spans = ((leaf.start_byte, leaf.end_byte) for leaf in leaves)
    tokens: dict[Span, Token] = {
        span: Token(place, text)
        for place, (span, text) in enumerate(zip(spans, _token_texts(leaves, code, source), strict=True))
    }
    return list(read_flow(root, tokens))


_remembered_features = lru_cache(maxsize=_REMEMBERED)(_read_features)
_remembered_flows = lru_cache(maxsize=_REMEMBERED)(_read_flows)


def _shapes(root: Node) -> tuple[list[str], bool]:
    """All sub-trees, without what the leaves say, and whether a node makes data flow."""
    found = [str(root)]
    makes_flow = False
    waiting = list(root.children)
    while waiting:
        node = waiting.pop()
        children = node.children
        if children:
            found.append(str(node))
            makes_flow = makes_flow or node.type in MAKES_FLOW
            waiting += children
    return found, makes_flow


def _leaves(root: Node) -> list[Node]:
    """The nodes that the package takes for tokens, in order."""
    found: list[Node] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if is_leaf(node):
            found.append(node)
        else:
            waiting += node.children[::-1]
    return found


def _may_repeat_a_name(code: str) -> bool:
    """False only if no token of `code`, which has no syntax error, can have the text of another."""
    words = _WORD.findall(code)
    return len(set(words)) < len(words) or "\n" in code or not code.isascii()


def _token_texts(leaves: Sequence[Node], code: str, source: bytes) -> list[str]:
    """The leaves' texts as the package cuts them: columns of bytes are taken for columns of characters."""
    if len(code) == len(source) and "\n" not in code:
        return [code[leaf.start_byte : leaf.end_byte] for leaf in leaves]
    lines = code.split("\n")
    texts = []
    for leaf in leaves:
        (first, start), (last, end) = leaf.start_point, leaf.end_point
        if first == last:
            texts.append(lines[first][start:end])
        else:
            texts.append("".join((lines[first][start:], *lines[first + 1 : last], lines[last][:end])))
    return texts
