"""Mines a dataset again as its manifest records, beside it, and compares the hash of every file (io).

The same sources at the same revisions with the same options give the same bytes, where the versions that decide how
source is parsed are the same too. A file that is damaged on disk is told apart from one that is mined otherwise.
Entries of the list that gave nothing are not tried again. Nothing staged is reused, and the dataset is only read.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from repopeftbench.dataset.build import NO_CUTOFF, BuildOptions, build_dataset
from repopeftbench.dataset.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    RepositoryEntry,
    Versions,
    file_sha256,
    read_manifest,
)
from repopeftbench.errors import DatasetError
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.paper.build import PaperOptions, build_paper_dataset
from repopeftbench.paper.manifest import MANIFEST_NAME as PAPER_MANIFEST_NAME
from repopeftbench.paper.manifest import PaperManifest, PaperRepository
from repopeftbench.pool import Engine, Report
from repopeftbench.schema import Family
from repopeftbench.sources import RepositoryList, Source
from repopeftbench.splits.assign import Role


class OnDisk(StrEnum):
    """Whether a file is the one that the manifest describes."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    MISSING = "missing"


class MinedAgain(StrEnum):
    """Whether mining again gave the file that the manifest describes."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    """There now, but not in the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What became of one file; `rows` are those of the manifest, or of the file that is extra."""

    path: str
    rows: int
    on_disk: OnDisk
    mined_again: MinedAgain

    @property
    def passed(self) -> bool:
        """Whether the file is whole and comes out the same."""
        return self.on_disk is OnDisk.WHOLE and self.mined_again is MinedAgain.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A dataset that is there, of either protocol, and what it records of its own making."""

    folder: Path
    manifest: Manifest | PaperManifest

    @property
    def versions(self) -> Versions:
        """The versions it was mined with."""
        return self.manifest.versions

    @property
    def repositories(self) -> Sequence[RepositoryEntry | PaperRepository]:
        """The repositories it was mined from."""
        return self.manifest.repositories


def read_recorded(folder: Path) -> Recorded:
    """The dataset in a folder.

    Raises:
        DatasetError: there is none, it was imported, or its manifest is damaged or of another version.
    """
    paper = folder / PAPER_MANIFEST_NAME
    if (folder / MANIFEST_NAME).is_file() or not paper.is_file():
        manifest = read_manifest(folder)
        if manifest.origin is not None:
            raise DatasetError(
                f"{folder} was imported from {manifest.origin}, not mined: there is nothing to mine again"
            )
        return Recorded(folder=folder, manifest=manifest)
    try:
        return Recorded(folder=folder, manifest=PaperManifest.model_validate_json(paper.read_bytes()))
    except ValidationError as error:
        raise DatasetError(f"{paper} is damaged: {error}") from error


def recorded_sources(recorded: Recorded, listed: Sequence[Source]) -> tuple[Source, ...]:
    """The sources of a dataset, at the recorded revisions; those that `listed` has by name are taken from its place.

    Raises:
        DatasetError: a local repository is gone from where it was.
    """
    places = {source.repo_id: source for source in listed}
    return tuple(_source(entry, places) for entry in recorded.repositories)


def mine_again(
    recorded: Recorded, sources: Sequence[Source], *, engine: Engine, cache: Path, report: Report
) -> tuple[FileCheck, ...]:
    """Mines the sources as the dataset records and checks every file, by path.

    Args:
        recorded: the dataset.
        sources: its sources, see `recorded_sources`.
        engine: what does the work.
        cache: folder of the clones.
        report: progress, called with repository id, commits done and commits in all.

    Raises:
        DatasetError: a repository cannot be mined again.
        RepositoryListError: none of them can.
    """
    listed = RepositoryList(sources=tuple(sources), bad=())
    with _beside(recorded.folder) as folder:
        mine = _mine_paper if isinstance(recorded.manifest, PaperManifest) else _mine_clean
        files, failed = mine(recorded, listed, folder, engine, cache, report)
    if failed:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in failed.items())
        raise DatasetError(f"{recorded.folder} cannot be verified: {reasons}")
    return _checks(recorded, {file.path: file for file in files})


_Mined = tuple[tuple[FileEntry, ...], Mapping[str, str]]


def _mine_clean(
    recorded: Recorded, listed: RepositoryList, folder: Path, engine: Engine, cache: Path, report: Report
) -> _Mined:
    assert isinstance(recorded.manifest, Manifest)
    config = recorded.manifest.config
    draft = DraftOptions(
        seed=config.seed, families=frozenset(map(Family, config.families)), prefix_bytes=config.prefix_bytes
    )
    options = BuildOptions(
        folder=folder,
        draft=draft,
        cutoff=config.cutoff or NO_CUTOFF,
        engine=engine,
        cache=cache,
        snapshots=config.snapshots,
    )
    result = build_dataset(listed, options, report)
    return result.manifest.files, result.failed


def _mine_paper(
    recorded: Recorded, listed: RepositoryList, folder: Path, engine: Engine, cache: Path, report: Report
) -> _Mined:
    assert isinstance(recorded.manifest, PaperManifest)
    cutoff = recorded.manifest.cutoff or NO_CUTOFF
    options = PaperOptions(folder=folder, cutoff=cutoff, engine=engine, cache=cache)
    manifest = build_paper_dataset(listed, options, report)
    return manifest.files, manifest.left_out


def _checks(recorded: Recorded, mined: Mapping[str, FileEntry]) -> tuple[FileCheck, ...]:
    entries = {file.path: file for file in recorded.manifest.files}
    checks: list[FileCheck] = []
    for path in sorted(entries.keys() | mined.keys()):
        entry, again = entries.get(path), mined.get(path)
        if entry is None:
            outcome = MinedAgain.EXTRA
        elif again is None:
            outcome = MinedAgain.MISSING
        else:
            outcome = MinedAgain.SAME if again.sha256 == entry.sha256 else MinedAgain.DIFFERS
        described = entry or mined[path]
        on_disk = _on_disk(recorded.folder / path, None if entry is None else entry.sha256)
        checks.append(FileCheck(path=path, rows=described.rows, on_disk=on_disk, mined_again=outcome))
    return tuple(checks)


def _on_disk(path: Path, sha256: str | None) -> OnDisk:
    if sha256 is None or not path.is_file():
        return OnDisk.MISSING
    return OnDisk.WHOLE if file_sha256(path) == sha256 else OnDisk.DAMAGED


def _source(entry: RepositoryEntry | PaperRepository, places: Mapping[str, Source]) -> Source:
    place = places.get(entry.repo_id)
    is_path = Path(entry.location).is_absolute()
    url, path = (None, Path(entry.location)) if is_path else (entry.location, None)
    if place is not None:
        url, path = place.url, place.path
    if path is not None and not path.exists():
        raise DatasetError(f"{entry.repo_id} was mined from {path}, which is gone: give a list that says where it is")
    return Source(
        text=entry.repo_id,
        repo_id=entry.repo_id,
        url=url,
        path=path,
        revision=entry.revision,
        licence=entry.licence if isinstance(entry, RepositoryEntry) else None,
        # Listed or drawn, the manifest does not say; either way it is this one again.
        role=Role(entry.role if isinstance(entry, RepositoryEntry) else entry.cross_repo_split),
    )


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder beside another one, on the same disk, that is gone when the context ends."""
    whole = folder.resolve()
    made = Path(tempfile.mkdtemp(prefix=f".{whole.name}.verify-", dir=whole.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
