"""`repobench train`: the weights of one method, learnt from the train split of a dataset."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from harness.commands.folders import DATA_FOLDER
from harness.console import Tracker, record, say, show
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.schema import Track

if TYPE_CHECKING:
    from code2lora.training.recipe import TrainingRecipe
    from code2lora.training.record import TrainingRecord
    from code2lora.training.session import TrainingSession
    from code2lora.training.tracking import TensorBoardLog


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What `train` can be told."""

    method: str
    """shared-lora, per-repo-lora, fft, text2lora, code2lora-static, code2lora-evo or code2lora-memory."""
    data: Path = DATA_FOLDER
    """Folder of the dataset."""
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None
    """Folder of the weights. Default: repobench-out/checkpoints/METHOD."""
    recipe: str = "clean"
    """clean, nano (minutes on a processor), spread, spread-nano (8 repositories a step): equal terms; paper; a file."""
    draws: int | None = None
    """Tasks to draw in all, instead of the recipe's."""
    steps: int | None = None
    """The same in optimizer steps."""
    layers: Literal["each", "shared"] | None = None
    """Of the LoRA methods: pairs of each layer's own, or one for all layers, as hypernetworks make them."""
    seed: int = 0
    """Seed of weights and draws."""
    seeds: int = 1
    """Trainings, each with the next seed, in subfolders seed-N."""
    backbone: str = "nano"
    """`nano` (bundled), a Hub id or a folder with a causal language model."""
    encoder: str = "nano"
    """What makes vectors of repositories, named likewise."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16; of the frozen backbone (fft learns in float32)."""
    save_minutes: float = 10.0
    """Least time between two states on the disk; 0 writes one after every step."""
    overwrite: bool = False
    """Start anew where the folder holds a training."""
    dry_run: bool = False
    """Write nothing; make some steps to measure the rate, and show what the training would take."""
    tensorboard: Path | None = None
    """Folder of a log for TensorBoard: loss, learning rate, validation loss, target tokens."""
    vectors: Path | None = None
    """File that keeps the vectors of files and diffs. Default: in the user's cache."""


def train(options: TrainOptions) -> int:
    """Train the weights of one method on the train split; goes on where it stopped.

    Args:
        options: Options.
    """
    from code2lora.training.recipe import load_recipe

    if options.draws is not None and options.steps is not None:
        raise ConfigError("--draws and --steps say the same: give one of them")
    if options.seeds < 1:
        raise ConfigError(f"--seeds {options.seeds} trains nothing: give 1 or more")
    recipe = _chosen(load_recipe(options.recipe, options.method), options)
    folder = options.out or Path("repobench-out/checkpoints") / options.method
    dataset = Dataset(options.data)
    if options.dry_run:
        return _forecast(recipe, dataset, options)
    trainings = []
    for seed in range(options.seed, options.seed + options.seeds):
        place = folder if options.seeds == 1 else folder / f"seed-{seed}"
        trained = _train_one(recipe, seed, place, dataset, options)
        show(_summary(trained, place))
        trainings.append({"folder": place, **trained.model_dump(mode="json")})
    record(trainings=trainings)
    return 0


def _train_one(
    recipe: "TrainingRecipe", seed: int, folder: Path, dataset: Dataset, options: TrainOptions
) -> "TrainingRecord":
    """Trains one seed."""
    from code2lora.training.session import train
    from harness.hypernetworks import vector_store_path

    if options.overwrite:
        clear_training(folder)
    vectors = options.vectors or vector_store_path()
    vectors.parent.mkdir(parents=True, exist_ok=True)
    with _session(recipe, seed, dataset, options, vectors) as session:
        return train(session, folder)


def clear_training(folder: Path) -> None:
    """Deletes a training, finished or not; raises `ConfigError` where the folder holds something else."""
    from code2lora.training.record import RECORD_NAME
    from code2lora.training.workspace import work_folder

    if folder.exists() and not (folder / RECORD_NAME).is_file():
        raise ConfigError(f"{folder} holds something that is no training: choose another folder")
    for old in (folder, work_folder(folder)):
        shutil.rmtree(old, ignore_errors=True)


