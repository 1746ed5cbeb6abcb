import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats import Totals, estimate_difference, estimate_share, student_quantile, total

NAMES = ["a", "a", "b", "c", "c", "c"]
VALUES = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0]


def share(values, names=NAMES, **options):
    return estimate_share(total(names, values), **{"seed": 0, **options})


def test_totals_add_up_by_cluster_in_the_order_of_names():
    totals = total(["b", "a", "b"], [1.0, 0.5, 0.25])
    assert (totals.sums.tolist(), totals.counts.tolist()) == ([0.5, 1.25], [1.0, 2.0])
    assert totals.mean == pytest.approx(1.75 / 3)
    assert totals.of_equal_weight().mean == pytest.approx((0.5 + 0.625) / 2)


def test_effective_clusters_are_as_many_as_weigh_alike():
    assert Totals(sums=np.zeros(4), counts=np.array([5.0] * 4)).effective_clusters == 4
    assert Totals(sums=np.zeros(2), counts=np.array([1.0, 1e6])).effective_clusters == pytest.approx(1, abs=1e-5)


def test_standard_error_of_clusters_of_one_task_is_the_textbook_one():
    # With one task per cluster CR2 is exactly s / sqrt(n), s with n - 1 in its denominator.
    values = [0.1, 0.9, 0.4, 0.4, 0.7, 0.2, 0.3]
    estimate = share(values, [f"r{index}" for index in range(7)])
    assert estimate.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(7), rel=1e-12)


def test_standard_error_of_unequal_clusters_is_cr2():
    # Residual sums of a, b, c around 1/2: 0, 1/2, -1/2, with 2, 1 and 3 of 6 tasks.
    expected = math.sqrt((0.25 / (1 - 1 / 6) + 0.25 / (1 - 3 / 6)) / 36)
    assert share(VALUES).standard_error == pytest.approx(expected, rel=1e-12)


def test_interval_equals_a_loop_over_the_same_resamples():
    names = [f"r{number % 9}" for number in range(60)]
    values = [float((number * number + number // 7) % 5 < 2) for number in range(60)]
    totals = total(names, values)
    for estimate, scale in ((estimate_difference, lambda x: x), (estimate_share, lambda x: math.log(x / (1 - x)))):
        found = estimate(totals, seed=3, resamples=200, level=0.9)
        strays = []
        for draw in np.random.default_rng(3).integers(0, 9, size=(200, 9)):
            size = sum(totals.counts[index] for index in draw)
            mean = sum(totals.sums[index] for index in draw) / size
            terms = [
                ((totals.sums[i] - mean * totals.counts[i]) / size) ** 2 / (1 - totals.counts[i] / size) for i in draw
            ]
            slope = 1 if estimate is estimate_difference else mean * (1 - mean)
            strays.append(abs(scale(mean) - scale(totals.mean)) * slope / math.sqrt(sum(terms)))
        critical = max(sorted(strays)[math.ceil(0.9 * 200) - 1], student_quantile(totals, 0.95))
        assert found.critical == pytest.approx(critical, rel=1e-9)
        slope = 1 if estimate is estimate_difference else totals.mean * (1 - totals.mean)
        for side, bound in ((-1, found.low), (1, found.high)):
            assert scale(bound) == pytest.approx(
                scale(totals.mean) + side * critical * found.standard_error / slope, rel=1e-9
            )


def test_many_alike_clusters_give_the_textbook_interval_of_a_mean():
    # 200 clusters of one task: Student's t with 199 degrees of freedom, and a bootstrap that agrees within a few per
    # cent.
    values = np.random.default_rng(1).uniform(-1, 1, 200)
    found = estimate_difference(total([f"r{index}" for index in range(200)], values.tolist()), seed=0)
    half = stats.t.ppf(0.975, 199) * values.std(ddof=1) / math.sqrt(200)
    assert 0.9999 * half <= found.high - found.mean <= 1.08 * half


def test_one_repository_has_a_mean_and_no_interval():
    estimate = share([1.0, 0.0], ["a", "a"])
    assert (estimate.mean, estimate.low, estimate.high, estimate.clusters) == (0.5, None, None, 1)
    assert estimate_difference(total(["a"], [0.5]), seed=0).low is None


def test_nothing_solved_does_not_mean_that_nothing_can_be():
    # The exact binomial bound of none in 6: 1 - 0.025 ** (1 / 6).
    none = share([0.0] * 12, [f"r{index % 6}" for index in range(12)])
    bound = stats.binomtest(0, 6).proportion_ci(0.95).high
    assert (none.mean, none.low, none.high) == (0.0, 0.0, pytest.approx(bound))
    assert none.critical is None
    everything = share([1.0] * 12, [f"r{index % 6}" for index in range(12)])
    assert (everything.low, everything.high) == (pytest.approx(1 - bound), 1.0)
    equal = estimate_difference(total(["a", "b", "c", "d", "e", "f"], [0.0] * 6), seed=0)
    assert (equal.low, equal.mean, equal.high) == (pytest.approx(-bound), 0.0, pytest.approx(bound))


def test_resamples_in_which_nothing_varies_leave_the_interval_finite():
    # Most resamples of three clusters draw one of them only, or none with a success.
    estimate = share([1.0, 0.0, 0.0, 0.0], ["a", "a", "b", "c"])
    assert 0 < estimate.low < 0.25 < estimate.high < 1
    totals = total(["a", "a", "b", "c"], [1.0, 0.0, 0.0, 0.0])
    assert estimate.critical == pytest.approx(student_quantile(totals, 0.975))


@pytest.mark.parametrize(
    ("names", "values", "options"),
    [
        ([], [], {}),
        (["a"], [math.nan], {}),
        (["a"], [math.inf], {}),
        (["a", "b"], [1.0, 0.0], {"resamples": 0}),
        (["a", "b"], [1.0, 0.0], {"level": 1.0}),
    ],
)
def test_what_has_no_mean_is_refused(names, values, options):
    with pytest.raises(ValueError, match=r"at least one|finite|resamples"):
        share(values, names, **options)


_OBSERVATIONS = st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 1)), min_size=1, max_size=30)


