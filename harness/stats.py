"""Means with confidence intervals that respect repositories.

Tasks of one repository resemble each other, so they are not independent draws: the unit that is resampled is the
repository, called a cluster here. Pure functions of numbers; this module does not know what is measured.

The interval is a symmetric bootstrap-t. The estimate is a ratio, sum of values over number of tasks; its standard error
is the cluster-robust one with the correction CR2; 2,000 resamples of whole clusters tell how many standard errors the
ratio strays, and the critical value is their 95 % quantile, but never below that of Student's t with one degree of
freedom less than the effective number of clusters, N^2 / sum n^2. Shares are studentised on the logit scale, so that
their interval stays within 0 and 1; differences on their own. `benchmarks/coverage.py` measures what this and the
alternatives cover, docs/adr/0018 has the table.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 12.5 (bootstrap-t); Cameron and Miller,
A Practitioner's Guide to Cluster-Robust Inference, Journal of Human Resources 50 (2015), sections VI.B to VI.D (CR2,
few clusters of unequal size); Carter, Schnepel and Steigerwald, Asymptotic Behavior of a t-Test Robust to Cluster
Heterogeneity, Review of Economics and Statistics 99 (2017) (the effective number of clusters).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

RESAMPLES = 2_000
LEVEL = 0.95
_BLOCK_CELLS = 500_000
"""Resamples are drawn in blocks of so many cells (resamples x clusters): about 30 MB at a time."""
_NO_SPREAD = 1e-12
"""A standard error below this is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over `n` values from `clusters` clusters, in the unit of the values.

    `low` and `high` bound the confidence interval; both are None where fewer than two clusters leave nothing to
    compare. `standard_error` is of the mean and `critical` the number of standard errors that the interval was given
    (of logits, for a share); None without an interval, and `critical` also where nothing varies between clusters.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    standard_error: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sum and number of the values of each cluster, clusters in the order of their names; both of shape (clusters,)."""

    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> float:
        """The mean of all values: every task has the same weight."""
        return math.fsum(self.sums) / float(self.counts.sum())

    @property
    def effective_clusters(self) -> float:
        """The number of clusters of equal size that would weigh as much: from 1 to the number there is."""
        return float(self.counts.sum() ** 2 / (self.counts**2).sum())

    def of_equal_weight(self) -> "Totals":
        """The cluster means, once each: their mean gives every repository the same weight."""
        return Totals(sums=self.sums / self.counts, counts=np.ones_like(self.counts))


def total(clusters: Sequence[str], values: Sequence[float]) -> Totals:
    """The totals by cluster; neither the order of the rows nor rounding matters.

    Args:
        clusters: the cluster of every value.
        values: finite numbers, as many.

    Raises:
        ValueError: there is no value, or one is not finite.
    """
    by_cluster: dict[str, list[float]] = {}
    for cluster, value in zip(clusters, values, strict=True):
        if not math.isfinite(value):
            raise ValueError(f"the value of a {cluster!r} observation is {value}, not a finite number")
        by_cluster.setdefault(cluster, []).append(value)
    if not by_cluster:
        raise ValueError("a mean needs at least one observation")
    names = sorted(by_cluster)
    # fsum is exact, so that no sum depends on the order of its terms.
    return Totals(
        sums=np.array([math.fsum(by_cluster[name]) for name in names]),
        counts=np.array([len(by_cluster[name]) for name in names], dtype=np.float64),
    )


def estimate_share(totals: Totals, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL) -> Estimate:
    """The mean of values in [0, 1], with an interval on the logit scale.

    Args:
        totals: of values in [0, 1].
        seed: of the generator; the same one for rows of a table makes them comparable.
        resamples: number of resamples, at least 1.
        level: of the interval, in (0, 1).

    Raises:
        ValueError: an option is out of range.
    """
    mean, error = totals.mean, _standard_error(totals)
    if error is None or error < _NO_SPREAD or not 0 < mean < 1:
        return _estimate_without_spread(totals, 0.0, level, error)
    critical = _critical(totals, seed=seed, resamples=resamples, level=level, logit=True)
    centre, reach = float(special.logit(mean)), critical * error / (mean * (1 - mean))
    low, high = (float(special.expit(centre + side * reach)) for side in (-1, 1))
    return _estimate(totals, low, high, error, critical)


def estimate_difference(totals: Totals, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL) -> Estimate:
    """The mean of values in [-1, 1], as differences of shares are; arguments and errors as for `estimate_share`."""
    mean, error = totals.mean, _standard_error(totals)
    if error is None or error < _NO_SPREAD:
        return _estimate_without_spread(totals, -1.0, level, error)
    critical = _critical(totals, seed=seed, resamples=resamples, level=level, logit=False)
    low, high = max(-1.0, mean - critical * error), min(1.0, mean + critical * error)
    return _estimate(totals, low, high, error, critical)


def _estimate(
    totals: Totals, low: float | None, high: float | None, error: float | None, critical: float | None
) -> Estimate:
    return Estimate(
        mean=totals.mean,
        low=low,
        high=high,
        n=round(float(totals.counts.sum())),
        clusters=len(totals.counts),
        standard_error=error,
        critical=critical,
    )


def _estimate_without_spread(totals: Totals, least: float, level: float, error: float | None) -> Estimate:
    """The estimate where clusters do not differ, which no resample can tell more about.

    That none of G clusters is otherwise bounds the share of clusters that are: the exact binomial bound of none in G.
    """
    _check(1, level)
    if error is None:
        return _estimate(totals, None, None, None, None)
    unseen = 1 - ((1 - level) / 2) ** (1 / len(totals.counts))
    mean = totals.mean
    return _estimate(totals, mean - unseen * (mean - least), mean + unseen * (1 - mean), 0.0, None)


def _standard_error(totals: Totals) -> float | None:
    """The CR2 standard error of the mean; None of fewer than two clusters."""
    if len(totals.counts) < 2:
        return None
    weights = np.ones((1, len(totals.counts)))
    return float(_resampled(totals, weights)[1][0])


def _resampled(totals: Totals, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and CR2 standard errors, of shape (resamples,), of clusters taken `weights` (resamples, clusters) times."""
    sizes = weights @ totals.counts
    means = (weights @ totals.sums) / sizes
    residuals = totals.sums - means[:, None] * totals.counts
    # Divided by the size squared and by what the leverage n / size leaves; where a weight is 0, nothing may be divided.
    factors = np.divide(weights, sizes[:, None] - totals.counts, out=np.zeros_like(weights), where=weights > 0)
    return means, np.sqrt(np.einsum("rc,rc,rc->r", residuals, residuals, factors) / sizes)


