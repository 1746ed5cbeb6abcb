"""Corpus files -> byte-level BPE tokenizer -> one stream of token ids -> windows. Knows no model.

Legend: `T` tokens per window, `V` vocabulary, `N` tokens of a stream, `W` windows.
"""
# Upper-case suffixes state the axes of an array.

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from code2lora.errors import CorpusError
from code2lora.training.corpus import CorpusFile
from code2lora.training.nano_recipe import NanoRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Stream = NDArray[np.uint16]

EOS_TOKEN = "<|endoftext|>"
PAD_TOKEN = "<|pad|>"
_ENCODE_FILES = 256


def train_tokenizer(files: Sequence[CorpusFile], recipe: NanoRecipe) -> "Tokenizer":
    """A lossless byte-level BPE tokenizer with single digits, `<|endoftext|>` (id 0) and `<|pad|>` (id 1).

    Args:
        files: Training text; those with the smallest hashes are used, up to `recipe.tokenizer_bytes`.
        recipe: Gives the vocabulary's size.

    Returns:
        The tokenizer; it adds no special token to a text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=[EOS_TOKEN, PAD_TOKEN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(files, recipe.tokenizer_bytes), trainer)
    return tokenizer


def _sample(files: Sequence[CorpusFile], limit: int) -> list[str]:
    """The texts with the smallest hashes, up to `limit` bytes; at least one."""
    chosen: list[str] = []
    size = 0
    for file in sorted(files, key=lambda file: file.sha256):
        size += len(file.text.encode())
        if chosen and size > limit:
            break
        chosen.append(file.text)
    return chosen


def encode(
    files: Sequence[CorpusFile], tokenizer: "Tokenizer", progress: Callable[[int], None] | None = None
) -> "Stream":
    """All files as one stream (`N`), each followed by the end-of-text token; `progress` is told how many are done."""
    import numpy as np

    eos = [tokenizer.token_to_id(EOS_TOKEN)]
    parts: list[Stream] = []
    for start in range(0, len(files), _ENCODE_FILES):
        for encoding in tokenizer.encode_batch_fast([file.text for file in files[start : start + _ENCODE_FILES]]):
            parts.append(np.array(encoding.ids + eos, dtype=np.uint16))
        if progress is not None:
            progress(min(start + _ENCODE_FILES, len(files)))
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16)


def windows(stream_N: "Stream", length: int, purpose: str) -> "Stream":
    """The stream cut into windows (`W`, `length` + 1); a window's last token is the next one's first."""
    import numpy as np

    count = (len(stream_N) - 1) // length
    if count < 1:
        raise CorpusError(
            f"The {purpose} text has {len(stream_N)} tokens, fewer than one window of {length + 1}: add more files."
        )
    return np.lib.stride_tricks.sliding_window_view(stream_N, length + 1)[::length][:count]


def token_bytes(tokenizer: "Tokenizer") -> list[int]:
    """Bytes of text that each token id spells (`V`): in the byte-level alphabet one character is one byte."""
    size = tokenizer.get_vocab_size()
    pieces = [tokenizer.id_to_token(index) or "" for index in range(size)]
    return [0 if piece in {EOS_TOKEN, PAD_TOKEN} else len(piece) for piece in pieces]
