"""Which prompts begin alike, so that what they share is computed once: pure functions of tokens.

Prompts of one kind that share enough form a pack: one sequence in which every shared token stands once. A prompt is a
path through its pack, and a token sees the tokens of its path alone. Where each prompt of a pack only goes on where
another ends, the pack is a chain: an ordinary sequence that needs no mask of its own.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_MOST_TOKENS = 2
"""A pack has at most this many times the tokens of its longest prompt: attention pays for all pairs of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Prompts as one sequence.

    Attributes:
        tokens: Every token once.
        depths: The place of each token in its prompts, from 0.
        rows: Which prompts are in it, at least one.
        paths: For each of them, where its tokens stand in `tokens`.
    """

    tokens: tuple[int, ...]
    depths: tuple[int, ...]
    rows: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]

    @property
    def is_chain(self) -> bool:
        """Whether every token sees all tokens before it."""
        return self.depths == tuple(range(len(self.tokens)))


def packed(
    prompts: Sequence[Sequence[int]], kinds: Sequence[Hashable], *, most_rows: int, chains_only: bool = False
) -> list[Pack]:
    """Packs of all prompts, longest first.

    Args:
        prompts: The tokens of each; there may be none.
        kinds: Prompts of one kind may share; equal beginnings of others are not the same to the model.
        most_rows: Most prompts of a pack, at least 1.
        chains_only: Whether every pack must be a chain.
    """
    numbers: dict[Hashable, int] = {}
    for kind in kinds:
        numbers.setdefault(kind, len(numbers))
    order = sorted(range(len(prompts)), key=lambda row: (numbers[kinds[row]], list(prompts[row]), row))
    builders: list[_Builder] = []
    for row in order:
        last = builders[-1] if builders and kinds[builders[-1].rows[-1]] == kinds[row] else None
        if last is None or len(last.rows) == most_rows or not last.takes(prompts[row], chains_only=chains_only):
            builders.append(last := _Builder())
        last.add(row, prompts[row])
    packs = [builder.pack() for builder in builders]
    return sorted(packs, key=lambda pack: (-len(pack.tokens), min(pack.rows)))


class _Builder:
    """A pack that grows, by prompts in the order of their tokens."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._tokens: list[int] = []
        self._depths: list[int] = []
        self._paths: list[list[int]] = []
        self._last: Sequence[int] = ()

    def takes(self, prompt: Sequence[int], *, chains_only: bool) -> bool:
        """Whether a prompt shares at least half of itself, and the pack stays small beside its longest prompt."""
        shared = _common(self._last, prompt)
        tokens = len(self._tokens) + len(prompt) - shared
        longest = max(len(prompt), *map(len, self._paths))
        is_worth = 2 * shared >= len(prompt) > 0 and tokens <= _MOST_TOKENS * longest
        return is_worth and (tokens == len(prompt) or not chains_only)

    def add(self, row: int, prompt: Sequence[int]) -> None:
        """Adds a prompt behind what it shares with the one before: in this order that is the most it shares at all."""
        shared = _common(self._last, prompt)
        start = len(self._tokens)
        self._tokens.extend(prompt[shared:])
        self._depths.extend(range(shared, len(prompt)))
        before = self._paths[-1][:shared] if self._paths else []
        self._paths.append(before + list(range(start, len(self._tokens))))
        self.rows.append(row)
        self._last = prompt

    def pack(self) -> Pack:
        """What was added."""
        return Pack(
            tokens=tuple(self._tokens),
            depths=tuple(self._depths),
            rows=tuple(self.rows),
            paths=tuple(map(tuple, self._paths)),
        )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """The tokens that two prompts begin with: by halves, as comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
