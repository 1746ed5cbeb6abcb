"""Tasks as token sequences: what the backbone is given, and which of its predictions count (io: one scratch file).

A sequence is what the tokenizer puts before every text, the end of the prefix, the continuation, and the end-of-text
token: tokenised apart, just as generation is given the prefix and then says the rest. The loss counts the continuation
and the end alone. Sequences lie in one file on the disk, so that memory does not grow with the number of tasks.

Legend: `B` rows of a batch, `T` tokens, `K` tokens of the longest continuation of a batch, its end included, `V` the
vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from code2lora.errors import TrainingError
from code2lora.training.data import TaskText

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

IGNORED = -100
_CHARACTERS_PER_TOKEN = 8  # of a prefix's end no more than this is tokenised for each token of the context


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Sequences side by side, padded on the left as in generation.

    Attributes:
        ids_BT: The tokens.
        mask_BT: 1 where there is one, 0 where there is padding.
        labels_BK: The last `K` tokens where they count, `IGNORED` elsewhere.
    """

    ids_BT: torch.Tensor
    mask_BT: torch.Tensor
    labels_BK: torch.Tensor

    @property
    def counted(self) -> int:
        """Tokens that the loss counts."""
        return int((self.labels_BK != IGNORED).sum())


class TokenStore:
    """The sequences of some tasks of one split, by row."""

    def __init__(self, backbone: "Backbone", texts: Iterable[TaskText], context_length: int, path: Path) -> None:
        """Tokenises every text.

        Args:
            backbone: Its tokenizer is used.
            texts: The tasks.
            context_length: Most tokens of a sequence; prefixes lose tokens on their left. A continuation of more than
                half of it is cut on its right, and its end is then not taught.
            path: The file to write; the caller deletes it.

        Raises:
            TrainingError: the backbone's tokenizer has no end-of-text token.
        """
        self._pad = int(backbone.tokenizer.pad_token_id)
        self._device = backbone.device
        places: dict[int, tuple[int, int, int]] = {}
        start = 0
        with path.open("wb") as file:
            for text in texts:
                tokens, counted = encode_task(backbone, text.prefix, text.continuation, context_length)
                file.write(np.array(tokens, dtype="<i4").tobytes())
                places[text.row] = (start, start + len(tokens), counted)
                start += len(tokens)
        self._places = places
        self._tokens: npt.NDArray[np.int32] = (
            np.memmap(path, dtype="<i4", mode="r", shape=(start,)) if start else np.zeros(0, dtype="<i4")
        )

    def counted(self, rows: Sequence[int]) -> int:
        """Tokens of some tasks that the loss counts."""
        return sum(self._places[row][2] for row in rows)

    def batch(self, rows: Sequence[int]) -> Batch:
        """Some tasks side by side.

        Args:
            rows: At least one; each was among the texts.
        """
        places = [self._places[row] for row in rows]
        sequences = [(torch.from_numpy(self._tokens[start:end].astype("int64")), n) for start, end, n in places]
        return batch_of(sequences, self._pad, self._device)


def batch_of(sequences: Sequence[tuple[torch.Tensor, int]], pad: int, device: str) -> Batch:
    """Sequences side by side.

    Args:
        sequences: At least one: its tokens (`T`, whole numbers), and how many of the last of them count.
        pad: The token to pad with.
        device: Where the batch goes.
    """
    length = max(len(tokens_T) for tokens_T, _ in sequences)
    widest = max(counted for _, counted in sequences)
    ids_BT = torch.full((len(sequences), length), pad)
    mask_BT = torch.zeros(len(sequences), length, dtype=torch.long)
    labels_BK = torch.full((len(sequences), widest), IGNORED)
    for index, (tokens_T, counted) in enumerate(sequences):
        ids_BT[index, length - len(tokens_T) :] = tokens_T
        mask_BT[index, length - len(tokens_T) :] = 1
        labels_BK[index, widest - counted :] = tokens_T[len(tokens_T) - counted :]
    return Batch(ids_BT=ids_BT.to(device), mask_BT=mask_BT.to(device), labels_BK=labels_BK.to(device))


def encode_task(backbone: "Backbone", prefix: str, continuation: str, context_length: int) -> tuple[list[int], int]:
    """A task's tokens, and how many of the last of them count.

    Args:
        backbone: Its tokenizer is used.
        prefix: The text before the cut.
        continuation: What is to be learnt.
        context_length: Most tokens.

    Raises:
        TrainingError: the tokenizer has no end-of-text token.
    """
    tokenizer: Any = backbone.tokenizer
    if tokenizer.eos_token_id is None:
        raise TrainingError(
            f"Backbone {backbone.name!r} has no end-of-text token: a prediction's end cannot be taught."
        )
    opening = list(tokenizer("")["input_ids"])
    target = [*_plain(tokenizer, continuation), int(tokenizer.eos_token_id)][: context_length // 2]
    room = context_length - len(target) - len(opening)
    body = _plain(tokenizer, _end_of(prefix, room * _CHARACTERS_PER_TOKEN))
    before = opening + body[max(0, len(body) - room) :]
    if not before:
        before = [int(tokenizer.eos_token_id)]  # as in generation: something must come first
    return before + target, len(target)


def target_losses(backbone: "Backbone", batch: Batch, precision: str) -> torch.Tensor:
    """The negative log likelihood of every token of a batch that counts, in nats.

    Args:
        backbone: The model, with whatever adapters are in it.
        batch: The sequences.
        precision: `float32`, or `bfloat16` for matrix products in it.

    Returns:
        A vector of `batch.counted` numbers, row by row, float32.
    """
    with torch.autocast(batch.ids_BT.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        logits_BKV = label_logits(backbone, batch)
    counts_BK = batch.labels_BK != IGNORED
    return torch.nn.functional.cross_entropy(
        logits_BKV[counts_BK].float(), batch.labels_BK[counts_BK], reduction="none"
    )


def label_logits(backbone: "Backbone", batch: Batch) -> torch.Tensor:
    """What a model says (`B`, `K`, `V`) where it is asked for each of a batch's labels."""
    logits_BKV: torch.Tensor = backbone.model(
        input_ids=batch.ids_BT,
        attention_mask=batch.mask_BT,
        position_ids=(batch.mask_BT.cumsum(dim=1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=batch.labels_BK.shape[1] + 1,
    ).logits
    return logits_BKV[:, :-1]


def _plain(tokenizer: Any, text: str) -> list[int]:
    """A text's tokens without special ones."""
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _end_of(text: str, characters: int) -> str:
    """The last lines of a text that are no longer than a number of characters, or its last characters."""
    if len(text) <= characters:
        return text
    end = text[len(text) - characters :]
    _, newline, lines = end.partition("\n")
    return lines if newline and lines else end
