"""Texts ranked by the words that they share with a query: BM25 over the parts of identifiers (bm25s).

A word is an identifier, and each part of it: `maxSize_of` gives `maxsize_of`, `max`, `size` and `of`. Keywords, numbers
and single letters are no words. Ranks depend on texts and query alone: words are summed up in their own order,
and of equal scores the earlier text comes first.
"""

import keyword
import logging
import re
from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt

# The library sets this to DEBUG, past whatever an application asked for.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_KEYWORDS = frozenset(keyword.kwlist)


def words_of(text: str) -> list[str]:
    """The words of a text, in order, with repeats."""
    found: list[str] = []
    for identifier in _IDENTIFIER.findall(text):
        if identifier in _KEYWORDS:
            continue
        whole = identifier.lower()
        parts = [part.lower() for part in _PART.findall(identifier)]
        found.extend(word for word in (whole, *(part for part in parts if part != whole)) if len(word) > 1)
    return found


class Vocabulary:
    """Numbers for words; it grows with the texts that are counted."""

    def __init__(self) -> None:
        """Knows no word."""
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """Words that have a number."""
        return len(self._numbers)

    def numbered(self, text: str) -> list[int]:
        """The words of a text as numbers, in order; new words are added."""
        numbers = self._numbers
        return [numbers.setdefault(word, len(numbers)) for word in words_of(text)]

    def known(self, text: str) -> list[int]:
        """The different words of a query that have numbers, in the order of the words."""
        return [self._numbers[word] for word in sorted(set(words_of(text))) if word in self._numbers]

    def numbers(self) -> dict[str, int]:
        """All of them, by word."""
        return dict(self._numbers)


class LexicalIndex:
    """BM25 over some texts."""

    def __init__(self, texts: Sequence[Sequence[int]], vocabulary: Vocabulary, *, k1: float, b: float) -> None:
        """Scores every word of every text.

        Args:
            texts: The words of each, as `vocabulary` numbered them.
            vocabulary: It may grow later.
            k1: BM25's.
            b: BM25's.
        """
        self._vocabulary = vocabulary
        self._count = len(texts)
        self._words = len(vocabulary)
        self._index: bm25s.BM25 | None = None
        if any(len(text) for text in texts):
            self._index = bm25s.BM25(k1=k1, b=b, method="lucene")
            self._index.index((list(texts), vocabulary.numbers()), create_empty_token=False, show_progress=False)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """The score of each text, at least 0; 0 where it shares no word with the query."""
        words = [number for number in self._vocabulary.known(query) if number < self._words]
        if self._index is None or not words:
            return np.zeros(self._count, dtype=np.float32)
        return np.asarray(self._index.get_scores_from_ids(words), dtype=np.float32)

    def ranked(self, query: str, count: int | None = None) -> list[int]:
        """The texts that share a word with the query, best first; at most `count`."""
        scores = self.scores(query)
        order = np.argsort(-scores, kind="stable")[:count]
        return [int(place) for place in order if scores[place] > 0]
