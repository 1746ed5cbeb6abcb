"""Two runs against each other, on one metric: per track and split the paired verdict and the flipped tasks. Pure."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.errors import RunError
from harness.pairing import Pair, compare_values, corrected
from harness.records import Score
from harness.report.methods import ScoredRun
from harness.report.metrics import METRICS, Metric, counted_value
from harness.stats import RESAMPLES
from repopeftbench.near import near
from repopeftbench.schema import Split, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A task that the two runs did not answer alike; values are in [0, 1]."""

    task_id: str
    repo_id: str
    target: str
    first: str
    second: str
    first_value: float
    second_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One track and split: means over the `tasks` that both answered, in [0, 1].

    `first_left_out` and `second_left_out` count the tasks that only one of them answered. `flips` are in the order of
    the difference, largest first, those that the first solved before those that the second did.
    """

    track: Track
    split: Split
    tasks: int
    repositories: int
    first_left_out: int
    second_left_out: int
    first_mean: float
    second_mean: float
    pair: Pair
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs compared on a metric; p values are corrected for the number of `parts`."""

    first: str
    second: str
    metric: str
    seed: int
    parts: tuple[Part, ...]


def compare_runs(
    first: tuple[str, ScoredRun],
    second: tuple[str, ScoredRun],
    *,
    metric: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two runs, given with the names to print.

    Raises:
        RunError: there is no such metric, the runs read different datasets, or they answered no common task.
    """
    if metric not in METRICS:
        raise RunError(f"Unknown metric {metric!r}.{near(metric, METRICS)} Available: {', '.join(METRICS)}.")
    names, runs = (first[0], second[0]), (first[1], second[1])
    datasets = [run.manifest.dataset_sha256 for run in runs]
    if datasets[0] != datasets[1]:
        raise RunError(
            f"{names[0]} was run on dataset {datasets[0][:12]} and {names[1]} on {datasets[1][:12]}: "
            "compare runs on one dataset."
        )
    groups: dict[tuple[Track, Split], tuple[dict[str, Score], dict[str, Score]]] = {}
    for side, run in enumerate(runs):
        for score in run.scores:
            groups.setdefault((score.track, score.split), ({}, {}))[side][score.task_id] = score
    parts = [
        _part(key, answered, METRICS[metric], seed=seed, resamples=resamples)
        for key, answered in sorted(groups.items(), key=lambda item: _place(item[0]))
        if answered[0].keys() & answered[1].keys()
    ]
    if not parts:
        raise RunError(f"{names[0]} and {names[1]} answered no common task: run both on the same splits.")
    pairs = corrected([part.pair for part in parts])
    return Comparison(
        first=names[0],
        second=names[1],
        metric=metric,
        seed=seed,
        parts=tuple(replace(part, pair=pair) for part, pair in zip(parts, pairs, strict=True)),
    )


def _place(key: tuple[Track, Split]) -> tuple[int, int]:
    return list(Track).index(key[0]), list(Split).index(key[1])


def _part(
    key: tuple[Track, Split],
    answered: tuple[Mapping[str, Score], Mapping[str, Score]],
    metric: Metric,
    *,
    seed: int,
    resamples: int,
) -> Part:
    common = sorted(answered[0].keys() & answered[1].keys())
    scores = [(answered[0][task_id], answered[1][task_id]) for task_id in common]
    first = [counted_value(metric, score) for score, _ in scores]
    second = [counted_value(metric, score) for _, score in scores]
    repositories = [score.repo_id for score, _ in scores]
    flips = [
        Flip(
            task_id=one.task_id,
            repo_id=one.repo_id,
            target=one.target,
            first=one.prediction,
            second=other.prediction,
            first_value=value,
            second_value=other_value,
        )
        for (one, other), value, other_value in zip(scores, first, second, strict=True)
        if value != other_value
    ]
    return Part(
        track=key[0],
        split=key[1],
        tasks=len(common),
        repositories=len(set(repositories)),
        first_left_out=len(answered[0]) - len(common),
        second_left_out=len(answered[1]) - len(common),
        first_mean=statistics.fmean(first),
        second_mean=statistics.fmean(second),
        pair=compare_values(repositories, first, second, seed=seed, resamples=resamples),
        flips=tuple(sorted(flips, key=_flip_order)),
    )


def _flip_order(flip: Flip) -> tuple[float, bool, str, str]:
    lead = flip.first_value - flip.second_value
    return -abs(lead), lead < 0, flip.repo_id, flip.task_id
