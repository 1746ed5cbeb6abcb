"""The chunks of what a view shows, indexed: the next commit costs its changed files.

Cutting, counting words and encoding are done once per file and content, and kept for the files of the snapshot that was
asked for last, of the files' vectors also on the disk. What depends on the whole snapshot (how rare a word is) is made
anew for each. Nothing but production files of the view is read; a file that has no text is left out and named in the
log, once.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from code2lora.encoding_progress import EncodingCounts, EncodingProgress
from harness.predictors.retrieval.chunks import Chunk, Cutter
from harness.predictors.retrieval.dense import TextVectors, fused, nearest
from harness.predictors.retrieval.lexical import LexicalIndex, Vocabulary
from harness.predictors.retrieval.recipe import RagSettings
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import HistoryView

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _File:
    """A file's chunks, the words of each, and their vectors, one a row; of width 0 where there are none."""

    chunks: tuple[Chunk, ...]
    words: tuple[list[int], ...]
    vectors: npt.NDArray[np.float32]


class SnapshotIndex:
    """The chunks of one snapshot, in order of path and place, and how alike they are to a query."""

    def __init__(
        self, files: Mapping[str, _File], vocabulary: Vocabulary, vectors: TextVectors | None, settings: RagSettings
    ) -> None:
        """Indexes the files, which are in order of path."""
        self.chunks = tuple(chunk for file in files.values() for chunk in file.chunks)
        self._settings = settings
        self._vectors = vectors
        texts = [words for file in files.values() for words in file.words]
        self._lexical = LexicalIndex(texts, vocabulary, k1=settings.k1, b=settings.b)
        parts = [file.vectors for file in files.values() if file.chunks]
        self._of_chunks = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def search(self, query: str) -> list[Chunk]:
        """Chunks for a query, best first: those that rank among the first by words or by vectors.

        Raises:
            EncoderError: the encoder's numbers are not finite.
        """
        count = self._settings.candidates
        rankings = [self._lexical.ranked(query, count)]
        if self._vectors is not None and self.chunks:
            rankings.append(nearest(self._of_chunks, self._vectors.of_query(query), count))
        return [self.chunks[place] for place in fused(rankings, self._settings.fusion)]


class SnapshotIndexes:
    """Gives the index of a view; remembers the one that it gave last, and its files."""

    def __init__(self, cut: Cutter, settings: RagSettings, vectors: TextVectors | None) -> None:
        """Nothing is read yet.

        Args:
            cut: Cuts files.
            settings: How to index.
            vectors: Of texts; None does without.
        """
        self._cut = cut
        self._settings = settings
        self._vectors = vectors
        self._repo_id: str | None = None
        self._blobs: dict[str, str] = {}
        self._files: dict[tuple[str, str], _File] = {}
        self._vocabulary = Vocabulary()
        self._last: SnapshotIndex | None = None
        self._unreadable: set[str] = set()
        self._counts = EncodingCounts()

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far the encoding of files is, from now on."""
        self._counts.progress = progress

    def of(self, view: HistoryView) -> SnapshotIndex:
        """The index of what a view shows.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
            DatasetError: the view cannot be read.
        """
        blobs = dict(view.blobs())
        if self._last is not None and self._repo_id == view.repo_id and self._blobs == blobs:
            return self._last
        if self._repo_id != view.repo_id:
            self._files, self._vocabulary = {}, Vocabulary()
        if self._vectors is not None:
            self._counts.expect(view.repo_id, len(blobs.items() - self._files.keys()))
        kept = {(path, blob): self._file(view, path, blob) for path, blob in blobs.items()}
        self._repo_id, self._blobs, self._files = view.repo_id, blobs, kept
        files = {path: kept[path, blob] for path, blob in blobs.items()}
        self._last = SnapshotIndex(files, self._vocabulary, self._vectors, self._settings)
        return self._last

    def _file(self, view: HistoryView, path: str, blob: str) -> _File:
        known = self._files.get((path, blob))
        if known is not None:
            return known
        try:
            chunks = self._cut(path, view.read(path))
        except GitObjectError as error:
            chunks = ()
            if blob not in self._unreadable:
                self._unreadable.add(blob)
                logger.warning("%s is left out of the index: %s", path, error)
        words = tuple(self._vocabulary.numbered(chunk.text) for chunk in chunks)
        width = 0 if self._vectors is None else self._vectors.width
        vectors = np.zeros((len(chunks), width), dtype=np.float32)
        if self._vectors is not None:
            for place, chunk in enumerate(chunks):
                vectors[place] = self._vectors.of_text(chunk.text)
            self._counts.encoded(view.repo_id)
        return _File(chunks=chunks, words=words, vectors=vectors)
