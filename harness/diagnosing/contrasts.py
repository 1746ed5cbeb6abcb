"""D2, D3, D6 and D7 as numbers: what one adapter does better than another, with intervals over repositories. Pure.

The unit that is resampled is the repository, 10,000 times. Negative log likelihoods are nats per token of gap, target
and end; lower is better, so that a difference below 0 is in favour of what stands first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from code2lora.diagnostics.likelihood import Likelihood
from harness.stats import Estimate, estimate_difference, estimate_share, total

RESAMPLES = 10_000
PERMUTATIONS = 10_000
_ROOM = 1_000.0
LEAST_HEADROOM = 0.02
"""In nats: where less is to be had, a benchmark cannot show conditioning."""

Likelihoods = Mapping[str, Likelihood]
"""By task id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedTask:
    """A task that was measured: its repository, and the stratum that it is counted in."""

    task_id: str
    repo_id: str
    stratum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One adapter minus another on the same tasks: `nll` in nats per token, `exact` in [-1, 1]."""

    nll: Estimate
    exact: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAgainstOthers:
    """D3 of some tasks; shares are in [0, 1].

    Attributes:
        win_rate: Share of (repository, other repository) where the own adapter has the lower mean NLL; ties are halves.
        mean_rank: Mean rank of the own adapter among those that were tried on a repository, 1 the best.
        chance_rank: The mean rank that labels without meaning would have.
        top1: Share of repositories whose own adapter is the best.
        p: Of the column-centred mean NLL of own adapters, against labels drawn within rows.
        repositories: How many.
        hard_win_rate: Share of repositories whose own adapter beats that of the most similar update; None without any.
    """

    win_rate: float
    mean_rank: float
    chance_rank: float
    top1: float
    p: float
    repositories: int
    hard_win_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """D7 of some tasks.

    `nats` is shared minus per-repository LoRA; `share` is what of it the own adapter has, None where there is less than
    0.02 nats to have.
    """

    nats: float
    share: float | None
    n: int
    repositories: int


def contrast(tasks: Sequence[PlacedTask], own: Likelihoods, other: Likelihoods, *, seed: int) -> Contrast | None:
    """D2: own minus other, paired by task; None of no task that both have.

    Args:
        tasks: What to count.
        own: What stands first.
        other: What it is compared with.
        seed: Of the bootstrap.
    """
    paired = [task for task in tasks if task.task_id in own and task.task_id in other]
    if not paired:
        return None
    clusters = [task.repo_id for task in paired]
    nats = [own[task.task_id].nll - other[task.task_id].nll for task in paired]
    exact = [float(own[task.task_id].exact) - float(other[task.task_id].exact) for task in paired]
    return Contrast(
        nll=estimate_nats(clusters, nats, seed=seed),
        exact=estimate_difference(total(clusters, exact), seed=seed, resamples=RESAMPLES),
    )


def estimate_nats(clusters: Sequence[str], values: Sequence[float], *, seed: int) -> Estimate:
    """The mean of numbers of any size, with the interval of `estimate_difference`; at least one value.

    What that keeps within [-1, 1] is first made so small that no interval reaches the ends. Where repositories do not
    differ at all, the bound on what was not seen is of numbers no larger than those that were.
    """
    largest = max(abs(value) for value in values)
    if largest == 0:  # nothing has a size that what was not seen could be bound by
        count = len(set(clusters))
        bound = None if count < 2 else 0.0
        return Estimate(mean=0.0, low=bound, high=bound, n=len(values), clusters=count)
    scale = _ROOM * largest
    found = estimate_difference(total(clusters, [value / scale for value in values]), seed=seed, resamples=RESAMPLES)
    if found.critical is None:
        scale = largest
        found = estimate_difference(total(clusters, [v / scale for v in values]), seed=seed, resamples=RESAMPLES)
    return Estimate(
        mean=found.mean * scale,
        low=None if found.low is None else found.low * scale,
        high=None if found.high is None else found.high * scale,
        n=found.n,
        clusters=found.clusters,
        standard_error=None if found.standard_error is None else found.standard_error * scale,
        critical=found.critical,
    )


def exact_share(tasks: Sequence[PlacedTask], found: Likelihoods, *, seed: int) -> Estimate | None:
    """Exact match of an adapter; None of no task."""
    known = [task for task in tasks if task.task_id in found]
    if not known:
        return None
    values = [float(found[task.task_id].exact) for task in known]
    return estimate_share(total([task.repo_id for task in known], values), seed=seed, resamples=RESAMPLES)


def mean_nll(tasks: Sequence[PlacedTask], found: Likelihoods) -> float | None:
    """The mean NLL in nats per token, tasks of equal weight; None of no task."""
    values = [found[task.task_id].nll for task in tasks if task.task_id in found]
    return fmean(values) if values else None


def own_against_others(
    tasks: Sequence[PlacedTask],
    own: Likelihoods,
    others: Mapping[str, Likelihoods],
    nearest: Mapping[str, str],
    *,
    seed: int,
) -> OwnAgainstOthers | None:
    """D3; None where fewer than two repositories have tasks and others to compare with.

    `L_ij` is the mean NLL of repository i under the adapter of repository j. Adapters that are good or bad for
    everybody are taken out by centring columns; under the null hypothesis the own label is any of a row's.

    Args:
        tasks: What to count.
        own: Likelihoods under own adapters.
        others: By the repository whose adapter it was, of the tasks of other repositories.
        nearest: The repository of the most similar update, by repository: the hard negative.
        seed: Of the permutations.
    """
    rows = _rows(tasks, own, others)
    if len(rows) < 2:
        return None
    wins, ranks, tops, chances = [], [], [], []
    for repo_id, row in rows.items():
        rest = [value for other, value in row.items() if other != repo_id]
        won = [1.0 if row[repo_id] < value else 0.5 if row[repo_id] == value else 0.0 for value in rest]
        wins.extend(won)
        ranks.append(1 + len(won) - sum(won))
        chances.append(1 + len(won) / 2)
        tops.append(float(sum(won) == len(won)))
    hard = [
        1.0 if row[repo_id] < row[nearest[repo_id]] else 0.5 if row[repo_id] == row[nearest[repo_id]] else 0.0
        for repo_id, row in rows.items()
        if nearest.get(repo_id) in row
    ]
    return OwnAgainstOthers(
        win_rate=fmean(wins),
        mean_rank=fmean(ranks),
        chance_rank=fmean(chances),
        top1=fmean(tops),
        p=_permutation_p(rows, seed),
        repositories=len(rows),
        hard_win_rate=fmean(hard) if hard else None,
    )


def headroom(
    tasks: Sequence[PlacedTask], own: Likelihoods, shared: Likelihoods, oracle: Likelihoods
) -> Headroom | None:
    """D7: `(shared - own) / (shared - oracle)` on the tasks that all three have; None of no task."""
    known = [task for task in tasks if all(task.task_id in found for found in (own, shared, oracle))]
    if not known:
        return None
    own_nll, shared_nll, oracle_nll = (
        fmean(found[task.task_id].nll for task in known) for found in (own, shared, oracle)
    )
    nats = shared_nll - oracle_nll
    return Headroom(
        nats=nats,
        share=(shared_nll - own_nll) / nats if nats >= LEAST_HEADROOM else None,
        n=len(known),
        repositories=len({task.repo_id for task in known}),
    )


def _rows(
    tasks: Sequence[PlacedTask], own: Likelihoods, others: Mapping[str, Likelihoods]
) -> dict[str, dict[str, float]]:
    """Mean NLL by repository and adapter; only of repositories that at least one other adapter was tried on."""
    by_repo: dict[str, list[PlacedTask]] = {}
    for task in tasks:
        if task.task_id in own:
            by_repo.setdefault(task.repo_id, []).append(task)
    rows = {}
    for repo_id, mine in sorted(by_repo.items()):
        row = {
            other: fmean(found[task.task_id].nll for task in mine)
            for other, found in sorted(others.items())
            if other != repo_id and all(task.task_id in found for task in mine)
        }
        if row:
            rows[repo_id] = {repo_id: fmean(own[task.task_id].nll for task in mine), **row}
    return rows


def _permutation_p(rows: Mapping[str, Mapping[str, float]], seed: int) -> float:
    columns: dict[str, list[float]] = {}
    for row in rows.values():
        centre = fmean(row.values())  # hard tasks must not make a column bad
        for other, value in row.items():
            columns.setdefault(other, []).append(value - centre)
    means = {other: fmean(values) for other, values in columns.items()}
    centred = {
        repo_id: {other: value - fmean(row.values()) - means[other] for other, value in row.items()}
        for repo_id, row in rows.items()
    }
    generator = np.random.default_rng(seed)
    true, drawn = 0.0, np.zeros(PERMUTATIONS)
    for repo_id, row in centred.items():
        true += row[repo_id]
        drawn += generator.choice(np.array(list(row.values())), size=PERMUTATIONS)
    return float((1 + (drawn <= true + 1e-12).sum()) / (1 + PERMUTATIONS))
