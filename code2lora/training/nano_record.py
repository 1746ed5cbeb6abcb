"""`training.json` of a `nano`: what its training was and what came of it. Holds no clock time: `run.log` does."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from code2lora.errors import TrainingError
from code2lora.training.nano_recipe import Validation
from code2lora.training.record import RECORD_NAME

SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Terms(_Strict):
    """What settings and record both say.

    Attributes:
        recipe: Every number of the recipe.
        source_bytes: Most bytes of text that one release gives.
        device: Kind of device; rounding differs between kinds.
        compiled: Whether steps were compiled, which rounds otherwise too.
        versions: Of Python, whose parser chooses files, and of what tokenizes and trains.
    """

    recipe: dict[str, int | float]
    source_bytes: int
    device: str
    compiled: bool = False
    versions: dict[str, str]


class NanoSettings(_Terms):
    """Everything that the weights depend on.

    Attributes:
        sources: The releases, each with its file's hash.
    """

    sources: tuple[dict[str, Any], ...]

    def sha256(self) -> str:
        """What identifies the training."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


class NanoRecord(_Terms):
    """The whole record.

    Attributes:
        schema_version: Of this layout.
        settings_sha256: The settings, as one hash.
        corpus: `sha256`, `files` and `tokens` of `train`, `val` and `unseen`, and what each of the `sources` gave.
        parameters: Numbers that were trained.
        steps: Optimizer steps done.
        tokens: Tokens learnt from, repeats counted.
        curve: Step and held-out loss (nats per token).
        best_step: The step whose weights were kept.
        validation: Of these weights, on held-out files of the projects that were learnt from.
        unseen: The same on projects that nothing was learnt from; None where the list has none.
    """

    schema_version: int = SCHEMA_VERSION
    settings_sha256: str
    corpus: dict[str, Any]
    parameters: int
    steps: int
    tokens: int
    curve: tuple[tuple[int, float], ...]
    best_step: int
    validation: Validation
    unseen: Validation | None

    def to_json(self) -> str:
        """The record as the text of its file."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


def read_nano_record(folder: Path) -> NanoRecord:
    """The record of a folder that a training of `nano` wrote.

    Raises:
        TrainingError: the folder has none, or one that is damaged or of another training.
    """
    path = folder / RECORD_NAME
    try:
        return NanoRecord.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        raise TrainingError(f"{path} is no record of a training of nano ({error}); choose another folder.") from error
