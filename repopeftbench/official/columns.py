"""Published parquet files, read by column name in batches of bounded size (io). Other columns are not looked at.

Row groups of published files can hold a million rows with whole files as prefixes: never one at once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.embeddings import DIFF_EMBEDDING, STATE_EMBEDDING
from repopeftbench.errors import DatasetError

COMMIT_COLUMNS = ("repo_id", "cross_repo_split", "commit_index", "commit_sha", "commit_timestamp", "in_repo_split")
ROW_COLUMNS = (
    "repo_id",
    "cross_repo_split",
    "commit_sha",
    "in_repo_split",
    "test_file",
    "test_function",
    "assertion_type",
    "prefix",
    "target",
)
PLACE_COLUMNS = ("lineno", "col_offset")
EVENT_COLUMNS = ("assertion_event_type", "old_target")
"""In the published in-distribution files alone; code that writes them was never released."""
EMBEDDING_COLUMNS = (DIFF_EMBEDDING, STATE_EMBEDDING)
ANCHOR_MARKS = frozenset({"anchor_sha", "qna_source"})
_NEVER_NULL = frozenset({"repo_id", "commit_sha", "commit_index"})
_NUMBERS = frozenset({"commit_index", "lineno", "col_offset"})

TEXT_ROWS = 256
"""Rows with prefixes in memory at a time."""
LIGHT_ROWS = 32_768


def column_types(path: Path) -> dict[str, pa.DataType]:
    """The columns of a parquet file with their types.

    Raises:
        DatasetError: it is damaged or no parquet file.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return dict(zip(schema.names, schema.types, strict=True))


def check_columns(path: Path, types: dict[str, pa.DataType], needed: Sequence[str]) -> None:
    """Refuses a file that lacks columns, or has them with types that cannot be meant.

    Raises:
        DatasetError: it does; the message names them.
    """
    missing = [name for name in needed if name not in types]
    if missing:
        raise DatasetError(f"{path} has no column {', '.join(missing)}: import the file as it was published")
    for name in (*needed, *PLACE_COLUMNS, *EVENT_COLUMNS, *EMBEDDING_COLUMNS):
        found = types.get(name)
        if found is None or pa.types.is_null(found):
            continue
        if name in EMBEDDING_COLUMNS:
            right = getattr(found, "value_type", None) == pa.float16()
        else:
            right = pa.types.is_integer(found) if name in _NUMBERS else _is_text(found)
        if not right:
            raise DatasetError(f"{path}: column {name} is of type {found}: import the file as it was published")


def row_count(path: Path) -> int:
    """The rows of a parquet file.

    Raises:
        DatasetError: it is damaged or no parquet file.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Some columns, at most `rows` rows at a time, in file order.

    Raises:
        DatasetError: the file is damaged, or has rows without repository, commit or index.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False):
                for name in _NEVER_NULL.intersection(columns):
                    if batch.column(name).null_count:
                        raise DatasetError(f"{path} has rows without {name}: import the file as it was published")
                yield batch
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DatasetError:
    first = (str(error).splitlines() or ["no reason given"])[0]
    return DatasetError(f"{path} cannot be read as parquet: {first}: download it again")


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
