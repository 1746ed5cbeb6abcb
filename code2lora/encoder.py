"""Texts to vectors by recipe: windows of tokens, their vectors, a file's, a diff's, a repository's.

A recipe says how texts are cut and vectors pooled; a `WindowEncoder` turns windows into vectors and nothing else. The
recipes `paper-*` are the published ones, defects included: windows are decoded to text and read again, so that their
tokens may change; vectors are rounded to half precision where they were stored so; files without a vector count as
zeros in `paper-evo`. `clean` has none of that, and expects production files alone.

Which files a repository shows is the caller's choice; a vector depends on contents, and in `paper-static` on paths.

Legend: `W` windows, `F` files, `E` width of the encoder.
"""
# Upper-case suffixes state the axes of a tensor.

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Protocol

import torch

from code2lora.errors import EncoderError
from code2lora.pooling import pool_diff, pool_repository, pool_weighted

_OVERLAP = 8  # windows share one part in this many, in every recipe


class WindowEncoder(Protocol):
    """Turns windows of tokens into vectors, each by itself: what else is encoded does not matter."""

    @property
    def width(self) -> int:
        """Width of a vector."""
        ...

    @property
    def context_length(self) -> int:
        """Most tokens of a window."""
        ...

    @property
    def weights_sha256(self) -> str:
        """What the encoder is."""
        ...

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, without special ones."""
        ...

    def read_again(self, tokens: Sequence[int], limit: int) -> list[int]:
        """The tokens of the text that some tokens stand for, special ones included, at most `limit`."""
        ...

    def encode(self, windows: Sequence[Sequence[int]]) -> torch.Tensor:
        """The mean hidden state of each window (`W`, `E`), float32 on the processor."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a text becomes windows and a vector.

    Attributes:
        name: What it is called.
        window: Tokens of a window; an eighth of them is shared with the window before.
        least: Tokens below which a text has no window.
        reads_again: Whether windows are decoded to text and tokenised once more.
        rounds: Whether a file's vector is rounded to half precision.
        counts_empty: Whether files without a window count as zeros in a repository.
    """

    name: str
    window: int
    least: int
    reads_again: bool
    rounds: bool
    counts_empty: bool


PAPER_STATIC = Recipe(
    name="paper-static", window=4096, least=16, reads_again=True, rounds=False, counts_empty=False
)  # fmt: skip
PAPER_EVO = Recipe(name="paper-evo", window=2048, least=8, reads_again=True, rounds=True, counts_empty=True)
PAPER_DIFF = Recipe(name="paper-diff", window=512, least=16, reads_again=True, rounds=True, counts_empty=False)
CLEAN = Recipe(name="clean", window=2048, least=1, reads_again=False, rounds=False, counts_empty=False)
RECIPES = {recipe.name: recipe for recipe in (PAPER_STATIC, PAPER_EVO, PAPER_DIFF, CLEAN)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileVector:
    """What a file's content is to a recipe.

    Attributes:
        vector_E: The mean of its windows' vectors; None if it has no window.
        tokens: Its length in tokens.
        lines: Its length in lines.
    """

    vector_E: torch.Tensor | None
    tokens: int
    lines: int


class VectorStore(Protocol):
    """Keeps files' vectors by content."""

    def get(self, key: str, blob: str) -> FileVector | None:
        """What is kept of a content, None if nothing is."""
        ...

    def put(self, key: str, blob: str, vector: FileVector) -> None:
        """Keeps it."""
        ...


