"""What a training may ask of a dataset; the caller provides it, so that nothing here knows how datasets are stored.

A text is a task's prefix and what follows up to the end of its target: nothing of the file after that, and nothing that
tells the target of another task. Of a repository only production files and diffs are to be had.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from repopeftbench.schema import SymbolRecord

TrainingSplit: TypeAlias = Literal["ir_train", "ir_val", "cr_val"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlace:
    """Where a task stands.

    Attributes:
        row: Its number in the split, from 0, in the dataset's order.
        task_id: Its id.
        repo_id: Its repository.
        commit: The position of its commit among the kept commits of the repository, from 0.
    """

    row: int
    task_id: str
    repo_id: str
    commit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskText:
    """What a task says.

    Attributes:
        row: Its number in the split.
        prefix: The text before the cut.
        continuation: What is to be learnt: gap and target.
    """

    row: int
    prefix: str
    continuation: str


class TrainingData(Protocol):
    """The evolution track of a dataset, and its repositories' production code."""

    @property
    def sha256(self) -> str:
        """What the dataset is."""
        ...

    def places(self, split: TrainingSplit) -> Sequence[TaskPlace]:
        """The tasks of a split, without their texts; none where the dataset has no such split."""
        ...

    def texts(self, split: TrainingSplit, rows: Sequence[int]) -> Iterator[TaskText]:
        """The texts of some tasks, in order of row, a few at a time from the disk.

        Args:
            split: The split.
            rows: Rows of it, ascending.
        """
        ...

    def diffs(self, repo_id: str) -> Sequence[str]:
        """The production diffs of a repository's kept commits, oldest first."""
        ...

    def files(self, repo_id: str, commit: int) -> Mapping[str, str]:
        """The content id of each production file at a kept commit, by path."""
        ...

    def read(self, blob: str) -> str:
        """The text of a content; empty where it has none."""
        ...

    def symbols(self, repo_id: str, commit: int) -> Sequence[SymbolRecord]:
        """What the production code at a kept commit defines."""
        ...
