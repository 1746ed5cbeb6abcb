"""Which of a commit's new sites become tasks: a seeded round robin over files and functions. Pure.

The choice depends on the seed, the repository and the commit alone; it is the same for train and test.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from repopeftbench.schema import content_id

CAP_PER_FILE = 4
CAP_PER_COMMIT = 8
OVER_FILE_CAP = "cap-file"
OVER_COMMIT_CAP = "cap-commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a candidate stands, as far as the round robin cares."""

    test_file: str
    test_function: str


def cap_reasons(places: Sequence[Place], seed: int, repo_id: str, commit_sha: str) -> tuple[str | None, ...]:
    """For each candidate of one commit None if it becomes a task, else the reason why it does not.

    Args:
        places: the candidates in file order.
        seed: the dataset's seed.
        repo_id: the repository.
        commit_sha: the commit.
    """
    rng = random.Random(content_id("cap", seed, repo_id, commit_sha))
    by_file: dict[str, dict[str, list[int]]] = {}
    for index, place in enumerate(places):
        by_file.setdefault(place.test_file, {}).setdefault(place.test_function, []).append(index)
    reasons: list[str | None] = [OVER_FILE_CAP] * len(places)
    queues: list[list[int]] = []
    for functions in by_file.values():
        groups = list(functions.values())
        rng.shuffle(groups)
        for group in groups:
            rng.shuffle(group)
        queues.append(_take_turns(groups, CAP_PER_FILE))
        for index in queues[-1]:
            reasons[index] = OVER_COMMIT_CAP
    rng.shuffle(queues)
    for index in _take_turns(queues, CAP_PER_COMMIT):
        reasons[index] = None
    return tuple(reasons)


def _take_turns(queues: Sequence[Sequence[int]], limit: int) -> list[int]:
    """One element of each queue in turn until `limit` are taken or all queues are empty."""
    taken: list[int] = []
    for turn in range(max(map(len, queues), default=0)):
        for queue in queues:
            if turn < len(queue) and len(taken) < limit:
                taken.append(queue[turn])
    return taken
