"""Diagnoses: planted heads get the verdicts that they must, gates have their boundaries, numbers are what they say."""

from dataclasses import replace

import pytest
from diagnosis_cases import MEAN, MEASURED, PlantedSubject, as_adapter, bench, coarse, constant, lookup, shuffled

from code2lora.diagnostics.likelihood import Likelihood
from harness.diagnosing.contrasts import (
    Contrast,
    OwnAgainstOthers,
    PlacedTask,
    contrast,
    estimate_nats,
    headroom,
    own_against_others,
)
from harness.diagnosing.findings import curve, evidence, slices
from harness.diagnosing.measuring import Controls, measure
from harness.diagnosing.verdict import Evidence, Verdict, verdict
from harness.stats import Estimate
from repopeftbench.errors import GitObjectError


def judged(head, *, shared=True):
    controls = Controls(shared=as_adapter(MEAN) if shared else None)
    measured = measure(bench(), PlantedSubject(head), controls)
    found = slices(measured, seed=0)
    return measured, found, verdict(evidence(measured, found, ()))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (constant, Verdict.COLLAPSED),
        (shuffled, Verdict.DIVERSE),
        (coarse, Verdict.COARSE),
        (lookup, Verdict.SPECIFIC),
    ],
)
def test_planted_heads_get_the_verdict_that_they_were_planted_for(head, expected):
    assert judged(head)[2].verdict is expected


def test_a_perfect_head_without_a_shared_lora_is_weak_and_says_why():
    judgement = judged(lookup, shared=False)[2]
    assert judgement.verdict is Verdict.WEAK
    assert any("--shared" in reason for reason in judgement.reasons)
    assert any("D2b" in name for name in judgement.missing)


def test_a_perfect_head_wins_every_pair_and_a_coarse_one_none_on_private_tasks():
    of_lookup = {one.name: one.others for one in judged(lookup)[1]}
    of_coarse = {one.name: one.others for one in judged(coarse)[1]}
    assert (of_lookup["private"].win_rate, of_lookup["private"].top1) == (1.0, 1.0)
    assert of_lookup["private"].p < 0.001
    assert of_coarse["private"].win_rate == 0.5
    assert of_coarse["idiom"].win_rate > 0.75
    assert of_coarse["private"].p > 0.5


def test_the_curve_of_a_perfect_head_is_best_at_one_and_that_of_a_constant_head_is_flat():
    points = {point.strength: point for point in curve(judged(lookup)[0])}
    assert min(points, key=lambda strength: points[strength].own) == 1.0
    assert points[1.0].own == pytest.approx(0.0, abs=1e-6)
    assert points[1.0].wrong > points[0.0].wrong
    dead = curve(judged(constant)[0])
    assert max(point.own for point in dead) - min(point.own for point in dead) < 1e-2


def test_headroom_and_the_shuffled_control_are_measured_by_stratum():
    controls = Controls(shared=as_adapter(MEAN), oracle=PlantedSubject(lookup), shuffled=PlantedSubject(shuffled))
    found = {one.name: one for one in slices(measure(bench(), PlantedSubject(coarse), controls), seed=0)}
    assert found["idiom"].headroom.share == pytest.approx(1.0, abs=1e-3)
    assert found["private"].headroom.share == pytest.approx(0.0, abs=1e-3)
    assert found["copy"].headroom.share is None  # all of them know it
    assert found["all"].contrasts["shuffled"].nll.mean > 0


def test_code_that_cannot_be_read_is_named_and_no_task_of_it_is_private():
    blind = replace(bench(), strata=None)
    blind = replace(blind, views=lambda repo_id, sha: UnreadableView(repo_id))
    measured = measure(blind, PlantedSubject(lookup), Controls())
    assert measured.unseen == MEASURED
    assert {task.stratum for task in measured.tasks} == {"rest"}


class UnreadableView:
    """A view of a repository that is not where it was mined from."""

    def __init__(self, repo_id):
        self.repo_id = repo_id

    def production_files(self):
        raise GitObjectError("not where it was mined from")


def test_every_adapter_is_given_to_others_equally_often():
    measured = judged(lookup)[0]
    tried = {name: {task_id.rpartition("/")[0] for task_id in found} for name, found in measured.others.items()}
    assert set(tried) == set(MEASURED)
    assert all(name not in repositories for name, repositories in tried.items())
    assert min(len(repositories) for repositories in tried.values()) >= 7


def estimate(mean, low, high):
    return Estimate(mean=mean, low=low, high=high, n=100, clusters=20)


def pair(nll=(-0.5, -0.6, -0.4), exact=(0.2, 0.1, 0.3)):
    return Contrast(nll=estimate(*nll), exact=estimate(*exact))


