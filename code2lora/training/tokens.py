"""Tasks as token sequences: what the backbone is given, and which of its predictions count (io: one scratch file).

A sequence is what the tokenizer puts before every text, the end of the prefix, the continuation, and the end-of-text
token: tokenised apart, just as generation is given the prefix and then says the rest. The loss counts the continuation
and the end alone. Sequences lie in one file on the disk, so that memory does not grow with the number of tasks.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from code2lora.errors import TrainingError
from code2lora.packed_losses import TaskTokens
from code2lora.training.data import TaskText

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

_CHARACTERS_PER_TOKEN = 8  # of a prefix's end no more than this is tokenised for each token of the context


class TokenStore:
    """The sequences of some tasks of one split, by row.

    Attributes:
        context_length: Most tokens of a sequence.
    """

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
        self.context_length = context_length
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

    def sequences(self, rows: Sequence[int]) -> list[TaskTokens]:
        """The tokens of some tasks, each of which was among the texts, and how many of the last of them count."""
        places = [self._places[row] for row in rows]
        return [(self._tokens[start:end].tolist(), counted) for start, end, counted in places]


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
