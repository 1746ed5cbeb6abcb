"""`repobench synth`: synthetic histories to mine, and controlled benchmarks whose best possible scores are known."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from harness.commands.mining import show_counts
from harness.commands.refusing import refuse_options
from harness.console import Tracker, record, repository_count, show
from repopeftbench.errors import ConfigError

_COUNT, _COMMITS = 6, 40


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class SynthOptions:
    """What `synth` can be told: histories take a folder, --count and --commits; a benchmark takes the others."""

    seed: int = 0
    """Seed; equal seeds give equal bytes."""
    count: int | None = None
    """How many histories. Default: 6."""
    commits: int | None = None
    """Commits of each history. Default: 40."""
    repos: int | None = None
    """Make a benchmark of so many repositories with controlled information, mined, with truth.parquet beside its
    tables: the stratum of every task, its fact, and the best possible scores."""
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None
    """Folder of the benchmark's dataset; its git repositories go beside it, into OUT-repositories."""
    templates: Literal["train", "test"] | None = None
    """How facts are worded; the two sets share no template. Default: train for an even seed, test for an odd one."""
    role: Literal["train", "val", "test"] | None = None
    """What all repositories are for: ir_* alone, cr_val or cr_test. Default: divided as always."""
    workers: int = 0
    """Processes that mine; 0 takes one per core."""


_DEFAULT_SYNTH = SynthOptions()


def synth(folder: Path | None = None, /, options: SynthOptions = _DEFAULT_SYNTH) -> int:
    """Write synthetic repositories with real git histories; with --repos a benchmark whose best scores are known.

    Args:
        folder: Folder that gets the histories and `repos.toml`; must not hold any of them yet.
        options: Options.
    """
    if options.repos is None:
        of_benchmarks = ("out", "templates", "role", "workers")
        refuse_options(options, _DEFAULT_SYNTH, of_benchmarks, "without --repos, which makes a benchmark")
        if folder is None:
            raise ConfigError("there is nowhere to write to: name a folder for histories, or --repos and -o")
        return _histories(folder, options)
    reason = "with --repos, which says how many; every repository has 8 commits"
    refuse_options(options, _DEFAULT_SYNTH, ("count", "commits"), reason)
    if folder is not None or options.out is None:
        raise ConfigError("a benchmark goes to a dataset folder, and to no other: name it with -o")
    if options.workers < 0:
        raise ConfigError(f"--workers {options.workers} must not be negative; 0 means one per core")
    return _benchmark(options.repos, options.out, options)


def _histories(folder: Path, options: SynthOptions) -> int:
    from repopeftbench.gitrepo import write_history
    from repopeftbench.synthetic import synthetic_repositories

    count = _COUNT if options.count is None else options.count
    commits = _COMMITS if options.commits is None else options.commits
    entries: list[str] = []
    for repository in synthetic_repositories(options.seed, count, commits=commits):
        target = folder / repository.name
        if target.exists():
            raise ConfigError(f"{target} exists already: name another folder, or remove it")
        write_history(target, [(c.message, c.committer_time, c.files) for c in repository.commits])
        entries.append(f'[[repository]]\nsource = "{repository.name}"\nlicence = "{repository.licence}"\n')
    (folder / "repos.toml").write_text("\n".join(entries), "utf-8")
    show(f"{repository_count(count)} and {folder / 'repos.toml'}")
    record(repositories=count, list=folder / "repos.toml")
    return 0


def _benchmark(repos: int, out: Path, options: SynthOptions) -> int:
    from repopeftbench.pool import LocalEngine
    from repopeftbench.synthetic.controlled import BenchmarkOptions, Templates, make_benchmark

    how = BenchmarkOptions(
        folder=out,
        repos=repos,
        seed=options.seed,
        templates=None if options.templates is None else Templates(options.templates),
        role=options.role,
        engine=LocalEngine(options.workers or os.cpu_count() or 1),
    )
    with Tracker("commits") as tracker:
        manifest = make_benchmark(how, tracker.update)
    show_counts(manifest, out)
    _show_strata(out)
    return 0


def _show_strata(folder: Path) -> None:
    """Shows how many tasks each stratum has, and the mean of their best possible scores in percent."""
    from repopeftbench.dataset.truth import Stratum, read_truth

    tasks: Counter[Stratum] = Counter()
    best: dict[tuple[Stratum, str], float] = defaultdict(float)
    views = ("prefix", "domain", "repository")
    for truth in read_truth(folder):
        tasks[truth.stratum] += 1
        for view, score in zip(views, (truth.best_prefix, truth.best_domain, truth.best_repository), strict=True):
            best[truth.stratum, view] += score
    table = Table(title="Best possible exact match by what is seen, %", title_justify="left")
    table.add_column("stratum")
    for name in ("tasks", "share", "prefix", "prefix and domain", "prefix and repository"):
        table.add_column(name, justify="right")
    for stratum in Stratum:
        scores = [f"{100 * best[stratum, view] / max(1, tasks[stratum]):.2f}" for view in views]
        share = f"{100 * tasks[stratum] / tasks.total():.1f} %"
        table.add_row(stratum, f"{tasks[stratum]:,}", share, *scores)
    show(table)
