"""Edit similarity of a prediction and a target.

rapidfuzz's normalised Indel similarity: 2 * LCS / (a + b) for texts of `a` and `b` characters and a longest common
subsequence of LCS characters. It is symmetric and never below `difflib`'s ratio, which takes greedy matching blocks;
published numbers made with `difflib` are therefore not comparable to it. Source:
https://rapidfuzz.github.io/RapidFuzz/Usage/distance/Indel.html
"""

from collections.abc import Iterable

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist

from harness.records import Unscored

VERSION = 2
"""Raised whenever a value may change; stored with every score."""

_similarity = Indel.normalized_similarity

MAX_CHARACTERS = 200_000
"""Longest text, in characters, that is compared: the cost grows with the product of both lengths."""


def edit_similarities(predictions: Iterable[str], targets: Iterable[str]) -> list[float | Unscored]:
    """`edit_similarity` of each prediction and its target, asked of rapidfuzz in one call.

    Raises:
        ValueError: there are not as many predictions as targets.
    """
    ours, theirs = list(map(str.strip, predictions)), list(map(str.strip, targets))
    if max(map(len, (*ours, *theirs)), default=0) > MAX_CHARACTERS:
        return [edit_similarity(prediction, target) for prediction, target in zip(ours, theirs, strict=True)]
    similarities: list[float | Unscored] = cpdist(ours, theirs, scorer=_similarity, dtype=np.float64).tolist()
    return similarities


def edit_similarity(prediction: str, target: str) -> float | Unscored:
    """Similarity in [0, 1] of the two texts without surrounding white space; two empty ones have 1.0.

    A text longer than `MAX_CHARACTERS` is not compared, and the reason says so.
    """
    prediction, target = prediction.strip(), target.strip()
    if len(prediction) > MAX_CHARACTERS or len(target) > MAX_CHARACTERS:
        return Unscored(reason=f"longer than {MAX_CHARACTERS} characters")
    return _similarity(prediction, target)
