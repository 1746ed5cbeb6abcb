"""Writes one split of a config as numbered parquet shards (io); the same rows in the same pieces give the same bytes.

It does not know what the rows are. How many shards there are shows in their names, so names are given at the end.
"""

import contextlib
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.hub_records import HubFile
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.dataset.snapshot_parts import DATASET_LEVEL

SHARD_BYTES = 256 << 20
"""Size of a file from which on the next row group goes to another one."""
_PAGE_BYTES = 64 << 20
"""A page is what zstd sees at once: versions of a text in one page cost next to nothing."""
_LONG = frozenset({"blob", "size_bytes", "text", "prefix", "statement", "production_diff", "task_id", "statement_key"})
"""Columns whose values hardly ever repeat: no dictionary helps them."""
_NO_STATISTICS = frozenset({"text", "prefix", "statement", "production_diff"})


class ShardedSplit:
    """One split, growing; nobody finds it under its names before `finish`."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema, *, group_bytes: int) -> None:
        """Prepares to write.

        Args:
            folder: of the config; must be there.
            split: name of the split.
            schema: of every shard.
            group_bytes: size in memory from which on pieces are a row group; 0 makes every piece one.
        """
        self._folder = folder
        self._split = split
        self._schema = schema
        self._group_bytes = group_bytes
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        self._rows: list[int] = []
        self._file: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, piece: pa.Table) -> None:
        """Appends rows; a piece is never divided."""
        if piece.num_rows == 0:
            return
        self._pending.append(piece.select(self._schema.names).cast(self._schema))
        self._pending_bytes += piece.nbytes
        if self._pending_bytes >= self._group_bytes:
            self._end_group()

    def finish(self) -> tuple[Path, ...]:
        """Ends the last shard and gives all of them their names; the shards in order."""
        if self._pending:
            self._end_group()
        self._close()
        paths = []
        for index in range(len(self._rows)):
            path = self._folder / shard_name(self._split, index, len(self._rows))
            self._waiting(index).replace(path)
            paths.append(path)
        return tuple(paths)

    def described(self, paths: tuple[Path, ...], root: Path) -> tuple[HubFile, ...]:
        """The shards that `finish` named, by their paths under `root`."""
        return tuple(
            HubFile(
                path=path.relative_to(root).as_posix(),
                rows=rows,
                size_bytes=path.stat().st_size,
                sha256=file_sha256(path),
            )
            for path, rows in zip(paths, self._rows, strict=True)
        )

    def abandon(self) -> None:
        """Closes the file that is open, whole or not."""
        with contextlib.suppress(OSError, ValueError):
            self._close()

    def _end_group(self) -> None:
        # In one chunk: how parquet encodes a column depends on how its rows are chunked.
        rows = pa.concat_tables(self._pending).combine_chunks()
        self._pending, self._pending_bytes = [], 0
        file, writer = self._open()
        writer.write_table(rows, row_group_size=rows.num_rows)
        self._rows[-1] += rows.num_rows
        if file.tell() >= SHARD_BYTES:
            self._close()

    def _open(self) -> tuple[BinaryIO, pq.ParquetWriter]:
        if self._file is None or self._writer is None:
            self._file = self._waiting(len(self._rows)).open("wb")
            self._rows.append(0)
            self._writer = pq.ParquetWriter(
                self._file,
                self._schema,
                compression="zstd",
                compression_level=DATASET_LEVEL,
                use_dictionary=[name for name in self._schema.names if name not in _LONG],
                write_statistics=[name for name in self._schema.names if name not in _NO_STATISTICS],
                data_page_size=_PAGE_BYTES,
            )
        return self._file, self._writer

    def _close(self) -> None:
        if self._file is not None and self._writer is not None:
            self._writer.close()
            self._file.close()
        self._file, self._writer = None, None

    def _waiting(self, index: int) -> Path:
        return self._folder / f".{self._split}-{index:05d}.part"


def shard_name(split: str, index: int, count: int) -> str:
    """The file name of shard number `index`, from 0, of `count`: the form that `datasets` takes a split's name from."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"
