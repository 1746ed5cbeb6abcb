"""Joins the snapshot parts of all repositories to the `files` and `trees` of a dataset (io): each blob once.

Two passes: the first reads the narrow columns and decides which row of a blob stays and whether it is a test's; the
second copies row group by row group. What is in memory at a time is some 50 bytes per row and two row groups.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from repopeftbench.dataset.manifest import FileEntry, file_sha256
from repopeftbench.dataset.snapshot_parts import (
    DATASET_LEVEL,
    GROUP_BYTES,
    GROUP_ROWS,
    RowGroupWriter,
    file_weights,
    part_paths,
)
from repopeftbench.dataset.snapshot_tables import (
    FILES,
    FILES_NAME,
    PART_TREES,
    TREES,
    TREES_NAME,
    blob_keys,
    read_groups,
    run_starts,
    shard_name,
)
from repopeftbench.ledger import Ledger
from repopeftbench.mining.sites import MISSING_BLOB

SHARD_BYTES = 256 << 20
SHARD_ROWS = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """What an assembly wrote. `files` counts blobs: kept are those with text, dropped those with a problem."""

    files: Ledger
    test_files: int
    text_bytes: int
    commits: int
    changes: int
    entries: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """For each row of all parts in turn: whether it stays, and whether it is then a test's."""

    stays: npt.NDArray[np.bool_]
    is_test: npt.NDArray[np.bool_]
    ledger: Ledger


def assemble_snapshots(parts: Sequence[Path], folder: Path) -> SnapshotSummary:
    """Writes `files` and `trees` of a dataset; the same rows give the same bytes, however histories were divided.

    Args:
        parts: folders that `SnapshotPartWriter` wrote, by repository, ranges in history order. The first range of a
            repository begins with a full tree, every later one with the difference to the end of the one before.
        folder: where `files` and `trees` go; there must be none.

    Raises:
        DatasetError: a part cannot be read.
        AssertionError: the parts do not follow on each other.
    """
    for name in (FILES_NAME, TREES_NAME):
        (folder / name).mkdir(parents=True)
    choice = _choose(parts)
    rows, text_bytes = _write_files(parts, folder / FILES_NAME, choice)
    trees = _TreesWriter(folder / TREES_NAME)
    for table in chain.from_iterable(read_groups(part_paths(part)[1], PART_TREES) for part in parts):
        trees.add(table)
    rows.update(trees.finish())
    return SnapshotSummary(
        files=choice.ledger,
        test_files=int(np.count_nonzero(choice.stays & choice.is_test)),
        text_bytes=text_bytes,
        commits=trees.commits,
        changes=trees.changes,
        entries=tuple(
            FileEntry(path=path.relative_to(folder).as_posix(), rows=rows[path], sha256=file_sha256(path))
            for path in sorted(rows)
        ),
    )


def _choose(parts: Sequence[Path]) -> _Choice:
    """Of each blob the first row stays, one with a missing blob only if no other has it; production code wins."""
    keys = [np.empty(0, dtype="S20")]
    tests = [np.empty(0, dtype=np.bool_)]
    missing = [np.empty(0, dtype=np.bool_)]
    problems: list[str | None] = []
    for part in parts:
        path = part_paths(part)[0]
        for table in read_groups(path, FILES, ("blob", "is_test", "problem")):
            keys.append(blob_keys(table.column("blob"), path))
            tests.append(table.column("is_test").to_numpy())
            found = table.column("problem").to_pylist()
            missing.append(np.array([problem == MISSING_BLOB for problem in found], dtype=np.bool_))
            problems.extend(found)
    key, test, lacks = np.concatenate(keys), np.concatenate(tests), np.concatenate(missing)
    # Stable, so that rows of one blob stay in their order.
    order = np.lexsort((lacks, key))
    ordered = key[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(key) else order
    chosen = order[starts]
    stays, is_test = np.zeros(len(key), dtype=np.bool_), np.zeros(len(key), dtype=np.bool_)
    stays[chosen] = True
    is_test[chosen] = np.logical_and.reduceat(test[order], starts) if len(key) else False
    dropped = Counter(problem for row in chosen if (problem := problems[row]) is not None)
    ledger = Ledger(seen=len(chosen), kept=len(chosen) - sum(dropped.values()), dropped=dict(sorted(dropped.items())))
    return _Choice(stays, is_test, ledger)


def _write_files(parts: Sequence[Path], folder: Path, choice: _Choice) -> tuple[dict[Path, int], int]:
    """The files written, with their rows, and the bytes of text in all of them."""
    writer = RowGroupWriter(
        lambda index: folder / shard_name(index), FILES, level=DATASET_LEVEL, group=GROUP_BYTES, shard=SHARD_BYTES
    )
    position, text_bytes = 0, 0
    is_test_column = FILES.get_field_index("is_test")
    for table in chain.from_iterable(read_groups(part_paths(part)[0], FILES) for part in parts):
        rows = slice(position, position + table.num_rows)
        position += table.num_rows
        stays = choice.stays[rows]
        flags = pa.array(choice.is_test[rows][stays])
        kept = table.filter(pa.array(stays)).set_column(is_test_column, FILES.field("is_test"), flags)
        writer.add(kept, file_weights(kept))
        text_bytes += pc.sum(pc.binary_length(kept.column("text"))).as_py() or 0
    writer.finish()
    return writer.rows, text_bytes


class _TreesWriter:
    """Copies trees, checks that each commit follows on the one before, and parts repositories by row groups."""

    def __init__(self, folder: Path) -> None:
        self._writer = RowGroupWriter(
            lambda index: folder / shard_name(index), TREES, level=DATASET_LEVEL, group=GROUP_ROWS, shard=SHARD_ROWS
        )
        self._done: set[str] = set()
        self._repo_id: str | None = None
        self._last: str | None = None
        self.commits = 0
        self.changes = 0

    def add(self, table: pa.Table) -> None:
        """Appends one row group of a part, which is of one repository."""
        if table.num_rows == 0:
            return
        repo_id = table.column("repo_id")[0].as_py()
        if repo_id != self._repo_id:
            if repo_id in self._done:
                raise AssertionError(f"snapshot parts of {repo_id} are not beside each other")
            self._writer.end_group()
            self._done.add(repo_id)
            self._repo_id, self._last = repo_id, None
        for row in run_starts(table.column("commit_sha")):
            self._follow(table.column("commit_sha")[row].as_py(), table.column("previous_sha")[row].as_py())
        self.changes += table.num_rows - table.column("path").null_count
        self._writer.add(table.select(TREES.names), [1] * table.num_rows)

    def finish(self) -> dict[Path, int]:
        """Ends the table; the files written, with their rows."""
        self._writer.finish()
        return self._writer.rows

    def _follow(self, commit_sha: str, previous_sha: str | None) -> None:
        if commit_sha == self._last:
            # A commit with more rows than a row group takes.
            return
        if previous_sha != self._last:
            raise AssertionError(
                f"{self._repo_id}: the snapshot of {commit_sha} follows on {previous_sha}, but comes after {self._last}"
            )
        self._last = commit_sha
        self.commits += 1
