"""The engine behind `generation.generate`: prompts are read pack by pack, rows are answered in a pool that is refilled.

Reading takes all of a prompt but its last token, which is the first that the pool is fed. The pool's rows leave as they
end, and the next longest prompts take their place: no row waits for the slowest of a batch. What is read and answered
together is a function of the rows alone, so equal calls give equal answers.

Legend: `B` rows, `T` tokens.
"""
# Upper-case suffixes state the axes of a tensor.

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from code2lora.errors import GenerationError
from code2lora.pack_inputs import attends_to_all, pack_inputs, side_by_side
from code2lora.row_cache import Joining, PromptCache, RowPool
from code2lora.shared_prefixes import Pack, packed

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

FinishReason = Literal["eos", "stop", "length"]
Announce = Callable[[Sequence[int]], None]
_ANCHOR_TOKENS = 8  # prompt tokens decoded before an answer, so that tokenizers which strip a leading space keep it
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_TOKENS_READ = {"cpu": 1024}
_TOKENS_READ_ELSEWHERE = 16_384
"""Tokens of packs that are read together: enough to keep a device busy, and few, as padding grows with them."""
_LAYERS = {"full_attention", "sliding_attention", "chunked_attention"}
_CACHE_NAMES = ("cache", "past_key_values")
"""What models call the keys and values that they are given: from transformers 5.24 on, and before."""


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """One prefix while it is answered.

    Attributes:
        index: Its place in the call.
        prefix: The text.
        prompt: Its tokens, at least one.
        truncated: Whether they are only its last.
        kind: Rows of one kind may share what they begin with.
        new: Tokens of the answer.
        text: The answer.
        finish_reason: Why it ended; None while it has not.
        anchor: The text of the prompt's last tokens, once it is needed.
    """

    index: int
    prefix: str
    prompt: list[int]
    truncated: bool
    kind: Hashable = None
    new: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None
    anchor: str | None = None

    def begin_again(self) -> None:
        """Forgets the answer."""
        self.new, self.text, self.finish_reason = [], "", None


