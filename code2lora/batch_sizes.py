"""How many rows memory has room for: what a row's keys and values take, against what is free (io: asks the machine).

Only configuration is read, so that the answer is there before any weights are. It is a choice, not a promise: a batch
that does not fit all the same is halved by `generation.generate`. It depends on what else is using the memory, so
whoever needs the same answers again must keep the number.
"""

import os
from typing import Any

from code2lora.backbone import load_config, resolve_dtype
from code2lora.errors import GenerationError

_SHARE = 0.5
"""Of what is free: while rows come and go there are two pools, and reading needs memory of its own."""
_MOST = {"cpu": 32, "cuda": 256}
"""More rows than this are no faster."""


def rows_that_fit(name: str, *, device: str, dtype: str, tokens: int | None = None) -> int:
    """The number of rows to answer together, a power of two: at least 1, at most 32 on processors and 256 elsewhere.

    Args:
        name: The backbone's.
        device: A torch device, or `auto`.
        dtype: Its type of number, or `auto`.
        tokens: Of the longest row; None is the backbone's context.

    Raises:
        BackboneError: its configuration cannot be read, or the device or dtype cannot be used.
        GenerationError: it states no sizes of attention, or there is no room for one row.
    """
    config = load_config(name)
    kind, number = resolve_dtype(device, dtype)
    length = tokens or int(getattr(config, "max_position_embeddings", 0))
    row = length * _bytes_per_token(config, name) * number.itemsize
    free = free_bytes(kind)
    rows = int(_SHARE * (free - _weights(config) * number.itemsize) // max(1, row))
    if rows < 1:
        raise GenerationError(
            f"{free / 1e9:.1f} GB of memory are free on {kind}: too few for {name!r} and one row of {length} tokens; "
            "give --batch-size 1 to try all the same."
        )
    return min(1 << (rows.bit_length() - 1), _MOST.get(kind.partition(":")[0], _MOST["cuda"]))


def _bytes_per_token(config: Any, name: str) -> int:
    """Numbers that all layers keep of a token."""
    layers, heads = getattr(config, "num_hidden_layers", None), getattr(config, "num_attention_heads", None)
    hidden = getattr(config, "hidden_size", None)
    if not layers or not heads or not hidden:
        raise GenerationError(f"Backbone {name!r} does not state what its attention keeps: give --batch-size a number.")
    width = getattr(config, "head_dim", None) or hidden // heads
    return int(2 * layers * (getattr(config, "num_key_value_heads", None) or heads) * width)


def _weights(config: Any) -> int:
    """About how many weights there are: those of a gated feed-forward network, attention and one embedding."""
    hidden, inner = config.hidden_size, getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return int(config.num_hidden_layers * (4 * hidden**2 + 3 * hidden * inner) + config.vocab_size * hidden)


def free_bytes(device: str) -> int:
    """What the device has free."""
    import torch

    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
