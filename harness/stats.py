"""Means with confidence intervals that respect repositories.

Tasks of one repository resemble each other, so they are not independent draws: the interval resamples whole
repositories. Pure functions of numbers; this module does not know what is measured.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000
LEVEL = 0.95
_BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over `n` values from `clusters` clusters, in the unit of the values.

    `low` and `high` bound the confidence interval; both are None where fewer than two clusters leave nothing to
    resample.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int


def clustered_mean(
    observations: Iterable[tuple[str, float]], *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> Estimate:
    """The mean of all values, with a percentile interval from a cluster bootstrap.

    Each resample draws as many clusters as there are, with replacement, and is the sum of their values over the sum
    of their counts: a ratio, as clusters differ in size. The order of `observations` does not matter.

    Args:
        observations: (cluster, value) pairs; values finite.
        seed: of the generator; the same one for rows of a table makes them comparable.
        resamples: number of resamples, at least 1.
        level: of the interval, in (0, 1).

    Raises:
        ValueError: there is no observation, a value is not finite, or an option is out of range.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8; the percentile interval
    is that of Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"resamples must be at least 1 and level in (0, 1), not {resamples} and {level}")
    by_cluster: dict[str, list[float]] = {}
    for cluster, value in observations:
        if not math.isfinite(value):
            raise ValueError(f"the value of a {cluster!r} observation is {value}, not a finite number")
        by_cluster.setdefault(cluster, []).append(value)
    if not by_cluster:
        raise ValueError("a mean needs at least one observation")
    names = sorted(by_cluster)
    # fsum is exact, so that neither sum depends on the order of its terms.
    sums = np.array([math.fsum(by_cluster[name]) for name in names])
    counts = np.array([len(by_cluster[name]) for name in names], dtype=np.int64)
    n = int(counts.sum())
    mean = math.fsum(value for name in names for value in by_cluster[name]) / n
    low, high = None, None
    if len(names) > 1:
        low, high = _interval(sums, counts, seed=seed, resamples=resamples, level=level)
    return Estimate(mean=mean, low=low, high=high, n=n, clusters=len(names))


def _interval(sums: np.ndarray, counts: np.ndarray, *, seed: int, resamples: int, level: float) -> tuple[float, float]:
    """Percentiles of the resampled ratios; `sums` and `counts` have one entry per cluster."""
    clusters = len(sums)
    generator = np.random.default_rng(seed)
    ratios = np.empty(resamples)
    # Blocks bound the memory: one block of draws is at most _BLOCK x clusters.
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        draws = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=size)
        ratios[start : start + size] = (draws @ sums) / (draws @ counts)
    tail = (1 - level) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail))
    return float(low), float(high)
