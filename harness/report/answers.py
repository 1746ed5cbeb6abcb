"""Runs -> the answers that a table is of: every method's scores on the tasks that all methods answered. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records import Score
from harness.report.methods import Method, ScoredRun, combine_seeds
from harness.report.metrics import METRICS, counted_value
from repopeftbench.schema import Split, Track

TableKey = tuple[str, Track, Split]
"""What a table is of: the hash of the dataset's manifest, track and split."""


class Answers:
    """One method's scores on the common tasks: per seed, in the order of the tasks."""

    def __init__(self, method: Method, by_seed: Sequence[Mapping[str, Score]], common: Sequence[str]) -> None:
        """Takes the scores of the `common` tasks out of those of every seed, by task."""
        self.method = method
        self.scores = tuple(tuple(answered[task_id] for task_id in common) for answered in by_seed)
        self.left_out = len(set().union(*by_seed)) - len(common)
        self.repositories = tuple(score.repo_id for score in self.scores[0])
        self._values: dict[str, list[float]] = {}

    def values(self, name: str) -> list[float]:
        """The metric of each task, a mean over the seeds."""
        if name not in self._values:
            columns = [[counted_value(METRICS[name], score) for score in scores] for scores in self.scores]
            self._values[name] = [statistics.fmean(of_task) for of_task in zip(*columns, strict=True)]
        return self._values[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGroup:
    """The methods with tasks of one table; `answers` is empty where no task was answered by all of them."""

    key: TableKey
    methods: tuple[str, ...]
    answers: tuple[Answers, ...]


def group_answers(runs: Sequence[ScoredRun]) -> tuple[AnswerGroup, ...]:
    """The answers of each dataset, track and split, in the order of a report; methods in the order of their runs."""
    groups: dict[TableKey, list[tuple[Method, list[dict[str, Score]]]]] = {}
    for method in combine_seeds(runs):
        for (track, split), by_seed in _by_split(method).items():
            groups.setdefault((method.dataset, track, split), []).append((method, by_seed))
    return tuple(_group(key, groups[key]) for key in sorted(groups, key=table_order))


def _group(key: TableKey, members: Sequence[tuple[Method, list[dict[str, Score]]]]) -> AnswerGroup:
    common = sorted(set.intersection(*(set(one) for _, by_seed in members for one in by_seed)))
    answers = tuple(Answers(method, by_seed, common) for method, by_seed in members) if common else ()
    return AnswerGroup(key=key, methods=tuple(method.name for method, _ in members), answers=answers)


def _by_split(method: Method) -> dict[tuple[Track, Split], list[dict[str, Score]]]:
    """For each track and split the scores by task, one mapping per seed."""
    found: dict[tuple[Track, Split], list[dict[str, Score]]] = {}
    for number, run in enumerate(method.runs):
        for score in run.scores:
            by_seed = found.setdefault((score.track, score.split), [{} for _ in method.runs])
            by_seed[number][score.task_id] = score
    return found


def table_order(key: TableKey) -> tuple[str, int, int]:
    """Sorts keys as a report has its tables."""
    dataset, track, split = key
    return dataset, list(Track).index(track), list(Split).index(split)