OTHERS = OwnAgainstOthers(
    win_rate=0.9, mean_rank=1.2, chance_rank=4.5, top1=0.8, p=0.001, repositories=20, hard_win_rate=0.8
)
STRONG = Evidence(
    mean_cosine=0.7,
    spread=0.5,
    against_mean=pair(),
    private_against_mean=pair(),
    against_shared=pair(),
    private_against_shared=pair(),
    others=OTHERS,
)
NOTHING = pair(nll=(0.0, -0.1, 0.1), exact=(0.0, -0.1, 0.1))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Verdict.SPECIFIC),
        ({"mean_cosine": 0.99}, Verdict.SPECIFIC),
        ({"mean_cosine": 0.9901}, Verdict.COLLAPSED),
        ({"spread": 0.05}, Verdict.SPECIFIC),
        ({"spread": 0.0499}, Verdict.COLLAPSED),
        ({"against_mean": NOTHING}, Verdict.SPECIFIC),
        ({"against_mean": NOTHING, "private_against_mean": NOTHING}, Verdict.DIVERSE),
        ({"private_against_mean": NOTHING}, Verdict.COARSE),
        ({"private_against_mean": None}, Verdict.COARSE),
        ({"private_against_mean": pair(nll=(-0.5, -1.0, 0.0))}, Verdict.COARSE),
        ({"private_against_mean": pair(nll=(-0.0009, -0.001, -0.0008))}, Verdict.COARSE),
        ({"private_against_mean": pair(exact=(0.1, 0.0, 0.2))}, Verdict.WEAK),
        ({"private_against_shared": None}, Verdict.WEAK),
        ({"private_against_shared": NOTHING}, Verdict.WEAK),
        ({"against_shared": pair(nll=(0.3, 0.1, 0.5))}, Verdict.WEAK),
        ({"against_shared": NOTHING}, Verdict.SPECIFIC),
        ({"mismatches": ("rank 8, not 4",)}, Verdict.WEAK),
        ({"others": None}, Verdict.WEAK),
        ({"others": replace(OTHERS, win_rate=0.75)}, Verdict.WEAK),
        ({"others": replace(OTHERS, win_rate=0.7501)}, Verdict.SPECIFIC),
        ({"others": replace(OTHERS, p=0.01)}, Verdict.WEAK),
        ({"others": replace(OTHERS, p=0.0099)}, Verdict.SPECIFIC),
        ({"others": replace(OTHERS, hard_win_rate=0.6)}, Verdict.WEAK),
        ({"others": replace(OTHERS, hard_win_rate=None)}, Verdict.WEAK),
        ({"shuffled_against_mean": estimate(-0.3, -0.4, -0.2)}, Verdict.WEAK),
        ({"shuffled_against_mean": estimate(0.3, 0.2, 0.4)}, Verdict.SPECIFIC),
        ({"headroom": 0.0199}, Verdict.WEAK),
        ({"headroom": 0.02}, Verdict.SPECIFIC),
    ],
)
def test_each_gate_has_its_boundary(change, expected):
    assert verdict(replace(STRONG, **change)).verdict is expected


def test_mismatches_of_the_shared_lora_are_named_in_the_verdict():
    reasons = verdict(replace(STRONG, mismatches=("rank 8, not 4",))).reasons
    assert any("not matched: rank 8, not 4" in reason for reason in reasons)


def given(values):
    return {task_id: Likelihood(nll=nll, total=nll, exact=nll < 1) for task_id, nll in values.items()}


def test_intervals_are_over_repositories_not_over_tasks():
    tasks = [PlacedTask(task_id=f"{r}{t}", repo_id=f"r{r}", stratum="rest") for r in range(3) for t in range(200)]
    own = given({task.task_id: 1.0 + (-0.5 if task.repo_id == "r0" else 0.1) for task in tasks})
    found = contrast(tasks, own, given(dict.fromkeys(own, 1.0)), seed=0)
    assert found.nll.clusters == 3
    assert found.nll.mean == pytest.approx(-0.1)
    assert found.nll.low < -0.5 < 0 < found.nll.high  # 600 tasks are three observations


def test_estimates_in_nats_are_not_kept_within_one():
    found = estimate_nats(["a", "b", "c"], [-9.0, -10.0, -11.0], seed=0)
    assert found.mean == pytest.approx(-10.0)
    assert found.low < -11.0
    same = estimate_nats(["a", "b", "c"], [-9.0] * 3, seed=0)
    assert same.mean == pytest.approx(-9.0)
    assert same.low <= -9.0 <= same.high
    none = estimate_nats(["a", "b"], [0.0, 0.0], seed=0)
    assert (none.mean, none.low, none.high, none.clusters) == (0.0, 0.0, 0.0, 2)


def test_an_adapter_that_is_good_for_everybody_is_no_sign_of_conditioning():
    repos = [f"r{n}" for n in range(8)]
    tasks = [PlacedTask(task_id=repo, repo_id=repo, stratum="rest") for repo in repos]
    quality = {repo: 0.1 * n for n, repo in enumerate(repos)}
    own = given({repo: 2 + quality[repo] for repo in repos})
    others = {name: given({repo: 2 + quality[name] for repo in repos if repo != name}) for name in repos}
    found = own_against_others(tasks, own, others, {}, seed=0)
    assert found.win_rate == pytest.approx(0.5)
    assert found.p > 0.4
    assert found.hard_win_rate is None


def test_headroom_that_is_too_small_has_no_share():
    tasks = [PlacedTask(task_id="t", repo_id="r", stratum="rest")]
    own, shared, oracle = given({"t": 1.5}), given({"t": 2.0}), given({"t": 1.0})
    assert headroom(tasks, own, shared, oracle).share == pytest.approx(0.5)
    assert headroom(tasks, own, shared, given({"t": 1.99})).share is None
