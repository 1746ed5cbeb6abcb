"""The tasks of a dataset reduced to what a comparison needs: where each is, what identifies it, a hash per column (io).

Texts are hashed while they stream by, so that datasets of any size fit. Hashes are those of this process: they are
compared and never shown or stored.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.tables import schema_of
from repopeftbench.schema import Split, Task, Track

COLUMNS: tuple[str, ...] = tuple(schema_of(Task).names)
LEVELS = 3
"""How many identities a task has, the most exact first."""


class Place(NamedTuple):
    """Where a task is."""

    track: Track
    split: Split
    repo_id: str
    commit_sha: str
    test_file: str
    lineno: int


class TaskIndex:
    """All tasks of a dataset, by position in dataset order."""

    def __init__(self, dataset: Dataset) -> None:
        """Reads the dataset once.

        Raises:
            DatasetError: it cannot be read.
        """
        self.places: list[Place] = []
        self.statements: list[int] = []
        """Identity of the statement in its function, as `statement_identity` gives it."""
        self.identities: tuple[list[int], ...] = tuple([] for _ in range(LEVELS))
        self._texts: dict[str, str] = {}
        prints = [np.empty((0, len(COLUMNS)), dtype=np.int64)]
        for track in Track:
            for split in dataset.splits(track):
                for table in dataset.task_tables(track, split, COLUMNS):
                    values = [table.column(name).to_pylist() for name in COLUMNS]
                    prints.append(_hashes(values))
                    self._add(track, split, dict(zip(COLUMNS, values, strict=True)))
        self.prints: npt.NDArray[np.int64] = np.concatenate(prints)
        """A hash of every column of every task, by position and column."""

    def _add(self, track: Track, split: Split, columns: dict[str, list[Any]]) -> None:
        names = ("repo_id", "commit_sha", "test_file", "lineno", "test_function", "statement_key")
        offsets = ("statement_start_byte", "target_start_byte")
        for repo_id, sha, path, lineno, function, key, start, target in zip(
            *(columns[name] for name in (*names, *offsets)), strict=True
        ):
            repo_id, sha, path = (self._texts.setdefault(text, text) for text in (repo_id, sha, path))
            self.places.append(Place(track, split, repo_id, sha, path, lineno))
            statement = statement_identity(track, repo_id, sha, path, function, key)
            self.statements.append(statement)
            levels = ((statement, start, target), (track, repo_id, sha, path, start, target), (statement,))
            for identities, level in zip(self.identities, levels, strict=True):
                identities.append(hash(level))


def statement_identity(
    track: str, repo_id: str, commit_sha: str, test_file: str, test_function: str | None, key: str | None
) -> int:
    """Identity of a statement in its function, of one commit or of whichever snapshot; a rejected file has neither."""
    return hash((track, repo_id, commit_sha if track == Track.EVOLUTION else "", test_file, test_function, key))


def matched(before: TaskIndex, after: TaskIndex) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Pairs of positions of the same tasks, and the positions on either side that have no partner.

    First by statement and offsets, then by commit and offsets, then by statement; of equal ones the first with the
    first.
    """
    pairs: list[tuple[int, int]] = []
    left: Sequence[int] = range(len(before.places))
    right: Sequence[int] = range(len(after.places))
    for one, other in zip(before.identities, after.identities, strict=True):
        waiting: dict[int, list[int]] = {}
        for position in reversed(right):
            waiting.setdefault(other[position], []).append(position)
        found = [(position, same.pop()) for position in left if (same := waiting.get(one[position]))]
        pairs += found
        left = _without(left, {pair[0] for pair in found})
        right = _without(right, {pair[1] for pair in found})
    return pairs, list(left), list(right)


def _without(positions: Iterable[int], gone: set[int]) -> list[int]:
    return [position for position in positions if position not in gone]


def _hashes(columns: Sequence[Sequence[Any]]) -> npt.NDArray[np.int64]:
    return (
        np.array([[hash(value) for value in values] for values in columns], dtype=np.int64).reshape(len(columns), -1).T
    )