@given(_OBSERVATIONS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(observations, shuffler):
    shuffled = list(observations)
    shuffler.shuffle(shuffled)
    first, second = (
        share([v for _, v in rows], [c for c, _ in rows], resamples=20) for rows in (observations, shuffled)
    )
    assert first == second


@given(_OBSERVATIONS)
def test_interval_holds_the_mean_within_the_range_or_is_absent(observations):
    names, values = [name for name, _ in observations], [value for _, value in observations]
    for estimate, least in ((estimate_share, 0.0), (estimate_difference, -1.0)):
        found = estimate(total(names, values), seed=1, resamples=20)
        if found.low is None or found.high is None:
            assert len(set(names)) == 1
            assert found.low is found.high is None
        else:
            assert least - 1e-9 <= found.low <= found.mean + 1e-9
            assert found.mean - 1e-9 <= found.high <= 1 + 1e-9


def test_fifty_thousand_tasks_are_estimated_within_a_hundred_megabytes():
    generator = np.random.default_rng(0)
    values = (generator.random(50_000) < 0.4).astype(float).tolist()
    for clusters in (100, 20_000):
        names = [f"r{index}" for index in generator.integers(0, clusters, 50_000)]
        tracemalloc.start()
        estimate = share(values, names, resamples=200)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert estimate.n == 50_000
        assert peak < 100e6


def test_interval_covers_the_truth_where_repositories_differ_and_in_size_too():
    # 300 made-up runs: with a coverage of 93 to 97 % fewer than 268 or more than 298 hits are rarer than 1 in 500.
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(300):
        counts = np.clip(np.round(np.exp(generator.normal(3.5, 0.8, 20))), 1, 1_000)
        sums = generator.binomial(counts.astype(int), generator.beta(4, 6, 20)).astype(float)
        estimate = estimate_share(Totals(sums=sums, counts=counts), seed=seed, resamples=200)
        covered += estimate.low <= 0.4 <= estimate.high
    least, most = stats.binom.ppf(0.002, 300, 0.93), stats.binom.ppf(0.998, 300, 0.97)
    assert (least, most) == (265, 298)
    assert least <= covered <= most
