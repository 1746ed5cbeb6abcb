"""A backbone as a `WindowEncoder`: the mean of its last hidden states over a window.

Windows of equal length are encoded together and no window is padded, so that no mask is needed.

Legend: `W` windows, `T` tokens, `E` hidden width of the backbone.
"""
# Upper-case suffixes state the axes of a tensor.

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

_BATCH = 8


class BackboneEncoder:
    """Encodes windows with a frozen backbone; in the paper's recipes `Qwen/Qwen3-Embedding-0.6B`."""

    def __init__(self, backbone: "Backbone") -> None:
        """Takes the backbone.

        Args:
            backbone: Its language-model head is not used.
        """
        self._backbone = backbone
        self._tokenizer: Any = backbone.tokenizer
        self._body: Any = backbone.model.base_model

    @property
    def width(self) -> int:
        """Width of a vector."""
        return int(self._backbone.model.config.hidden_size)

    @property
    def context_length(self) -> int:
        """Most tokens of a window."""
        return self._backbone.context_length

    @property
    def weights_sha256(self) -> str:
        """What the backbone is."""
        return self._backbone.weights_sha256

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, without special ones."""
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def read_again(self, tokens: Sequence[int], limit: int) -> list[int]:
        """The tokens of the text that some tokens stand for, special ones included, at most `limit`."""
        text = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return list(self._tokenizer(text, truncation=True, max_length=limit)["input_ids"])

    def encode(self, windows: Sequence[Sequence[int]]) -> torch.Tensor:
        """The mean hidden state of each window (`W`, `E`), float32 on the processor."""
        means = []
        with torch.inference_mode():
            for _, group in itertools.groupby(windows, key=len):
                equal = list(group)
                for start in range(0, len(equal), _BATCH):
                    ids_WT = torch.tensor(equal[start : start + _BATCH], device=self._backbone.device)
                    hidden_WTE = self._body(input_ids=ids_WT, use_cache=False).last_hidden_state
                    means.append(hidden_WTE.mean(dim=1).float().cpu())
        return torch.cat(means)
