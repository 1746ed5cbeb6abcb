"""A corpus as token ids in a folder: tokenizer, three streams and what they were made from (io).

The folder is written whole or not at all, so that a training that was killed does not read and encode again. Streams
are read from the disk as they are needed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from code2lora.errors import CorpusError
from code2lora.training.corpus import Corpus
from code2lora.training.nano_recipe import NanoRecipe
from code2lora.training.nano_text import encode, train_tokenizer
from repopeftbench.atomic import fill_atomically

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from code2lora.training.nano_text import Stream

STREAMS = ("train", "val", "unseen")
_FACTS_NAME, _TOKENIZER_NAME = "corpus.json", "tokenizer.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoData:
    """What a training reads.

    Attributes:
        tokenizer: Learnt from the training files.
        streams: Token ids of `train`, `val` and `unseen`, every file followed by the end-of-text token.
        facts: What they were made from: `sha256` of the corpus, `files` and `tokens` of each stream, `sources`.
    """

    tokenizer: "Tokenizer"
    streams: dict[str, "Stream"]
    facts: dict[str, Any]


def write_data(
    corpus: Corpus, recipe: NanoRecipe, folder: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Learns a tokenizer, encodes a corpus and writes the folder.

    Args:
        corpus: The corpus.
        recipe: Gives the vocabulary's size and the bytes that it is learnt from.
        folder: The folder; replaced if it is there.
        progress: Told how many files are encoded, as `(done, total)`.

    Raises:
        OSError: it cannot be written.
    """
    import numpy as np

    tokenizer = train_tokenizer(corpus.train, recipe)

    files = {"train": corpus.train, "val": corpus.val, "unseen": corpus.unseen}
    total = sum(map(len, files.values()))

    def fill(partial: Path) -> None:
        tokens: dict[str, int] = {}
        encoded = 0

        def told(done: int) -> None:
            if progress is not None:
                progress(encoded + done, total)

        for name in STREAMS:
            stream_N = encode(files[name], tokenizer, told)
            encoded += len(files[name])
            np.save(partial / f"{name}.npy", stream_N)
            tokens[name] = len(stream_N)
        facts = {
            "sha256": corpus.sha256,
            "files": {name: len(files[name]) for name in STREAMS},
            "tokens": tokens,
            "sources": [asdict(use) for use in corpus.uses],
        }
        tokenizer.save(str(partial / _TOKENIZER_NAME))
        (partial / _FACTS_NAME).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")

    fill_atomically(folder, fill)


def read_data(folder: Path) -> NanoData:
    """What `write_data` wrote.

    Raises:
        CorpusError: the folder is absent or damaged.
    """
    import numpy as np
    from tokenizers import Tokenizer

    try:
        facts = json.loads((folder / _FACTS_NAME).read_text("utf-8"))
        streams = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in STREAMS}
        tokenizer = Tokenizer.from_str((folder / _TOKENIZER_NAME).read_text("utf-8"))
        if {name: len(stream) for name, stream in streams.items()} != facts["tokens"]:
            raise CorpusError(f"{folder} holds other streams than {_FACTS_NAME} says: delete it, it is made again.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{folder} is no encoded corpus ({error}): delete it, it is made again.") from error
    return NanoData(tokenizer=tokenizer, streams=streams, facts=facts)
