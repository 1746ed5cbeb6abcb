"""Two methods on the same tasks: the difference, what speaks against chance, and the verdict in words.

The tasks must be those that both answered. Three figures stand beside each other:

* the difference of the means with its interval over repositories;
* McNemar's exact test, which readers expect; it takes tasks as independent, and so is too sure where they come from
  few repositories;
* the sign-flip test over repositories: if the methods were alike, each repository's difference could as well have had
  the other sign. This one is corrected for the number of pairs (Holm) and takes part in the verdict.

"A beats B" needs an interval without zero and a corrected p of at most 5 %. With fewer than `FEWEST_REPOSITORIES` no
arrangement of signs is that rare, so there is no verdict.

Sources: McNemar, Psychometrika 12 (1947); Holm, Scandinavian Journal of Statistics 6 (1979); Canay, Romano and Shaikh,
Randomization Tests under an Approximate Symmetry Assumption, Econometrica 85 (2017).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import stats

from harness.stats import RESAMPLES, Estimate, Totals, estimate_difference, total

ALPHA = 0.05
POWER = 0.8
FEWEST_REPOSITORIES = 6
"""Of 2 ** 6 arrangements of signs the two most extreme have p = 0.031; of 2 ** 5 they have 0.063."""

_EXACT_UP_TO = 15
_FLIPS = 20_000
_BLOCK_CELLS = 500_000


class Verdict(StrEnum):
    """What a comparison comes to."""

    BEATS = "beats"
    AHEAD = "ahead"
    """The interval excludes zero, but the p value corrected for the number of pairs does not."""
    NO_DIFFERENCE_SHOWN = "no difference shown"
    TOO_FEW = "too few repositories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The first method against the second.

    `difference` is the mean of the first less that of the second, in [-1, 1]. `first_only` and `second_only` count the
    tasks that just one solved; they and `mcnemar` are None where a value is not simply right or wrong. `corrected` is
    `sign_flip` by Holm's rule over all pairs of a report. `detectable` is the least true difference that would have
    been found with a power of about 80 % (docs/adr/0018 says how nearly); None where nothing varies between
    repositories.
    """

    difference: Estimate
    first_only: int | None
    second_only: int | None
    mcnemar: float | None
    sign_flip: float
    corrected: float
    detectable: float | None

    @property
    def verdict(self) -> Verdict:
        """What the interval and the corrected p value say together."""
        low, high = self.difference.low, self.difference.high
        if self.difference.clusters < FEWEST_REPOSITORIES or low is None or high is None:
            return Verdict.TOO_FEW
        if low <= 0 <= high:
            return Verdict.NO_DIFFERENCE_SHOWN
        return Verdict.BEATS if self.corrected <= ALPHA else Verdict.AHEAD


def compare_values(
    repositories: Sequence[str],
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Pair:
    """Compares two methods on the same tasks; `corrected` is not corrected yet.

    Args:
        repositories: of each task.
        first: values of the first method in [0, 1], one per task.
        second: of the second, in the same order.
        seed: of the resamples and of the flips.
        resamples: of the interval.

    Raises:
        ValueError: there is no task, or a value is not finite.
    """
    totals = total(repositories, [a - b for a, b in zip(first, second, strict=True)])
    difference = estimate_difference(totals, seed=seed, resamples=resamples)
    first_only = second_only = mcnemar = None
    if set(first) | set(second) <= {0.0, 1.0}:
        first_only = sum(a > b for a, b in zip(first, second, strict=True))
        second_only = sum(a < b for a, b in zip(first, second, strict=True))
        mcnemar = mcnemar_exact(first_only, second_only)
    flipped = sign_flip(totals, seed=seed)
    return Pair(
        difference=difference,
        first_only=first_only,
        second_only=second_only,
        mcnemar=mcnemar,
        sign_flip=flipped,
        corrected=flipped,
        detectable=_detectable(totals, difference),
    )


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The same pairs with their p values corrected for how many they are; pairs without a verdict do not count."""
    counted = [index for index, pair in enumerate(pairs) if pair.difference.clusters >= FEWEST_REPOSITORIES]
    values = dict(zip(counted, holm([pairs[index].sign_flip for index in counted]), strict=True))
    return tuple(replace(pair, corrected=values.get(index, pair.sign_flip)) for index, pair in enumerate(pairs))


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """The two-sided p value of McNemar's exact test; the arguments count the tasks that just one method solved."""
    if first_only + second_only == 0:
        return 1.0
    return float(stats.binomtest(first_only, first_only + second_only, 0.5).pvalue)


def sign_flip(totals: Totals, *, seed: int, flips: int = _FLIPS) -> float:
    """The two-sided p value of the sum of cluster sums when every cluster's sign may flip.

    Up to 15 clusters that differ, all arrangements are counted; of more, `flips` are drawn, and the observed one counts
    as one of them, so that p is never 0.
    """
    sums = totals.sums[totals.sums != 0]
    if len(sums) == 0:
        return 1.0
    observed = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())
    if len(sums) <= _EXACT_UP_TO:
        signs = 1.0 - 2.0 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(signs @ sums) >= observed).mean())
    generator = np.random.default_rng(seed)
    as_extreme = 1
    most = max(1, _BLOCK_CELLS // len(sums))
    for start in range(0, flips, most):
        size = min(most, flips - start)
        signs = 1.0 - 2.0 * generator.integers(0, 2, size=(size, len(sums)), dtype=np.int8)
        as_extreme += int((np.abs(signs @ sums) >= observed).sum())
    return as_extreme / (flips + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p values corrected by Holm's step-down rule, in the given order; each is at most 1."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: (p_values[index], index))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def _detectable(totals: Totals, difference: Estimate) -> float | None:
    if difference.standard_error is None or difference.critical is None:
        return None
    # A true difference of c errors is found if the next sample's mean exceeds the reach of its interval, k errors. Both
    # errors are estimates, with a relative variance of about 1 / 2f at f degrees of freedom, so that the power is that
    # of a normal deviate at (c - k) / sqrt(1 + (c^2 + k^2) / 2f); this is solved for c.
    power = float(stats.norm.ppf(POWER))
    share = power**2 / (2 * max(1.0, totals.effective_clusters - 1))
    reach = difference.critical
    root = math.sqrt(reach**2 - (1 - share) * (reach**2 * (1 - share) - power**2))
    return (reach + root) / (1 - share) * difference.standard_error
