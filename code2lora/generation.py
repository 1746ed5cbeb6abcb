"""Batched greedy decoding: prefixes in, generated texts out, each row ending on its own.

Every step is plain argmax: `model.generate` also applies what a model's generation_config.json asks for, such as a
repetition penalty. It does not know where a prediction should end: the caller's `stop` does. Rows that begin alike have
what they share computed once, and rows take each other's place as they end (`decoding.py` has the engine). No state
outlives a call: equal prefixes and batch size give equal results whatever ran before.
"""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from code2lora.errors import GenerationError

if TYPE_CHECKING:
    from code2lora.backbone import Backbone
    from code2lora.decoding import Engine, FinishReason, Row

logger = logging.getLogger(__name__)

_NO_MEMORY = "can't allocate memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The answer to one prefix.

    Attributes:
        text: The generated text, without special tokens; a last character whose bytes are incomplete is left out.
        tokens: The tokens generated, without an end-of-text token.
        finish_reason: `eos` the model ended it, `stop` the caller did, `length` it reached `max_new_tokens`.
        prompt_tokens: Tokens that the model was given, after truncation.
        truncated: Whether the prefix lost tokens on its left.
    """

    text: str
    tokens: tuple[int, ...]
    finish_reason: "FinishReason"
    prompt_tokens: int
    truncated: bool

    @property
    def new_tokens(self) -> int:
        """How many tokens were generated."""
        return len(self.tokens)


def generate(
    backbone: "Backbone",
    prefixes: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int,
    stop: Callable[[str, str], bool],
    on_rows: Callable[[tuple[int, ...]], None] | None = None,
    kinds: Sequence[Hashable] | None = None,
) -> tuple[Generated, ...]:
    """Continues every prefix greedily.

    Args:
        backbone: The model and its tokenizer.
        prefixes: Texts to continue. One that is too long loses tokens on its left; an empty one is fed as end-of-text.
        max_new_tokens: Most tokens per answer, from 1 to the context length less one.
        batch_size: Rows decoded together, at least 1; where they do not fit into memory, half of them from then on.
        stop: Called as `stop(prefix, text)` after each new token of an unfinished row, with the whole prefix and the
            text generated so far; True ends the row, and the text stays as it was shown.
        on_rows: Called before a forward pass whenever the rows of the batch change, with the positions in `prefixes`
            of those rows in order; where per-row adapters are switched. While prompts are read one row stands for all
            that share.
        kinds: One of each prefix: those of one kind, which `on_rows` treats alike, may share. None: all are of one
            kind, or all different where `on_rows` is given.

    Returns:
        One record per prefix, in the order of `prefixes`.

    Raises:
        GenerationError: `max_new_tokens` or `batch_size` is out of range, or a prefix is empty and the backbone has no
            end-of-text token.
    """
    from code2lora.decoding import Engine

    check_limits(backbone, max_new_tokens=max_new_tokens, batch_size=batch_size)
    room = backbone.context_length - max_new_tokens
    if kinds is None:
        kinds = range(len(prefixes)) if on_rows else [None] * len(prefixes)
    rows = [_new_row(backbone, index, prefix, room) for index, prefix in enumerate(prefixes)]
    for row, kind in zip(rows, kinds, strict=True):
        row.kind = kind
    engine = Engine(
        backbone,
        max_new_tokens=max_new_tokens,
        stop=stop,
        announce=lambda indices: None if on_rows is None else on_rows(tuple(indices)),
    )
    left = rows
    while left:
        if not _answered(engine, left, batch_size):
            batch_size = max(1, min(batch_size, len(left)) // 2)
        left = [row for row in left if row.finish_reason is None]
    return tuple(_finish(row) for row in rows)


def check_limits(backbone: "Backbone", *, max_new_tokens: int, batch_size: int) -> None:
    """Refuses what `generate` would refuse, before there is anything to generate.

    Raises:
        GenerationError: `max_new_tokens` does not leave room for a prefix, or one of both is below 1.
    """
    if not 1 <= max_new_tokens < backbone.context_length:
        raise GenerationError(
            f"max_new_tokens is {max_new_tokens}: choose 1 to {backbone.context_length - 1}, "
            f"one less than the context of backbone {backbone.name!r}."
        )
    if batch_size < 1:
        raise GenerationError(f"batch_size is {batch_size}: choose at least 1.")


def _answered(engine: "Engine", rows: Sequence["Row"], batch_size: int) -> bool:
    """Answers rows; False, with those that are not at an end as before, if memory did not suffice for several."""
    import torch

    try:
        with torch.inference_mode():
            engine.run(rows, batch_size=batch_size)
        return True
    except RuntimeError as error:  # of torch.OutOfMemoryError too; processors have none of their own
        most = min(batch_size, len(rows))
        if most == 1 or not (isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY in str(error)):
            raise
        logger.warning("a batch of %d rows does not fit into memory: %d from now on", most, most // 2)
    # Out here the error has let go of the batch's tensors.
    for row in rows:
        if row.finish_reason is None:
            row.begin_again()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def _new_row(backbone: "Backbone", index: int, prefix: str, room: int) -> "Row":
    """A prefix as tokens: what the tokenizer puts before every text (a BOS or nothing), then the last that fit."""
    from code2lora.decoding import Row

    tokenizer = backbone.tokenizer
    opening: list[int] = list(tokenizer("")["input_ids"])[: room - 1]
    # verbose=False: a prefix longer than the context is truncated below, no reason to warn.
    body: list[int] = list(tokenizer(prefix, add_special_tokens=False, verbose=False)["input_ids"])
    kept = body[max(0, len(body) - (room - len(opening))) :]
    prompt = opening + kept
    if not prompt:
        eos = tokenizer.eos_token_id
        if eos is None:
            raise GenerationError(f"Backbone {backbone.name!r} has no end-of-text token to stand for an empty prefix.")
        prompt = [eos]
    return Row(index=index, prefix=prefix, prompt=prompt, truncated=len(kept) < len(body))


def _finish(row: "Row") -> Generated:
    """The public record of a decoded row."""
    assert row.finish_reason is not None  # the engine's run ends only when every row has one
    return Generated(
        text=row.text,
        tokens=tuple(row.new),
        finish_reason=row.finish_reason,
        prompt_tokens=len(row.prompt),
        truncated=row.truncated,
    )
