"""`repobench probe`: executes predictions, and counts which tasks can be executed."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Group

from harness.commands.folders import DATA_FOLDER
from harness.console import Tracker, record, say, show
from harness.errors import RunError
from harness.report.sections import Grid
from harness.report.terminal import to_table
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.schema import Split, Track

if TYPE_CHECKING:
    from harness.probing.opening import Machine
    from harness.probing.prober import Probed, Texts
    from harness.probing.records import Site
    from harness.probing.results import ExecutionManifest

PROBE_FOLDER = Path("repobench-out/probe")
FUNNEL, RUNNABLE = "funnel.json", "runnable.parquet"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_LEFT_OUT = 1


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What `probe` can be told."""

    data: Path = DATA_FOLDER
    """Folder of the dataset."""
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = PROBE_FOLDER
    """Folder of funnel.json and runnable.parquet, where no run is named."""
    track: tuple[Track, ...] = tuple(Track)
    """Tracks to execute."""
    driver: Literal["docker", "local"] = "docker"
    """What executes: containers, or processes of this machine, which contain nothing."""
    unsafe_local: bool = False
    """Say that all of the code is yours and may run with all your rights; the local driver needs it."""
    workers: int = 1
    """Executions at one time."""
    limit: int | None = None
    """Most tasks of each track and repository, drawn with the seed."""
    seed: int = 0
    """Seed of the draw."""
    disk_budget: str = "20GB"
    """Most disk for trees and environments; what was not used for the longest goes first."""
    runtime: Literal["", "runsc"] = ""
    """Runtime of the containers: the engine's default, or gVisor (runsc)."""
    retry: bool = False
    """Try once more to build environments that could not be built."""
    prepare: bool = False
    """Make the base image where it is missing, and end."""
    check: bool = False
    """Say what this machine has and lacks, and end; 1 where something is missing."""
    dry_run: bool = False
    """Execute and write nothing; show what it would take at most, at the rate of the store's executions."""
    cache: Path | None = None
    """Folder of the clones, if `mine` was given one."""
    store: Path | None = None
    """Folder of trees, environments and executions. Default: in the user's cache; root's is in /var/cache."""


def probe(run_folder: Path | None = None, /, *, options: ProbeOptions | None = None) -> int:
    """Execute the predictions of a run with pytest in a sandbox, or count the runnable tasks of a dataset.

    Args:
        run_folder: Folder of the run; without one, the tasks of the dataset are looked at alone.
        options: Options.
    """
    options = options or ProbeOptions()
    machine = _machine(options)
    if options.prepare or options.check:
        return _ready(machine, options)
    dataset = Dataset(options.data)
    if run_folder is None:
        return _probe_dataset(dataset, machine, options)
    return _probe_run(run_folder, dataset, machine, options)


def _ready(machine: "Machine", options: ProbeOptions) -> int:
    """Makes what can be made, and says what is missing."""
    from harness.probing.opening import ENVIRONMENTS
    from sandboxes.readiness import check, prepare

    if options.prepare:
        prepare(say)
    if not options.check:
        return 0
    checks = check(machine.store / ENVIRONMENTS)
    rows = tuple((one.name, "yes" if one.ok else "no", one.detail, one.fix) for one in checks)
    show(to_table(Grid(title="", headings=("Needed", "There", "Found", "What to do"), rows=rows, texts=4)))
    record(checks=[asdict(one) for one in checks])
    return 0 if all(one.ok for one in checks) else _LEFT_OUT


def _probe_dataset(dataset: Dataset, machine: "Machine", options: ProbeOptions) -> int:
    """Which tasks are runnable, and the funnel, into the folder that was named."""
    from harness.probing.execution_table import runnable_to_parquet
    from harness.probing.funnel import count_yields, funnel_grid, funnel_json
    from harness.probing.sites import draw_sites, read_sites
    from repopeftbench.atomic import write_atomically

    sites = read_sites(dataset, options.track, tuple(Split))
    drawn = draw_sites(sites, options.limit, options.seed)
    sites = [site for site in sites if site.task_id in drawn]
    if options.dry_run:
        return _forecast(sites, None, dataset, machine, options)
    _make_folder(options.out)
    probed, manifest = _probe(sites, None, dataset, machine, options)
    yields = count_yields(sites, probed.runnable)
    document = funnel_json(yields, manifest.model_dump(mode="json"))
    write_atomically(options.out / RUNNABLE, runnable_to_parquet(sites, probed.runnable))
    write_atomically(options.out / FUNNEL, document.encode())
    show(to_table(funnel_grid(yields)))
    record(**json.loads(document))
    say(f"written to {options.out / FUNNEL} and {options.out / RUNNABLE}")
    return _end(probed)


