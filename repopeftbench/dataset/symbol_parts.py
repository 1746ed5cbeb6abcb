"""Writes the symbols of what one process mined, and joins those of all parts to a dataset's table (io).

The difference between two kept commits needs nothing of any other, so a part's rows are the dataset's: joining copies.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from repopeftbench.dataset.manifest import FileEntry, file_sha256
from repopeftbench.dataset.snapshot_parts import DATASET_LEVEL, GROUP_ROWS, PART_LEVEL, RowGroupWriter
from repopeftbench.dataset.snapshot_tables import read_groups
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME, SymbolChange
from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.snapshots import PathChange, RecordedCommit
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.schema import SymbolRecord
from repopeftbench.symbol_sets import SymbolReader, difference


class SymbolPartWriter:
    """Writes what recorded commits of one repository changed in its symbols, in history order."""

    def __init__(self, folder: Path, repo_id: str, repository: GitRepository) -> None:
        """Prepares to write `symbols.parquet` to `folder`, which must be there; texts are read from `repository`."""
        self._repo_id = repo_id
        self._repository = repository
        self._reader = SymbolReader()
        self._writer = _table_writer(folder / SYMBOLS_NAME, PART_LEVEL)

    def __enter__(self) -> "SymbolPartWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self._writer.finish()
        else:
            self._writer.abandon()

    def add(self, recorded: RecordedCommit, history_index: int) -> None:
        """Appends what one commit changed since the kept commit before; files that are the same are not looked at."""
        rows = [row for change in recorded.changes for row in self._rows(change)]
        if not rows:
            return
        columns = [
            [self._repo_id] * len(rows),
            [recorded.commit_sha] * len(rows),
            [history_index] * len(rows),
            [change for change, _ in rows],
            *([getattr(record, name) for _, record in rows] for name in ("path", "kind", "name", "value")),
        ]
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, SYMBOLS, strict=True)]
        self._writer.add(pa.Table.from_arrays(arrays, schema=SYMBOLS), [1] * len(rows))

    def _rows(self, change: PathChange) -> list[tuple[SymbolChange, SymbolRecord]]:
        found = difference(self._records(change.path, change.old_blob), self._records(change.path, change.blob))
        removed = [(SymbolChange.REMOVED, record) for record in found.removed]
        return [*removed, *((SymbolChange.ADDED, record) for record in found.added)]

    def _records(self, path: str, blob: str | None) -> tuple[SymbolRecord, ...]:
        return () if blob is None else self._reader.records(path, blob, lambda: self._text(blob))

    def _text(self, blob: str) -> str:
        try:
            return decode_source(self._repository.read(blob)).utf8.decode("utf-8")
        except UnreadableSourceError as error:
            raise GitObjectError(f"blob {blob} is no text: {error}") from error


def join_symbols(parts: Sequence[Path], folder: Path) -> FileEntry:
    """Writes the table of a dataset; the same rows give the same bytes, however histories were divided.

    Args:
        parts: folders that `SymbolPartWriter` wrote to, by repository, ranges in history order.
        folder: where the table goes.

    Raises:
        DatasetError: a part cannot be read.
    """
    path = folder / SYMBOLS_NAME
    writer = _table_writer(path, DATASET_LEVEL)
    last: str | None = None
    for part in parts:
        for table in read_groups(part / SYMBOLS_NAME, SYMBOLS):
            if table.num_rows == 0:
                continue
            repo_id = table.column("repo_id")[0].as_py()
            if repo_id != last:
                writer.end_group()
            last = repo_id
            writer.add(table, [1] * table.num_rows)
    writer.finish()
    return FileEntry(path=SYMBOLS_NAME, rows=writer.rows[path], sha256=file_sha256(path))


def _table_writer(path: Path, level: int) -> RowGroupWriter:
    return RowGroupWriter(lambda _: path, SYMBOLS, level=level, group=GROUP_ROWS, shard=None)
