"""`repobench run` and `score`: predictions of one method, and their scores."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from harness.commands.folders import DATA_FOLDER, RUNS_FOLDER
from harness.console import Tracker, record, say, show
from harness.predictors.protocol import Refresh
from harness.records import CodeBleuBackend, PredictionRequest, RunSummary
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.schema import Split, State, Task, TaskInput, Track

if TYPE_CHECKING:
    from harness.answering import Answering, AnsweringHere
    from harness.manifest import RunManifest
    from harness.predictors.protocol import PredictorSettings
    from harness.predictors.retrieval.recipe import RetrievalRecipe
    from harness.selection import TaskSelection


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` can be told."""

    method: str
    """most-frequent, copy-prefix, previous-version, pretrained, icl, rag, drc, shared-lora, per-repo-lora, fft,
    shared-lora-rag, fft-rag, text2lora, code2lora-static, code2lora-evo or code2lora-memory; or MODULE:CLASS, your
    own."""
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
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16."""
    batch_size: int | Literal["auto"] = 16
    """Tasks that are answered together; `auto` is as many as memory has room for, and what a begun run began with."""
    max_new_tokens: int = 64
    """Most tokens of a prediction."""
    state: State = State.COMMIT
    """What methods see of a commit on the evolution track: its own production code too (commit), or what came before
    (parent: the kept commit before). Runs of one state alone are compared."""
    checkpoint: str | None = None
    """Trained weights: a folder; of a code2lora method also a .pt file or a Hub id. Default: the backbone's own."""
    encoder: str | None = None
    """Backbone that turns code into vectors. Default: the one that the checkpoint was trained with; for methods that
    retrieve, the backbone itself."""
    embeddings: Literal["dataset"] | None = None
    """`dataset` takes the published vectors of imported data in the place of an encoder."""
    refresh: Refresh = Refresh.EVERY_COMMIT
    """When text2lora, code2lora-static and -memory look anew: at every commit, or never after the last train commit
    (start)."""
    retrieval: str | None = None
    """Recipe of methods that retrieve (icl, rag, drc, shared-lora-rag, fft-rag): clean, paper or a TOML file. Default:
    clean."""
    k: int | None = None
    """Most passages, definitions or examples before a prefix, instead of the recipe's."""
    context_tokens: int | None = None
    """Most tokens that they may have together, instead of the recipe's."""
    engine: Literal["local", "ray"] = "local"
    """Where tasks are answered: in this process, or on a Ray cluster with one worker per GPU, or per CPU."""
    ray_address: str | None = None
    """HOST:PORT of the cluster's head node. Default: the cluster of this machine, which is started if there is none."""
    overwrite: bool = False
    """Start anew where the folder holds a run."""
    dry_run: bool = False
    """Write nothing; answer some tasks to measure the rate, and show what the run would take."""
    cache: Path | None = None
    """Folder of the clones, if `mine` was given one."""


