"""Which rows of a batch begin alike, so that what they share is computed once: pure functions of tokens.

Rows that begin alike and may share form a cluster; its stem is what all of them begin with, and each row keeps a rest.
A row that stands alone is a cluster too: its rest is its last token. Stems are one batch, rests the next.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_WORTH = 0.75
"""Sharing costs a second pass: it must leave at most this share of the tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBatch:
    """A batch in two passes.

    Attributes:
        stems: What each cluster begins with, at least one token.
        members: The first row of each cluster, which stands for it.
        clusters: The cluster of each row.
        rests: What each row adds to its cluster's stem, at least one token.
    """

    stems: tuple[tuple[int, ...], ...]
    members: tuple[int, ...]
    clusters: tuple[int, ...]
    rests: tuple[tuple[int, ...], ...]


def shared_batch(prompts: Sequence[Sequence[int]], kinds: Sequence[Hashable]) -> SharedBatch | None:
    """How a batch's rows share their beginnings; None where that saves too little.

    Args:
        prompts: The tokens of each row.
        kinds: Rows of one kind may share; equal beginnings of others are not the same to the model.
    """
    if len(prompts) < 2 or min(map(len, prompts)) < 2:
        return None
    groups = _clusters(prompts, kinds)
    common = [_common_of([prompts[row] for row in rows]) for rows in groups]
    clusters = {row: cluster for cluster, rows in enumerate(groups) for row in rows}
    rests = [tuple(prompt[common[clusters[row]] :]) for row, prompt in enumerate(prompts)]
    cost = len(groups) * max(common) + len(prompts) * max(map(len, rests))
    if cost > _WORTH * len(prompts) * max(map(len, prompts)):
        return None
    return SharedBatch(
        stems=tuple(tuple(prompts[rows[0]][:length]) for rows, length in zip(groups, common, strict=True)),
        members=tuple(rows[0] for rows in groups),
        clusters=tuple(clusters[row] for row in range(len(prompts))),
        rests=tuple(rests),
    )


def _clusters(prompts: Sequence[Sequence[int]], kinds: Sequence[Hashable]) -> list[list[int]]:
    """Rows by cluster: neighbours in order of tokens join while more than half of what they share stays shared."""
    numbers: dict[Hashable, int] = {}
    for kind in kinds:
        numbers.setdefault(kind, len(numbers))
    order = sorted(range(len(prompts)), key=lambda row: (numbers[kinds[row]], list(prompts[row]), row))
    groups: list[list[int]] = []
    shared = 0
    for row in order:
        last = groups[-1] if groups else None
        if last is not None and kinds[last[0]] == kinds[row]:
            length = _common(prompts[last[0]], prompts[row])
            if 2 * length > shared:
                last.append(row)
                shared = min(shared, length)
                continue
        groups.append([row])
        shared = len(prompts[row])
    return groups


def _common_of(prompts: Sequence[Sequence[int]]) -> int:
    """The tokens that all prompts begin with, less what leaves each at least one."""
    length = min(map(len, prompts)) - 1
    return min([length, *(_common(prompts[0], prompt) for prompt in prompts[1:])])


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """The tokens that two prompts begin with."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
