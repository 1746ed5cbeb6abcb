"""The symbols of a dataset folder: the parquet schema, and whether a folder has them.

`symbols.parquet` holds, for each kept commit, the records that it added and removed since the kept commit before, the
first one of a repository all of its own; for the last commit of the mined history, where it is not kept, the same.
By repository, history, path, removed before added, then record; every row group is of one repository. It is there
where snapshots are; data that was imported, or mined before there was this table, has none.
"""

from enum import StrEnum
from pathlib import Path

import pyarrow as pa

SYMBOLS_NAME = "symbols.parquet"

SYMBOLS = pa.schema(
    [
        pa.field("repo_id", pa.string(), nullable=False),
        pa.field("commit_sha", pa.string(), nullable=False),
        pa.field("history_index", pa.int32(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
    ]
)
"""A commit that changed no record has no row."""


class SymbolChange(StrEnum):
    """What a commit did to a record."""

    REMOVED = "removed"
    ADDED = "added"


def has_symbols(folder: Path) -> bool:
    """Whether a dataset folder holds a table of symbols."""
    return (folder / SYMBOLS_NAME).is_file()
