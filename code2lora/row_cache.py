"""Keys and values of attention: of prompts while they are read, and of the rows that are being answered.

Both stand where transformers expects its own `Cache` and have of it what causal language models call (transformers 5,
`cache_utils.py` and `masking_utils.py`): a model that asks for more is refused by `generation.py`. Every layer keeps
everything; models with a sliding window mask what lies outside it.

A `RowPool` is written in place: transformers' own cache copies all that it holds at every token. Rows end at the same
column and begin wherever their length says, so that tokens that follow each other stand in neighbouring columns.

Legend: `P` packs, `B` rows, `H` key-value heads, `T` tokens, `C` columns of the pool, `D` width of a head.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


class _KeyValues:
    """What both caches have of transformers' interface."""

    is_compileable = False

    def __init__(self) -> None:
        self.length = 0
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns that are filled."""
        return self.length

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """The column of the next token."""
        return self.length

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Columns that a forward pass attends to, and the first of them."""
        return self.length + query_length, 0


class PromptCache(_KeyValues):
    """Keys and values of one forward pass over packs."""

    def update(
        self, keys_PHTD: torch.Tensor, values_PHTD: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keeps what a layer gives; called once for each layer, in order."""
        self._keys.append(keys_PHTD)
        self._values.append(values_PHTD)
        return keys_PHTD, values_PHTD


class RowPool(_KeyValues):
    """Keys and values of the rows that are being answered."""

    def __init__(self, device: str) -> None:
        """An empty pool on a device."""
        super().__init__()
        self._device = device
        self._lengths: list[int] = []
        self._mask_BC = torch.zeros(0, 0, dtype=torch.long, device=device)

    def update(
        self, keys_BHTD: torch.Tensor, values_BHTD: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds the next token of every row; all that a layer then attends to."""
        end = self.length + keys_BHTD.shape[2]
        keys_BHCD, values_BHCD = self._keys[layer_idx], self._values[layer_idx]
        keys_BHCD[:, :, self.length : end] = keys_BHTD
        values_BHCD[:, :, self.length : end] = values_BHTD
        return keys_BHCD[:, :, :end], values_BHCD[:, :, :end]

    def begin_step(self) -> torch.Tensor:
        """The mask (`B`, `T`) of a forward pass with one more token for every row."""
        self._mask_BC[:, self.length] = 1
        return self._mask_BC[:, : self.length + 1]

    def end_step(self) -> None:
        """Counts the token that every layer has by now."""
        self.length += 1
        self._lengths = [length + 1 for length in self._lengths]

    def rearrange(self, keep: Sequence[int], joining: Sequence["Joining"], room: int) -> None:
        """Rows leave, others join behind those that stay.

        Args:
            keep: The positions of the rows that stay, in order.
            joining: Those that join, by where they come from.
            room: Columns to have free afterwards.
        """
        lengths = [self._lengths[row] for row in keep]
        lengths += [len(path) for one in joining for path in one.paths]
        length = max(lengths, default=0)
        chosen_B = torch.tensor(list(keep), dtype=torch.long, device=self._device)
        sources = [(one.prompts, *one.indices(length, self._device)) for one in joining]
        for part in ("_keys", "_values"):
            kept = getattr(self, part)
            layers = []
            for layer in range(len(kept) or len(getattr(joining[0].prompts, part))):
                pieces = [_ending_at(kept[layer][chosen_B, :, : self.length], length)] if keep else []
                for prompts, packs_B1, places_BT in sources:
                    given_PTHD = getattr(prompts, part)[layer].transpose(1, 2)
                    pieces.append(given_PTHD[packs_B1, places_BT].transpose(1, 2))
                layers.append(_with_room(pieces, room))
            setattr(self, part, layers)
        columns = torch.arange(length + room, device=self._device)
        starts_B1 = length - torch.tensor(lengths, dtype=torch.long, device=self._device)[:, None]
        self._mask_BC = ((columns >= starts_B1) & (columns < length)).long()
        self._lengths, self.length = lengths, length


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Rows that go from packs into the pool.

    Attributes:
        prompts: The packs.
        packs: The pack of each row.
        paths: The tokens of each row in its pack.
    """

    prompts: PromptCache
    packs: Sequence[int]
    paths: Sequence[Sequence[int]]

    def indices(self, length: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Pack (`B`, 1) and place (`B`, `T`) of what stands in each of the last columns; any place before a row."""
        places = [[0] * (length - len(path)) + list(path) for path in self.paths]
        packs_B1 = torch.tensor(list(self.packs), dtype=torch.long, device=device)[:, None]
        return packs_B1, torch.tensor(places, dtype=torch.long, device=device)


def _ending_at(rows_BHTD: torch.Tensor, length: int) -> torch.Tensor:
    """Rows with columns added or left out at their beginning."""
    have = rows_BHTD.shape[2]
    return (
        rows_BHTD[:, :, have - length :] if have >= length else nn.functional.pad(rows_BHTD, (0, 0, length - have, 0))
    )


def _with_room(pieces_BHTD: Sequence[torch.Tensor], room: int) -> torch.Tensor:
    """All rows, with free columns behind: zeros, as what is masked must still be a number."""
    _, heads, length, width = pieces_BHTD[0].shape
    rows = sum(map(len, pieces_BHTD))
    made_BHCD = pieces_BHTD[0].new_zeros(rows, heads, length + room, width)
    start = 0
    for piece_BHTD in pieces_BHTD:
        made_BHCD[start : start + len(piece_BHTD), :, :length] = piece_BHTD
        start += len(piece_BHTD)
    return made_BHCD
