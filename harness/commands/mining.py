"""`repobench mine` and `repobench synth`: histories to datasets, and synthetic histories to mine."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from harness.commands.paper import mine_paper, show_comparison
from harness.console import Tracker, say, show
from repopeftbench.dataset.build import DEFAULT_CUTOFF, BuildOptions, BuildResult, build_dataset, default_cache
from repopeftbench.dataset.manifest import LedgerEntry
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.mining.drafts import DEFAULT_FAMILIES, DraftOptions
from repopeftbench.paper.build import PaperOptions
from repopeftbench.schema import Family, Track
from repopeftbench.sources import repository_list
from repopeftbench.tasks.cut import DEFAULT_PREFIX_BYTES

DATA_FOLDER = Path("repobench-out/data")
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
    """Processes; 0 takes one per core."""
    seed: int = 0
    """Seed of caps and splits."""
    mock: bool = False
    """Let mock assertions (`assert_called_with`) become tasks too."""
    prefix_bytes: int = DEFAULT_PREFIX_BYTES
    """Most bytes of a prefix; whole helpers leave it first, the test function never. 0 for no limit."""
    cache: Path | None = None
    """Folder of the clones. Default: the user's cache folder."""
    protocol: Literal["clean", "paper"] = "clean"
    """`paper` rebuilds the published benchmark, defects included; it has no seed, no mock and no limit to set."""
    compare_protocols: bool = False
    """Mine nothing; show how many of the paper protocol's tasks are unchanged, known from train, or in plain sight."""


_DEFAULT_MINE = MineOptions()


def mine(repo_list: str, /, options: MineOptions = _DEFAULT_MINE) -> int:
    """Mine git histories into a dataset of assertion-completion tasks.

    Args:
        repo_list: A list file (one URL, owner/name or path per line, optional @revision; or TOML), or one repository.
        options: Options.
    """
    if options.workers < 0 or options.prefix_bytes < 0:
        raise ConfigError("--workers and --prefix-bytes must not be negative; 0 means one per core and no limit")
    repositories = repository_list(repo_list)
    workers, cache = options.workers or os.cpu_count() or 1, options.cache or default_cache()
    cutoff = options.cutoff or repositories.cutoff or DEFAULT_CUTOFF
    if options.compare_protocols:
        return show_comparison(repositories, workers=workers, cache=cache)
    if options.protocol == "paper":
        _refuse_clean_options(options)
        return mine_paper(repositories, PaperOptions(folder=options.out, cutoff=cutoff, workers=workers, cache=cache))
    families = frozenset(Family) if options.mock else DEFAULT_FAMILIES
    draft = DraftOptions(seed=options.seed, families=families, prefix_bytes=options.prefix_bytes or None)
    build = BuildOptions(
        folder=options.out,
        draft=draft,
        cutoff=cutoff,
        workers=workers,
        cache=cache,
    )
    with Tracker("commits") as tracker:
        result = build_dataset(repositories, build, tracker.update)
    _show(result, options.out)
    for text, problem in result.failed.items():
        say(f"not mined: {text}: {problem}")
    if result.failed:
        say(f"the others stay in {options.out / '.staging'}, so that mining again is quick; it may be deleted")
    return PARTIAL if result.failed else 0


def synth(out: Path, /, *, count: int = 6, commits: int = 40, seed: int = 0) -> int:
    """Write synthetic repositories with private facts and real git histories, and a list of them.

    Args:
        out: Folder that gets the repositories and `repos.toml`; must not hold any of them yet.
        count: How many repositories.
        commits: Commits of each history.
        seed: Seed; equal seeds give equal histories.
    """
    from repopeftbench.gitrepo import write_history
    from repopeftbench.synthetic import synthetic_repositories

    entries: list[str] = []
    for repository in synthetic_repositories(seed, count, commits=commits):
        folder = out / repository.name
        if folder.exists():
            raise ConfigError(f"{folder} exists already: name another folder, or remove it")
        write_history(folder, [(c.message, c.committer_time, c.files) for c in repository.commits])
        entries.append(f'[[repository]]\nsource = "{repository.name}"\nlicence = "{repository.licence}"\n')
    (out / "repos.toml").write_text("\n".join(entries), "utf-8")
    show(f"{_repositories(count)} and {out / 'repos.toml'}")
    return 0


def _refuse_clean_options(options: MineOptions) -> None:
    chosen = {"--seed": options.seed, "--mock": options.mock, "--prefix-bytes": options.prefix_bytes}
    default = {"--seed": 0, "--mock": False, "--prefix-bytes": DEFAULT_PREFIX_BYTES}
    for name, value in chosen.items():
        if value != default[name]:
            raise ConfigError(f"{name} {value} has no meaning in the paper protocol, which fixes it: leave {name} out")


def _show(result: BuildResult, folder: Path) -> None:
    manifest, dataset = result.manifest, Dataset(folder)
    rows = {entry.path: entry.rows for entry in manifest.files}
    table = Table(title=f"{_repositories(len(manifest.repositories))} in {folder}", title_justify="left")
    table.add_column("track")
    table.add_column("split")
    table.add_column("tasks", justify="right")
    for track in Track:
        for split in dataset.splits(track):
            table.add_row(track, split, f"{rows[f'tasks/{track}/{split}.parquet']:,}")
    show(table)
    for track, ledger in ((Track.STATIC, manifest.static), (Track.EVOLUTION, manifest.evolution)):
        show(f"{track}: {_ledger_line(ledger)}")
    for note in manifest.notes:
        show(note)


def _repositories(count: int) -> str:
    return f"{count} {'repository' if count == 1 else 'repositories'}"


def _ledger_line(ledger: LedgerEntry) -> str:
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in ledger.dropped.items())
    return f"{ledger.seen:,} seen = {ledger.kept:,} kept + {ledger.seen - ledger.kept:,} dropped ({dropped or 'none'})"