def _critical(totals: Totals, *, seed: int, resamples: int, level: float, logit: bool) -> float:
    """How many standard errors the interval reaches to each side."""
    _check(resamples, level)
    mean = totals.mean
    strays = np.full(resamples, np.inf)
    for start, weights in _blocks(len(totals.counts), resamples, seed):
        means, errors = _resampled(totals, weights)
        usable = errors > _NO_SPREAD
        if logit:
            usable &= (means > 0) & (means < 1)
            means, errors = means[usable], errors[usable]
            distances = np.abs(special.logit(means) - special.logit(mean)) * means * (1 - means) / errors
        else:
            distances = np.abs(means[usable] - mean) / errors[usable]
        strays[start : start + len(weights)][usable] = distances
    student = student_quantile(totals, (1 + level) / 2)
    # A resample in which nothing varies strays infinitely far. With more of these than the interval may miss, the
    # resamples tell nothing, and Student's t has to do.
    bootstrap = float(np.quantile(strays, level, method="inverted_cdf"))
    return max(student, bootstrap) if math.isfinite(bootstrap) else student


def student_quantile(totals: Totals, probability: float) -> float:
    """Student's t at `probability`, with one degree of freedom less than clusters are effective, but at least one."""
    return float(stats.t.ppf(probability, max(1.0, totals.effective_clusters - 1)))


def _blocks(clusters: int, resamples: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """How often each resample draws each cluster, some resamples at a time: (index of the first, weights)."""
    generator = np.random.default_rng(seed)
    most = max(1, _BLOCK_CELLS // clusters)
    for start in range(0, resamples, most):
        size = min(most, resamples - start)
        draws = generator.integers(0, clusters, size=(size, clusters))
        draws += clusters * np.arange(size)[:, None]
        weights = np.bincount(draws.ravel(), minlength=size * clusters).reshape(size, clusters)
        yield start, weights.astype(np.float64)


def _check(resamples: int, level: float) -> None:
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"resamples must be at least 1 and level in (0, 1), not {resamples} and {level}")
