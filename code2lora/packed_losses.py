"""What a model says of the targets of tasks, with what tasks of one adapter share read once, forward and backward.

The tasks of a commit stand in the same files, so that most of their tokens repeat a sibling's. Packs of like length go
side by side, and logits are made where a target token is predicted and nowhere else. The numbers are those of one task
at a time, up to rounding.

Legend: `P` packs, `T` tokens, `N` target tokens of a batch, `V` vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from code2lora.pack_inputs import attends_to_all, pack_inputs, side_by_side
from code2lora.shared_prefixes import Pack, packed

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

TaskTokens = tuple[Sequence[int], int]
"""The tokens of a task, and how many of the last of them count: all but the first at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tasks that go through a model together.

    Attributes:
        packs: Their tokens but the last of each task.
        labels: The target tokens, task by task in the order of the packs.
        places: The pack that predicts each of them, and where in it.
        counts: How many are of each task.
    """

    packs: tuple[Pack, ...]
    labels: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    counts: tuple[int, ...]

    @property
    def tasks(self) -> list[int]:
        """The numbers of the tasks, in the order of the labels."""
        return [row for pack in self.packs for row in pack.rows]

    @property
    def adapter_tasks(self) -> list[int]:
        """Of each pack the number of a task whose adapter serves all of it."""
        return [pack.rows[0] for pack in self.packs]


def batched(
    backbone: "Backbone", sequences: Sequence[TaskTokens], kinds: Sequence[Hashable], most_tokens: int
) -> list[Batch]:
    """Tasks in batches, the longest first; a function of the tasks alone.

    Args:
        backbone: The model that they are for.
        sequences: At least two tokens each.
        kinds: One of each task: those of one kind have one adapter, and may share what they begin with.
        most_tokens: Of a batch, padding included; a longer pack makes one by itself.
    """
    inputs = [tokens[:-1] for tokens, _ in sequences]
    chains_only = not attends_to_all(backbone.model.config)
    packs = packed(inputs, kinds, most_rows=max(1, len(inputs)), chains_only=chains_only)
    return [_batch(some, sequences) for some in side_by_side(packs, most_tokens)]


def _batch(packs: Sequence[Pack], sequences: Sequence[TaskTokens]) -> Batch:
    labels: list[int] = []
    places: list[tuple[int, int]] = []
    counts: list[int] = []
    for number, pack in enumerate(packs):
        for row, path in zip(pack.rows, pack.paths, strict=True):
            tokens, counted = sequences[row]
            labels += tokens[len(tokens) - counted :]
            places += [(number, place) for place in path[len(path) - counted :]]
            counts.append(counted)
    return Batch(packs=tuple(packs), labels=tuple(labels), places=tuple(places), counts=tuple(counts))


def label_logits(backbone: "Backbone", batch: Batch) -> torch.Tensor:
    """What a model says (`N`, `V`) where it is asked for each of a batch's labels."""
    numbers_N, places_N = torch.tensor(batch.places, device=backbone.device).T

    def chosen(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inputs[0][numbers_N, places_N][None],)

    # `logits_to_keep` has the same places for all rows: this has just those that are needed, in every architecture.
    head: torch.nn.Module = backbone.model.get_output_embeddings()  # type: ignore[no-untyped-call]
    handle = head.register_forward_pre_hook(chosen)
    try:
        logits_NV: torch.Tensor = backbone.model(**pack_inputs(backbone, batch.packs), use_cache=False).logits[0]
    finally:
        handle.remove()
    return logits_NV


def target_losses(backbone: "Backbone", batch: Batch, precision: str = "float32") -> torch.Tensor:
    """The negative log likelihood of every label of a batch, in nats, float32.

    Args:
        backbone: The model, with whatever adapters are in it.
        batch: The tasks.
        precision: `float32`, or `bfloat16` for matrix products in it.
    """
    with torch.autocast(torch.device(backbone.device).type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        logits_NV = label_logits(backbone, batch)
    labels_N = torch.tensor(batch.labels, device=backbone.device)
    return torch.nn.functional.cross_entropy(logits_NV.float(), labels_N, reduction="none")
