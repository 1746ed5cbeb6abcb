"""The dataset folder, written once and read back; the manifest comes last, so its presence means whole.

tasks/<track>/<split>.parquet   commits.parquet   rejects.parquet   files/*.parquet   trees/*.parquet
symbols.parquet   embeddings.parquet (imported data alone)   truth.parquet (controlled benchmarks alone)   manifest.json
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.embeddings import EMBEDDINGS, EMBEDDINGS_NAME, ROWS_PER_EMBEDDING_GROUP
from repopeftbench.dataset.manifest import MANIFEST_NAME, FileEntry, Manifest, file_sha256, manifest_json, read_manifest
from repopeftbench.dataset.snapshot_assembly import SnapshotSummary, assemble_snapshots
from repopeftbench.dataset.snapshot_tables import FILES_NAME, TREES_NAME
from repopeftbench.dataset.symbol_parts import join_symbols
from repopeftbench.dataset.symbol_tables import SYMBOLS_NAME
from repopeftbench.dataset.tables import Record, check_schema, from_table, schema_of, to_table
from repopeftbench.dataset.truth import TRUTH_NAME
from repopeftbench.errors import DatasetError
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track

COMMITS_NAME = "commits.parquet"
REJECTS_NAME = "rejects.parquet"
TASKS_NAME = "tasks"
NEW = ".new"
"""Where tables grow until they are whole; there while the old ones are replaced, too."""

ROWS_PER_GROUP: dict[type[Record], int] = {Task: 2_048, Reject: 16_384, CommitRecord: 256}

CONTENTS = (TASKS_NAME, COMMITS_NAME, REJECTS_NAME, FILES_NAME, TREES_NAME, SYMBOLS_NAME, EMBEDDINGS_NAME, TRUTH_NAME)
"""What a dataset folder holds beside its manifest."""
AUDIT_JSON, AUDIT_MARKDOWN = "audit.json", "audit.md"
"""What an audit leaves in a dataset folder; another dataset in its place has none yet."""
HUB = ".hub"
"""Where a publication is prepared; it may be deleted."""
DATA_NAME = "data"
"""Where the tables of a publication are."""

_R = TypeVar("_R", Task, Reject, CommitRecord)


class Dataset:
    """A complete dataset folder, read-only."""

    def __init__(self, folder: Path) -> None:
        """Opens a dataset.

        Raises:
            DatasetError: the folder is no complete dataset of this schema.
        """
        if (folder / DATA_NAME).is_dir() and not (folder / TASKS_NAME).is_dir():
            raise DatasetError(
                f"{folder} has the layout of the Hub, not that of a dataset: read it with load_dataset, or name the "
                "folder that it was published from"
            )
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.sha256 = file_sha256(folder / MANIFEST_NAME)
        """Hash of the manifest, which holds the hashes of all other files."""

    def splits(self, track: Track) -> tuple[Split, ...]:
        """The splits of a track that have tasks, in the order of `Split`."""
        return tuple(split for split in Split if (self.folder / _task_path(track, split)).is_file())

    def tasks(self, track: Track, split: Split) -> Iterator[Task]:
        """The tasks of a track and split, in dataset order; nothing where the dataset has none."""
        path = self.folder / _task_path(track, split)
        if path.is_file():
            yield from read_records(Task, path)

    def tasks_of(self, track: Track, split: Split, repo_id: str) -> Iterator[Task]:
        """The tasks of one repository, in dataset order; the row groups of others are not read."""
        path = self.folder / _task_path(track, split)
        if path.is_file():
            yield from read_records(Task, path, pc.field("repo_id") == repo_id)

    def task_tables(self, track: Track, split: Split, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of a track's split, a row group at a time, for passes over more tasks than fit in memory."""
        path = self.folder / _task_path(track, split)
        if path.is_file():
            yield from read_columns(Task, path, columns)

    def commit_tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of the kept commits, a row group at a time."""
        yield from read_columns(CommitRecord, self.folder / COMMITS_NAME, columns)

    def reject_tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of the rejects, a row group at a time."""
        yield from read_columns(Reject, self.folder / REJECTS_NAME, columns)

    def commits(self) -> Iterator[CommitRecord]:
        """The kept commits, by repository, in history order."""
        yield from read_records(CommitRecord, self.folder / COMMITS_NAME)

    def rejects(self) -> Iterator[Reject]:
        """Every assertion site that is no task, and every unreadable test file."""
        yield from read_records(Reject, self.folder / REJECTS_NAME)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Holds a folder, made where it is missing, against other commands that write it; the system frees it after a kill.

    The folder itself is locked, so nothing is left in it. It binds the processes of one machine; where a file system
    has no such locks, it binds nobody.

    Raises:
        DatasetError: another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatasetError(f"another command is writing {folder}: wait until it has ended") from error
        yield
    finally:
        os.close(descriptor)


