"""Vectors of what a `HistoryView` shows: of its production files, its description, its kept commits' diffs (io).

A view shows no test, so neither does a vector. Contents and diffs are encoded once and kept in a store. A file that
has no text counts as absent; it is named in the log, once, with how many there were. Training and runs both get their
vectors here.

Legend: `E` width of an encoder; vectors have 2 `E`.
"""
# Upper-case suffixes state the axes of a tensor.

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch

from code2lora.encoder import (
    PAPER_DIFF,
    PAPER_EVO,
    FileVector,
    Recipe,
    RepositoryEncoder,
    VectorStore,
    WindowEncoder,
    cache_key,
    encode_diff,
    pool_files,
)
from code2lora.encoding_progress import EncodingCounts, EncodingProgress
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import HistoryView

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipes:
    """How the inputs of a checkpoint were made, and are to be made.

    Attributes:
        state: For a repository's files.
        diff: For a commit's production diff.
    """

    state: Recipe = PAPER_EVO
    diff: Recipe = PAPER_DIFF


class StateVectors(Protocol):
    """Gives the vectors that hypernetworks are conditioned on."""

    @property
    def width(self) -> int:
        """Width of a vector, 2 `E`."""
        ...

    @property
    def sha256(self) -> str:
        """Everything that decides about a vector beside the contents."""
        ...

    def state(self, view: HistoryView) -> torch.Tensor:
        """The vector of a view's production files (2 `E`), zeros where there is none."""
        ...

    def diffs(self, view: HistoryView, commit_shas: Sequence[str]) -> Iterator[torch.Tensor]:
        """The vectors of what some of a view's kept commits changed (2 `E` each), zeros where that is nothing."""
        ...


class EncodedVectors:
    """`StateVectors` that an encoder makes."""

    def __init__(self, encoder: WindowEncoder, recipes: Recipes, store: VectorStore) -> None:
        """Prepares them; nothing is encoded yet.

        Args:
            encoder: Makes vectors of windows.
            recipes: How texts are cut and vectors pooled.
            store: Where vectors are kept.
        """
        self._encoder = encoder
        self._recipes = recipes
        self._store = store
        self._files = RepositoryEncoder(encoder, recipes.state, store)
        self._diff_key = cache_key(encoder, recipes.diff)
        self._unreadable: set[str] = set()
        self._counts = EncodingCounts()

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far encoding is, from now on."""
        self._counts.progress = progress

    @property
    def width(self) -> int:
        """Width of a vector, 2 `E`."""
        return 2 * self._encoder.width

    @property
    def sha256(self) -> str:
        """Everything that decides about a vector beside the contents."""
        keys = f"{cache_key(self._encoder, self._recipes.state)}\0{self._diff_key}"
        return hashlib.sha256(keys.encode()).hexdigest()

    def state(self, view: HistoryView) -> torch.Tensor:
        """The vector of a view's production files (2 `E`), zeros where there is none.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        return self.files(view.repo_id, view.blobs(), view.read)

    def diffs(self, view: HistoryView, commit_shas: Sequence[str]) -> Iterator[torch.Tensor]:
        """The vectors of what some of a view's kept commits changed (2 `E` each), zeros where that is nothing.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        return self.changes(view.repo_id, map(view.production_diff, commit_shas), len(commit_shas))

    def description(self, repo_id: str, text: str) -> torch.Tensor:
        """The vector of a text that describes a repository (`E`), zeros where it says nothing.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        if not text.strip():
            return torch.zeros(self._encoder.width)
        name = _content(text)
        found = self._files.known(name)
        if found is None:
            self._counts.expect(repo_id, 1)
            found = self._files.file(name, lambda: text)
            self._counts.encoded(repo_id)
        return torch.zeros(self._encoder.width) if found.vector_E is None else found.vector_E

    def files(self, repo_id: str, blobs: Mapping[str, str], read: Callable[[str], str]) -> torch.Tensor:
        """The vector of some files (2 `E`), zeros where there is none.

        Args:
            repo_id: Whose they are.
            blobs: The content id of each, by path.
            read: Gives the text at a path; a GitObjectError says that it has none.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        found = {blob: self._files.known(blob) for blob in dict.fromkeys(blobs.values())}
        missing: dict[str, str] = {}
        for path, blob in sorted(blobs.items()):
            if found[blob] is None and blob not in self._unreadable:
                missing.setdefault(blob, path)
        self._counts.expect(repo_id, len(missing))
        for blob, path in missing.items():
            try:
                found[blob] = self._files.file(blob, partial(read, path))
            except GitObjectError as error:
                self._unreadable.add(blob)
                remark = "%s of %s is left out of the repository's vector, %d so far: %s"
                logger.warning(remark, path, repo_id, len(self._unreadable), error)
            self._counts.encoded(repo_id)
        shown = [(path, vector) for path, blob in sorted(blobs.items()) if (vector := found[blob]) is not None]
        return pool_files(self._recipes.state, shown, self._encoder.width)

    def changes(self, repo_id: str, texts: Iterable[str], count: int) -> Iterator[torch.Tensor]:
        """The vectors of diffs (2 `E` each), zeros where one changes nothing.

        Args:
            repo_id: Whose they are.
            texts: The diffs; read as they are needed.
            count: How many they are.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        self._counts.expect(repo_id, count)
        for text in texts:
            name = _content(text)
            found = self._store.get(self._diff_key, name)
            if found is None:
                # A diff's own length is of no use to anybody; the store has room for that of files.
                vector_E = encode_diff(self._encoder, text, self._recipes.diff)
                found = FileVector(vector_E=vector_E, tokens=0, lines=0)
                self._store.put(self._diff_key, name, found)
                self._counts.encoded(repo_id)
            else:
                self._counts.expect(repo_id, -1)
            assert found.vector_E is not None  # encode_diff always gives one
            yield found.vector_E


def _content(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
