"""`repobench mine`: histories to datasets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from harness.commands.folders import DATA_FOLDER
from harness.commands.refusing import refuse_options
from harness.console import Tracker, record, repository_count, say, show
from repopeftbench.errors import ConfigError, DatasetError, RepositoryListError
from repopeftbench.garbage import rare_collections
from repopeftbench.schema import Family, Track
from repopeftbench.tasks.cut import DEFAULT_PREFIX_BYTES

if TYPE_CHECKING:
    from repopeftbench.dataset.build import BuildOptions
    from repopeftbench.dataset.manifest import LedgerEntry, Manifest
    from repopeftbench.paper.build import PaperOptions
    from repopeftbench.pool import Engine
    from repopeftbench.sources import RepositoryList

PARTIAL = 1


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class MineOptions:
    """What `mine` can be told."""

    out: Annotated[Path, Parameter(name=("--out", "-o"))] = DATA_FOLDER
    """Folder of the dataset."""
    cutoff: str | None = None
    """Day (UTC) or moment at which in-distribution histories end; repositories that begin later are out of
    distribution. `none` turns both off. Default: the list's own cutoff, or 2025-04-01."""
    workers: int = 0
    """Processes; 0 takes one per core. A Ray cluster that is there already has its own number."""
    engine: Literal["local", "ray"] = "local"
    """What does the work: processes of this machine, or a Ray cluster (`pip install 'repopeftbench[ray]'`). The bytes
    are the same. On a cluster every node clones for itself to --cache, and local paths must be on every node."""
    ray_address: str | None = None
    """HOST:PORT of the cluster's head node. Default: RAY_ADDRESS, a cluster that runs on this machine, or one that is
    started for this command."""
    seed: int = 0
    """Seed of caps and splits."""
    mock: bool = False
    """Let mock assertions (`assert_called_with`) become tasks too."""
    prefix_bytes: int = DEFAULT_PREFIX_BYTES
    """Most bytes of a prefix; whole helpers leave it first, the test function never. 0 for no limit."""
    no_snapshots: bool = False
    """Leave files, trees and symbols of commits out of the dataset; methods that read repositories then need clones."""
    cache: Path | None = None
    """Folder of the clones. Default: the user's cache folder."""
    tombstones: Path | None = None
    """TOML list of repositories that were taken down on request, beside the bundled one. They are left out and named;
    `repopeftbench/tombstones.toml` says how such a list is written."""
    protocol: Literal["clean", "paper"] = "clean"
    """`paper` rebuilds the published benchmark, defects included; it has no seed, no mock and no limit to set."""
    compare_protocols: bool = False
    """Mine nothing; show how many of the paper protocol's tasks are unchanged, known from train, or in plain sight."""
    dry_run: bool = False
    """Clone, mine and write nothing; show what would be cloned or updated, and about what disk and time it takes."""
    verify: bool = False
    """Write no dataset; mine the one in --out again as its manifest records (sources, revisions, options), beside it
    and for a while, and compare every file. Needs no list; one that is given says where the repositories are now."""


_DEFAULT_MINE = MineOptions()


def mine(repo_list: str | None = None, /, options: MineOptions = _DEFAULT_MINE) -> int:
    """Mine git histories into a dataset of assertion-completion tasks.

    Args:
        repo_list: A list file (one URL, owner/name or path per line, optional @revision; or TOML), or one repository.
        options: Options.
    """
    if options.workers < 0 or options.prefix_bytes < 0:
        raise ConfigError("--workers and --prefix-bytes must not be negative; 0 means one per core and no limit")
    if options.verify:
        return _verify(repo_list, options)
    if repo_list is None:
        raise ConfigError("there is nothing to mine: name a list of repositories, or one repository")
    repositories = _allowed(repo_list, options)
    if options.dry_run:
        return _dry_run(repositories, options)
    with _engine(options) as engine, rare_collections():
        if options.protocol == "paper" or options.compare_protocols:
            return _mine_paper(repositories, options, engine)
        return _mine_clean(repositories, _build_options(repositories, options, engine))


def _mine_paper(repositories: "RepositoryList", options: MineOptions, engine: "Engine") -> int:
    from harness.commands.paper import mine_paper, show_comparison

    if options.compare_protocols:
        return show_comparison(repositories, engine=engine, cache=_cache(options))
    return mine_paper(repositories, _paper_options(repositories, options, engine))


def _allowed(repo_list: str, options: MineOptions) -> "RepositoryList":
    """The list without what was taken down, which is named."""
    from repopeftbench.sources import repository_list
    from repopeftbench.tombstones import listed_tombstones, without_taken_down

    allowed = without_taken_down(repository_list(repo_list), listed_tombstones(options.tombstones))
    for entry in allowed.taken_down:
        say(f"left out: {entry.text}: {entry.problem}")
    if not allowed.sources and not allowed.bad:
        raise RepositoryListError(f"nothing is left of {repo_list}: every repository was taken down")
    return allowed


def _mine_clean(repositories: "RepositoryList", build: "BuildOptions") -> int:
    from repopeftbench.dataset.build import build_dataset

    with Tracker("commits") as tracker:
        result = build_dataset(repositories, build, tracker.update)
    show_counts(result.manifest, build.folder)
    for note in result.manifest.notes:
        show(note)
    for text, problem in result.failed.items():
        say(f"not mined: {text}: {problem}")
    record(failed=result.failed)
    if result.failed:
        say(f"the others stay in {build.folder / '.staging'}, so that mining again is quick; it may be deleted")
    return PARTIAL if result.failed else 0