class DatasetWriter:
    """Writes a dataset, repository by repository; on success it replaces what was in the folder."""

    def __init__(self, folder: Path) -> None:
        """Prepares to write to `folder`, which must be absent, empty or a dataset.

        Raises:
            DatasetError: another command is writing it.
        """
        self._folder = folder
        self._new = folder / NEW
        self._held = contextlib.ExitStack()
        self._held.enter_context(writing(folder))
        if self._new.exists():
            shutil.rmtree(self._new)
        self._new.mkdir(parents=True)
        self._tables: dict[str, _GrowingTable] = {}
        self._snapshots: tuple[FileEntry, ...] = ()

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is not None:
            for table in self._tables.values():
                with contextlib.suppress(OSError, ValueError):
                    table.close()
        self._held.close()

    def add_tasks(self, track: Track, split: Split, rows: pa.Table) -> None:
        """Appends tasks of a track and split."""
        self._append(Task, str(_task_path(track, split)), rows)

    def add_rejects(self, rows: pa.Table) -> None:
        """Appends rejects."""
        self._append(Reject, REJECTS_NAME, rows)

    def add_commits(self, rows: pa.Table) -> None:
        """Appends commits, with their splits."""
        self._append(CommitRecord, COMMITS_NAME, rows)

    def add_embeddings(self, rows: pa.Table) -> None:
        """Appends published embeddings of commits."""
        self._grow(EMBEDDINGS_NAME, EMBEDDINGS, ROWS_PER_EMBEDDING_GROUP, rows)

    def add_snapshots(self, parts: Sequence[Path]) -> SnapshotSummary:
        """Adds the files, trees and symbols of all repositories, once, from the folders of their parts in order."""
        summary = assemble_snapshots(parts, self._new)
        self._snapshots = (*summary.entries, join_symbols(parts, self._new))
        return summary

    def files(self) -> tuple[FileEntry, ...]:
        """Closes the tables and describes them."""
        for name, kind in ((REJECTS_NAME, Reject), (COMMITS_NAME, CommitRecord)):
            self._append(kind, name, to_table(kind, ()))
        for table in self._tables.values():
            table.close()
        entries = [
            FileEntry(path=name, rows=table.rows, sha256=file_sha256(self._new / name))
            for name, table in self._tables.items()
        ]
        return tuple(sorted((*entries, *self._snapshots), key=lambda entry: entry.path))

    def finish(self, manifest: Manifest) -> None:
        """Puts the new tables in the place of the old ones, then writes the manifest."""
        for name in (MANIFEST_NAME, AUDIT_JSON, AUDIT_MARKDOWN, EMBEDDINGS_NAME, SYMBOLS_NAME, TRUTH_NAME):
            (self._folder / name).unlink(missing_ok=True)
        for name in (TASKS_NAME, FILES_NAME, TREES_NAME, HUB):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        for name in CONTENTS:
            if (self._new / name).exists():
                (self._new / name).replace(self._folder / name)
        write_atomically(self._folder / MANIFEST_NAME, manifest_json(manifest))
        shutil.rmtree(self._new)

    def _append(self, kind: type[Record], name: str, rows: pa.Table) -> None:
        self._grow(name, schema_of(kind), ROWS_PER_GROUP[kind], rows)

    def _grow(self, name: str, schema: pa.Schema, group: int, rows: pa.Table) -> None:
        if name not in self._tables:
            (self._new / name).parent.mkdir(parents=True, exist_ok=True)
            self._tables[name] = _GrowingTable(self._new / name, schema, group)
        self._tables[name].append(rows)


class _GrowingTable:
    """A parquet file that grows by rows; where its row groups end depends on the rows alone, not on how they came."""

    def __init__(self, path: Path, schema: pa.Schema, group: int) -> None:
        self.rows = 0
        self._schema = schema
        self._group = group
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._count = 0

    def append(self, rows: pa.Table) -> None:
        """Takes rows of the file's columns, in any order of the columns."""
        self._waiting.append(rows.select(self._schema.names).cast(self._schema))
        self._count += rows.num_rows
        self.rows += rows.num_rows
        while self._count >= self._group:
            self._write(self._group)

    def close(self) -> None:
        """Writes what is waiting and ends the file."""
        if self._count:
            self._write(self._count)
        self._writer.close()

    def _write(self, count: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        self._writer.write_table(waiting.slice(0, count).combine_chunks())
        self._waiting = [waiting.slice(count)]
        self._count -= count


def read_records(kind: type[_R], path: Path, chosen: pc.Expression | None = None) -> Iterator[_R]:
    """The records of one parquet file, or those that an expression over its columns chooses.

    Raises:
        DatasetError: the file is missing, damaged or of another schema.
    """
    try:
        table = pq.read_table(path, filters=chosen)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: mine the dataset again") from error
    yield from from_table(kind, table, where=str(path))


def read_columns(kind: type[Record], path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of one parquet file, a row group at a time.

    Raises:
        DatasetError: the file is missing, damaged or of another schema.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_schema(kind, file.schema_arrow, where=str(path))
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns), use_threads=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: mine the dataset again") from error


def _task_path(track: Track, split: Split) -> Path:
    return Path(TASKS_NAME) / track / f"{split}.parquet"