def _make_folder(folder: Path) -> None:
    """Before anything is executed: what came of it has a place to go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder} cannot be made: {error.strerror}: choose another folder") from error


def _probe_run(folder: Path, dataset: Dataset, machine: "Machine", options: ProbeOptions) -> int:
    """What executing the predictions of a run says, into its folder."""
    from harness.probing.funnel import count_yields, funnel_grid
    from harness.probing.outcomes import all_executions, outcomes_grid, outcomes_json
    from harness.probing.results import write_executions
    from harness.probing.sites import draw_sites, read_sites
    from harness.run_store import has_finished, reopen_run

    with reopen_run(folder) as run:
        if not has_finished(folder):
            raise RunError(f"Run folder {folder} is not complete: start the same run again to finish it.")
        if run.manifest.dataset_sha256 != dataset.sha256:
            raise RunError(
                f"{folder} is no run on the dataset in {dataset.folder}: name the one it was run on (--data)."
            )
        answers = {one.task_id: None if one.error is not None else one.stopped for one in run.read_predictions()}
        by_id = {site.task_id: site for site in read_sites(dataset, run.manifest.tracks, run.manifest.splits, answers)}
        sites = [by_id[task_id] for task_id in answers]
        drawn = draw_sites([site for site in sites if site.track in options.track], options.limit, options.seed)
        looked_at = [site for site in sites if site.task_id in drawn]
        if options.dry_run:
            return _forecast(looked_at, answers, dataset, machine, options, run=folder)
        probed, manifest = _probe(looked_at, answers, dataset, machine, options, run=folder)
        executions = all_executions(sites, probed.executions)
        path = write_executions(folder, executions, manifest)
    yields = count_yields(looked_at, probed.runnable)
    show(Group(to_table(funnel_grid(yields)), to_table(outcomes_grid(executions))))
    record(**json.loads(outcomes_json(executions, yields, manifest.model_dump(mode="json"))))
    say(f"written to {path}; repobench report {folder} compares")
    return _end(probed)


def _forecast(
    sites: Sequence["Site"],
    texts: "Texts | None",
    dataset: Dataset,
    machine: "Machine",
    options: ProbeOptions,
    *,
    run: Path | None = None,
) -> int:
    """What `_probe` would take.

    Raises:
        ConfigError: there is no task.
    """
    from harness.commands.forecasts import show_probe_forecast
    from harness.probing.forecast import forecast_probe

    _check_sites(sites, run or dataset.folder, options)
    return show_probe_forecast(forecast_probe(sites, texts), machine)


def _check_sites(sites: Sequence["Site"], folder: Path, options: ProbeOptions) -> None:
    if not sites:
        raise ConfigError(f"{folder} has no task in {', '.join(options.track)}: choose another --track")


def _probe(
    sites: Sequence["Site"],
    texts: "Texts | None",
    dataset: Dataset,
    machine: "Machine",
    options: ProbeOptions,
    *,
    run: Path | None = None,
) -> "tuple[Probed, ExecutionManifest]":
    """Executes, and describes how.

    Raises:
        ConfigError: there is no task.
    """
    from harness.probing.opening import open_prober
    from harness.probing.results import describe_execution

    _check_sites(sites, run or dataset.folder, options)
    with open_prober(machine, dataset.manifest) as opened, Tracker("tasks") as tracker:
        probed = opened.prober.probe(sites, texts, lambda done, total: tracker.update("probe", done, total))
        say(f"{opened.sandbox.executed:,} executions; {opened.sandbox.remembered:,} were known")
        if machine.driver == "local":
            say("nothing contained these tests (--driver local), and the results say so")
        manifest = describe_execution(
            driver=machine.driver,
            image=opened.image,
            runtime=machine.runtime,
            limit=options.limit,
            seed=options.seed,
            dataset_sha256=dataset.sha256,
            run=run,
        )
    return probed, manifest


def _end(probed: "Probed") -> int:
    """Says what was left out; the exit code."""
    for repo_id, problem in sorted(probed.missing.items()):
        say(
            f"{repo_id} is not executed, its tree comes from the clone alone: {problem}; mine it again, or name --cache"
        )
    for repo_id, entry in sorted(probed.left_out):
        say(f"trees of {repo_id} lack {entry}")
    return _LEFT_OUT if probed.missing else 0


def _machine(options: ProbeOptions) -> "Machine":
    """The machine that the options describe.

    Raises:
        ConfigError: one of them cannot be used.
    """
    from harness.probing.opening import Machine
    from repopeftbench.dataset.build import default_cache
    from sandboxes.tools import default_folder

    if options.workers < 1:
        raise ConfigError(f"--workers {options.workers} leaves nobody to execute: give 1 or more")
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit} leaves no task: give 1 or more")
    if options.driver == "local" and not options.unsafe_local:
        raise ConfigError(
            "--driver local contains nothing: tests run with all your rights; use --driver docker, or add "
            "--unsafe-local if all of the code is yours"
        )
    return Machine(
        driver=options.driver,
        unsafe=options.unsafe_local,
        runtime=options.runtime,
        workers=options.workers,
        budget=_bytes(options.disk_budget),
        retry=options.retry,
        store=options.store or default_folder().parent,
        cache=options.cache or default_cache(),
    )


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < 1:
        raise ConfigError(f"--disk-budget {text!r} is no size: write one like 20GB or 500MB")
    return size
