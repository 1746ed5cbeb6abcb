"""The snapshots of a dataset folder, read back: any kept commit's tree, and any file's text. Needs no git.

Opening costs nothing. Trees are rebuilt by replaying changes, forward from the nearest point that is remembered. Texts
stay on the disk: an index says in which row group a blob is, and the texts and row groups used last are kept.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.snapshot_tables import (
    FILES,
    FILES_NAME,
    TREES,
    TREES_NAME,
    blob_keys,
    groups_by_repository,
    open_table,
    read_group,
    run_starts,
    shards,
)
from repopeftbench.errors import DatasetError, GitObjectError

CACHED_GROUPS = 16
CACHED_CHARACTERS = 64 << 20
"""Texts kept: neighbouring commits share nearly all of theirs, but a tree's are spread over many row groups."""
CACHED_REPOSITORIES = 8
COMMITS_PER_CHECKPOINT = 64


def has_snapshots(folder: Path) -> bool:
    """Whether a dataset folder holds snapshots."""
    return (folder / TREES_NAME).is_dir()


class SnapshotStore:
    """Trees and texts of all repositories of one dataset."""

    def __init__(self, folder: Path) -> None:
        """Describes the store of a dataset folder; nothing is opened yet."""
        self._folder = folder
        self._histories: OrderedDict[str, _History] = OrderedDict()

    def commits(self, repo_id: str) -> tuple[str, ...]:
        """The commits of a repository whose trees are here, in history order.

        Raises:
            DatasetError: the dataset has no such repository, or cannot be read.
        """
        return tuple(self._history(repo_id).positions)

    def tree(self, repo_id: str, commit_sha: str) -> Mapping[str, str]:
        """The `.py` and metadata files of one commit, tests included: path to blob id, in no particular order.

        Raises:
            DatasetError: the dataset has no such repository or commit, or cannot be read.
        """
        history = self._history(repo_id)
        position = history.positions.get(commit_sha)
        if position is None:
            raise DatasetError(f"{self._folder} has no snapshot of {repo_id} at {commit_sha}: mine the dataset again")
        return history.tree(position)

    def read(self, blob: str) -> str:
        """The text of a blob.

        Raises:
            GitObjectError: the blob is here, but has no text; the message says why.
            DatasetError: the dataset has no such blob, or cannot be read.
        """
        return self._texts.read(blob)

    def is_test(self, blob: str) -> bool:
        """Whether a blob stands at paths of tests alone, in every repository and commit.

        Raises:
            DatasetError: the dataset has no such blob, or cannot be read.
        """
        return self._texts.is_test(blob)

    @cached_property
    def _texts(self) -> "_Texts":
        return _Texts(self._folder / FILES_NAME)

    @cached_property
    def _groups(self) -> dict[str, list[tuple[Path, int]]]:
        """The row groups of each repository, in order; a row group is of one repository."""
        found: dict[str, list[tuple[Path, int]]] = {}
        for path in shards(self._folder / TREES_NAME):
            with open_table(path, TREES) as file:
                for repo_id, groups in groups_by_repository(file, path).items():
                    found.setdefault(repo_id, []).extend((path, group) for group in groups)
        return found

    def _history(self, repo_id: str) -> "_History":
        found = self._histories.get(repo_id)
        if found is None:
            groups = self._groups.get(repo_id)
            if groups is None:
                raise DatasetError(f"{self._folder} has no snapshots of {repo_id}: mine the dataset again with it")
            tables: list[pa.Table] = []
            for path, group in groups:
                file = open_table(path, TREES)
                tables.append(read_group(file, path, group, ["commit_sha", "path", "blob"]))
                file.close()
            found = _History(pa.concat_tables(tables).combine_chunks())
        self._histories[repo_id] = found
        self._histories.move_to_end(repo_id)
        if len(self._histories) > CACHED_REPOSITORIES:
            self._histories.popitem(last=False)
        return found


