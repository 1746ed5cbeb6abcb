"""Checkpoints of `text2lora`: a folder of `checkpoint.json` and `weights.safetensors`, as the others' (io).

`checkpoint.json` says `"kind": "text"`, the sizes of the head, what it is given, where the weights come from, and the
hash of every weight. Nothing in such a folder can run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from code2lora.checkpoints import CHECKPOINT_NAME, WEIGHTS_NAME, fill
from code2lora.errors import CheckpointError, ShapeError
from code2lora.folders import replace_folder
from code2lora.tensor_hash import tensors_sha256
from code2lora.text_head import Text2LoRAConfig, Text2LoRAHead

KIND: Literal["text"] = "text"
SCHEMA_VERSION: Literal[1] = 1

TextInput: TypeAlias = Literal["description", "files"]
"""What a head is given: the vector of the repository's description, or, as published, that of its files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextCheckpoint:
    """A head with its weights.

    Attributes:
        head: Makes the adapters.
        input: What it is given.
        origin: Where the weights come from, as plain JSON; with `encoder` and `state_recipe`, which make its vectors.
    """

    head: Text2LoRAHead
    input: TextInput
    origin: Mapping[str, JsonValue] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """What the head is: the hex SHA-256 over sizes, input and weights; no file name, no origin."""
        return _fingerprint(self, tensors_sha256(self.head.state_dict()))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _HeadEntry(_Strict):
    type_dims: dict[str, tuple[int, int]]
    layers: int
    input_dim: int
    latent_dim: int
    rank: int
    alpha: float


class _CheckpointFile(_Strict):
    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["text"] = KIND
    head: _HeadEntry
    input: TextInput
    origin: dict[str, JsonValue]
    weights_sha256: str
    fingerprint: str


def save_text_checkpoint(folder: Path, checkpoint: TextCheckpoint) -> None:
    """Writes a checkpoint; equal checkpoints give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        checkpoint: The head.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.head.state_dict().items()}
    weights_sha256 = tensors_sha256(tensors)
    entry = _CheckpointFile(
        head=_HeadEntry(**asdict(checkpoint.head.config)),
        input=checkpoint.input,
        origin=dict(checkpoint.origin),
        weights_sha256=weights_sha256,
        fingerprint=_fingerprint(checkpoint, weights_sha256),
    )

    def write(partial: Path) -> None:
        save_file(tensors, partial / WEIGHTS_NAME, metadata={"format": "pt"})
        text = json.dumps(entry.model_dump(mode="json"), indent=2, sort_keys=True)
        (partial / CHECKPOINT_NAME).write_text(text + "\n", "utf-8")

    if not replace_folder(folder, CHECKPOINT_NAME, write):
        raise CheckpointError(f"{folder} holds something that is no checkpoint; choose another folder.")


def load_text_checkpoint(folder: Path) -> TextCheckpoint:
    """Reads a checkpoint that `save_text_checkpoint` wrote, and checks every weight against its hash.

    Args:
        folder: The checkpoint's folder.

    Returns:
        A head of the stored bits, in evaluation mode, on the processor.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another kind or version, or a damaged one.
    """
    entry = _read_entry(folder / CHECKPOINT_NAME)
    path = folder / WEIGHTS_NAME
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); train the checkpoint again.") from error
    if (found := tensors_sha256(tensors)) != entry.weights_sha256:
        raise CheckpointError(
            f"{path} has weights {found[:12]}, {CHECKPOINT_NAME} states {entry.weights_sha256[:12]}: "
            "one of them was changed; train the checkpoint again."
        )
    try:
        config = Text2LoRAConfig(**entry.head.model_dump())
    except ShapeError as error:
        raise CheckpointError(f"{folder / CHECKPOINT_NAME} is damaged: {error}") from error
    with torch.device("meta"):
        head = Text2LoRAHead(config)
    fill(head, tensors, f"The head in {path}")
    return TextCheckpoint(head=head, input=entry.input, origin=entry.origin)


def _read_entry(path: Path) -> _CheckpointFile:
    if not path.is_file():
        raise CheckpointError(
            f"{path.parent} is no checkpoint (no {CHECKPOINT_NAME}): run repobench train --method text2lora."
        )
    try:
        raw: Any = json.loads(path.read_text("utf-8"))
        if isinstance(raw, dict) and raw.get("kind") != KIND:
            raise CheckpointError(f"the checkpoint in {path.parent} is of another method than text2lora")
        if isinstance(raw, dict) and raw.get("schema_version") != SCHEMA_VERSION:
            raise CheckpointError(
                f"{path} has schema version {raw.get('schema_version')}, this version reads {SCHEMA_VERSION}: "
                "install the repobench that wrote it, or train again."
            )
        return _CheckpointFile.model_validate(raw)
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _fingerprint(checkpoint: TextCheckpoint, weights_sha256: str) -> str:
    facts = {
        "kind": KIND,
        "head": asdict(checkpoint.head.config),
        "input": checkpoint.input,
        "weights_sha256": weights_sha256,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
