"""Published vectors of a dataset's commits in the place of an encoder: what the authors' checkpoints were given.

The published vectors of repositories were made of every `.py` file, tests included; those of diffs were not. Where
nothing that comes of tests may condition a method, use an encoder.
"""

import hashlib
from collections.abc import Iterator, Sequence

import torch

from repopeftbench.dataset.embeddings import DIFF_EMBEDDING, STATE_EMBEDDING, WIDTH, PublishedEmbeddings
from repopeftbench.schema import HistoryView


class PublishedVectors:
    """`StateVectors` read from an imported dataset."""

    def __init__(self, embeddings: PublishedEmbeddings) -> None:
        """Takes the dataset's embeddings; nothing is read yet."""
        self._embeddings = embeddings

    @property
    def width(self) -> int:
        """Width of a vector."""
        return WIDTH

    @property
    def sha256(self) -> str:
        """That no encoder made them."""
        return hashlib.sha256(b"published").hexdigest()

    def state(self, view: HistoryView) -> torch.Tensor:
        """The vector of a commit's repository; zeros where nothing is shown yet.

        Raises:
            DatasetError: the dataset has no vector of it.
        """
        if not view.commit_sha:
            return torch.zeros(WIDTH)
        found = self._embeddings.vector(STATE_EMBEDDING, view.repo_id, view.commit_sha)
        return torch.zeros(WIDTH) if found is None else torch.from_numpy(found)

    def diffs(self, view: HistoryView, commit_shas: Sequence[str]) -> Iterator[torch.Tensor]:
        """The vectors of what kept commits changed; zeros where that is nothing.

        Raises:
            DatasetError: the dataset has no vector of it.
        """
        for commit_sha in commit_shas:
            found = self._embeddings.vector(DIFF_EMBEDDING, view.repo_id, commit_sha)
            yield torch.zeros(WIDTH) if found is None else torch.from_numpy(found)
