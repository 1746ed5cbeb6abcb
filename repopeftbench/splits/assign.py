"""Suite and role of repositories, commits and test files. Pure; everything depends on names, sizes, order and the seed.

Whole repositories: 80/10/10 into training, `cr_val` and `cr_test`, stratified by size; those created after the cutoff
are `ood_test`. A list may say the role of a repository, which is then not drawn. Inside a training repository:
80/10/10 by commit in history order (evolution), by test file (static).
"""

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum

from repopeftbench.schema import Split, content_id

FEWEST_FOR_CROSS_REPO = 5
FEWEST_TO_DIVIDE = 3


class Role(StrEnum):
    """What a whole repository is for."""

    TRAIN = "train"
    CR_VAL = "cr_val"
    CR_TEST = "cr_test"
    OOD_TEST = "ood_test"


def is_out_of_distribution(listed: Role | None, began: int, cutoff: int | None) -> bool:
    """Whether a repository is out of distribution: as the list says, else if it began at or after the cutoff.

    Args:
        listed: the role that the list gives, if any.
        began: time of the first commit, in seconds since the epoch.
        cutoff: the first instant beyond the distribution, None for no cutoff.
    """
    return listed is Role.OOD_TEST if listed is not None else cutoff is not None and began >= cutoff


def assign_repositories(sizes: Mapping[str, int], seed: int) -> dict[str, Role]:
    """The role of each in-distribution repository.

    Fewer than five repositories are all for training. Otherwise a tenth (at least one) goes to `cr_val` and as many to
    `cr_test`: the repositories are ordered by size and cut into as many strata as are held out, one drawn from each.

    Args:
        sizes: number of tasks by repository id.
        seed: the dataset's seed.
    """
    roles = dict.fromkeys(sorted(sizes), Role.TRAIN)
    if len(sizes) < FEWEST_FOR_CROSS_REPO:
        return roles
    rng = random.Random(content_id("cross-repo", seed, *sorted(sizes)))
    ordered = sorted(sizes, key=lambda repo_id: (sizes[repo_id], repo_id))
    held_out = max(1, (len(ordered) + 5) // 10)
    kinds: list[Role] = []
    for _ in range(held_out):
        # Neighbouring strata change places at random, so that neither role gets the smaller ones.
        kinds.extend(rng.sample((Role.CR_VAL, Role.CR_TEST), 2))
    for stratum, kind in enumerate(kinds):
        first, last = (stratum * len(ordered) // len(kinds), (stratum + 1) * len(ordered) // len(kinds))
        roles[ordered[rng.randrange(first, last)]] = kind
    return roles


def divide(count: int) -> tuple[int, int]:
    """Sizes of the train and val parts of `count` ordered things, 80/10/10; the rest, at least one, is test.

    Fewer than three things are all for training.
    """
    if count < FEWEST_TO_DIVIDE:
        return count, 0
    return min(max(1, count * 8 // 10), count - 2), max(1, count // 10)


def split_commits(task_commits: Sequence[int]) -> tuple[int, int]:
    """The history indices at which `ir_val` and `ir_test` begin (both beyond the last one where nothing is divided).

    Args:
        task_commits: history indices of the commits that have tasks, ascending.
    """
    train, val = divide(len(task_commits))
    beyond = (task_commits[-1] + 1) if task_commits else 0
    starts = [task_commits[at] if at < len(task_commits) else beyond for at in (train, train + val)]
    return starts[0], starts[1]


def commit_split(history_index: int, starts: tuple[int, int]) -> Split:
    """The in-repo split of a commit, given where val and test begin."""
    if history_index < starts[0]:
        return Split.IR_TRAIN
    return Split.IR_VAL if history_index < starts[1] else Split.IR_TEST


def split_files(order: Sequence[str]) -> dict[str, Split]:
    """The in-repo split of each test file, in the given order: the first 80 % train, then val, then test."""
    train, val = divide(len(order))
    return {
        path: Split.IR_TRAIN if index < train else Split.IR_VAL if index < train + val else Split.IR_TEST
        for index, path in enumerate(order)
    }