def run(options: RunOptions) -> int:
    """Answer tasks with one method and score the answers; goes on where it stopped.

    Args:
        options: Options.
    """
    from harness.answering import AnsweringHere
    from harness.commands.forecasts import show_run_forecast
    from harness.costs import costs_of, note_costs
    from harness.forecasting import forecast_run
    from harness.manifest import describe_run
    from harness.predictors.protocol import build_predictor, conditioning_of, tell_encoding_of, weights_of
    from harness.run_store import discard_run
    from harness.runner import run_answers
    from harness.task_facts import history_lengths
    from harness.training_facts import with_training
    from repopeftbench.dataset.build import default_cache
    from repopeftbench.views import DatasetViews

    _check_options(options)
    dataset = Dataset(options.data)
    selection, tasks = _selected(options, dataset)
    folder = options.out or RUNS_FOLDER / _default_name(options)
    options = replace(options, batch_size=_batch_size(options, folder))
    settings = _settings(options)
    predictor = build_predictor(options.method, settings, lambda: _tasks(dataset, (Split.IR_TRAIN,)))
    views = DatasetViews(dataset.manifest, options.cache or default_cache(), folder=dataset.folder)
    seen = partial(views.of_task, state=options.state)
    first = PredictionRequest(task=TaskInput.of(tasks[0]), view=seen(tasks[0]))
    with Tracker("tasks") as tracker:
        tell_encoding_of(predictor, tracker.encoding)
        manifest = describe_run(
            tasks,
            method=options.method,
            settings=settings,
            selection=selection,
            dataset_sha256=dataset.sha256,
            weights_sha256=weights_of(predictor),
            conditioning=conditioning_of(predictor, first),
        )
        forecast = forecast_run(tasks, predictor, seen) if options.dry_run else None
    if forecast is not None:
        return show_run_forecast(forecast, device=options.device)
    costs = costs_of(predictor)
    manifest = with_training(manifest, settings, costs)
    if options.overwrite:
        discard_run(folder)
    with _answering(options, AnsweringHere(predictor, seen), manifest) as answering, Tracker("tasks") as tracker:
        tell_encoding_of(predictor, tracker.encoding)
        summary = run_answers(
            tasks=tasks,
            answering=answering,
            manifest=manifest,
            folder=folder,
            history_lengths=history_lengths(dataset.manifest),
            progress=lambda done, total: tracker.update(options.method, done, total),
        )
    note_costs(folder, costs)
    _say_outcome(options.method, summary, folder)
    return 1 if summary.failures else 0


def score(
    run_folder: Path,
    /,
    *,
    data: Path = DATA_FOLDER,
    codebleu_backend: CodeBleuBackend = CodeBleuBackend.OURS,
    workers: int = 1,
) -> int:
    """Score the predictions of a run again, without any model.

    Args:
        run_folder: Folder of the run.
        data: Folder of the dataset it was run on.
        codebleu_backend: What computes the CodeBLEU of the paper: our own code, or the package, where it is installed.
        workers: Processes to score with; the scores do not depend on it.
    """
    from harness.run_store import read_manifest
    from harness.runner import score_run
    from harness.task_facts import read_facts

    if workers < 1:
        raise ConfigError(f"--workers {workers} leaves nobody to score: give 1 or more")
    manifest = read_manifest(run_folder)
    facts = read_facts(Dataset(data), manifest.tracks, manifest.splits)
    summary = score_run(run_folder, facts, backend=codebleu_backend, workers=workers)
    show(f"{run_folder}: {_in_words(summary)}")
    record(folder=run_folder, **asdict(summary))
    return 0


def _splits(dataset: Dataset, options: RunOptions) -> tuple[Split, ...]:
    splits = tuple(dict.fromkeys(options.split)) or _test_splits(dataset)
    if not splits:
        raise ConfigError(f"{options.data} has no test split: name others with --split, or mine more repositories")
    return splits


def _check_options(options: RunOptions) -> None:
    if options.ray_address is not None and options.engine != "ray":
        raise ConfigError(f"--ray-address {options.ray_address} has no meaning without --engine ray: add it")
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit} leaves no task: give 1 or more")


@contextmanager
def _answering(options: RunOptions, here: "AnsweringHere", manifest: "RunManifest") -> Iterator["Answering"]:
    """Who answers: this process, or workers that are set up as it is."""
    if options.engine == "local":
        yield here
        return
    from harness.answering_on_ray import AnsweringOnRay, Workplace
    from repopeftbench.dataset.build import default_cache
    from repopeftbench.ray_engine import cluster_has_gpus, ray_engine

    workplace = Workplace(
        method=options.method,
        settings=_settings(options),
        data=options.data.absolute(),
        dataset_sha256=manifest.dataset_sha256,
        cache=(options.cache or default_cache()).absolute(),
        weights_sha256=manifest.weights_sha256,
    )
    with ray_engine(options.ray_address, os.cpu_count() or 1):
        yield AnsweringOnRay(workplace=workplace, on_gpus=options.device != "cpu" and cluster_has_gpus())


