"""Checkpoints of `text2lora`: a folder of `checkpoint.json` and `weights.safetensors`, as the others' (io).

`checkpoint.json` says `"kind": "text"`, the sizes of the head, what it is given, where the weights come from, and the
hash of every weight. Nothing in such a folder can run.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

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
from code2lora.text_head import Text2LoRAConfig, Text2LoRAHead

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
        return _entry_of(self).fingerprint


class _HeadEntry(Strict):
    type_dims: dict[str, tuple[int, int]]
    layers: int
    input_dim: int
    latent_dim: int
    rank: int
    alpha: float


class _TextEntry(Entry):
    kind: Literal["text"]
    head: _HeadEntry
    input: TextInput


def save_text_checkpoint(folder: Path, checkpoint: TextCheckpoint) -> None:
    """Writes a checkpoint; equal checkpoints give equal bytes.

    Args:
        folder: A new or empty folder, or one with a checkpoint, which is replaced.
        checkpoint: The head.

    Raises:
        CheckpointError: the folder holds something else.
        OSError: it cannot be written.
    """
    write_checkpoint(folder, _entry_of(checkpoint), checkpoint.head.state_dict())


def load_text_checkpoint(folder: Path) -> TextCheckpoint:
    """Reads a checkpoint that `save_text_checkpoint` wrote, and checks every weight against its hash.

    Args:
        folder: The checkpoint's folder.

    Returns:
        A head of the stored bits, in evaluation mode, on the processor.

    Raises:
        CheckpointError: the folder has no checkpoint, one of another kind or version, or a damaged one.
    """
    entry = read_entry(folder, _TextEntry, ("text2lora",))
    tensors = read_weights(folder, entry)
    config = sized(Text2LoRAConfig, entry.head, folder)
    with torch.device("meta"):
        head = Text2LoRAHead(config)
    fill(head, tensors, f"The head in {folder / WEIGHTS_NAME}")
    return TextCheckpoint(head=head, input=entry.input, origin=entry.origin)


def _entry_of(checkpoint: TextCheckpoint) -> _TextEntry:
    facts = {"kind": "text", "head": asdict(checkpoint.head.config), "input": checkpoint.input}
    return make_entry(_TextEntry, facts, checkpoint.head.state_dict(), checkpoint.origin)
