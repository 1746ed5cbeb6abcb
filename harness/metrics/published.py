"""Exact match and edit similarity as the paper's evaluation counts them, target-informed truncation included.

The prediction is cut by what the target looks like: to its first line where the target has one line, at the first
comma where the target has none, to its first word where the target is one word. Both texts end at their first `#`,
also one inside a string. So `foo, bar)` and `3 if x else 4` match `foo` and `3`: these numbers are there to be
compared with published ones, not to be believed.

Source of the rule: the evaluation code published with the paper, also in the `code2lora` package 0.3.3
(https://pypi.org/project/code2lora/0.3.3/), `c2l/metrics.py`. One difference: `difflib` is asked without its
heuristic for "junk" in texts of 200 characters and more, which makes the ratio depend on how common a character is.
"""

from difflib import SequenceMatcher
from typing import NamedTuple

from rapidfuzz.distance import Indel

from harness.records import Unscored

VERSION = 1
"""Raised whenever a verdict or the truncation may change; stored with every score."""

EDIT_SIMILARITY_VERSION = 1
"""Raised whenever a similarity may change; stored with every score."""

MAX_COMPARISONS = 25_000_000
"""Most pairs of characters, one of each text, that `difflib` is asked to compare: about a second."""

_MIDDLE_TOKENS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


class Truncated(NamedTuple):
    """Both texts as the published metrics see them."""

    prediction: str
    target: str


def truncate(raw: str, target: str) -> Truncated:
    """The raw prediction, cut by what `target` looks like, and the target without its comment."""
    for token in _MIDDLE_TOKENS:
        raw = raw.replace(token, "")
    raw = raw.strip()
    if "\n" not in target:
        raw = raw.partition("\n")[0]
    prediction, wanted = _before_comment(raw), _before_comment(target)
    if wanted:
        if "," not in wanted:
            prediction = prediction.partition(",")[0].strip()
        words = prediction.split()
        if len(wanted.split()) == 1 and words:
            prediction = words[0]
    return Truncated(prediction=prediction, target=wanted)


def em_paper(texts: Truncated) -> bool:
    """Whether the truncated texts are equal but for white space, also that beside commas, and `:` or `,` at the end."""
    return _normalised(texts.prediction) == _normalised(texts.target)


def edit_similarity_paper(texts: Truncated) -> float | Unscored:
    """`difflib`'s ratio of the truncated texts, in [0, 1]; two empty ones have 1.0.

    It is twice the characters of greedily chosen matching blocks over both lengths, and not symmetric. rapidfuzz
    settles the pairs that need no blocks: equal ones, and those with no character in common.
    """
    prediction, target = texts
    if len(prediction) * len(target) > MAX_COMPARISONS:
        return Unscored(reason=f"the lengths multiply to more than {MAX_COMPARISONS} characters")
    bound = Indel.normalized_similarity(prediction, target)
    if bound in (0.0, 1.0):
        return float(bound)
    return SequenceMatcher(None, prediction, target, autojunk=False).ratio()


def _before_comment(text: str) -> str:
    return text.partition("#")[0].strip()


def _normalised(text: str) -> str:
    text = text.strip().rstrip(":, \t")
    return " ".join(text.replace(", ", ",").replace(" ,", ",").split())
