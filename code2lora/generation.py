"""Batched greedy decoding: prefixes in, generated texts out, each row ending on its own.

Rows are left-padded, sorted by length, decoded with a key-value cache, and given back in the order they came. The loop
is our own because every step must be plain argmax: `model.generate` also applies what a model's generation_config.json
asks for, such as a repetition penalty. It does not know where a prediction should end: the caller's `stop` does.
Rows that begin alike have what they share computed once, where that pays and the model attends to all that came before.
No state outlives a call: equal prefixes and batch size give equal results whatever ran before.

Legend: `B` rows of a batch, `C` clusters of rows that begin alike, `T` tokens.
"""
# Upper-case suffixes state the axes of a tensor.

import inspect
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from code2lora.errors import GenerationError
from code2lora.shared_prefixes import SharedBatch, shared_batch

if TYPE_CHECKING:
    import torch

    from code2lora.backbone import Backbone

logger = logging.getLogger(__name__)

FinishReason = Literal["eos", "stop", "length"]
_ANCHOR_TOKENS = 8  # prompt tokens decoded before an answer, so that tokenizers which strip a leading space keep it
_NO_MEMORY = "can't allocate memory"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The answer to one prefix.

    Attributes:
        text: The generated text, without special tokens; a last character whose bytes are incomplete is left out.
        new_tokens: Tokens generated; an end-of-text token is not counted.
        finish_reason: `eos` the model ended it, `stop` the caller did, `length` it reached `max_new_tokens`.
        prompt_tokens: Tokens that the model was given, after truncation.
        truncated: Whether the prefix lost tokens on its left.
    """

    text: str
    new_tokens: int
    finish_reason: FinishReason
    prompt_tokens: int
    truncated: bool


@dataclass(slots=True, kw_only=True)
class _Row:
    """One prefix while it is decoded."""

    index: int
    prefix: str
    prompt: list[int]
    truncated: bool
    kind: Hashable = None
    new: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None


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
            of those rows in order; where per-row adapters are switched. In a pass over shared beginnings one row stands
            for all that share.
        kinds: One of each prefix: those of one kind, which `on_rows` treats alike, may share. None: all are of one
            kind, or all different where `on_rows` is given.

    Returns:
        One record per prefix, in the order of `prefixes`.

    Raises:
        GenerationError: `max_new_tokens` or `batch_size` is out of range, or a prefix is empty and the backbone has no
            end-of-text token.
    """
    check_limits(backbone, max_new_tokens=max_new_tokens, batch_size=batch_size)
    room = backbone.context_length - max_new_tokens
    if kinds is None:
        kinds = range(len(prefixes)) if on_rows else [None] * len(prefixes)
    rows = [_new_row(backbone, index, prefix, room) for index, prefix in enumerate(prefixes)]
    for row, kind in zip(rows, kinds, strict=True):
        row.kind = kind
    by_length = sorted(rows, key=lambda row: -len(row.prompt))  # stable; longest first shows memory trouble at once
    start = 0
    while start < len(rows):
        batch = by_length[start : start + batch_size]
        if _decoded(backbone, batch, max_new_tokens, stop, on_rows):
            start += batch_size
        else:
            batch_size = max(1, len(batch) // 2)
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


def _decoded(
    backbone: "Backbone",
    rows: list[_Row],
    max_new_tokens: int,
    stop: Callable[[str, str], bool],
    on_rows: Callable[[tuple[int, ...]], None] | None,
) -> bool:
    """Decodes a batch; False, with its rows as before, if several rows did not fit into memory. One alone raises."""
    import torch

    try:
        with torch.inference_mode():
            _Decoder(backbone, list(rows), on_rows).run(max_new_tokens, stop)
        return True
    except RuntimeError as error:  # of torch.OutOfMemoryError too; processors have none of their own
        if len(rows) == 1 or not (isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY in str(error)):
            raise
        logger.warning("a batch of %d rows does not fit into memory: %d from now on", len(rows), len(rows) // 2)
    # Out here the error has let go of the batch's tensors.
    for row in rows:
        row.new, row.text, row.finish_reason = [], "", None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


class _Decoder:
    """Decodes one batch; rows leave the tensors once half of them are finished."""

    def __init__(
        self, backbone: "Backbone", rows: list[_Row], on_rows: Callable[[tuple[int, ...]], None] | None
    ) -> None:
        self.backbone = backbone
        self.rows = rows
        self.on_rows = on_rows
        self.cache: Any = None
        self.eos_ids = _eos_ids(backbone)
        accepted = inspect.signature(backbone.model.forward).parameters
        self.takes_positions = "position_ids" in accepted
        self.last_logits = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def run(self, max_new_tokens: int, stop: Callable[[str, str], bool]) -> None:
        """Decodes until every row has a finish reason."""
        import torch

        tokens_BT, mask_BT = self._start()
        self._announce(self.rows)
        while True:
            next_B = self._forward(tokens_BT, mask_BT)
            for row, token in zip(self.rows, next_B.tolist(), strict=True):
                if row.finish_reason is None:
                    self._take(row, token, max_new_tokens, stop)
            live = [position for position, row in enumerate(self.rows) if row.finish_reason is None]
            if not live:
                return
            if 2 * len(live) <= len(self.rows):
                keep_B = torch.tensor(live, device=mask_BT.device)
                self.rows = [self.rows[position] for position in live]
                self.cache.batch_select_indices(keep_B)
                next_B, mask_BT = next_B[keep_B], mask_BT[keep_B]
                self._announce(self.rows)
            tokens_BT = next_B[:, None]
            mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(self.rows), 1)], dim=1)

    def _announce(self, rows: Sequence[_Row]) -> None:
        """Tells the caller which prefixes the rows of the next forward pass are."""
        if self.on_rows is not None:
            self.on_rows(tuple(row.index for row in rows))

    def _start(self) -> tuple["torch.Tensor", "torch.Tensor"]:
        """What is to be fed first (`B`, `T`), and the mask of all there is by then; what rows share is in the cache."""
        prompts = [row.prompt for row in self.rows]
        shared = None
        if self.takes_positions and _attends_to_all(self.backbone.model.config):
            shared = shared_batch(prompts, [row.kind for row in self.rows])
        return self._left_padded(prompts) if shared is None else self._after_stems(shared)

    def _after_stems(self, shared: SharedBatch) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Feeds what clusters begin with; the rests (`B`, `T`), and the mask of stems and rests."""
        import torch

        stems_CT, stem_mask_CT = self._left_padded(shared.stems)
        self._announce([self.rows[row] for row in shared.members])
        self._forward(stems_CT, stem_mask_CT)
        clusters_B = torch.tensor(shared.clusters, device=stems_CT.device)
        self.cache.batch_select_indices(clusters_B)
        rests_BT, rest_mask_BT = self._left_padded(shared.rests)
        return rests_BT, torch.cat([stem_mask_CT[clusters_B], rest_mask_BT], dim=1)

    def _left_padded(self, prompts: Sequence[Sequence[int]]) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Tokens and their attention mask, both (`B`, `T`)."""
        import torch

        length = max(map(len, prompts))
        pad = self.backbone.tokenizer.pad_token_id
        tokens = [[pad] * (length - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        device = self.backbone.device
        return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)

    def _forward(self, tokens_BT: "torch.Tensor", mask_BT: "torch.Tensor") -> "torch.Tensor":
        """The likeliest next token of every row (`B`); the first of equals. Extends the cache."""
        inputs: dict[str, Any] = {"input_ids": tokens_BT, "attention_mask": mask_BT, **self.last_logits}
        if self.takes_positions:
            positions_BT = (mask_BT.cumsum(dim=1) - 1).clamp(min=0)
            inputs["position_ids"] = positions_BT[:, -tokens_BT.shape[1] :]
        output = self.backbone.model(**inputs, past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values
        next_B: torch.Tensor = output.logits[:, -1].argmax(dim=-1)
        return next_B

    def _take(self, row: _Row, token: int, max_new_tokens: int, stop: Callable[[str, str], bool]) -> None:
        """Adds a token to a row and decides whether the row ends."""
        if token in self.eos_ids:
            row.finish_reason = "eos"
            return
        row.new.append(token)
        row.text = _decode_new(self.backbone, row)
        if stop(row.prefix, row.text):
            row.finish_reason = "stop"
        elif len(row.new) == max_new_tokens:
            row.finish_reason = "length"


def _attends_to_all(config: Any) -> bool:
    """Whether every layer sees all that came before: the gap between a stem and a rest uses up a sliding window."""
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    windows = (getattr(config, "sliding_window", None), getattr(config, "attention_chunk_size", None))
    return layers == {"full_attention"} and not any(windows)


def _new_row(backbone: "Backbone", index: int, prefix: str, room: int) -> _Row:
    """A prefix as tokens: what the tokenizer puts before every text (a BOS or nothing), then the last that fit."""
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
    return _Row(index=index, prefix=prefix, prompt=prompt, truncated=len(kept) < len(body))


def _decode_new(backbone: "Backbone", row: _Row) -> str:
    """The text of a row's new tokens, without a last character whose bytes are still incomplete."""
    anchor = row.prompt[-_ANCHOR_TOKENS:]
    before, both = (_decode(backbone, tokens) for tokens in (anchor, anchor + row.new))
    return both[len(before) :].rstrip(_REPLACEMENT)


def _decode(backbone: "Backbone", tokens: list[int]) -> str:
    """The text of tokens, without specials and without any tidying of spaces."""
    return str(backbone.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _eos_ids(backbone: "Backbone") -> frozenset[int]:
    """Every token that ends a text, as tokenizer and generation config state them."""
    config = getattr(backbone.model, "generation_config", None)
    stated = getattr(config, "eos_token_id", None)
    listed = stated if isinstance(stated, list) else [stated]
    return frozenset(token for token in (*listed, backbone.tokenizer.eos_token_id) if token is not None)


def _finish(row: _Row) -> Generated:
    """The public record of a decoded row."""
    assert row.finish_reason is not None  # _Decoder.run returns only when every row has one
    return Generated(
        text=row.text,
        new_tokens=len(row.new),
        finish_reason=row.finish_reason,
        prompt_tokens=len(row.prompt),
        truncated=row.truncated,
    )
