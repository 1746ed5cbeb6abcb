"""Checkpoints of `code2lora-memory`: a folder of `checkpoint.json` and `weights.safetensors`, as the others' (io).

`checkpoint.json` says `"kind": "memory"`, the sizes of the head, how many definitions of a repository count, where the
weights come from and what backbone they are for, and the hash of every weight. What was fitted (means and directions of
the whitening) is among the weights. Nothing in such a folder can run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from code2lora.checkpoints import CHECKPOINT_NAME, WEIGHTS_NAME, fill
from code2lora.conditioned import MemoryConfig, MemoryHead, Recall
from code2lora.errors import CheckpointError, ShapeError
from code2lora.folders import replace_folder
from code2lora.symbol_features import FeatureKind
from code2lora.tensor_hash import tensors_sha256

KIND: Literal["memory"] = "memory"
SCHEMA_VERSION: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryCheckpoint:
    """A memory head with its weights.

    Attributes:
        head: Makes the adapters.
        symbols: What features are made from.
        records: Definitions of a repository that count.
        backbone_sha256: The weights of the backbone that it was trained with, whose embeddings it takes.
        origin: Where the weights come from, as plain JSON.
    """

    head: MemoryHead
    symbols: FeatureKind
    records: int
    backbone_sha256: str
    origin: Mapping[str, JsonValue] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """What the head is: the hex SHA-256 over sizes, backbone and weights; no file name, no origin."""
        return _fingerprint(self, tensors_sha256(self.head.state_dict()))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _HeadEntry(_Strict):
    type_dims: dict[str, tuple[int, int]]
    layers: int
    key_dim: int
    value_dim: int
    whitened_dim: int
    rank: int
    shared_rank: int
    alpha: float
    recall: Recall
    whitens: bool
    gated: bool


class _CheckpointFile(_Strict):
    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["memory"] = KIND
    head: _HeadEntry
    symbols: FeatureKind
    records: int
    backbone_sha256: str
    origin: dict[str, JsonValue]
    weights_sha256: str
    fingerprint: str


def save_memory_checkpoint(folder: Path, checkpoint: MemoryCheckpoint) -> None:
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
        symbols=checkpoint.symbols,
        records=checkpoint.records,
        backbone_sha256=checkpoint.backbone_sha256,
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


def load_memory_checkpoint(folder: Path) -> MemoryCheckpoint:
    """Reads a checkpoint that `save_memory_checkpoint` wrote, and checks every weight against its hash.

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
        raise CheckpointError(f"{path} cannot be read ({error}); fetch or train the checkpoint again.") from error
    if (found := tensors_sha256(tensors)) != entry.weights_sha256:
        raise CheckpointError(
            f"{path} has weights {found[:12]}, {CHECKPOINT_NAME} states {entry.weights_sha256[:12]}: "
            "one of them was changed; fetch or train the checkpoint again."
        )
    try:
        config = MemoryConfig(**entry.head.model_dump())
    except ShapeError as error:
        raise CheckpointError(f"{folder / CHECKPOINT_NAME} is damaged: {error}") from error
    with torch.device("meta"):
        head = MemoryHead(config)
    fill(head, tensors, f"The memory head in {path}")
    return MemoryCheckpoint(
        head=head,
        symbols=entry.symbols,
        records=entry.records,
        backbone_sha256=entry.backbone_sha256,
        origin=entry.origin,
    )


def is_memory(folder: Path) -> bool:
    """Whether a folder's checkpoint says that it is a memory's; a damaged one says nothing."""
    try:
        raw = json.loads((folder / CHECKPOINT_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and raw.get("kind") == KIND


def _read_entry(path: Path) -> _CheckpointFile:
    if not path.is_file():
        raise CheckpointError(
            f"{path.parent} is no checkpoint (no {CHECKPOINT_NAME}): run repobench train --method code2lora-memory."
        )
    try:
        raw: Any = json.loads(path.read_text("utf-8"))
        if isinstance(raw, dict) and raw.get("kind") != KIND:
            method = "code2lora-evo" if raw.get("gru") else "code2lora-static"
            raise CheckpointError(f"the checkpoint in {path.parent} is for {method}, not for code2lora-memory")
        if isinstance(raw, dict) and raw.get("schema_version") != SCHEMA_VERSION:
            raise CheckpointError(
                f"{path} has schema version {raw.get('schema_version')}, this version reads {SCHEMA_VERSION}: "
                "install the repobench that wrote it, or train again."
            )
        return _CheckpointFile.model_validate(raw)
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _fingerprint(checkpoint: MemoryCheckpoint, weights_sha256: str) -> str:
    facts = {
        "kind": KIND,
        "head": asdict(checkpoint.head.config),
        "symbols": checkpoint.symbols,
        "records": checkpoint.records,
        "backbone_sha256": checkpoint.backbone_sha256,
        "weights_sha256": weights_sha256,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
