"""The snapshot part of a dataset folder: parquet schemas, names, and tables opened only if they are of that schema.

`files/part-*.parquet` holds each blob once. `trees/part-*.parquet` holds, for each kept commit, the paths that changed
since the kept commit before; the first one of a repository in full. Every row group of `trees` is of one repository.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repopeftbench.errors import DatasetError

FILES_NAME = "files"
TREES_NAME = "trees"

FILES = pa.schema(
    [
        pa.field("blob", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64()),
        pa.field("is_test", pa.bool_(), nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("problem", pa.string()),
    ]
)
"""`blob` is git's object id in hex; `text` is null exactly where `problem` says why."""

TREES = pa.schema(
    [
        pa.field("repo_id", pa.string(), nullable=False),
        pa.field("commit_sha", pa.string(), nullable=False),
        pa.field("history_index", pa.int32(), nullable=False),
        pa.field("path", pa.string()),
        pa.field("blob", pa.string()),
    ]
)
"""A null `blob` removes the path. A commit that changed nothing has one row, whose `path` is null."""

PART_TREES = TREES.append(pa.field("previous_sha", pa.string()))
"""Trees of one range of one history, with the commit that each one is the difference to."""


def shard_name(index: int) -> str:
    """The file name of a shard, from 0."""
    return f"part-{index:05d}.parquet"


def shards(folder: Path) -> tuple[Path, ...]:
    """The shards in a folder, in order.

    Raises:
        DatasetError: there is none, or one is missing between the others.
    """
    found = sorted(folder.glob("part-*.parquet"))
    for index, path in enumerate(found):
        if path.name != shard_name(index):
            raise DatasetError(f"{folder / shard_name(index)} is missing: mine the dataset again")
    if not found:
        raise DatasetError(f"{folder} holds no {shard_name(0)}: mine the dataset again with this version")
    return tuple(found)


def open_table(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    """A parquet file, opened to be read row group by row group.

    Raises:
        DatasetError: it is missing, damaged or of another schema.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: mine the dataset again") from error
    found = file.schema_arrow
    if not found.equals(schema, check_metadata=False):
        different = sorted(set(schema.names) ^ set(found.names)) or ["the type of a column"]
        raise DatasetError(
            f"{path} was written with another schema (differs in {', '.join(different)}): "
            "mine the dataset again with this version"
        )
    return file


def read_group(file: pq.ParquetFile, path: Path, group: int, columns: list[str] | None = None) -> pa.Table:
    """One row group of an opened table, or some of its columns.

    Raises:
        DatasetError: the file is damaged there; `path` names it.
    """
    try:
        return file.read_row_group(group, columns=columns, use_threads=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: mine the dataset again") from error


def read_groups(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """All row groups of a table, or some columns of them, one in memory at a time.

    Raises:
        DatasetError: the file is missing, damaged or of another schema.
    """
    with open_table(path, schema) as file:
        for group in range(file.num_row_groups):
            yield read_group(file, path, group, None if columns is None else list(columns))


def groups_by_repository(file: pq.ParquetFile, path: Path) -> dict[str, list[int]]:
    """The row groups of each repository of an opened table, in order.

    Raises:
        DatasetError: a row group is not of one repository, or is damaged; `path` names the file.
    """
    found: dict[str, list[int]] = {}
    for group in range(file.num_row_groups):
        repo_ids = read_group(file, path, group, ["repo_id"]).column("repo_id").unique().to_pylist()
        if len(repo_ids) != 1:
            raise DatasetError(f"{path} mixes repositories in a row group: mine the dataset again")
        found.setdefault(repo_ids[0], []).append(group)
    return found


def blob_keys(blobs: pa.ChunkedArray, path: Path) -> npt.NDArray[np.bytes_]:
    """Blob ids in hex as an array of their 20 bytes each, in the same order.

    Raises:
        DatasetError: one of them is no SHA-1; `path` names the file.
    """
    names = blobs.to_pylist()
    try:
        if any(len(name) != 40 for name in names):
            raise ValueError("not 40 digits")
        return np.frombuffer(bytes.fromhex("".join(names)), dtype="S20")
    except ValueError as error:
        raise DatasetError(f"{path} holds a blob id that is no SHA-1: mine the dataset again") from error


def contained(keys: npt.NDArray[np.bytes_], blobs: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bool_]:
    """Which of some blob ids are among others, which are ascending; both as `blob_keys` gives them."""
    if len(blobs) == 0:
        return np.zeros(len(keys), dtype=np.bool_)
    nearest = np.minimum(np.searchsorted(blobs, keys), len(blobs) - 1)
    return np.asarray(blobs[nearest] == keys, dtype=np.bool_)


def run_starts(column: pa.ChunkedArray) -> list[int]:
    """The rows at which a column's value differs from the row before, row 0 included."""
    values = column.combine_chunks()
    if len(values) == 0:
        return []
    differs = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    return [0, *(int(row) + 1 for row in np.flatnonzero(differs.to_numpy(zero_copy_only=False)))]
