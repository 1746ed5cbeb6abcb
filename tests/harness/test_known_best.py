"""Runs on controlled benchmarks against the best possible scores: by stratum, on the tasks of the run alone."""

import pytest
from report_cases import graded

from harness.cli import run_command
from harness.errors import ScoringError
from harness.known_best import against_known_best
from repopeftbench.dataset.truth import Stratum, TaskTruth
from repopeftbench.schema import Split, Track


def truth(number, stratum, **fields):
    score = graded(number, True)
    usual = {
        "task_id": score.task_id,
        "repo_id": score.repo_id,
        "track": Track.STATIC,
        "split": Split.CR_TEST,
        "history_index": 7,
        "stratum": stratum,
        "domain": "tides",
        "fact": "limits.TIDE_LIMIT",
        "kind": "constant",
        "form": "direct",
        "sources": ("limits.TIDE_LIMIT",),
        "value": "3",
        "choices": 10,
        "changes": 0,
        "in_parent": True,
        "best_prefix": 0.1,
        "best_domain": 0.2,
        "best_repository": 1.0,
    }
    return TaskTruth(**{**usual, **fields})


def test_exact_match_is_told_by_stratum_beside_the_best_of_its_tasks():
    scores = [graded(number, number in (0, 1, 5)) for number in range(6)]
    strata = [Stratum.COPY] * 2 + [Stratum.PRIVATE_DIRECT] * 4
    truths = [truth(number, stratum, best_prefix=0.1 * number) for number, stratum in enumerate(strata)]
    copied, private = against_known_best(scores, {one.task_id: one for one in truths})
    assert (copied.stratum, copied.exact.mean, copied.exact.n) == (Stratum.COPY, 1.0, 2)
    assert (private.stratum, private.exact.mean, private.exact.n) == (Stratum.PRIVATE_DIRECT, 0.25, 4)
    assert private.exact.clusters == 2
    assert private.best_prefix == pytest.approx((0.2 + 0.3 + 0.4 + 0.5) / 4)
    assert (private.best_domain, private.best_repository) == (pytest.approx(0.2), 1.0)


def test_task_of_another_dataset_is_refused():
    with pytest.raises(ScoringError, match="is not in the benchmark's truth"):
        against_known_best([graded(0, True)], {})


def test_report_on_a_controlled_benchmark_shows_its_best_scores(tmp_path, capsys):
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    assert run_command(["synth", "--repos", "2", "--role", "test", "-o", data, "--workers", "1"]) == 0
    assert run_command(["run", "--method", "copy-prefix", "--data", data, "--out", run]) == 0
    capsys.readouterr()
    assert run_command(["report", run, "--data", data, "-o", str(tmp_path / "report")]) == 0
    shown = capsys.readouterr().out
    assert "Against the best possible scores" in shown
    assert all(stratum.value in shown for stratum in Stratum)
    assert run_command(["report", run, "-o", str(tmp_path / "report")]) == 0
    assert "Against the best possible scores" not in capsys.readouterr().out
