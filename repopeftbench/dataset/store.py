"""The dataset folder, written once and read back; the manifest comes last, so its presence means whole.

tasks/<track>/<split>.parquet   commits.parquet   rejects.parquet   manifest.json
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pyarrow.parquet as pq

from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.manifest import MANIFEST_NAME, FileEntry, Manifest, file_sha256, read_manifest
from repopeftbench.dataset.tables import Record, from_table, schema_of, to_table
from repopeftbench.errors import DatasetError
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track

COMMITS_NAME = "commits.parquet"
REJECTS_NAME = "rejects.parquet"
TASKS_NAME = "tasks"
NEW = ".new"
"""Where tables grow until they are whole; there while the old ones are replaced, too."""

_R = TypeVar("_R", Task, Reject, CommitRecord)


class Dataset:
    """A complete dataset folder, read-only."""

    def __init__(self, folder: Path) -> None:
        """Opens a dataset.

        Raises:
            DatasetError: the folder is no complete dataset of this schema.
        """
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

    def commits(self) -> Iterator[CommitRecord]:
        """The kept commits, by repository, in history order."""
        yield from read_records(CommitRecord, self.folder / COMMITS_NAME)

    def rejects(self) -> Iterator[Reject]:
        """Every assertion site that is no task, and every unreadable test file."""
        yield from read_records(Reject, self.folder / REJECTS_NAME)


class DatasetWriter:
    """Writes a dataset, repository by repository; on success it replaces what was in the folder."""

    def __init__(self, folder: Path) -> None:
        """Prepares to write to `folder`, which must be absent, empty or a dataset."""
        self._folder = folder
        self._new = folder / NEW
        if self._new.exists():
            shutil.rmtree(self._new)
        self._new.mkdir(parents=True)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: dict[str, int] = {}

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for writer in self._writers.values():
            with contextlib.suppress(OSError, ValueError) if kind else contextlib.nullcontext():
                writer.close()

    def add(self, tasks: Sequence[Task], rejects: Sequence[Reject], commits: Sequence[CommitRecord]) -> None:
        """Appends one repository's rows, all with their splits."""
        for track in Track:
            for split in Split:
                chosen = [task for task in tasks if task.track is track and task.split is split]
                if chosen:
                    self._append(Task, str(_task_path(track, split)), chosen)
        self._append(Reject, REJECTS_NAME, rejects)
        self._append(CommitRecord, COMMITS_NAME, commits)

    def files(self) -> tuple[FileEntry, ...]:
        """Closes the tables and describes them."""
        for writer in self._writers.values():
            writer.close()
        return tuple(
            FileEntry(path=name, rows=self._rows[name], sha256=file_sha256(self._new / name))
            for name in sorted(self._writers)
        )

    def finish(self, manifest: Manifest) -> None:
        """Puts the new tables in the place of the old ones, then writes the manifest."""
        (self._folder / MANIFEST_NAME).unlink(missing_ok=True)
        shutil.rmtree(self._folder / TASKS_NAME, ignore_errors=True)
        for name in (TASKS_NAME, COMMITS_NAME, REJECTS_NAME):
            if (self._new / name).exists():
                (self._new / name).replace(self._folder / name)
        write_atomically(self._folder / MANIFEST_NAME, (manifest.model_dump_json(indent=2) + "\n").encode())
        shutil.rmtree(self._new)

    def _append(self, kind: type[Record], name: str, records: Iterable[Record]) -> None:
        table = to_table(kind, records)
        if name not in self._writers:
            (self._new / name).parent.mkdir(parents=True, exist_ok=True)
            self._writers[name] = pq.ParquetWriter(self._new / name, schema_of(kind), compression="zstd")
            self._rows[name] = 0
        if table.num_rows:
            self._writers[name].write_table(table)
            self._rows[name] += table.num_rows


def write_records(kind: type[Record], path: Path, records: Iterable[Record]) -> None:
    """Writes drafts (records whose split may be None) to one parquet file."""
    pq.write_table(to_table(kind, records, drafts=True), path, compression="zstd")


def read_records(kind: type[_R], path: Path, *, drafts: bool = False) -> Iterator[_R]:
    """The records of one parquet file.

    Raises:
        DatasetError: the file is missing, damaged or of another schema.
    """
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: mine the dataset again") from error
    yield from from_table(kind, table, where=str(path), drafts=drafts)


def _task_path(track: Track, split: Split) -> Path:
    return Path(TASKS_NAME) / track / f"{split}.parquet"
