"""What the snapshots of a dataset hold, read for audits in one pass over the trees: which blob stands where.

Blobs are 64 bits here, the first of their git ids: 6 million of them meet by chance once in a million datasets. No
text is kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from repopeftbench.audit.rows import shard_tables
from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME, TREES, TREES_NAME, blob_keys
from repopeftbench.mining.metadata import is_metadata
from repopeftbench.mining.testfiles import FileKind, file_kind

PRODUCTION = 1
METADATA = 2
TEST = 4
VISIBLE = PRODUCTION | METADATA
"""Kinds of paths that a view shows, if the blob is not marked as a test's."""

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The blobs of one repository at all its commits, ascending, and the kinds of paths that each one stands at."""

    blobs: Keys
    kinds: npt.NDArray[np.uint8]

    def of_kind(self, kinds: int) -> Keys:
        """The blobs that stand at a path of one of these kinds."""
        blobs: Keys = self.blobs[(self.kinds & kinds) != 0]
        return blobs

    def kind(self, blob: int) -> int:
        """The kinds of paths that a blob of this repository stands at."""
        return int(self.kinds[np.searchsorted(self.blobs, np.uint64(blob))])


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """The `files` table without its texts: blobs, ascending, their sizes in bytes (0: unknown) and marks."""

    blobs: Keys
    sizes: npt.NDArray[np.int64]
    is_test: npt.NDArray[np.bool_]

    def of_size(self, least: int) -> Keys:
        """The blobs with at least so many bytes."""
        return self.blobs[self.sizes >= least]

    def marked(self) -> Keys:
        """The blobs that are marked as a test's."""
        return self.blobs[self.is_test]


@lru_cache(maxsize=65_536)
def path_kind(path: str) -> int:
    """`PRODUCTION`, `METADATA`, `TEST` or 0."""
    if is_metadata(path):
        return METADATA
    return {FileKind.PRODUCTION: PRODUCTION, FileKind.TEST: TEST}.get(file_kind(path), 0)


def contents(folder: Path, wanted: Callable[[str, str], bool] | None = None) -> dict[str, Contents]:
    """The contents of each repository, by name in order.

    Args:
        folder: of the dataset.
        wanted: given a repository and a commit's SHA, whether what the commit brought counts; None takes all.

    Raises:
        DatasetError: the dataset's snapshots cannot be read.
    """
    found: dict[str, list[tuple[Keys, npt.NDArray[np.uint8]]]] = {}
    for repo_id, rows in tree_rows(folder):
        rows = rows.filter(rows["blob"].is_valid())
        shas = rows["commit_sha"].to_pylist()
        kinds = np.array([path_kind(path) for path in rows["path"].to_pylist()], dtype=np.uint8)
        if wanted is not None:
            asked = {sha: wanted(repo_id, sha) for sha in set(shas)}
            kinds[np.array([not asked[sha] for sha in shas], dtype=np.bool_)] = 0
        found.setdefault(repo_id, []).append(
            _merged(_keys(rows["blob"], folder / TREES_NAME)[kinds > 0], kinds[kinds > 0])
        )
    merged = {
        repo_id: _merged(np.concatenate([keys for keys, _ in parts]), np.concatenate([kinds for _, kinds in parts]))
        for repo_id, parts in sorted(found.items())
    }
    return {repo_id: Contents(blobs=keys, kinds=kinds) for repo_id, (keys, kinds) in merged.items()}


def files(folder: Path) -> Files:
    """The blobs of the dataset with their sizes and marks.

    Raises:
        DatasetError: the dataset's snapshots cannot be read.
    """
    keys, sizes, marks = [], [], []
    for rows in shard_tables(folder / FILES_NAME, FILES, ("blob", "size_bytes", "is_test")):
        keys.append(_keys(rows["blob"], folder / FILES_NAME))
        sizes.append(rows["size_bytes"].fill_null(0).to_numpy())
        marks.append(rows["is_test"].to_numpy())
    blobs = np.concatenate(keys) if keys else np.empty(0, dtype=np.uint64)
    order = np.argsort(blobs)
    return Files(
        blobs=blobs[order],
        sizes=np.concatenate(sizes)[order] if keys else np.empty(0, dtype=np.int64),
        is_test=np.concatenate(marks)[order] if keys else np.empty(0, dtype=np.bool_),
    )


def texts(folder: Path) -> Iterator[tuple[int, str]]:
    """Every blob that has a text, with it, in the order of the table; one row group is in memory."""
    for rows in shard_tables(folder / FILES_NAME, FILES, ("blob", "text")):
        for key, text in zip(_keys(rows["blob"], folder / FILES_NAME).tolist(), rows["text"], strict=True):
            if text.is_valid:
                yield key, text.as_py()


def paths_of(folder: Path, wanted: Mapping[str, Keys], kinds: int) -> dict[str, dict[int, str]]:
    """The first path of some blobs in each repository, among paths of some kinds.

    Args:
        folder: of the dataset.
        wanted: the blobs by repository, ascending.
        kinds: of the paths that count.
    """
    found: dict[str, dict[int, str]] = {repo_id: {} for repo_id in wanted}
    for repo_id, rows in tree_rows(folder):
        if repo_id in wanted and len(wanted[repo_id]):
            rows = rows.filter(rows["blob"].is_valid())
            keys = _keys(rows["blob"], folder / TREES_NAME)
            for row in np.flatnonzero(np.isin(keys, wanted[repo_id])).tolist():
                path = rows["path"][row].as_py()
                if path_kind(path) & kinds:
                    found[repo_id].setdefault(int(keys[row]), path)
    return found


def tree_rows(folder: Path) -> Iterator[tuple[str, pa.Table]]:
    """The rows of `trees`, a row group at a time, with the repository that the row group is of."""
    for rows in shard_tables(folder / TREES_NAME, TREES, TREES.names):
        yield rows["repo_id"][0].as_py(), rows.filter(rows["path"].is_valid())


def key_of(blob: str) -> int:
    """The 64 bits that stand for a blob's id in hex."""
    return int(blob[:16], 16)


def _keys(blobs: pa.ChunkedArray, path: Path) -> Keys:
    parts = blob_keys(blobs, path).view(np.uint8).reshape(-1, 20)[:, :8]
    return np.ascontiguousarray(parts).view(">u8").reshape(-1).astype(np.uint64)


def _merged(keys: Keys, kinds: npt.NDArray[np.uint8]) -> tuple[Keys, npt.NDArray[np.uint8]]:
    """Each key once, ascending, with the kinds of all its rows."""
    order = np.argsort(keys, kind="stable")
    keys, kinds = keys[order], kinds[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.intp)
    return keys[starts], np.bitwise_or.reduceat(kinds, starts) if len(keys) else kinds
