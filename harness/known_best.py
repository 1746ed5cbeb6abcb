"""Exact match by stratum against the best possible scores of a controlled benchmark. Pure; knows no file.

Strata are properties of tasks that the dataset's truth has and scores do not, so they are no slice of every report.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.errors import ScoringError
from harness.records import Score
from harness.stats import Estimate, estimate_share, total
from repopeftbench.dataset.truth import Stratum, TaskTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumResult:
    """What a run reaches in one stratum, and what can be reached there; all in [0, 1], best scores in the mean.

    Attributes:
        stratum: the stratum.
        exact: exact match, with an interval over repositories.
        best_prefix: the best for what sees the prefix.
        best_domain: the best for what also knows the domain.
        best_repository: the best for what also sees the repository.
    """

    stratum: Stratum
    exact: Estimate
    best_prefix: float
    best_domain: float
    best_repository: float


def against_known_best(
    scores: Iterable[Score], truths: Mapping[str, TaskTruth], *, seed: int = 0
) -> tuple[StratumResult, ...]:
    """The results by stratum, in the order of `Stratum`; strata without a task are left out.

    Args:
        scores: of one run on the benchmark.
        truths: what is known of its tasks, by task id.
        seed: of the bootstrap.

    Raises:
        ScoringError: a task is none of the benchmark.
    """
    found: dict[Stratum, list[tuple[Score, TaskTruth]]] = {}
    for score in scores:
        if score.task_id not in truths:
            raise ScoringError(
                f"Task {score.task_id} of {score.repo_id} is not in the benchmark's truth: name the run's own dataset."
            )
        truth = truths[score.task_id]
        found.setdefault(truth.stratum, []).append((score, truth))
    return tuple(_result(stratum, found[stratum], seed) for stratum in Stratum if stratum in found)


def _result(stratum: Stratum, pairs: Sequence[tuple[Score, TaskTruth]], seed: int) -> StratumResult:
    totals = total([score.repo_id for score, _ in pairs], [float(score.em_strict) for score, _ in pairs])
    return StratumResult(
        stratum=stratum,
        exact=estimate_share(totals, seed=seed),
        best_prefix=fmean(truth.best_prefix for _, truth in pairs),
        best_domain=fmean(truth.best_domain for _, truth in pairs),
        best_repository=fmean(truth.best_repository for _, truth in pairs),
    )
