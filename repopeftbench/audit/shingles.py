"""A task as a set of shingles: what two tasks are compared by when nobody knows whether one is a copy. Pure.

The document of a task is its test function up to the end of the statement, at most the last 40 lines. A shingle is
three tokens in a row, as 32 bits; tokens are words and single signs, comments and the parts of strings included. What
stands above the function does not count: imports and fixtures are alike in unrelated projects.
"""

import re
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

MOST_LINES = 40
MOST_CHARACTERS = 8_000
"""At the end of a document; lines of generated data would otherwise decide about time and memory."""

_OPENING = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MOST_TOKENS = 1 << 20
# Odd 64-bit numbers, drawn once: one per place of a token in a shingle.
_PLACES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
_TOP = np.uint64(32)


def document(prefix: str, test_function: str, rest: str) -> str:
    """The text that a task is compared by.

    Args:
        prefix: of the task, whatever its protocol puts into it.
        test_function: its name, qualified or not; where the prefix does not hold it, the last lines count.
        rest: gap, target and suffix.
    """
    lines = prefix.rsplit("\n", MOST_LINES)[-MOST_LINES:]
    name = re.split(r"[.:]", test_function)[-1]
    for index in range(len(lines) - 1, -1, -1):
        opening = _OPENING.match(lines[index])
        if opening is not None and opening[1] == name:
            lines = lines[index:]
            break
    return ("\n".join(lines) + rest)[-MOST_CHARACTERS:]


class Shingler:
    """Makes shingles; remembers the hashes of tokens, and nothing else that matters."""

    def __init__(self) -> None:
        """Starts with no token."""
        self._hashes: dict[str, int] = {}

    def __call__(self, text: str) -> npt.NDArray[np.uint32]:
        """The shingles of a document, ascending, each once; none of a text with fewer than three tokens."""
        hashes = self._hashes
        tokens = _TOKEN.findall(text)
        if len(hashes) > _MOST_TOKENS:
            hashes.clear()
        for token in [token for token in tokens if token not in hashes]:
            hashes[token] = int.from_bytes(blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        row = np.fromiter(map(hashes.__getitem__, tokens), dtype=np.uint64, count=len(tokens))
        width = len(_PLACES)
        if len(row) < width:
            return np.empty(0, dtype=np.uint32)
        mixed = np.zeros(len(row) - width + 1, dtype=np.uint64)
        for place, factor in enumerate(_PLACES):
            mixed += row[place : len(row) - width + 1 + place] * np.uint64(factor)
        return np.unique((mixed >> _TOP).astype(np.uint32))
