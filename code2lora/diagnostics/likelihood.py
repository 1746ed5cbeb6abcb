"""Likelihoods of targets by teacher forcing: one pass per batch of tasks, each with its own adapter.

It knows neither why a task is asked for nor whose adapter it is given.

Legend: `N` target tokens of a batch, `V` vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from code2lora.adapters import Adapter, stack
from code2lora.lora import Injection
from code2lora.packed_losses import Batch, batched, label_logits
from code2lora.training.tokens import encode_task

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

MOST_TOKENS = 8_192
"""Tokens of a batch, padding included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTarget:
    """A task as tokens.

    Attributes:
        ids: Prefix, gap, target, end of text.
        counted: How many of the last are gap, target and end.
    """

    ids: tuple[int, ...]
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """What a model gives a target.

    Attributes:
        nll: Mean negative log likelihood of gap, target and end of text, in nats per token.
        total: The same, summed: the negative log probability of the whole.
        exact: Whether every token of gap and target is the most probable one given those before, which is what
            decides whether greedy decoding begins with them. The end of text does not count here: adapters of others
            may never have been taught it.
    """

    nll: float
    total: float
    exact: bool


def encoded_target(backbone: "Backbone", prefix: str, continuation: str, context_length: int) -> EncodedTarget:
    """A task's tokens, as in training and generation; prefixes lose tokens on their left.

    Raises:
        TrainingError: the tokenizer has no end-of-text token.
    """
    ids, counted = encode_task(backbone, prefix, continuation, context_length)
    return EncodedTarget(ids=tuple(ids), counted=counted)


def likelihoods(
    backbone: "Backbone", targets: Sequence[EncodedTarget], adapters: Sequence[Adapter | None]
) -> list[Likelihood]:
    """The likelihood of every target under its adapter, in the order given.

    What stands together depends on the tasks and their adapters alone, so that the same call gives the same bits.

    Args:
        backbone: The model; it is left as it was.
        targets: The tasks.
        adapters: One each, of one row and of one rank; None, for all of them alone, is the bare model.

    Raises:
        AdapterError: adapters do not fit the model, or each other.
    """
    sequences = [(target.ids, target.counted) for target in targets]
    found: dict[int, Likelihood] = {}
    with torch.no_grad(), Injection(backbone.model) as injection:
        for batch in batched(backbone, sequences, [id(adapter) for adapter in adapters], MOST_TOKENS):
            injection.use(_side_by_side([adapters[task] for task in batch.adapter_tasks]))
            found.update(zip(batch.tasks, _batch(backbone, batch), strict=True))
    return [found[index] for index in range(len(targets))]


def _side_by_side(adapters: Sequence[Adapter | None]) -> Adapter | None:
    present = [adapter for adapter in adapters if adapter is not None]
    if not present or all(adapter is adapters[0] for adapter in adapters):
        return adapters[0]
    return stack(present)


def _batch(backbone: "Backbone", batch: Batch) -> list[Likelihood]:
    logits_NV = label_logits(backbone, batch).float()
    labels_N = torch.tensor(batch.labels, device=logits_NV.device)
    losses_N = torch.nn.functional.cross_entropy(logits_NV, labels_N, reduction="none").double().cpu()
    hits_N = (logits_NV.argmax(dim=-1) == labels_N).cpu()
    made = []
    counts = list(batch.counts)
    for losses, hits in zip(torch.split(losses_N, counts), torch.split(hits_N, counts), strict=True):
        total = float(losses.sum())
        made.append(Likelihood(nll=total / len(losses), total=total, exact=bool(hits[:-1].all())))
    return made
