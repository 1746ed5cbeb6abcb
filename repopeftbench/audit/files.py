"""The files of a dataset against its manifest: there, whole, of this schema, and no others (io)."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.dataset.embeddings import EMBEDDINGS, EMBEDDINGS_NAME
from repopeftbench.dataset.manifest import MANIFEST_NAME, FileEntry, file_sha256
from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME, TREES, TREES_NAME, shard_name
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN, COMMITS_NAME, REJECTS_NAME, TASKS_NAME, Dataset
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME
from repopeftbench.dataset.tables import COMMITS, REJECTS, TASKS
from repopeftbench.dataset.truth import TRUTH_NAME
from repopeftbench.schema import Split, Track

FILES_CHECK = "files"
SCHEMA_CHECK = "schema"
STRANGERS_CHECK = "strangers"
MINE_AGAIN = "mine the dataset again, or copy it again from where it is whole"

_TABLES = {COMMITS_NAME: COMMITS, REJECTS_NAME: REJECTS, EMBEDDINGS_NAME: EMBEDDINGS, SYMBOLS_NAME: SYMBOLS}
_TABLES |= {f"{TASKS_NAME}/{track}/{split}.parquet": TASKS for track in Track for split in Split}
_OURS = {MANIFEST_NAME, AUDIT_JSON, AUDIT_MARKDOWN, TRUTH_NAME}
_READ_FOLDERS = (TASKS_NAME, FILES_NAME, TREES_NAME)


def files_on_disk(dataset: Dataset) -> Findings:
    """Files that are missing, changed, truncated, of another schema, or not the manifest's."""
    entries = dataset.manifest.files
    problems = [problem for entry in entries for problem in _file(dataset.folder, entry)]
    problems += _absent(dataset)
    problems += _strangers(dataset.folder, {entry.path for entry in entries})
    return Findings(problems=tuple(problems))


def _file(folder: Path, entry: FileEntry) -> Iterator[Problem]:
    schema = _schema(entry.path)
    path = folder / entry.path
    if schema is None:
        yield _error(SCHEMA_CHECK, entry.path, "is in the manifest, but no table of a dataset has this name")
    elif not path.is_file():
        yield _error(FILES_CHECK, entry.path, "is in the manifest, but missing")
    else:
        if file_sha256(path) != entry.sha256:
            yield _error(FILES_CHECK, entry.path, "was changed after it was written: its hash is not the manifest's")
        yield from _table(path, entry, schema)


def _table(path: Path, entry: FileEntry, schema: pa.Schema) -> Iterator[Problem]:
    try:
        with pq.ParquetFile(path) as file:
            found, count = file.schema_arrow, file.metadata.num_rows
    except (OSError, ValueError) as error:
        yield _error(FILES_CHECK, entry.path, f"cannot be read, it is no whole parquet file: {_first_line(error)}")
        return
    if not found.equals(schema, check_metadata=False):
        different = sorted(set(schema.names) ^ set(found.names)) or ["the type of a column"]
        yield _error(SCHEMA_CHECK, entry.path, f"has another schema, it differs in {', '.join(different)}")
    if count != entry.rows:
        yield _error(FILES_CHECK, entry.path, f"has {count:,} rows, the manifest says {entry.rows:,}")


def _absent(dataset: Dataset) -> Iterator[Problem]:
    """Tables that every dataset has, and that the manifest does not name."""
    named = {entry.path for entry in dataset.manifest.files}
    needed = [COMMITS_NAME, REJECTS_NAME]
    if dataset.manifest.config.snapshots:
        for folder in (FILES_NAME, TREES_NAME):
            count = sum(path.startswith(f"{folder}/") and _schema(path) is not None for path in named)
            needed += [f"{folder}/{shard_name(index)}" for index in range(max(count, 1))]
    for path in needed:
        if path not in named:
            yield _error(FILES_CHECK, path, "is not in the manifest, but every such dataset has it")


def _strangers(folder: Path, named: set[str]) -> Iterator[Problem]:
    known = {*named, *_OURS}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        name = inside.as_posix()
        # What a killed command leaves waiting is hidden, and is gone after the next one.
        if path.is_dir() or name in known or any(part.startswith(".") for part in inside.parts):
            continue
        read = name.startswith(tuple(f"{part}/" for part in _READ_FOLDERS))
        yield Problem(
            check=STRANGERS_CHECK,
            severity=Severity.ERROR if read else Severity.WARNING,
            where=name,
            message="is not a file of this dataset" + (", but would be read as a part of it" if read else ""),
            fix="move it out of the dataset folder",
        )


def _schema(path: str) -> pa.Schema | None:
    """The schema of the table at a path of the manifest, None where no table has such a name."""
    shard = PurePosixPath(path)
    if shard.match("part-[0-9][0-9][0-9][0-9][0-9].parquet") and len(shard.parts) == 2:
        return {FILES_NAME: FILES, TREES_NAME: TREES}.get(shard.parts[0])
    return _TABLES.get(path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _error(check: str, path: str, message: str) -> Problem:
    return Problem(check=check, severity=Severity.ERROR, where=path, message=message, fix=MINE_AGAIN)
