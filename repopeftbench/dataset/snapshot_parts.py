"""Writes snapshot tables (io): row groups bounded by weight, and the part of a dataset that one process mined.

Where a row group or a shard ends depends on the rows alone, never on the batches that they come in, so that the same
rows give the same bytes however the work was divided.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME, PART_TREES, TREES_NAME
from repopeftbench.mining.snapshots import RecordedCommit, SnapshotFile

GROUP_BYTES = 4 << 20
"""Text per row group: what reading one file has to decompress, about a millisecond's work."""
GROUP_ROWS = 1 << 16
_ROW_BYTES = 128
"""What a row weighs beside its text; bounds row groups of empty files."""
DATASET_LEVEL = 9
"""zstd's: versions of a file that meet in a row group cost next to nothing from here on (docs/adr/0009)."""
PART_LEVEL = 1
"""Parts are read once, soon, and deleted."""


class RowGroupWriter:
    """Writes one table in row groups, one file after the other."""

    def __init__(
        self, path_of: Callable[[int], Path], schema: pa.Schema, *, level: int, group: int, shard: int | None
    ) -> None:
        """Prepares to write; the folders must be there.

        Args:
            path_of: the file of shard number n, from 0.
            schema: of every file.
            level: of zstd's compression.
            group: weight at which a row group is full.
            shard: weight at which a file is full, None for a single file.
        """
        self._path_of = path_of
        self._schema = schema
        self._level = level
        self._group = group
        self._shard = shard
        self._pending: list[pa.Table] = []
        self._group_weight = 0
        self._shard_weight = 0
        self._writer: pq.ParquetWriter | None = None
        self.rows: dict[Path, int] = {}
        """The files begun so far, with the rows written to each."""

    def add(self, table: pa.Table, weights: Sequence[int]) -> None:
        """Appends rows; `weights` has one number per row."""
        start = 0
        for row, weight in enumerate(weights):
            self._group_weight += weight
            if self._group_weight >= self._group:
                self._pending.append(table.slice(start, row + 1 - start))
                start = row + 1
                self.end_group()
        if start < table.num_rows:
            self._pending.append(table.slice(start))

    def end_group(self) -> None:
        """Ends the row group here, whatever its weight."""
        if not self._pending:
            return
        # In one chunk: how parquet encodes a column depends on how its rows are chunked.
        rows = pa.concat_tables(self._pending).combine_chunks()
        path, writer = self._open()
        writer.write_table(rows)
        self.rows[path] += rows.num_rows
        self._shard_weight += self._group_weight
        self._pending, self._group_weight = [], 0
        if self._shard is not None and self._shard_weight >= self._shard:
            self._close()

    def finish(self) -> None:
        """Writes what is left; a table without rows is a file, too."""
        self.end_group()
        if not self.rows:
            self._open()
        self._close()

    def abandon(self) -> None:
        """Closes the file that is open, whole or not."""
        with contextlib.suppress(OSError, ValueError):
            self._close()

    def _open(self) -> tuple[Path, pq.ParquetWriter]:
        if self._writer is None:
            path = self._path_of(len(self.rows))
            self.rows[path] = 0
            self._writer = pq.ParquetWriter(
                path,
                self._schema,
                compression="zstd",
                compression_level=self._level,
                # Blobs and texts do not repeat; one page per row group lets the compressor see all of it.
                use_dictionary=[name for name in self._schema.names if name not in ("blob", "text", "size_bytes")],
                write_statistics=[name for name in self._schema.names if name != "text"],
                data_page_size=2 * GROUP_BYTES,
            )
        return next(reversed(self.rows)), self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._shard_weight = None, 0


def file_weights(table: pa.Table) -> list[int]:
    """The weights of rows of `FILES`: bytes of text, and a constant."""
    return [_ROW_BYTES + (length or 0) for length in pc.binary_length(table.column("text")).to_pylist()]


class SnapshotPartWriter:
    """Writes what one recorder recorded: a range of one repository's kept commits, in history order."""

    def __init__(self, folder: Path, repo_id: str) -> None:
        """Prepares to write `files.parquet` and `trees.parquet` to `folder`, which must be there."""
        self._repo_id = repo_id
        files, trees = part_paths(folder)
        self._files = RowGroupWriter(lambda _: files, FILES, level=PART_LEVEL, group=GROUP_BYTES, shard=None)
        self._trees = RowGroupWriter(lambda _: trees, PART_TREES, level=PART_LEVEL, group=GROUP_ROWS, shard=None)

    def __enter__(self) -> "SnapshotPartWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for writer in (self._files, self._trees):
            if kind is None:
                writer.finish()
            else:
                writer.abandon()

    def add(self, recorded: RecordedCommit, history_index: int) -> None:
        """Appends one kept commit and walks its files."""
        changes = recorded.changes or (None,)
        count = len(changes)
        columns = {
            "repo_id": [self._repo_id] * count,
            "commit_sha": [recorded.commit_sha] * count,
            "history_index": [history_index] * count,
            "path": [change and change.path for change in changes],
            "blob": [change and change.blob for change in changes],
            "previous_sha": [recorded.previous_sha] * count,
        }
        self._trees.add(pa.table(columns, schema=PART_TREES), [1] * count)
        for file in recorded.files:
            table = _file_row(file)
            self._files.add(table, file_weights(table))


def part_paths(folder: Path) -> tuple[Path, Path]:
    """The files table and the trees table of a part."""
    return folder / f"{FILES_NAME}.parquet", folder / f"{TREES_NAME}.parquet"


def _file_row(file: SnapshotFile) -> pa.Table:
    return pa.table({name: [getattr(file, name)] for name in FILES.names}, schema=FILES)
