"""The folder of any checkpoint of ours: what `checkpoint.json` states, and the weights that it states it of (io).

It knows no network: `checkpoints.py`, `memory_checkpoints.py` and `text_checkpoints.py` say what their entries hold.
Nothing in such a folder can run.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from code2lora.errors import CheckpointError, ShapeError
from code2lora.folders import replace_folder
from code2lora.tensor_hash import tensors_sha256

CHECKPOINT_NAME = "checkpoint.json"
WEIGHTS_NAME = "weights.safetensors"
SCHEMA_VERSION: Literal[1] = 1
_METHODS_BY_KIND = {"memory": "code2lora-memory", "text": "text2lora"}
_NOT_IDENTITY = {"schema_version", "origin", "fingerprint"}
_MOST_NAMED = 6


class Strict(BaseModel):
    """A part of `checkpoint.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Strict):
    """What every `checkpoint.json` states.

    Attributes:
        schema_version: Of the layout.
        origin: Where the weights come from, as plain JSON.
        weights_sha256: What the weights are.
        fingerprint: The hex SHA-256 over all that is stated but this, the version and the origin.
    """

    schema_version: Literal[1]
    origin: dict[str, JsonValue]
    weights_sha256: str
    fingerprint: str


_Entry = TypeVar("_Entry", bound=Entry)
_Config = TypeVar("_Config")


def make_entry(
    kind: type[_Entry], facts: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], origin: Mapping[str, JsonValue]
) -> _Entry:
    """The entry of a checkpoint, with its fingerprint.

    Args:
        kind: What it holds.
        facts: What identifies the networks beside their weights. What is left out is not in the file.
        tensors: The weights by their stored names.
        origin: Where they come from.
    """
    entry = kind(
        **facts,
        schema_version=SCHEMA_VERSION,
        origin=dict(origin),
        weights_sha256=tensors_sha256(tensors),
        fingerprint="",
    )
    identity = entry.model_dump(mode="json", exclude_unset=True, exclude=_NOT_IDENTITY)
    fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return entry.model_copy(update={"fingerprint": fingerprint})


def write_checkpoint(folder: Path, entry: Entry, tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes a checkpoint; equal ones give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        entry: What it states.
        tensors: The weights that the entry was made for.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def write(partial: Path) -> None:
        save_file(stored, partial / WEIGHTS_NAME, metadata={"format": "pt"})
        text = json.dumps(entry.model_dump(mode="json", exclude_unset=True), indent=2, sort_keys=True)
        (partial / CHECKPOINT_NAME).write_text(text + "\n", "utf-8")

    if not replace_folder(folder, CHECKPOINT_NAME, write):
        raise CheckpointError(f"{folder} holds something that is no checkpoint; choose another folder.")


def read_entry(folder: Path, kind: type[_Entry], methods: Sequence[str]) -> _Entry:
    """What a folder's checkpoint states.

    Args:
        folder: The checkpoint's folder.
        kind: What it should hold.
        methods: The methods whose checkpoints do.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another method or version, or a damaged one.
    """
    path, wanted = folder / CHECKPOINT_NAME, " or ".join(methods)
    if not path.is_file():
        raise CheckpointError(
            f"{folder} is no checkpoint (no {CHECKPOINT_NAME}): run repobench train --method {wanted}, "
            "or name another folder."
        )
    try:
        raw = json.loads(path.read_text("utf-8"))
        if isinstance(raw, dict) and (found := _method_of(raw)) not in methods:
            raise CheckpointError(f"the checkpoint in {folder} is for {found}, not for {wanted}")
        if isinstance(raw, dict) and raw.get("schema_version") != SCHEMA_VERSION:
            raise CheckpointError(
                f"{path} has schema version {raw.get('schema_version')}, this version reads {SCHEMA_VERSION}: "
                "install the repobench that wrote it, or make the checkpoint again."
            )
        return kind.model_validate(raw)
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def read_weights(folder: Path, entry: Entry) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, on the processor, checked bit for bit.

    Raises:
        CheckpointError: they cannot be read, or are not what the entry states.
    """
    path = folder / WEIGHTS_NAME
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); fetch or make the checkpoint again.") from error
    if (found := tensors_sha256(tensors)) != entry.weights_sha256:
        raise CheckpointError(
            f"{path} has weights {found[:12]}, {CHECKPOINT_NAME} states {entry.weights_sha256[:12]}: "
            "one of them was changed; fetch or make the checkpoint again."
        )
    return tensors


def sized(config: Callable[..., _Config], sizes: Strict, folder: Path) -> _Config:
    """The configuration of stated sizes.

    Raises:
        CheckpointError: there is no network of these sizes.
    """
    try:
        return config(**sizes.model_dump())
    except ShapeError as error:
        raise CheckpointError(f"{folder / CHECKPOINT_NAME} is damaged: {error}") from error


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


def _method_of(raw: Mapping[str, object]) -> str:
    """The method of what a file states, right or wrong."""
    kind = raw.get("kind")
    if kind is None:
        return "code2lora-evo" if raw.get("gru") else "code2lora-static"
    return _METHODS_BY_KIND.get(str(kind), f"methods of kind {kind!r}")


def _listed(names: list[str]) -> str:
    """Names for a message, the first few of many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
