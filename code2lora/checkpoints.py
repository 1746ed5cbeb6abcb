"""Checkpoints of Code2LoRA: a folder of `checkpoint.json` and `weights.safetensors` (io).

`checkpoint.json` holds the sizes of the networks, what the tasks are called, where the weights come from, and the hash
of every weight; `weights.safetensors` the weights under the published names, with `head.` or `gru.` before them.
Nothing in such a folder can run. The authors' own files are read by `published_checkpoints.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from code2lora.errors import CheckpointError, ShapeError
from code2lora.evolution import CommitGRU, GRUConfig, StepInput
from code2lora.folders import replace_folder
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.tensor_hash import tensors_sha256
from code2lora.whitening import Whitening

CHECKPOINT_NAME = "checkpoint.json"
WEIGHTS_NAME = "weights.safetensors"
SCHEMA_VERSION: Literal[1] = 1
_MOST_NAMED = 6


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
        return _fingerprint(self, tensors_sha256(self.tensors()))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _HeadEntry(_Strict):
    type_dims: dict[str, tuple[int, int]]
    input_dim: int
    hidden_dim: int
    rank: int
    alpha: float
    num_tasks: int
    task_dim: int


class _GRUEntry(_Strict):
    diff_input_dim: int
    repo_state_dim: int
    hidden_dim: int
    per_step_input: StepInput


class _WhiteningEntry(_Strict):
    width: int
    kept: int


class _CheckpointFile(_Strict):
    schema_version: Literal[1] = SCHEMA_VERSION
    head: _HeadEntry
    gru: _GRUEntry | None
    whitening: _WhiteningEntry | None = None
    tasks: tuple[str, ...]
    origin: dict[str, JsonValue]
    weights_sha256: str
    fingerprint: str


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; equal checkpoints give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        checkpoint: The networks.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors().items()}
    weights_sha256 = tensors_sha256(tensors)
    entry = _CheckpointFile(
        head=_HeadEntry(**asdict(checkpoint.head.config)),
        gru=None if checkpoint.gru is None else _GRUEntry(**asdict(checkpoint.gru.config)),
        whitening=None if checkpoint.whitening is None else _WhiteningEntry(**checkpoint.whitening.sizes),
        tasks=checkpoint.tasks,
        origin=dict(checkpoint.origin),
        weights_sha256=weights_sha256,
        fingerprint=_fingerprint(checkpoint, weights_sha256),
    )

    def write(partial: Path) -> None:
        save_file(tensors, partial / WEIGHTS_NAME, metadata={"format": "pt"})
        # Left out where there is none, as in checkpoints that were written before there was any.
        left_out = {"whitening"} if entry.whitening is None else set()
        text = json.dumps(entry.model_dump(mode="json", exclude=left_out), indent=2, sort_keys=True)
        (partial / CHECKPOINT_NAME).write_text(text + "\n", "utf-8")

    if not replace_folder(folder, CHECKPOINT_NAME, write):
        raise CheckpointError(f"{folder} holds something that is no checkpoint; choose another folder.")


def load_checkpoint(folder: Path) -> Checkpoint:
    """Reads a checkpoint that `save_checkpoint` wrote, and checks every weight against its hash.

    Args:
        folder: The checkpoint's folder.

    Returns:
        Networks of the stored bits, in evaluation mode, on the processor.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another version, or a damaged one.
    """
    entry = _read_entry(folder / CHECKPOINT_NAME)
    path = folder / WEIGHTS_NAME
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); fetch or convert the checkpoint again.") from error
    if (found := tensors_sha256(tensors)) != entry.weights_sha256:
        raise CheckpointError(
            f"{path} has weights {found[:12]}, {CHECKPOINT_NAME} states {entry.weights_sha256[:12]}: "
            "one of them was changed; fetch or convert the checkpoint again."
        )
    try:
        head_config = HeadConfig(**entry.head.model_dump())
        gru_config = None if entry.gru is None else GRUConfig(**entry.gru.model_dump())
    except ShapeError as error:
        raise CheckpointError(f"{folder / CHECKPOINT_NAME} is damaged: {error}") from error
    parts: dict[str, dict[str, torch.Tensor]] = {"head": {}, "gru": {}, "whitening": {}}
    for name, tensor in tensors.items():
        prefix, _, rest = name.partition(".")
        parts.setdefault(prefix, {})[rest] = tensor
    return Checkpoint(
        head=head_of(head_config, parts["head"], str(path)),
        gru=None if gru_config is None else gru_of(gru_config, parts["gru"], str(path)),
        whitening=None if entry.whitening is None else _whitening_of(entry.whitening, parts["whitening"], str(path)),
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


def fill(network: nn.Module, tensors: Mapping[str, torch.Tensor], what: str) -> None:
    """Gives a network on the meta device its weights, and puts it into evaluation mode.

    Args:
        network: The network.
        tensors: The weights by their names in it, taken over without a copy.
        what: What to call them in a message.

    Raises:
        CheckpointError: names are missing or unknown, or shapes or types differ; every difference in one sentence.
    """
    expected = network.state_dict()
    problems = []
    if missing := sorted(expected.keys() - tensors.keys()):
        problems.append(f"lacks {_listed(missing)}")
    if unknown := sorted(tensors.keys() - expected.keys()):
        problems.append(f"has unknown {_listed(unknown)}")
    for name in sorted(expected.keys() & tensors.keys()):
        found, wanted = tensors[name], expected[name]
        if found.shape != wanted.shape:
            problems.append(f"has {name} of shape {tuple(found.shape)} instead of {tuple(wanted.shape)}")
        elif found.dtype != torch.float32:
            problems.append(f"has {name} of type {found.dtype} instead of torch.float32")
    if problems:
        more = f"; {len(problems) - _MOST_NAMED} more differ" if len(problems) > _MOST_NAMED else ""
        raise CheckpointError(f"{what} {'; '.join(problems[:_MOST_NAMED])}{more}: it does not fit its stated sizes.")
    network.load_state_dict(dict(tensors), assign=True)
    network.train(False)


def _read_entry(path: Path) -> _CheckpointFile:
    if not path.is_file():
        raise CheckpointError(f"{path.parent} is no checkpoint (no {CHECKPOINT_NAME}): convert a published file first.")
    try:
        raw = json.loads(path.read_text("utf-8"))
        if isinstance(raw, dict) and raw.get("kind") == "memory":
            raise CheckpointError(f"the checkpoint in {path.parent} is for code2lora-memory, not for this method")
        if isinstance(raw, dict) and raw.get("schema_version") != SCHEMA_VERSION:
            raise CheckpointError(
                f"{path} has schema version {raw.get('schema_version')}, this version reads {SCHEMA_VERSION}: "
                "install the repobench that wrote it, or convert the published file again."
            )
        return _CheckpointFile.model_validate(raw)
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _fingerprint(checkpoint: Checkpoint, weights_sha256: str) -> str:
    gru = None if checkpoint.gru is None else asdict(checkpoint.gru.config)
    facts: dict[str, object] = {
        "head": asdict(checkpoint.head.config),
        "gru": gru,
        "tasks": checkpoint.tasks,
        "weights_sha256": weights_sha256,
    }
    if checkpoint.whitening is not None:
        facts["whitening"] = checkpoint.whitening.sizes
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _listed(names: list[str]) -> str:
    """Names for a message, the first few of many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
