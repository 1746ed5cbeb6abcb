"""Checkpoints of `code2lora-memory`: a folder of `checkpoint.json` and `weights.safetensors`, as the others' (io).

`checkpoint.json` says `"kind": "memory"`, the sizes of the head, how many definitions of a repository count, where the
weights come from and what backbone they are for, and the hash of every weight. What was fitted (means and directions of
the whitening) is among the weights. Nothing in such a folder can run.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import JsonValue

from code2lora.checkpoint_folders import (
    WEIGHTS_NAME,
    Entry,
    Strict,
    fill,
    make_entry,
    read_entry,
    read_weights,
    sized,
    write_checkpoint,
)
from code2lora.conditioned import MemoryConfig, MemoryHead, Recall
from code2lora.symbol_features import FeatureKind

KIND: Literal["memory"] = "memory"


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
        return _entry_of(self).fingerprint


class _HeadEntry(Strict):
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


class _MemoryEntry(Entry):
    kind: Literal["memory"]
    head: _HeadEntry
    symbols: FeatureKind
    records: int
    backbone_sha256: str


def save_memory_checkpoint(folder: Path, checkpoint: MemoryCheckpoint) -> None:
    """Writes a checkpoint; equal checkpoints give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        checkpoint: The head.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    write_checkpoint(folder, _entry_of(checkpoint), checkpoint.head.state_dict())


def load_memory_checkpoint(folder: Path) -> MemoryCheckpoint:
    """Reads a checkpoint that `save_memory_checkpoint` wrote, and checks every weight against its hash.

    Args:
        folder: The checkpoint's folder.

    Returns:
        A head of the stored bits, in evaluation mode, on the processor.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another kind or version, or a damaged one.
    """
    entry = read_entry(folder, _MemoryEntry, ("code2lora-memory",))
    tensors = read_weights(folder, entry)
    config = sized(MemoryConfig, entry.head, folder)
    with torch.device("meta"):
        head = MemoryHead(config)
    fill(head, tensors, f"The memory head in {folder / WEIGHTS_NAME}")
    return MemoryCheckpoint(
        head=head,
        symbols=entry.symbols,
        records=entry.records,
        backbone_sha256=entry.backbone_sha256,
        origin=entry.origin,
    )


def _entry_of(checkpoint: MemoryCheckpoint) -> _MemoryEntry:
    facts = {
        "kind": KIND,
        "head": asdict(checkpoint.head.config),
        "symbols": checkpoint.symbols,
        "records": checkpoint.records,
        "backbone_sha256": checkpoint.backbone_sha256,
    }
    return make_entry(_MemoryEntry, facts, checkpoint.head.state_dict(), checkpoint.origin)
