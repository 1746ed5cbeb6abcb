"""What is mined, on disk between mining and assembly: one folder per part of a repository, complete or not there.

A part is a range of the history, or the snapshot. Its folder is keyed by what decides its content (repository id, tip,
range, options, versions), so that mining again after an interruption, or with a longer list, reuses what is still right
and nothing else. Rows are written as they come and never held.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.tables import Record, check_schema, schema_of, to_table
from repopeftbench.errors import DatasetError
from repopeftbench.mining.harvest import Harvest
from repopeftbench.schema import CommitRecord, Reject, Task, Track, content_id

SUMMARY = "summary.json"
_MOST_TEXT = 4_000_000
"""Characters of prefixes, or of diffs, that wait to be written: there are up to four copies on the way."""
_ROWS_PER_GROUP = {Task: 512, Reject: 4096, CommitRecord: 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """What the rows of a part do not say: counts where sites were met, by track, and renames of test files."""

    seen: dict[str, int]
    tasks: int
    kept_commits: int
    renames: tuple[tuple[int, str, str], ...]
    """History index, old path and new path."""
    is_whole: bool
    """Whether the copy that was read lacked nothing; otherwise another one may give more."""


@dataclass(frozen=True, slots=True)
class Part:
    """A complete part."""

    folder: Path
    summary: PartSummary

    def tables(self, kind: type[Record], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows of one kind, in batches, without splits.

        Raises:
            DatasetError: the file is missing or damaged.
        """
        path = _path(self.folder, kind)
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                check_schema(kind, file.schema_arrow, where=str(path), drafts=True)
                for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP[kind], columns=columns, use_threads=False):
                    yield pa.Table.from_batches([batch])
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} cannot be read: {error}: remove it and mine again") from error


def staging_folder(root: Path, repo_id: str, *key: str | int) -> Path:
    """Where something of the repository that has this content key belongs."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "+", repo_id)
    return root / f"{name}-{content_id(repo_id, *key)[:16]}"


def find_part(folder: Path) -> Part | None:
    """The finished part in a staging folder, or None."""
    summary = folder / SUMMARY
    if not summary.is_file():
        return None
    try:
        fields = json.loads(summary.read_text("utf-8"))
        if not all((folder / name).is_file() for name in fields.pop("files")):
            # A kill while the folder was removed leaves some of its files.
            return None
        fields["renames"] = tuple((index, old, new) for index, old, new in fields["renames"])
        return Part(folder, PartSummary(**fields))
    except (ValueError, KeyError, TypeError):
        # A power failure can leave a summary without its bytes.
        return None


def write_rows(folder: Path, harvests: Iterable[Harvest]) -> PartSummary:
    """Writes the rows of a part to a folder that exists; the summary takes the copy for whole."""
    seen = dict.fromkeys(map(str, Track), 0)
    renames: list[tuple[int, str, str]] = []
    with _Rows(folder, Task) as tasks, _Rows(folder, Reject) as rejects, _Rows(folder, CommitRecord) as commits:
        for harvest in harvests:
            seen[harvest.track] += harvest.seen
            renames += [(harvest.history_index, old, new) for old, new in harvest.renames]
            tasks.add(harvest.tasks)
            rejects.add(harvest.rejects)
            commits.add(() if harvest.commit is None else (harvest.commit,))
    return PartSummary(seen=seen, tasks=tasks.count, kept_commits=commits.count, renames=tuple(renames), is_whole=True)


def end_part(folder: Path, summary: PartSummary) -> None:
    """Writes the summary of a part, which tells what its folder holds: the last thing that is written there."""
    files = sorted(path.name for path in folder.iterdir())
    (folder / SUMMARY).write_text(json.dumps({**asdict(summary), "files": files}), "utf-8")


class _Rows:
    """The rows of one kind on their way to a file, in row groups of bounded size."""

    def __init__(self, folder: Path, kind: type[Record]) -> None:
        self.count = 0
        self._kind = kind
        self._waiting: list[Record] = []
        self._text = 0
        # Fast rather than small: the files are read once and removed.
        self._writer = pq.ParquetWriter(
            _path(folder, kind), schema_of(kind, drafts=True), compression="lz4", write_statistics=False
        )

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._flush()
        self._writer.close()

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._waiting.append(record)
            if isinstance(record, Task):
                self._text += len(record.prefix)
            elif isinstance(record, CommitRecord):
                self._text += len(record.production_diff)
        if len(self._waiting) >= _ROWS_PER_GROUP[self._kind] or self._text > _MOST_TEXT:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(to_table(self._kind, self._waiting, drafts=True))
            self.count += len(self._waiting)
            self._waiting, self._text = [], 0


def _path(folder: Path, kind: type[Record]) -> Path:
    return folder / {Task: "tasks.parquet", Reject: "rejects.parquet", CommitRecord: "commits.parquet"}[kind]