def _selected(options: RunOptions, dataset: Dataset) -> tuple["TaskSelection", tuple[Task, ...]]:
    from harness.selection import TaskSelection, select_tasks

    tracks = tuple(dict.fromkeys(options.track))
    selection = TaskSelection(splits=_splits(dataset, options), tracks=tracks, limit=options.limit, seed=options.seed)
    tasks = select_tasks(_tasks(dataset, selection.splits), selection)
    if not tasks:
        raise ConfigError(f"{options.data} has no task in {', '.join(selection.splits)}: choose other splits or tracks")
    return selection, tasks


def _test_splits(dataset: Dataset) -> tuple[Split, ...]:
    found = {split for track in Track for split in dataset.splits(track) if split.role == "test"}
    return tuple(split for split in Split if split in found)


def _tasks(dataset: Dataset, splits: tuple[Split, ...]) -> Iterator[Task]:
    for track in Track:
        for split in splits:
            yield from dataset.tasks(track, split)


def _batch_size(options: RunOptions, folder: Path) -> int:
    """The number of `--batch-size`; of `auto` that of the run in the folder, so that it goes on as it began."""
    if options.batch_size != "auto":
        return options.batch_size
    from harness.run_store import begun_with

    begun = None if options.overwrite else begun_with(folder)
    if begun is not None:
        return begun.settings.batch_size
    from code2lora.batch_sizes import rows_that_fit
    from code2lora.errors import Code2LoRAError
    from harness.errors import PredictorError

    try:
        return rows_that_fit(options.backbone, device=options.device, dtype=options.dtype)
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error


def _settings(options: RunOptions) -> "PredictorSettings":
    from harness.predictors.protocol import PredictorSettings

    assert options.batch_size != "auto"  # `run` has chosen by now
    return PredictorSettings(
        backbone=options.backbone,
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
        max_new_tokens=options.max_new_tokens,
        state=options.state,
        checkpoint=options.checkpoint,
        encoder=options.encoder,
        refresh=options.refresh,
        embeddings=None if options.embeddings is None else options.data,
        retrieval=_retrieval(options),
    )


def _retrieval(options: RunOptions) -> "RetrievalRecipe | None":
    from harness.predictors.retrieval.recipe import SETTINGS, load_retrieval

    given = {"--retrieval": options.retrieval, "--k": options.k, "--context-tokens": options.context_tokens}
    if options.method in SETTINGS:
        return load_retrieval(
            options.retrieval or "clean", options.method, k=options.k, context_tokens=options.context_tokens
        )
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name} {value} has no use with {options.method}: it is for {', '.join(SETTINGS)}")
    return None


def _default_name(options: RunOptions) -> str:
    recipe = "" if options.retrieval is None else Path(options.retrieval).stem
    named = (recipe if recipe != "clean" else "", options.backbone if options.backbone != "nano" else "")
    plain = (re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") for name in named)
    return "-".join([options.method.replace(":", "."), *(name for name in plain if name)])


def _say_outcome(method: str, summary: RunSummary, folder: Path) -> None:
    if summary.resumed_at:
        say(f"{summary.resumed_at:,} of {summary.tasks:,} tasks were answered before")
    show(f"{method}: {_in_words(summary)}, in {folder}")
    record(method=method, folder=folder, **asdict(summary))
    if summary.failures:
        say(f"{summary.failures:,} tasks failed (they count as wrong); {folder / 'run.log'} says why")


def _in_words(summary: RunSummary) -> str:
    matches = (
        f"EM {_percent(summary.em_strict)} (AST {_percent(summary.em_ast)}, paper's rule {_percent(summary.em_paper)})"
    )
    return f"{summary.tasks:,} tasks, {matches}"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f} %"
