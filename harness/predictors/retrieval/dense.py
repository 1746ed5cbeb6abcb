"""Texts ranked by their vectors' likeness to a query's: unit vectors of an encoder, kept by content.

A text's vector is the mean hidden state of its first tokens, a query's that of its last ones.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from code2lora.encoder import FileVector, Recipe, VectorStore, WindowEncoder, cache_key, encode_windows
from repopeftbench.schema import content_id

_DIGITS = 6
"""Cosines are compared to so many digits: how a product of matrices rounds depends on their sizes."""


class TextVectors:
    """The unit vectors of texts; zeros for a text without tokens."""

    def __init__(self, encoder: WindowEncoder, store: VectorStore, tokens: int) -> None:
        """Prepares them; nothing is encoded yet.

        Args:
            encoder: Makes the vectors.
            store: Where those of texts are kept; queries are not.
            tokens: Most tokens of a text; the encoder's own context, if that is shorter.
        """
        self._encoder = encoder
        self._store = store
        self._tokens = min(tokens, encoder.context_length)
        self._recipe = Recipe(
            name="chunk", window=self._tokens, least=1, reads_again=False, rounds=False, counts_empty=False
        )
        self._key = cache_key(encoder, self._recipe)

    @property
    def width(self) -> int:
        """Width of a vector."""
        return self._encoder.width

    def of_text(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of a text's beginning, kept.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        name = content_id(text)
        found = self._store.get(self._key, name)
        if found is None:
            ids = self._encoder.tokens(text)[: self._tokens]
            found = FileVector(vector_E=self._mean(ids), tokens=len(ids), lines=0)
            self._store.put(self._key, name, found)
        return self._unit(found)

    def of_query(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of a query's end.

        Raises:
            EncoderError: the encoder's numbers are not finite.
        """
        ids = self._encoder.tokens(text)[-self._tokens :]
        return self._unit(FileVector(vector_E=self._mean(ids), tokens=len(ids), lines=0))

    def _mean(self, ids: Sequence[int]) -> torch.Tensor | None:
        windows = encode_windows(self._encoder, self._recipe, ids)
        return windows[0] if len(windows) else None

    def _unit(self, found: FileVector) -> npt.NDArray[np.float32]:
        if found.vector_E is None:
            return np.zeros(self.width, dtype=np.float32)
        vector = found.vector_E.numpy().astype(np.float32)
        norm = float(np.linalg.norm(vector))
        return vector / np.float32(norm) if norm else vector


def nearest(vectors: npt.NDArray[np.float32], query: npt.NDArray[np.float32], count: int) -> list[int]:
    """The rows most like a query, best first, the first of equals; at most `count`, none for a query of zeros."""
    if not len(vectors) or not query.any():
        return []
    likeness = np.round(vectors @ query, _DIGITS)
    return [int(place) for place in np.argsort(-likeness, kind="stable")[:count]]


def fused(rankings: Sequence[Sequence[int]], constant: int) -> list[int]:
    """Reciprocal rank fusion: a ranking gives 1 / (constant + rank), ranks from 1; best first, of equals the smaller.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking, start=1):
            scores[place] = scores.get(place, 0.0) + 1 / (constant + rank)
    return sorted(scores, key=lambda place: (-scores[place], place))
