"""What a training was and what came of it: `training.json` of its folder. Holds no clock time: `run.log` does."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from code2lora.errors import TrainingError
from code2lora.training.state import Standing

RECORD_NAME = "training.json"
LOG_NAME = "run.log"
SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Strict):
    """Everything that the weights depend on.

    Attributes:
        method: What was trained.
        recipe: The name of the recipe.
        terms: Its terms, with what the method replaces put in.
        own: What is the method's own.
        seed: Seeds weights and draws.
        dataset_sha256: The dataset.
        backbone: The name of the backbone.
        backbone_sha256: Its weights.
        encoder: The name of the encoder; None for methods without one.
        encoder_sha256: Its weights; behind them, where it is not float32 on a processor, kind of device and number.
        device: Kind of device; rounding differs between kinds.
        versions: Of torch and transformers.
    """

    method: str
    recipe: str
    terms: dict[str, Any]
    own: dict[str, Any]
    seed: int
    dataset_sha256: str
    backbone: str
    backbone_sha256: str
    encoder: str | None
    encoder_sha256: str | None
    device: str
    versions: dict[str, str]

    def sha256(self) -> str:
        """What identifies the training."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()


class Outcome(_Strict):
    """What one network, or one repository's adapter, came to.

    Attributes:
        repo_id: The repository; None where the network serves all.
        steps: Optimizer steps done.
        draws: Tasks drawn, repeats counted.
        target_tokens: Tokens that the loss counted, over all draws.
        validation: Which split chose the weights; None where the last ones were kept.
        curve: Step and validation loss (nats per target token, mean over repositories); step 0 is untrained.
        best_step: The step whose weights were kept.
        strengths: Of `code2lora-memory`, validation loss by what the generated part was multiplied by.
        strength: The factor that was chosen by it, and is in the weights.
    """

    repo_id: str | None
    steps: int
    draws: int
    target_tokens: int
    validation: str | None
    curve: tuple[tuple[int, float], ...]
    best_step: int
    strengths: tuple[tuple[float, float], ...] = ()
    strength: float | None = None


class TrainingRecord(_Strict):
    """The whole record.

    Attributes:
        schema_version: Of this layout.
        settings: What the weights depend on.
        settings_sha256: The same, as one hash.
        repositories: Repositories that were learnt from.
        tasks: Distinct tasks that were drawn.
        draws: Tasks drawn, repeats counted.
        target_tokens: Tokens that the loss counted.
        steps: Optimizer steps; of `per-repo-lora` over all adapters.
        trainable_parameters: Numbers that were trained; of `per-repo-lora` those of one adapter.
        outcomes: One, or one for each repository.
    """

    schema_version: int = SCHEMA_VERSION
    settings: Settings
    settings_sha256: str
    repositories: int
    tasks: int
    draws: int
    target_tokens: int
    steps: int
    trainable_parameters: int
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> str:
        """The record as the text of its file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def outcome_of(standing: Standing, *, repo_id: str | None, validation: str | None) -> Outcome:
    """What a training that has ended came to."""
    return Outcome(
        repo_id=repo_id,
        steps=standing.step,
        draws=standing.draws,
        target_tokens=standing.tokens,
        validation=validation if standing.curve else None,
        curve=tuple(standing.curve),
        best_step=standing.step if standing.best_step is None else standing.best_step,
    )


def read_record(folder: Path) -> TrainingRecord:
    """The record of a folder of trained weights.

    Raises:
        TrainingError: the folder has none, or one that is damaged or of another version.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        raise TrainingError(f"{folder} holds no trained weights (no {RECORD_NAME}); run repobench train first.")
    try:
        raw = json.loads(path.read_text("utf-8"))
        if isinstance(raw, dict) and raw.get("schema_version") != SCHEMA_VERSION:
            raise TrainingError(
                f"{path} has schema version {raw.get('schema_version')}, this version reads 1: train again."
            )
        return TrainingRecord.model_validate(raw)
    except (OSError, ValueError, ValidationError) as error:
        raise TrainingError(f"{path} is damaged ({error}); train again.") from error
