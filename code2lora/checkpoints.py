"""Checkpoints of Code2LoRA: a folder of `checkpoint.json` and `weights.safetensors` (io).

`checkpoint.json` holds the sizes of the networks, what the tasks are called, where the weights come from, and the hash
of every weight; `weights.safetensors` the weights under the published names, with `head.` or `gru.` before them.
Nothing in such a folder can run. The authors' own files are read by `published_checkpoints.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from torch import nn

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
from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU, GRUConfig, StepInput
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.whitening import Whitening


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Networks with their weights.

    Attributes:
        head: Makes the adapters.
        gru: Makes the head's context from a history; None for the static method.
        whitening: What the repository's vector goes through before a static head; None as published.
        tasks: What the rows of the head's task embedding stand for; empty for a head without one.
        origin: Where the weights come from, as plain JSON.
    """

    head: Code2LoRAHead
    gru: CommitGRU | None = None
    whitening: Whitening | None = None
    tasks: tuple[str, ...] = ()
    origin: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses networks that do not fit each other."""
        if self.gru is not None and self.gru.config.hidden_dim != self.head.config.input_dim:
            raise CheckpointError(
                f"The GRU gives contexts of width {self.gru.config.hidden_dim}, "
                f"the head takes {self.head.config.input_dim}: they are of different checkpoints."
            )
        if self.whitening is not None and (self.gru is not None or self.whitening.kept != self.head.config.input_dim):
            raise CheckpointError(
                f"The whitening gives vectors of width {self.whitening.kept}, the head takes "
                f"{self.head.config.input_dim}{' from a GRU' if self.gru else ''}: they are of different checkpoints."
            )
        if len(self.tasks) != self.head.config.num_tasks:
            raise CheckpointError(
                f"The head knows {self.head.config.num_tasks} tasks, {len(self.tasks)} are named: name each of them."
            )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every weight by its stored name."""
        found = {"head": self.head, "gru": self.gru, "whitening": self.whitening}
        networks: dict[str, nn.Module] = {name: network for name, network in found.items() if network is not None}
        return {f"{prefix}.{name}": t for prefix, net in networks.items() for name, t in net.state_dict().items()}

    def fingerprint(self) -> str:
        """What the networks are: the hex SHA-256 over sizes, task names and weights; no file name, no origin."""
        return _entry_of(self).fingerprint


class _HeadEntry(Strict):
    type_dims: dict[str, tuple[int, int]]
    input_dim: int
    hidden_dim: int
    rank: int
    alpha: float
    num_tasks: int
    task_dim: int


class _GRUEntry(Strict):
    diff_input_dim: int
    repo_state_dim: int
    hidden_dim: int
    per_step_input: StepInput


class _WhiteningEntry(Strict):
    width: int
    kept: int


class _CheckpointEntry(Entry):
    head: _HeadEntry
    gru: _GRUEntry | None
    whitening: _WhiteningEntry | None = None
    tasks: tuple[str, ...]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; equal checkpoints give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        checkpoint: The networks.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    write_checkpoint(folder, _entry_of(checkpoint), checkpoint.tensors())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Reads a checkpoint that `save_checkpoint` wrote, and checks every weight against its hash.

    Args:
        folder: The checkpoint's folder.

    Returns:
        Networks of the stored bits, in evaluation mode, on the processor.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another version, or a damaged one.
    """
    entry = read_entry(folder, _CheckpointEntry, ("code2lora-static", "code2lora-evo"))
    tensors = read_weights(folder, entry)
    head_config = sized(HeadConfig, entry.head, folder)
    gru_config = None if entry.gru is None else sized(GRUConfig, entry.gru, folder)
    where = str(folder / WEIGHTS_NAME)
    parts: dict[str, dict[str, torch.Tensor]] = {"head": {}, "gru": {}, "whitening": {}}
    for name, tensor in tensors.items():
        prefix, _, rest = name.partition(".")
        parts.setdefault(prefix, {})[rest] = tensor
    return Checkpoint(
        head=head_of(head_config, parts["head"], where),
        gru=None if gru_config is None else gru_of(gru_config, parts["gru"], where),
        whitening=None if entry.whitening is None else _whitening_of(entry.whitening, parts["whitening"], where),
        tasks=entry.tasks,
        origin=entry.origin,
    )


def head_of(config: HeadConfig, tensors: Mapping[str, torch.Tensor], where: str) -> Code2LoRAHead:
    """A head of given weights, which it takes over without a copy.

    Args:
        config: The sizes.
        tensors: The weights by their names in the head.
        where: What to call their source in a message.

    Raises:
        CheckpointError: names are missing or unknown, or shapes differ.
    """
    with torch.device("meta"):
        head = Code2LoRAHead(config)
    fill(head, tensors, f"The head in {where}")
    return head


def gru_of(config: GRUConfig, tensors: Mapping[str, torch.Tensor], where: str) -> CommitGRU:
    """A GRU of given weights; see `head_of`."""
    with torch.device("meta"):
        gru = CommitGRU(config)
    fill(gru, tensors, f"The GRU in {where}")
    return gru


def _whitening_of(entry: _WhiteningEntry, tensors: Mapping[str, torch.Tensor], where: str) -> Whitening:
    whitening = Whitening(entry.width, entry.kept)
    fill(whitening, tensors, f"The whitening in {where}")
    return whitening


def _entry_of(checkpoint: Checkpoint) -> _CheckpointEntry:
    facts: dict[str, Any] = {
        "head": asdict(checkpoint.head.config),
        "gru": None if checkpoint.gru is None else asdict(checkpoint.gru.config),
        "tasks": checkpoint.tasks,
    }
    if checkpoint.whitening is not None:  # left out where there is none, as in checkpoints from before there was any
        facts["whitening"] = checkpoint.whitening.sizes
    return make_entry(_CheckpointEntry, facts, checkpoint.tensors(), checkpoint.origin)