def cut_windows(tokens: Sequence[int], size: int, least: int) -> list[list[int]]:
    """Windows over a text's tokens, each sharing an eighth with the one before.

    Args:
        tokens: Of one text.
        size: Tokens of a window; the last one may have fewer.
        least: Tokens below which a window is left out, and with it a text that is shorter.
    """
    step = size - size // _OVERLAP
    count = 1 + max(0, -(-(len(tokens) - size) // step))
    windows = [list(tokens[start : start + size]) for start in range(0, count * step, step)]
    return [window for window in windows if len(window) >= max(least, 1)]


def cache_key(encoder: WindowEncoder, recipe: Recipe) -> str:
    """What decides about a content's vector beside the content: recipe, encoder, and the window that fits it."""
    facts = {**asdict(recipe), "weights": encoder.weights_sha256, "context_length": encoder.context_length}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def encode_windows(encoder: WindowEncoder, recipe: Recipe, tokens: Sequence[int]) -> torch.Tensor:
    """The vectors of a text's windows (`W`, `E`); none of a text that is too short.

    Args:
        encoder: Makes the vectors.
        recipe: Says how to cut.
        tokens: The text's tokens.
    """
    size = min(recipe.window, encoder.context_length)
    windows = cut_windows(tokens, size, recipe.least)
    if recipe.reads_again:
        windows = [again for window in windows if (again := encoder.read_again(window, size))]
    if not windows:
        return torch.zeros(0, encoder.width)
    windows_WE = encoder.encode(windows)
    if windows_WE.shape != (len(windows), encoder.width) or not bool(windows_WE.isfinite().all()):
        raise EncoderError(
            f"The encoder gave vectors of shape {tuple(windows_WE.shape)} for {len(windows)} windows, or numbers that "
            "are not finite: use it in float32 or bfloat16."
        )
    return windows_WE


def encode_file(encoder: WindowEncoder, recipe: Recipe, text: str) -> FileVector:
    """A file's vector: the mean over its windows.

    Raises:
        EncoderError: the encoder's numbers are not finite.
    """
    tokens = encoder.tokens(text)
    windows_WE = encode_windows(encoder, recipe, tokens)
    vector_E = _rounded(windows_WE.mean(dim=0), recipe) if len(windows_WE) else None
    return FileVector(vector_E=vector_E, tokens=len(tokens), lines=len(text.splitlines()))


def encode_diff(encoder: WindowEncoder, text: str, recipe: Recipe = PAPER_DIFF) -> torch.Tensor:
    """A diff's vector (2 `E`); zeros for one without a window.

    Args:
        encoder: Makes the vectors.
        text: The production diff of a commit.
        recipe: How to cut it.

    Raises:
        EncoderError: the encoder's numbers are not finite.
    """
    windows_WE = encode_windows(encoder, recipe, encoder.tokens(text) if text.strip() else [])
    return _rounded(pool_diff(windows_WE), recipe) if len(windows_WE) else torch.zeros(2 * encoder.width)


class RepositoryEncoder:
    """Vectors of a repository's states; a content is encoded once, however many states hold it.

    A state is pooled from the vectors of its files every time, in order of path: what came before it does not show.
    """

    def __init__(self, encoder: WindowEncoder, recipe: Recipe, store: VectorStore) -> None:
        """Prepares it; nothing is encoded yet.

        Args:
            encoder: Makes the vectors.
            recipe: One of `PAPER_STATIC`, `PAPER_EVO` and `CLEAN`.
            store: Where contents' vectors are kept.
        """
        self._encoder = encoder
        self._recipe = recipe
        self._store = store
        self._key = cache_key(encoder, recipe)

    def known(self, blob: str) -> FileVector | None:
        """A content's vector, if the store has it."""
        return self._store.get(self._key, blob)

    def file(self, blob: str, read: Callable[[], str]) -> FileVector:
        """A content's vector.

        Args:
            blob: The content's id.
            read: Gives its text; called only if the store does not know it.
        """
        found = self.known(blob)
        if found is None:
            found = encode_file(self._encoder, self._recipe, read())
            self._store.put(self._key, blob, found)
        return found

    def repository(self, files: Mapping[str, str], read: Callable[[str], str]) -> torch.Tensor:
        """A state's vector (2 `E`); zeros if none of its files has one.

        Args:
            files: The content id at each path.
            read: Gives the text of a content id.

        Raises:
            EncoderError: the encoder's numbers are not finite, or the store is damaged.
        """
        shown = [(path, self.file(files[path], partial(read, files[path]))) for path in sorted(files)]
        return pool_files(self._recipe, shown, self._encoder.width)


def pool_files(recipe: Recipe, files: Sequence[tuple[str, FileVector]], width: int) -> torch.Tensor:
    """The vector of some files with their paths (2 `E`); zeros if none of them has one.

    Args:
        recipe: How to pool.
        files: Path and vector of each, in order of path.
        width: Width of a file's vector.
    """
    zeros_E = torch.zeros(width)
    counted = [(path, file) for path, file in files if recipe.counts_empty or file.vector_E is not None]
    if not counted:
        return torch.zeros(2 * width)
    files_FE = torch.stack([zeros_E if file.vector_E is None else file.vector_E for _, file in counted])
    if recipe.name != PAPER_STATIC.name:
        return pool_repository(files_FE)
    return pool_weighted(
        files_FE,
        paths=[path for path, _ in counted],
        tokens=[file.tokens for _, file in counted],
        lines=[file.lines for _, file in counted],
    )


def _rounded(vector_E: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    return vector_E.half().float() if recipe.rounds else vector_E
