"""`repobench run`, `score` and `report`: predictions of one method, their scores, and tables of runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from harness.commands.mining import DATA_FOLDER
from harness.console import Tracker, say, show
from harness.errors import RunError
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.schema import Split, Task, Track

if TYPE_CHECKING:
    from harness.predictors.protocol import PredictorSettings

RUNS_FOLDER = Path("repobench-out/runs")
REPORT_FOLDER = Path("repobench-out/report")


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` can be told."""

    method: str
    """most-frequent, copy-prefix, previous-version, pretrained, shared-lora, per-repo-lora or fft."""
    data: Path = DATA_FOLDER
    """Folder of the dataset."""
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None
    """Folder of the run. Default: repobench-out/runs/METHOD."""
    split: Annotated[tuple[Split, ...], Parameter(name_transform=str.lower)] = ()
    """Splits to answer. Default: every test split that the data has."""
    track: tuple[Track, ...] = tuple(Track)
    """Tracks to answer."""
    limit: int | None = None
    """Most tasks of each track and split, drawn with the seed."""
    seed: int = 0
    """Seed of the draw."""
    backbone: str = "nano"
    """`nano` (bundled), a Hub id or a folder with a causal language model."""
    checkpoint: str | None = None
    """Folder of trained weights. Default: the method's own, bundled for `nano`."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16."""
    batch_size: int = 16
    """Tasks that are answered together."""
    max_new_tokens: int = 64
    """Most tokens of a prediction."""
    overwrite: bool = False
    """Start anew where the folder holds a run."""
    cache: Path | None = None
    """Folder of the clones, if `mine` was given one."""


def run(options: RunOptions) -> int:
    """Answer tasks with one method and score the answers; goes on where it stopped.

    Args:
        options: Options.
    """
    from harness.manifest import describe_run
    from harness.predictors.protocol import build_predictor, weights_of
    from harness.run_store import discard_run
    from harness.runner import run_method
    from harness.selection import TaskSelection, select_tasks
    from repopeftbench.dataset.build import default_cache
    from repopeftbench.views import DatasetViews

    dataset = Dataset(options.data)
    splits = tuple(dict.fromkeys(options.split)) or _test_splits(dataset)
    if not splits:
        raise ConfigError(f"{options.data} has no test split: name others with --split, or mine more repositories")
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit} leaves no task: give 1 or more")
    tracks = tuple(dict.fromkeys(options.track))
    selection = TaskSelection(splits=splits, tracks=tracks, limit=options.limit, seed=options.seed)
    tasks = select_tasks(_tasks(dataset, selection.splits), selection)
    if not tasks:
        raise ConfigError(f"{options.data} has no task in {', '.join(selection.splits)}: choose other splits or tracks")
    settings = _settings(options)
    predictor = build_predictor(options.method, settings, lambda: _tasks(dataset, (Split.IR_TRAIN,)))
    manifest = describe_run(
        tasks,
        method=options.method,
        settings=settings,
        selection=selection,
        dataset_sha256=dataset.sha256,
        weights_sha256=weights_of(predictor),
    )
    folder = options.out or RUNS_FOLDER / _default_name(options)
    if options.overwrite:
        discard_run(folder)
    views = DatasetViews(dataset.manifest, options.cache or default_cache(), folder=dataset.folder)
    with Tracker("tasks") as tracker:
        summary = run_method(
            tasks=tasks,
            predictor=predictor,
            views=lambda task: views.view(task.repo_id, task.commit_sha),
            manifest=manifest,
            folder=folder,
            progress=lambda done, total: tracker.update(options.method, done, total),
        )
    if summary.resumed_at:
        say(f"{summary.resumed_at:,} of {summary.tasks:,} tasks were answered before")
    show(f"{options.method}: {summary.tasks:,} tasks, EM {_percent(summary.em_strict)}, in {folder}")
    if summary.failures:
        say(f"{summary.failures:,} tasks failed (they count as wrong); {folder / 'run.log'} says why")
    return 1 if summary.failures else 0


def score(run_folder: Path, /, *, data: Path = DATA_FOLDER) -> int:
    """Score the predictions of a run again, without any model.

    Args:
        run_folder: Folder of the run.
        data: Folder of the dataset it was run on.
    """
    from harness.runner import score_run

    dataset = Dataset(data)
    summary = score_run(run_folder, list(_tasks(dataset, tuple(Split))))
    show(f"{run_folder}: {summary.tasks:,} tasks, EM {_percent(summary.em_strict)}")
    return 0


def report(
    *runs: Path,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = REPORT_FOLDER,
    seed: int = 0,
    families: bool = True,
) -> int:
    """Compare runs: exact match and edit similarity with intervals over repositories.

    Args:
        runs: Folders of runs, or of folders of runs. Default: every run in repobench-out/runs.
        out: Folder of report.md and report.json.
        seed: Seed of the bootstrap.
        families: Break the tables down by family.
    """
    from harness.report.files import find_runs, load_runs, write_report
    from harness.report.tables import build_report
    from harness.report.terminal import to_terminal
    from harness.run_store import has_finished

    folders = [folder for root in (runs or (RUNS_FOLDER,)) for folder in find_runs(root)]
    if not folders:
        where = ", ".join(str(root) for root in (runs or (RUNS_FOLDER,)))
        raise RunError(f"no run in {where}: name the folder of a run, or run a method first")
    unfinished = [folder for folder in folders if not has_finished(folder)]
    for folder in unfinished:
        say(f"left out: {folder} is not finished; start the same run again to finish it")
    made = build_report(load_runs(folder for folder in folders if folder not in unfinished), seed=seed)
    show(to_terminal(made, families=families))
    markdown, _ = write_report(made, out)
    say(f"written to {markdown}")
    return 1 if unfinished else 0


def _test_splits(dataset: Dataset) -> tuple[Split, ...]:
    found = {split for track in Track for split in dataset.splits(track) if split.role == "test"}
    return tuple(split for split in Split if split in found)


def _tasks(dataset: Dataset, splits: tuple[Split, ...]) -> Iterator[Task]:
    for track in Track:
        for split in splits:
            yield from dataset.tasks(track, split)


def _settings(options: RunOptions) -> "PredictorSettings":
    from harness.predictors.protocol import PredictorSettings

    return PredictorSettings(
        backbone=options.backbone,
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
        max_new_tokens=options.max_new_tokens,
        checkpoint=options.checkpoint,
    )


def _default_name(options: RunOptions) -> str:
    backbone = "" if options.backbone == "nano" else "-" + re.sub(r"[^A-Za-z0-9._-]+", "-", options.backbone).strip("-")
    return options.method + backbone


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f} %"
