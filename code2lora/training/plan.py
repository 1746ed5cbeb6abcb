"""Which tasks each optimizer step draws: a pure function of pool, terms and seed, the same for every method.

A step visits some repositories. A visit reaches over a run of neighbouring commits that have tasks and draws some tasks
of each, in order of history: so that a network that walks a history learns over the whole run, and every other method
gets the very same tasks. Repositories take turns in an order that changes from round to round; each has equal weight,
however many tasks it has. A repository with fewer tasks than a visit draws gives some of them again.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from code2lora.training.recipe import Terms
from repopeftbench.schema import content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroup:
    """The tasks of one commit.

    Attributes:
        commit: The commit's position among the kept commits of its repository, from 0.
        rows: The tasks, by their rows in the split's index.
    """

    commit: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One task of a step, with the place in history that decides about its condition."""

    row: int
    repo_id: str
    commit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The draws of a training, step by step.

    Attributes:
        pool: By repository, in order of name, its commits that have tasks, oldest first.
        terms: The terms.
        seed: Seeds every choice.
    """

    pool: tuple[tuple[str, tuple[TaskGroup, ...]], ...]
    terms: Terms
    seed: int

    def step(self, step: int) -> tuple[Draw, ...]:
        """The draws of one step, from 0; the last one may have fewer."""
        terms = self.terms
        first = step * terms.repositories_per_step
        drawn = [
            draw for visit in range(first, first + terms.repositories_per_step) for draw in self._visit(visit)
        ]  # fmt: skip
        return tuple(drawn[: terms.draws - step * terms.draws_per_step])

    def rows(self) -> tuple[int, ...]:
        """Every row that some step draws, ascending."""
        return tuple(sorted({draw.row for step in range(self.terms.steps) for draw in self.step(step)}))

    def _visit(self, visit: int) -> Iterator[Draw]:
        """The draws of one visit."""
        round_, turn = divmod(visit, len(self.pool))
        repo_id, groups = self.pool[_order(self.seed, round_, len(self.pool))[turn]]
        rng = random.Random(content_id("visit", self.seed, visit))
        terms = self.terms
        count = terms.commits_per_visit * terms.tasks_per_commit
        drawn = _draw(_window(groups, terms.commits_per_visit, count, rng), terms.tasks_per_commit, count, rng)
        return (Draw(row=row, repo_id=repo_id, commit=commit) for commit, row in drawn)


@lru_cache(maxsize=2)
def _order(seed: int, round_: int, count: int) -> Sequence[int]:
    """The order in which `count` repositories take turns in a round."""
    order = list(range(count))
    random.Random(content_id("order", seed, round_)).shuffle(order)
    return order


def _window(groups: Sequence[TaskGroup], commits: int, tasks: int, rng: random.Random) -> Sequence[TaskGroup]:
    """A run of neighbouring commits: a tile of the history, longer where it has too few tasks."""
    tiles = range(0, max(1, len(groups) - commits + 1), commits)
    latest = max(0, len(groups) - commits)
    start = rng.choice(sorted({*tiles, latest}))
    end = min(len(groups), start + commits)
    while sum(len(group.rows) for group in groups[start:end]) < tasks and (start > 0 or end < len(groups)):
        start, end = (start, end + 1) if end < len(groups) else (start - 1, end)
    return groups[start:end]


def _draw(window: Sequence[TaskGroup], per_commit: int, count: int, rng: random.Random) -> Sequence[tuple[int, int]]:
    """`count` pairs of commit and row, in order of history: some of each commit, then what is left, then again."""
    first: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for group in window:
        pairs = [(group.commit, row) for row in rng.sample(group.rows, len(group.rows))]
        first += pairs[:per_commit]
        rest += pairs[per_commit:]
    rng.shuffle(rest)
    every = first + rest
    while len(every) < count:
        every += rng.sample(every, min(len(every), count - len(every)))
    return sorted(every[:count])
