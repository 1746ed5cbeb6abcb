import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.pairing import (
    FEWEST_REPOSITORIES,
    Verdict,
    compare_values,
    corrected,
    holm,
    mcnemar_exact,
    sign_flip,
)
from harness.stats import Totals


def totals_of(sums):
    return Totals(sums=np.array(sums, dtype=float), counts=np.full(len(sums), 10.0))


def pair_of(leads, tasks=20):
    """One repository per lead: the first solves half of the tasks and `lead` more, the second half."""
    names, first, second = [], [], []
    for index, lead in enumerate(leads):
        names += [f"r{index}"] * tasks
        first += [1.0] * (tasks // 2 + lead) + [0.0] * (tasks // 2 - lead)
        second += [1.0] * (tasks // 2) + [0.0] * (tasks // 2)
    return compare_values(names, first, second, seed=0, resamples=500)


def test_mcnemar_has_the_textbook_values():
    # Of 10 discordant pairs 1 against 9: 2 * (1 + 10) / 2 ** 10. Agresti's approval ratings (1990): 86 against 150.
    assert mcnemar_exact(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar_exact(86, 150) == pytest.approx(3.7e-5, rel=0.02)
    assert mcnemar_exact(0, 0) == mcnemar_exact(4, 4) == 1.0


def test_holm_has_the_textbook_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.6, 0.7]) == (1.0, 1.0)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_value_and_keeps_the_order(values):
    adjusted = holm(values)
    assert all(value <= one <= 1 for value, one in zip(values, adjusted, strict=True))
    ranks = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[index] for index in ranks] == sorted(adjusted)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
def test_sign_flips_of_few_repositories_are_all_counted(sums):
    arrangements = [
        abs(sum(sign * value for sign, value in zip(signs, sums, strict=True)))
        for signs in product((1, -1), repeat=len(sums))
    ]
    expected = sum(value >= abs(sum(sums)) for value in arrangements) / len(arrangements)
    assert sign_flip(totals_of(sums), seed=0) == pytest.approx(expected)


def test_sign_flips_agree_with_fishers_on_darwins_plants():
    # Fisher, The Design of Experiments (1935), section 21: 15 differences, 863 of 32,768 arrangements on one side
    # reach the sum 314; both sides make 1,726.
    heights = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip(totals_of(heights), seed=0) == 2 * 863 / 32_768


def test_drawn_sign_flips_depend_on_the_seed_alone_and_are_never_zero():
    leads = totals_of([1.0] * 40)
    assert sign_flip(leads, seed=1, flips=999) == 1 / 1_000
    mixed = totals_of([1.0, -1.0, 2.0] * 10)
    assert sign_flip(mixed, seed=1) == sign_flip(mixed, seed=1) != sign_flip(mixed, seed=2)


def test_pair_counts_who_alone_solved_what():
    pair = compare_values(["a", "a", "b", "b"], [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], seed=0)
    assert (pair.first_only, pair.second_only, pair.mcnemar) == (2, 1, 1.0)
    assert pair.difference.mean == 0.25
    shares = compare_values(["a", "b"], [0.5, 1.0], [0.0, 1.0], seed=0)
    assert (shares.first_only, shares.second_only, shares.mcnemar) == (None, None, None)


def test_clear_lead_in_enough_repositories_beats():
    assert pair_of([5, 6, 4, 5, 6, 5, 4]).verdict is Verdict.BEATS


def test_lead_in_too_few_repositories_is_no_verdict():
    assert pair_of([5] * (FEWEST_REPOSITORIES - 1)).verdict is Verdict.TOO_FEW
    assert pair_of([5, 6] * (FEWEST_REPOSITORIES // 2)).verdict is Verdict.BEATS


def test_lead_that_one_repository_carries_is_no_difference():
    pair = pair_of([9, 0, 0, 0, 0, 1, -1, 0])
    assert pair.verdict is Verdict.NO_DIFFERENCE_SHOWN
    assert pair.difference.low < 0 < pair.difference.high
    assert pair.mcnemar < 0.05


def test_lead_that_does_not_survive_the_other_pairs_is_only_ahead():
    clear = pair_of([5, 6, 4, 5, 6, 5])
    assert clear.sign_flip == 2 / 64
    pairs = corrected([clear, clear])
    assert [pair.corrected for pair in pairs] == [pytest.approx(4 / 64)] * 2
    assert [pair.verdict for pair in pairs] == [Verdict.AHEAD] * 2


def test_pairs_without_a_verdict_do_not_cost_the_others():
    clear, few = pair_of([5, 6, 4, 5, 6, 5]), pair_of([5, 5])
    assert [pair.verdict for pair in corrected([few, clear, few])] == [Verdict.TOO_FEW, Verdict.BEATS, Verdict.TOO_FEW]


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_turning_a_pair_round_turns_its_difference_round(rows):
    names, first, second = (list(column) for column in zip(*rows, strict=True))
    there = compare_values(names, first, second, seed=0, resamples=20)
    back = compare_values(names, second, first, seed=0, resamples=20)
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert (there.verdict is Verdict.TOO_FEW) == (back.verdict is Verdict.TOO_FEW)
    if there.difference.low is not None:
        assert there.difference.low == pytest.approx(-back.difference.high)
    assert there.sign_flip == pytest.approx(back.sign_flip)


def test_detectable_difference_is_that_of_the_textbook_where_repositories_are_many_and_alike():
    # Two-sided 5 % and 80 % power: (1.960 + 0.842) standard errors.
    values = np.random.default_rng(2).normal(0, 0.1, 2_000).clip(-1, 1).tolist()
    pair = compare_values([f"r{index}" for index in range(2_000)], values, [0.0] * 2_000, seed=0)
    error = float(np.std(values, ddof=1)) / math.sqrt(2_000)
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert pair.detectable == pytest.approx(normal * error, rel=0.05)


def test_runs_that_agree_everywhere_have_no_detectable_difference():
    pair = pair_of([0] * 8)
    assert (pair.detectable, pair.sign_flip, pair.verdict) == (None, 1.0, Verdict.NO_DIFFERENCE_SHOWN)


def test_verdict_follows_the_corrected_value():
    clear = pair_of([5, 6, 4, 5, 6, 5, 4])
    assert replace(clear, corrected=0.051).verdict is Verdict.AHEAD


def test_equally_good_methods_are_seldom_called_different_though_mcnemar_does():
    # 150 made-up pairs; each repository leans to one side by chance, so tasks are not independent.
    generator = np.random.default_rng(11)
    beaten = flipped = mcnemar = 0
    for seed in range(150):
        names, first, second = [], [], []
        for index in range(15):
            lean = generator.normal(0, 0.1)
            names += [f"r{index}"] * 40
            first += (generator.random(40) < 0.5 + lean).astype(float).tolist()
            second += (generator.random(40) < 0.5 - lean).astype(float).tolist()
        pair = compare_values(names, first, second, seed=seed, resamples=100)
        beaten += pair.verdict is Verdict.BEATS
        flipped += pair.sign_flip <= 0.05
        mcnemar += pair.mcnemar <= 0.05
    most = stats.binom.ppf(0.999, 150, 0.05)
    assert beaten <= most
    assert flipped <= most
    assert mcnemar > 2 * most
