"""Likelihoods of targets by teacher forcing: one pass per batch of tasks, each row with its own adapter.

It knows neither why a task is asked for nor whose adapter it is given.

Legend: `B` rows of a batch, `T` tokens, `K` target tokens, `V` vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from code2lora.adapters import Adapter, stack
from code2lora.lora import Injection
from code2lora.training.tokens import batch_of, encode_task, label_logits

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

MOST_TOKENS = 8_192
"""Tokens of a batch, padding included."""
MOST_ROWS = 32


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

    Rows are batched by length; what stands together depends on `targets` alone, so that the same call gives the same
    bits.

    Args:
        backbone: The model; it is left as it was.
        targets: The tasks.
        adapters: One each, of one row and of one rank; None, for all of them alone, is the bare model.

    Raises:
        AdapterError: adapters do not fit the model, or each other.
    """
    order = sorted(range(len(targets)), key=lambda index: (len(targets[index].ids), index))
    found: dict[int, Likelihood] = {}
    with torch.no_grad(), Injection(backbone.model) as injection:
        for rows in _batches([len(targets[index].ids) for index in order]):
            indices = [order[row] for row in rows]
            injection.use(_side_by_side([adapters[index] for index in indices]))
            chosen = [targets[index] for index in indices]
            found.update(zip(indices, _batch(backbone, chosen), strict=True))
    return [found[index] for index in range(len(targets))]


def _batches(lengths: Sequence[int]) -> list[range]:
    """Consecutive rows that go together; lengths ascend."""
    batches: list[range] = []
    start = 0
    for end in range(1, len(lengths) + 1):
        full = end == len(lengths) or lengths[end] * (end + 1 - start) > MOST_TOKENS or end - start == MOST_ROWS
        if full:
            batches.append(range(start, end))
            start = end
    return batches


def _side_by_side(adapters: Sequence[Adapter | None]) -> Adapter | None:
    present = [adapter for adapter in adapters if adapter is not None]
    if not present or all(adapter is adapters[0] for adapter in adapters):
        return adapters[0]
    return stack(present)


def _batch(backbone: "Backbone", targets: Sequence[EncodedTarget]) -> list[Likelihood]:
    sequences = [(torch.tensor(target.ids), target.counted) for target in targets]
    batch = batch_of(sequences, int(backbone.tokenizer.pad_token_id), backbone.device)
    logits_BKV, labels_BK, widest = label_logits(backbone, batch).float(), batch.labels_BK, batch.labels_BK.shape[1]
    losses_BK = torch.nn.functional.cross_entropy(logits_BKV.mT, labels_BK, reduction="none").double().cpu()
    hits_BK = (logits_BKV.argmax(dim=-1) == labels_BK).cpu()
    made = []
    for row, target in enumerate(targets):
        total = float(losses_BK[row, widest - target.counted :].sum())
        said_K = hits_BK[row, widest - target.counted : -1]
        made.append(Likelihood(nll=total / target.counted, total=total, exact=bool(said_K.all())))
    return made
