"""What a run's weights were trained with, read from their folder (io)."""

import hashlib
import json
from pathlib import Path

from code2lora.backbone import NANO, NANO_FOLDER
from harness.costs import Costs
from harness.errors import PredictorError
from harness.manifest import RunManifest, TrainingManifest
from harness.predictors.protocol import PredictorSettings

ASSETS = NANO_FOLDER.parent


def with_training(manifest: RunManifest, settings: PredictorSettings, costs: Costs) -> RunManifest:
    """The manifest with the training behind its weights, whose seconds are put into `costs`.

    Raises:
        PredictorError: the record of the training is damaged.
    """
    trained = training_of(manifest.method, settings)
    if trained is None:
        return manifest
    costs.training_seconds = trained[1] or 0.0
    return manifest.model_copy(update={"training": trained[0]})


def training_of(method: str, settings: PredictorSettings) -> tuple[TrainingManifest, float | None] | None:
    """The training behind the weights of a method, and its seconds, None if nobody knows.

    None of a method without weights, and of weights that no `repobench train` made.

    Args:
        method: The method's name; `shared-lora-rag` has the weights of `shared-lora`.
        settings: Where its weights are: in `checkpoint`, or in the package.

    Raises:
        PredictorError: the record of the training is damaged.
    """
    folder = ASSETS / method.removesuffix("-rag") if settings.checkpoint is None else Path(settings.checkpoint)
    folder = folder.expanduser()
    if settings.checkpoint is None and settings.backbone != NANO:
        return None
    if not (folder / "training.json").is_file():
        return None
    # Imported late: methods without weights need no torch.
    from code2lora.errors import Code2LoRAError
    from code2lora.training.log import seconds_of
    from code2lora.training.record import LOG_NAME, read_record

    try:
        record = read_record(folder)
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error
    without_seed = record.settings.model_dump(exclude={"seed"})
    manifest = TrainingManifest(
        recipe=record.settings.recipe,
        seed=record.settings.seed,
        settings_sha256=hashlib.sha256(json.dumps(without_seed, sort_keys=True).encode()).hexdigest(),
        repositories=record.repositories,
        draws=record.draws,
        target_tokens=record.target_tokens,
        steps=record.steps,
        trainable_parameters=record.trainable_parameters,
    )
    return manifest, seconds_of(folder / LOG_NAME)
