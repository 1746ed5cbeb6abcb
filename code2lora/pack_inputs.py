"""Packs as a model takes them: side by side, padded on their right, where nothing looks.

Only packs with branches need a mask. It is made on the model's device from one number per token, as a token's followers
stand in one run behind it.

Legend: `P` packs, `T` tokens.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from code2lora.shared_prefixes import Pack

if TYPE_CHECKING:
    from code2lora.backbone import Backbone


def side_by_side(packs: Sequence[Pack], most_tokens: int, most_rows: int | None = None) -> list[list[Pack]]:
    """Packs that are read together, in the order given; chains apart from the others, which need a mask.

    Args:
        packs: Longest first.
        most_tokens: Of those that are read together, padding included; a longer pack is read by itself.
        most_rows: Most packs that are read together.
    """
    batches: list[list[Pack]] = []
    for is_chain in (True, False):
        alike = [pack for pack in packs if pack.is_chain is is_chain]
        start = 0
        while start < len(alike):
            count = max(1, most_tokens // max(1, len(alike[start].tokens)))
            count = count if most_rows is None else min(count, most_rows)
            batches.append(alike[start : start + count])
            start += count
    return batches


def pack_inputs(backbone: "Backbone", packs: Sequence[Pack]) -> dict[str, Any]:
    """What a model is given to read packs.

    Args:
        backbone: The model and its tokenizer; with branches, one all of whose layers attend to all that came before.
        packs: At least one; if one of them is a chain all are.
    """
    length = max(1, *(len(pack.tokens) for pack in packs))
    pad = backbone.tokenizer.pad_token_id
    ids_PT = torch.tensor([_filled(pack.tokens, length, pad) for pack in packs], device=backbone.device)
    if packs[0].is_chain:
        return {"input_ids": ids_PT, "attention_mask": None}
    depths_PT = torch.tensor([_filled(pack.depths, length, 0) for pack in packs], device=backbone.device)
    return {"input_ids": ids_PT, "position_ids": depths_PT, "attention_mask": _branch_mask(backbone, packs, length)}


def attends_to_all(config: Any) -> bool:
    """Whether every layer sees all that came before, so that a mask of ours can say what a token sees."""
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    windows = (getattr(config, "sliding_window", None), getattr(config, "attention_chunk_size", None))
    return layers == {"full_attention"} and not any(windows)


def _branch_mask(backbone: "Backbone", packs: Sequence[Pack], length: int) -> torch.Tensor:
    """What to add to the scores of attention (`P`, 1, `T`, `T`): a token sees its path up to itself."""
    ends_PT = torch.tensor([_ends(pack, length) for pack in packs], device=backbone.device)
    places_T = torch.arange(length, device=backbone.device)
    sees_PTT = (places_T <= places_T[:, None]) & (places_T[:, None] < ends_PT[:, None])
    dtype = backbone.model.dtype
    hidden_PTT = torch.zeros(sees_PTT.shape, dtype=dtype, device=backbone.device)
    return hidden_PTT.masked_fill_(~sees_PTT, torch.finfo(dtype).min)[:, None]


def _ends(pack: Pack, length: int) -> list[int]:
    """Where those that see each token end: at the next one that is no deeper. Padding sees itself."""
    ends = list(range(1, length + 1))
    open_: list[int] = []
    for place, depth in enumerate((*pack.depths, 0)):
        while open_ and pack.depths[open_[-1]] >= depth:
            ends[open_.pop()] = place
        open_.append(place)
    return ends


def _filled(numbers: Sequence[int], length: int, filling: int) -> list[int]:
    return [*numbers, *[filling] * (length - len(numbers))]