class _History:
    """The trees of one repository, as changes."""

    def __init__(self, table: pa.Table) -> None:
        starts = run_starts(table.column("commit_sha"))
        self._bounds = [*starts, table.num_rows]
        self._paths = table.column("path")
        self._blobs = table.column("blob")
        shas = table.column("commit_sha").take(pa.array(starts)).to_pylist()
        self.positions = {sha: position for position, sha in enumerate(shas)}
        self._checkpoints: dict[int, dict[str, str]] = {}
        self._last: tuple[int, dict[str, str]] = (-1, {})

    def tree(self, position: int) -> Mapping[str, str]:
        """The tree after change number `position`."""
        if self._last[0] != position:
            self._last = (position, self._replayed(position))
        return MappingProxyType(self._last[1])

    def _replayed(self, position: int) -> dict[str, str]:
        begin, tree = self._nearest(position)
        for step in range(begin + 1, position + 1):
            start, end = self._bounds[step], self._bounds[step + 1]
            paths = self._paths.slice(start, end - start).to_pylist()
            blobs = self._blobs.slice(start, end - start).to_pylist()
            for path, blob in zip(paths, blobs, strict=True):
                if blob is not None:
                    tree[path] = blob
                elif path is not None:
                    tree.pop(path, None)
            if step % COMMITS_PER_CHECKPOINT == 0:
                self._checkpoints.setdefault(step, dict(tree))
        return tree

    def _nearest(self, position: int) -> tuple[int, dict[str, str]]:
        """The latest tree at or before a position that is remembered, as a copy of its own."""
        known = [step for step in self._checkpoints if step <= position]
        begin = max(known, default=-1)
        if begin < self._last[0] <= position:
            return self._last[0], dict(self._last[1])
        return begin, dict(self._checkpoints.get(begin, {}))


class _Texts:
    """The texts of all blobs: where each one is, and what was read last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = shards(folder)
        self._files: dict[int, pq.ParquetFile] = {}
        self._cache: OrderedDict[int, pa.Table] = OrderedDict()
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._recent_characters = 0
        # Row group g of all shards in turn begins at row _starts[g], and is group _places[g][1] of shard _places[g][0].
        self._starts: list[int] = []
        self._places: list[tuple[int, int]] = []
        keys = [np.empty(0, dtype="S20")]
        tests = [np.empty(0, dtype=np.bool_)]
        rows = 0
        for shard, path in enumerate(self._paths):
            file = self._open(shard)
            for group in range(file.metadata.num_row_groups):
                table = read_group(file, path, group, ["blob", "is_test"])
                self._starts.append(rows)
                self._places.append((shard, group))
                rows += table.num_rows
                keys.append(blob_keys(table.column("blob"), path))
                tests.append(table.column("is_test").to_numpy())
        unordered = np.concatenate(keys)
        self._rows = np.argsort(unordered, kind="stable")
        self._keys = unordered[self._rows]
        self._tests = np.concatenate(tests)

    def read(self, blob: str) -> str:
        """The text of a blob."""
        text = self._recent.get(blob)
        if text is None:
            text = self._stored(blob)
            self._recent[blob] = text
            self._recent_characters += len(text)
        self._recent.move_to_end(blob)
        while self._recent_characters > CACHED_CHARACTERS:
            self._recent_characters -= len(self._recent.popitem(last=False)[1])
        return text

    def _stored(self, blob: str) -> str:
        row = self._row(blob)
        group = bisect_right(self._starts, row) - 1
        table = self._group(group)
        index = row - self._starts[group]
        text = table.column("text")[index].as_py()
        if text is None:
            raise GitObjectError(f"blob {blob} has no text in {self._folder}: {table.column('problem')[index].as_py()}")
        return str(text)

    def is_test(self, blob: str) -> bool:
        """The flag of a blob."""
        return bool(self._tests[self._row(blob)])

    def _row(self, blob: str) -> int:
        try:
            raw = bytes.fromhex(blob)
        except ValueError as error:
            raise DatasetError(f"{blob!r} is no blob id: give 40 hexadecimal digits") from error
        # Through an array: numpy's scalars lose their trailing zero bytes, on both sides of the comparison below.
        key = np.array([raw], dtype="S20")[0]
        index = int(np.searchsorted(self._keys, key))
        if index == len(self._keys) or self._keys[index] != key:
            raise DatasetError(f"{self._folder} has no blob {blob}: mine the dataset again")
        return int(self._rows[index])

    def _group(self, group: int) -> pa.Table:
        table = self._cache.get(group)
        if table is None:
            shard, place = self._places[group]
            table = read_group(self._open(shard), self._paths[shard], place, ["text", "problem"])
        self._cache[group] = table
        self._cache.move_to_end(group)
        if len(self._cache) > CACHED_GROUPS:
            self._cache.popitem(last=False)
        return table

    def _open(self, shard: int) -> pq.ParquetFile:
        if shard not in self._files:
            self._files[shard] = open_table(self._paths[shard], FILES)
        return self._files[shard]
