"""Suites and roles as published: whole repositories by size, pairs at random, kept commits by their order.

Source: `create_splits.py` (deleted; before commit ff59d22) with seed 3407, and `_chronological_splits` of
`build_commit_parquet_db.py`.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

SEED = 3407
TRAIN, VAL, TEST = "train", "val", "test"
CR_VAL, CR_TEST, OOD_TEST = "cr_val", "cr_test", "ood_test"
_FEWEST_TO_DIVIDE = 3

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSplit:
    """Places of a repository's selected pairs, by part."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]


def assign_repositories(pairs: Mapping[str, int]) -> dict[str, str]:
    """`train`, `cr_val` or `cr_test` of each repository.

    Three bins of size, by the values at a third and two thirds; 80/10/10 in each, at least one for training.

    Args:
        pairs: selected static pairs by repository id.
    """
    rng = random.Random(SEED)
    names = sorted(pairs, key=lambda name: name.partition("/")[::2])
    rng.shuffle(names)
    ordered = sorted(pairs.values())
    if not ordered:
        return {}
    few = len(ordered) < _FEWEST_TO_DIVIDE
    low = ordered[0] if few else ordered[len(ordered) // 3]
    high = ordered[-1] if few else ordered[2 * len(ordered) // 3]
    bins: list[list[str]] = [[], [], []]
    for name in names:
        bins[0 if pairs[name] <= low else 1 if pairs[name] <= high else 2].append(name)
    roles: dict[str, str] = {}
    for members in filter(None, bins):
        rng.shuffle(members)
        train, val = max(1, int(len(members) * 0.8)), int(len(members) * 0.1)
        for place, name in enumerate(members):
            roles[name] = TRAIN if place < train else CR_VAL if place < train + val else CR_TEST
    return roles


def split_pairs(count: int) -> PairSplit:
    """Where a training repository's pairs go: shuffled one by one, so that parts share functions and files."""
    places = list(range(count))
    random.Random(SEED).shuffle(places)
    train, val = int(count * 0.8), int(count * 0.1)
    return PairSplit(
        train=tuple(places[:train]), val=tuple(places[train : train + val]), test=tuple(places[train + val :])
    )


def commit_splits(kept: int) -> tuple[str, ...]:
    """`train`, `val` or `test` of each kept commit, oldest first; below three commits all train."""
    if kept < _FEWEST_TO_DIVIDE:
        return (TRAIN,) * kept
    train, val = max(1, int(kept * 0.8)), max(1, int(kept * 0.1))
    if kept - train - val < 1:
        train -= 1
    return (TRAIN,) * train + (VAL,) * val + (TEST,) * (kept - train - val)


def chosen(items: Sequence[_T], places: Sequence[int]) -> list[_T]:
    """The items at some places, in the places' order."""
    return [items[place] for place in places]
