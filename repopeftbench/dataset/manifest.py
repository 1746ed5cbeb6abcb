"""`manifest.json` of a dataset: what it was made from and with, and the hash of every file. No clock, no host name."""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import repopeftbench
from repopeftbench.errors import DatasetError

MANIFEST_NAME = "manifest.json"
REBUILT_NAME = "README.json"
"""The manifest of a folder in the published layout, which `repopeftbench.paper` writes."""
SCHEMA_VERSION = 3


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LedgerEntry(_Strict):
    """A ledger as stored."""

    seen: int
    kept: int
    dropped: dict[str, int]


class RepositoryEntry(_Strict):
    """One mined repository."""

    repo_id: str
    location: str
    """The URL, or the local path, it was mined from; in published data the id in place of a path."""
    revision: str
    """SHA of the last commit of the mined history; the static track's snapshot."""
    licence: str | None
    role: Literal["train", "cr_val", "cr_test", "ood_test"]
    commits: int
    kept_commits: int
    ended_by_cutoff: bool
    static: LedgerEntry
    evolution: LedgerEntry


class MiningConfig(_Strict):
    """The options that decide about the dataset's content."""

    protocol: Literal["clean", "paper"] = "clean"
    """`paper` marks tasks as the published construction made them, defects included."""
    seed: int = 0
    cutoff: str | None = None
    """First instant (ISO 8601, UTC) that is beyond the in-distribution histories, None where there is no cutoff."""
    families: tuple[str, ...]
    prefix_bytes: int | None
    snapshots: bool = True
    """Whether the dataset holds the files and trees of its commits, and, unless imported, their symbols."""


class FileEntry(_Strict):
    """A file of the dataset, by its path in the folder."""

    path: str
    rows: int
    sha256: str


class Versions(_Strict):
    """What decides how source is parsed."""

    repopeftbench: str
    python: str
    tree_sitter: str
    tree_sitter_python: str
    pygit2: str


class Manifest(_Strict):
    """The whole manifest."""

    schema_version: int = SCHEMA_VERSION
    config: MiningConfig
    versions: Versions
    repositories: tuple[RepositoryEntry, ...]
    origin: str | None = None
    """The published data that this was imported from, None where histories were mined."""
    failed_sources: dict[str, str]
    """Entries of the list that gave nothing, with the reason."""
    notes: tuple[str, ...]
    """What a reader should know about the splits."""
    static: LedgerEntry
    evolution: LedgerEntry
    blobs: LedgerEntry | None = None
    """The texts of the snapshots: kept are those that are there, dropped those that are missing, no text, or too large;
    None where there are no snapshots."""
    files: tuple[FileEntry, ...]


def current_versions() -> Versions:
    """The versions at work in this process."""
    return Versions(
        repopeftbench=repopeftbench.__version__,
        python=f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        tree_sitter=version("tree-sitter"),
        tree_sitter_python=version("tree-sitter-python"),
        pygit2=version("pygit2"),
    )


def manifest_json(manifest: Manifest) -> bytes:
    """The content of `manifest.json`."""
    return (manifest.model_dump_json(indent=2) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a dataset folder.

    Raises:
        DatasetError: the folder is no complete dataset, or its manifest is of another version.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise DatasetError(f"{folder} is not a dataset (no {MANIFEST_NAME}): {_hint(folder)}")
    try:
        raw = json.loads(path.read_text("utf-8"))
        if not isinstance(raw, dict):
            raise DatasetError(f"{path} is damaged, it holds no object: mine the dataset again")
        found = raw.get("schema_version")
        if found != SCHEMA_VERSION:
            newer = isinstance(found, int) and found > SCHEMA_VERSION
            what = "install a newer repobench to read it" if newer else "mine the dataset again"
            raise DatasetError(f"{path} has schema version {found}, this version reads {SCHEMA_VERSION}: {what}")
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DatasetError(f"{path} is damaged, {place}: {first['msg']}: mine the dataset again") from error
    except ValueError as error:
        raise DatasetError(f"{path} is damaged: {error}: mine the dataset again") from error


def _hint(folder: Path) -> str:
    """What to do with a folder that has no manifest."""
    if (folder / REBUILT_NAME).is_file():
        return f"it has the published layout, run repobench import-official {folder} -o DATA and use DATA"
    if folder.is_dir() and any(folder.iterdir()):
        return "mining or importing did not finish, run the same command again"
    return "run repobench mine first"


def is_dataset(folder: Path) -> bool:
    """Whether the folder has a manifest of ours, of any version."""
    try:
        raw = json.loads((folder / MANIFEST_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and {"schema_version", "repositories", "files"} <= raw.keys()


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
