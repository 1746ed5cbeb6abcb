"""How far the encoding of repositories is: the texts of each that have to be encoded, and those that are.

A text is a file, a diff or a description. One whose vector is kept already is not counted. How many there will be is
not known before they are asked for, so the total of a repository grows with every snapshot that brings new ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

EncodingProgress: TypeAlias = Callable[[str, int, int], None]
"""Called as `progress(repo_id, done, total)`, in texts, when texts are to be encoded and after each of them."""


@dataclass(slots=True)
class EncodingCounts:
    """Counts texts by repository.

    Attributes:
        progress: Told of every change; None: nobody is.
    """

    progress: EncodingProgress | None = None
    _done: dict[str, int] = field(default_factory=dict)
    _total: dict[str, int] = field(default_factory=dict)

    def expect(self, repo_id: str, texts: int) -> None:
        """So many more texts of a repository are to be encoded; fewer, where some turn out to be kept already."""
        if texts:
            self._total[repo_id] = self._total.get(repo_id, 0) + texts
            self._tell(repo_id)

    def encoded(self, repo_id: str) -> None:
        """One of them is, or turned out to have no text."""
        self._done[repo_id] = self._done.get(repo_id, 0) + 1
        self._tell(repo_id)

    def _tell(self, repo_id: str) -> None:
        if self.progress is not None:
            self.progress(repo_id, self._done.get(repo_id, 0), self._total[repo_id])