def _forecast(recipe: "TrainingRecipe", dataset: Dataset, options: TrainOptions) -> int:
    """Shows what the trainings would take."""
    from harness.commands.forecasts import forecast_training, show_training_forecast

    with (
        TemporaryDirectory(prefix="repobench-") as made,
        _session(recipe, options.seed, dataset, options, Path(made) / "vectors.sqlite") as session,
    ):
        found, device = forecast_training(session), session.backbone.device
    return show_training_forecast(found, device=device, trainings=options.seeds)


@contextmanager
def _session(
    recipe: "TrainingRecipe", seed: int, dataset: Dataset, options: TrainOptions, vectors: Path
) -> Iterator["TrainingSession"]:
    """A training that is ready to begin; backbones are loaded anew, as some methods change them."""
    from code2lora.backbone import load_backbone
    from code2lora.training.session import TrainingSession
    from code2lora.vector_store import SqliteVectorStore
    from harness.hypernetworks import keyed_encoder
    from harness.training_data import DatasetTrainingData

    backbone = load_backbone(
        options.backbone, device=options.device, dtype="float32" if recipe.method == "fft" else options.dtype
    )
    encoder = keyed_encoder(load_backbone(options.encoder, device=options.device, dtype=options.dtype))
    with SqliteVectorStore(vectors) as store, _tensorboard(options, seed) as reader, Tracker("steps") as tracker:
        yield TrainingSession(
            recipe=recipe,
            seed=seed,
            data=DatasetTrainingData(dataset, Track(recipe.terms.track)),
            backbone=backbone,
            encoder=encoder,
            encoder_name=options.encoder,
            vectors=store,
            save_seconds=60 * options.save_minutes,
            progress=lambda name, at: tracker.update(name, at.step, at.steps, f"loss {at.loss:.3f}"),
            prepared=lambda done, total: tracker.update("vectors", done, total, unit="vectors"),
            encoding=tracker.encoding,
            reader=reader,
        )


def _tensorboard(options: TrainOptions, seed: int) -> "AbstractContextManager[TensorBoardLog | None]":
    """The log that was asked for; of several seeds each in a subfolder, as their weights."""
    from code2lora.training.tracking import TensorBoardLog

    if options.tensorboard is None:
        return nullcontext()
    return TensorBoardLog(options.tensorboard if options.seeds == 1 else options.tensorboard / f"seed-{seed}")


def _chosen(recipe: "TrainingRecipe", options: TrainOptions) -> "TrainingRecipe":
    from code2lora.training.recipe import with_terms

    if options.steps is not None and options.steps < 1:
        raise ConfigError(f"--steps {options.steps} trains nothing: give 1 or more")
    draws = options.draws if options.steps is None else options.steps * recipe.terms.draws_per_step
    return with_terms(recipe, draws=draws, layers=options.layers)


def _summary(trained: "TrainingRecord", folder: Path) -> str:
    """One line about a training."""
    curves = [outcome for outcome in trained.outcomes if outcome.curve]
    loss = "no validation tasks, the last weights were kept"
    if curves:
        first = sum(outcome.curve[0][1] for outcome in curves) / len(curves)
        best = sum(min(loss for _, loss in outcome.curve) for outcome in curves) / len(curves)
        loss = f"{curves[0].validation} loss {first:.3f} before, {best:.3f} after"
    unvalidated = len(trained.outcomes) - len(curves)
    if curves and unvalidated:
        say(f"{unvalidated} adapters have no validation tasks and keep their last weights")
    return (
        f"{trained.settings.method}: {trained.steps:,} steps, {trained.draws:,} draws, "
        f"{trained.target_tokens:,} target tokens, {trained.trainable_parameters:,} parameters; {loss}; in {folder}"
    )
