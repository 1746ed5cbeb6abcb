"""Rows of a dataset's tables as tuples, one row group in memory at a time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from repopeftbench.dataset.snapshot_tables import read_groups, shards
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track


def rows(tables: Iterable[pa.Table], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of some columns, row by row, in the columns' order."""
    for table in tables:
        yield from zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def task_splits(dataset: Dataset) -> Iterator[tuple[Track, Split]]:
    """The tracks and splits that have a file of tasks, in order."""
    for track in Track:
        for split in dataset.splits(track):
            yield track, split


def shard_tables(folder: Path, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of all shards in a folder of snapshots, a row group at a time.

    Raises:
        DatasetError: a shard is missing, damaged or of another schema.
    """
    for path in shards(folder):
        yield from read_groups(path, schema, columns)


def shown(value: str, most: int = 60) -> str:
    """A text for a message: quoted, on one line, without control characters, cut off where it is long."""
    return ascii(value if len(value) <= most else value[:most] + "...")