def _dry_run(repositories: "RepositoryList", options: MineOptions) -> int:
    from harness.commands.estimating import show_estimates
    from repopeftbench.dataset.estimate import estimate_mining
    from repopeftbench.paper.estimate import estimate_paper
    from repopeftbench.pool import LocalEngine

    engine = LocalEngine(_workers(options))
    if options.protocol == "paper":
        found = estimate_paper(repositories.sources, _paper_options(repositories, options, engine))
    else:
        found = estimate_mining(repositories.sources, _build_options(repositories, options, engine))
    return show_estimates(found, repositories.bad, workers=engine.workers)


def _verify(repo_list: str | None, options: MineOptions) -> int:
    from harness.commands.verifying import verify_dataset
    from repopeftbench.sources import repository_list
    from repopeftbench.tombstones import listed_tombstones, tombstone_of
    from repopeftbench.verify import read_recorded

    fixed = ("cutoff", "seed", "mock", "prefix_bytes", "no_snapshots", "protocol", "compare_protocols", "dry_run")
    refuse_options(options, _DEFAULT_MINE, fixed, "with --verify, which goes by the manifest")
    listed = listed_tombstones(options.tombstones)
    for entry in read_recorded(options.out).repositories:
        tombstone = tombstone_of(listed, entry.repo_id, entry.location)
        if tombstone is not None:
            raise DatasetError(f"{options.out} holds {entry.repo_id}, {tombstone.sentence}: mine the list again")
    places = () if repo_list is None else repository_list(repo_list).sources
    with _engine(options) as engine:
        return verify_dataset(options.out, places, engine=engine, cache=_cache(options))


@contextmanager
def _engine(options: MineOptions) -> "Iterator[Engine]":
    from repopeftbench.pool import LocalEngine

    if options.engine == "ray":
        from repopeftbench.ray_engine import ray_engine

        with ray_engine(options.ray_address, _workers(options)) as engine:
            yield engine
    elif options.ray_address is not None:
        raise ConfigError(f"--ray-address {options.ray_address} has no meaning without --engine ray: add it")
    else:
        yield LocalEngine(_workers(options))


def _build_options(repositories: "RepositoryList", options: MineOptions, engine: "Engine") -> "BuildOptions":
    from repopeftbench.dataset.build import BuildOptions
    from repopeftbench.mining.drafts import DEFAULT_FAMILIES, DraftOptions

    families = frozenset(Family) if options.mock else DEFAULT_FAMILIES
    return BuildOptions(
        folder=options.out,
        draft=DraftOptions(seed=options.seed, families=families, prefix_bytes=options.prefix_bytes or None),
        cutoff=_cutoff(repositories, options),
        engine=engine,
        cache=_cache(options),
        snapshots=not options.no_snapshots,
    )


def _paper_options(repositories: "RepositoryList", options: MineOptions, engine: "Engine") -> "PaperOptions":
    from repopeftbench.paper.build import PaperOptions

    fixed = ("seed", "mock", "prefix_bytes", "no_snapshots")
    refuse_options(options, _DEFAULT_MINE, fixed, "in the paper protocol, which fixes it")
    return PaperOptions(folder=options.out, cutoff=_cutoff(repositories, options), engine=engine, cache=_cache(options))


def _cutoff(repositories: "RepositoryList", options: MineOptions) -> str:
    from repopeftbench.dataset.build import DEFAULT_CUTOFF

    return options.cutoff or repositories.cutoff or DEFAULT_CUTOFF


def _workers(options: MineOptions) -> int:
    return options.workers or os.cpu_count() or 1


def _cache(options: MineOptions) -> Path:
    from repopeftbench.dataset.build import default_cache

    # Workers of a cluster have another working folder.
    return (options.cache or default_cache()).absolute()


def show_counts(manifest: "Manifest", folder: Path) -> None:
    """Shows the tasks of a new dataset by track and split, and its ledgers."""
    from repopeftbench.dataset.store import Dataset

    dataset = Dataset(folder)
    rows = {entry.path: entry.rows for entry in manifest.files}
    table = Table(title=f"{repository_count(len(manifest.repositories))} in {folder}", title_justify="left")
    table.add_column("track")
    table.add_column("split")
    table.add_column("tasks", justify="right")
    for track in Track:
        for split in dataset.splits(track):
            table.add_row(track, split, f"{rows[f'tasks/{track}/{split}.parquet']:,}")
    show(table)
    _record_counts(manifest, folder)
    for track, ledger in ((Track.STATIC, manifest.static), (Track.EVOLUTION, manifest.evolution)):
        show(f"{track}: {_ledger_line(ledger)}")
    if manifest.blobs is not None:
        show(f"snapshot files: {_ledger_line(manifest.blobs)}")


def _record_counts(manifest: "Manifest", folder: Path) -> None:
    ledgers = {Track.STATIC: manifest.static, Track.EVOLUTION: manifest.evolution}
    record(
        folder=folder,
        repositories=[entry.repo_id for entry in manifest.repositories],
        files={entry.path: entry.rows for entry in manifest.files},
        ledgers={track: ledger.model_dump() for track, ledger in ledgers.items()},
        notes=list(manifest.notes),
    )


def _ledger_line(ledger: "LedgerEntry") -> str:
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in ledger.dropped.items())
    return f"{ledger.seen:,} seen = {ledger.kept:,} kept + {ledger.seen - ledger.kept:,} dropped ({dropped or 'none'})"