class Engine:
    """Answers rows with one backbone."""

    def __init__(
        self, backbone: "Backbone", *, max_new_tokens: int, stop: Callable[[str, str], bool], announce: Announce
    ) -> None:
        """Prepares it.

        Args:
            backbone: The model and its tokenizer.
            max_new_tokens: Most tokens of an answer.
            stop: Called as `stop(prefix, text)` after each token; True ends the row.
            announce: Told the indices of the rows that the next forward passes are about.

        Raises:
            GenerationError: the model keeps something else than keys and values.
        """
        self._backbone = backbone
        self._max_new_tokens = max_new_tokens
        self._stop = stop
        self._announce = announce
        self._eos_ids = _eos_ids(backbone)
        accepted = inspect.signature(backbone.model.forward).parameters
        config = getattr(backbone.model, "config", None)
        layers = set(getattr(config, "layer_types", None) or ["full_attention"])
        cache_name = next((name for name in _CACHE_NAMES if name in accepted), None)
        if cache_name is None or not layers <= _LAYERS:
            raise GenerationError(
                f"Backbone {backbone.name!r} has layers without keys and values ({', '.join(sorted(layers))}): "
                "choose a model that is made of attention layers."
            )
        self._cache_name = cache_name
        self._takes_positions = "position_ids" in accepted
        self._last_logits = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._takes_branches = self._takes_positions and attends_to_all(config)
        self._tokens_read = _TOKENS_READ.get(torch.device(backbone.device).type, _TOKENS_READ_ELSEWHERE)

    def run(self, rows: Sequence[Row], *, batch_size: int) -> None:
        """Answers rows until each has a finish reason.

        Args:
            rows: Without an answer yet.
            batch_size: Most rows in the pool.

        Raises:
            RuntimeError: memory does not suffice; rows without a finish reason are then in any state.
        """
        prompts = [row.prompt[:-1] for row in rows]
        waiting = packed(
            prompts, [row.kind for row in rows], most_rows=batch_size, chains_only=not self._takes_branches
        )
        waiting.reverse()  # the longest is the last
        pool = RowPool(self._backbone.device)
        answering: list[Row] = []
        while waiting or answering:
            live = [position for position, row in enumerate(answering) if row.finish_reason is None]
            admitted = _admitted(waiting, batch_size - len(live)) if 4 * len(live) <= 3 * batch_size else []
            if admitted or 2 * len(live) <= len(answering):
                joining = [self._read(batch, rows) for batch in side_by_side(admitted, self._tokens_read, batch_size)]
                answering = [answering[position] for position in live]
                answering += [rows[row] for batch in joining for row in batch.rows]
                if not answering:
                    continue
                pool.rearrange(live, [batch.joining for batch in joining], self._max_new_tokens + 1)
                self._announce([row.index for row in answering])
            self._step(pool, answering)

    def _read(self, packs: Sequence[Pack], rows: Sequence[Row]) -> "_Read":
        """Feeds packs."""
        self._announce([rows[pack.rows[0]].index for pack in packs])
        inputs = pack_inputs(self._backbone, packs)
        prompts = PromptCache()
        self._forward(inputs, prompts)
        numbers = [number for number, pack in enumerate(packs) for _ in pack.rows]
        paths = [path for pack in packs for path in pack.paths]
        return _Read(
            rows=[row for pack in packs for row in pack.rows],
            joining=Joining(prompts=prompts, packs=numbers, paths=paths),
        )

    def _forward(self, inputs: Mapping[str, Any], cache: PromptCache | RowPool) -> Any:
        """What the model gives for inputs behind the keys and values of a cache, which it adds to."""
        given = {**inputs, self._cache_name: cache}
        return self._backbone.model(**given, use_cache=True, **self._last_logits)

    def _step(self, pool: RowPool, answering: Sequence[Row]) -> None:
        """Feeds every row of the pool its last token, and gives each the next one."""
        mask_BT = pool.begin_step()
        last_B1 = self._tensor([[row.new[-1] if row.new else row.prompt[-1]] for row in answering])
        inputs: dict[str, Any] = {"input_ids": last_B1, "attention_mask": mask_BT}
        if self._takes_positions:
            inputs["position_ids"] = mask_BT.sum(dim=1, keepdim=True) - 1
        output = self._forward(inputs, pool)
        pool.end_step()
        for row, token in zip(answering, output.logits[:, -1].argmax(dim=-1).tolist(), strict=True):
            if row.finish_reason is None:
                self._take(row, token)

    def _take(self, row: Row, token: int) -> None:
        """Adds a token to a row and decides whether the row ends."""
        if token in self._eos_ids:
            row.finish_reason = "eos"
            return
        row.new.append(token)
        anchor = row.prompt[-_ANCHOR_TOKENS:]
        if row.anchor is None:
            row.anchor = self._decode(anchor)
        # A last character whose bytes are still incomplete is left out.
        row.text = self._decode(anchor + row.new)[len(row.anchor) :].rstrip(_REPLACEMENT)
        if self._stop(row.prefix, row.text):
            row.finish_reason = "stop"
        elif len(row.new) == self._max_new_tokens:
            row.finish_reason = "length"

    def _decode(self, tokens: list[int]) -> str:
        """The text of tokens, without specials and without any tidying of spaces."""
        tokenizer = self._backbone.tokenizer
        return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _tensor(self, numbers: list[list[int]]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=self._backbone.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Rows whose prompts have been read, and where they are."""

    rows: Sequence[int]
    joining: Joining


def _admitted(waiting: list[Pack], room: int) -> list[Pack]:
    """Takes the packs that come next off the list, for as long as all rows of each have room."""
    taken: list[Pack] = []
    while waiting and len(waiting[-1].rows) <= room:
        room -= len(waiting[-1].rows)
        taken.append(waiting.pop())
    return taken


def _eos_ids(backbone: "Backbone") -> frozenset[int]:
    """Every token that ends a text, as tokenizer and generation config state them."""
    config = getattr(backbone.model, "generation_config", None)
    stated = getattr(config, "eos_token_id", None)
    listed = stated if isinstance(stated, list) else [stated]
    return frozenset(token for token in (*listed, backbone.tokenizer.eos_token_id) if token is not None)
