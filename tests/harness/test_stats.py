import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import clustered_mean

OBSERVATIONS = [("a", 1.0), ("a", 0.0), ("b", 1.0), ("c", 0.0), ("c", 0.0), ("c", 1.0)]


def test_interval_equals_a_loop_over_the_same_resamples():
    estimate = clustered_mean(OBSERVATIONS, seed=7, resamples=500, level=0.9)
    draws = np.random.default_rng(7).multinomial(3, [1 / 3] * 3, size=500)
    ratios = []
    for a, b, c in draws.tolist():
        ratios.append((1.0 * a + 1.0 * b + 1.0 * c) / (2 * a + 1 * b + 3 * c))
    assert estimate.mean == 0.5
    assert (estimate.n, estimate.clusters) == (6, 3)
    assert estimate.low == pytest.approx(np.quantile(ratios, 0.05), abs=1e-12)
    assert estimate.high == pytest.approx(np.quantile(ratios, 0.95), abs=1e-12)


def test_two_repositories_give_the_three_possible_ratios():
    # Draws: both a (mean 1), both b (mean 0), one of each (mean 1/2): the extremes have probability 1/4 each.
    estimate = clustered_mean([("a", 1.0), ("b", 0.0)], seed=0)
    assert (estimate.mean, estimate.low, estimate.high) == (0.5, 0.0, 1.0)


def test_one_repository_has_a_mean_and_no_interval():
    estimate = clustered_mean([("a", 1.0), ("a", 0.0)], seed=0)
    assert (estimate.mean, estimate.low, estimate.high, estimate.clusters) == (0.5, None, None, 1)


def test_equal_values_give_an_interval_of_no_width():
    estimate = clustered_mean([("a", 2.0), ("b", 2.0), ("b", 2.0)], seed=0)
    assert (estimate.mean, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("observations", "options"),
    [
        ([], {}),
        ([("a", math.nan)], {}),
        ([("a", math.inf)], {}),
        ([("a", 1.0)], {"resamples": 0}),
        ([("a", 1.0)], {"level": 1.0}),
    ],
)
def test_what_has_no_mean_is_refused(observations, options):
    with pytest.raises(ValueError, match=r"at least one|finite|resamples"):
        clustered_mean(observations, seed=0, **options)


_OBSERVATIONS = st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 1)), min_size=1, max_size=30)


@given(_OBSERVATIONS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(observations, shuffler):
    shuffled = list(observations)
    shuffler.shuffle(shuffled)
    assert clustered_mean(observations, seed=1, resamples=50) == clustered_mean(shuffled, seed=1, resamples=50)


@given(_OBSERVATIONS)
def test_interval_lies_within_the_range_of_values_or_is_absent(observations):
    estimate = clustered_mean(observations, seed=1, resamples=50)
    values = [value for _, value in observations]
    assert min(values) - 1e-9 <= estimate.mean <= max(values) + 1e-9
    if estimate.low is None or estimate.high is None:
        assert len({cluster for cluster, _ in observations}) == 1
        assert estimate.low is estimate.high is None
    else:
        assert min(values) - 1e-9 <= estimate.low <= estimate.high <= max(values) + 1e-9


def test_clusters_widen_the_interval_and_it_covers_the_truth():
    # 200 made-up data sets of 30 repositories whose own rates vary around 0.4: about 95 % of the intervals hold 0.4.
    source = random.Random(5)
    covered, width, naive = 0, 0.0, 0.0
    for index in range(200):
        rows = []
        for repository in range(30):
            rate = source.betavariate(4, 6)
            rows += [(str(repository), float(source.random() < rate)) for _ in range(20)]
        estimate = clustered_mean(rows, seed=index, resamples=300)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 0.4 <= estimate.high
        width += estimate.high - estimate.low
        naive += 2 * 1.96 * math.sqrt(0.4 * 0.6 / 600)
    assert 0.88 <= covered / 200 <= 0.99
    assert width > 1.2 * naive
