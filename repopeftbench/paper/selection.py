"""The static track's balanced selection: 5 per function, 20 per file, distinct targets per file, 200 per repository.

Source: `select_balanced_pairs` of `create_qnas_v2.py` and the least size of `create_splits.py`. Single-line and short
targets go first at every step.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import chain

from repopeftbench.paper.static_extract import StaticPair

MOST_PER_FUNCTION = 5
MOST_PER_FILE = 20
MOST_PER_REPOSITORY = 200
FEWEST_PER_REPOSITORY = 30


def balanced(pairs: Sequence[StaticPair]) -> tuple[StaticPair, ...]:
    """The selected pairs of one repository, in the published order."""
    per_function = _best(pairs, lambda pair: (pair.file, pair.test_function), MOST_PER_FUNCTION)
    per_file = _best(per_function, lambda pair: pair.file, MOST_PER_FILE)
    distinct = [group[0] for group in _groups(per_file, lambda pair: (pair.file, pair.target))]
    if len(distinct) <= MOST_PER_REPOSITORY:
        return tuple(distinct)
    tiers = _groups(distinct, lambda pair: pair.difficulty)
    slots = _slots([len(tier) for tier in tiers], len(distinct))
    chosen = (sorted(tier, key=_quality)[:count] for tier, count in zip(tiers, slots, strict=True))
    return tuple(chain.from_iterable(chosen))


def _best(pairs: Sequence[StaticPair], key: Callable[[StaticPair], Hashable], most: int) -> list[StaticPair]:
    groups = _groups(pairs, key)
    return list(chain.from_iterable(sorted(group, key=_quality)[:most] for group in groups))


def _groups(pairs: Sequence[StaticPair], key: Callable[[StaticPair], Hashable]) -> list[list[StaticPair]]:
    """The pairs by key, groups in order of their first pair."""
    groups: dict[Hashable, list[StaticPair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return list(groups.values())


def _slots(sizes: Sequence[int], total: int) -> list[int]:
    """How many each tier gives: proportional, remainders to the largest fractions, earlier tiers first."""
    exact = [MOST_PER_REPOSITORY * size / total for size in sizes]
    slots = [int(share) for share in exact]
    order = sorted(range(len(sizes)), key=lambda tier: slots[tier] - exact[tier])
    for tier in order[: MOST_PER_REPOSITORY - sum(slots)]:
        slots[tier] += 1
    return slots


def _quality(pair: StaticPair) -> tuple[bool, int]:
    return pair.was_multiline, len(pair.target)
