import json
from pathlib import Path

import pytest
from harness_cases import HISTORY_LENGTHS, make_score, make_task, make_view
from rich.console import Console

from harness.errors import RunError
from harness.manifest import describe_run
from harness.predictors.protocol import PredictorSettings
from harness.predictors.scripted import ScriptedPredictor
from harness.records import Unscored
from harness.report.files import REPORT_JSON, REPORT_MARKDOWN, find_runs, load_runs, write_report
from harness.report.rendering import to_json, to_markdown
from harness.report.tables import ScoredRun, build_report, label_runs
from harness.report.terminal import to_terminal
from harness.runner import run_method
from harness.selection import TaskSelection
from repopeftbench.schema import Family, Split, Track


def make_manifest(method="m", *, dataset="d", tasks=(), **settings):
    return describe_run(
        tasks,
        method=method,
        settings=PredictorSettings(**settings),
        selection=TaskSelection(splits=(Split.CR_TEST,)),
        dataset_sha256=dataset * 64,
    )


def graded(number, right, **fields):
    usual = {"repo_id": f"r{number % 2}", "track": Track.STATIC, "em_strict": right, "edit_similarity": float(right)}
    return make_score(number, **{**usual, **fields})


def scored(method, rights, *, dataset="d", **fields):
    scores = tuple(graded(number, right, **fields) for number, right in enumerate(rights))
    return ScoredRun(manifest=make_manifest(method, dataset=dataset), scores=scores)


MARKDOWN = """\
# Report

## static, cr_test

| Method | n | Repos | EM % [95 % CI] | EditSim [95 % CI] | Failed |
| --- | ---: | ---: | ---: | ---: | ---: |
| good | 4 | 2 | 75.0 [50.0, 100.0] | 0.750 [0.500, 1.000] | 0 |
| bad | 4 | 2 | 25.0 [0.0, 50.0] | 0.250 [0.000, 0.500] | 0 |

By family:

| Family | Method | n | Repos | EM % [95 % CI] | EditSim [95 % CI] | Failed |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| assert | good | 4 | 2 | 75.0 [50.0, 100.0] | 0.750 [0.500, 1.000] | 0 |
| assert | bad | 4 | 2 | 25.0 [0.0, 50.0] | 0.250 [0.000, 0.500] | 0 |

- EM: the share of tasks whose stopped prediction equals the target as tokens (white space, quote style and numeric \
underscores aside). EditSim: 2 LCS / (a + b) of both texts, from 0 to 1.
- [low, high]: 95% interval of a bootstrap that resamples whole repositories with replacement (2,000 resamples, \
percentiles, seed 0). [–]: no interval, since all tasks are from one repository.
- Repos: repositories. Failed: tasks on which the predictor raised an error; they are among the n tasks and \
count as wrong.
"""  # noqa: RUF001


def test_markdown_has_the_best_method_first_and_explains_its_intervals():
    runs = [scored("bad", [True, False, False, False]), scored("good", [True, True, True, False])]
    assert to_markdown(build_report(runs)) == MARKDOWN
    assert to_markdown(build_report(runs[::-1])) == MARKDOWN


def test_tracks_splits_and_families_each_have_their_rows_in_a_fixed_order():
    scores = (
        graded(0, True, track=Track.EVOLUTION, split=Split.OOD_TEST),
        graded(1, True, track=Track.EVOLUTION, split=Split.CR_TEST, family=Family.RAISES),
        graded(2, False, track=Track.EVOLUTION, split=Split.CR_TEST),
        graded(3, True, family=Family.NUMPY),
    )
    report = build_report([ScoredRun(manifest=make_manifest(), scores=scores)])
    assert [(row.track, row.split, row.n) for row in report.rows] == [
        ("static", "cr_test", 1),
        ("evolution", "cr_test", 2),
        ("evolution", "ood_test", 1),
    ]
    assert [(row.track, row.split, row.family) for row in report.family_rows] == [
        ("static", "cr_test", "numpy"),
        ("evolution", "cr_test", "assert"),
        ("evolution", "cr_test", "raises"),
        ("evolution", "ood_test", "assert"),
    ]
    assert sum(row.n for row in report.rows) == sum(row.n for row in report.family_rows) == len(scores)


def test_one_repository_shows_no_interval_anywhere():
    report = build_report([scored("m", [True, False], repo_id="r")])
    assert "| m | 2 | 1 | 50.0 [–] | 0.500 [–] | 0 |" in to_markdown(report)  # noqa: RUF001
    row = json.loads(to_json(report))["rows"][0]
    assert row["em_percent"] == {"mean": 50.0, "low": None, "high": None}
    assert "NaN" not in to_json(report)


def test_failures_and_unscored_are_counted_and_failures_stay_in_the_denominator():
    scores = (
        graded(0, True),
        graded(1, False, failed=True, edit_similarity=0.0),
        graded(2, False, edit_similarity=Unscored(reason="longer than 5 characters")),
    )
    report = build_report([ScoredRun(manifest=make_manifest(), scores=scores)])
    (row,) = report.rows
    assert (row.n, row.failures, row.unscored, row.edit_similarity.n) == (3, 1, 1, 2)
    assert row.em_percent.mean == pytest.approx(100 / 3)
    assert "1 predictions are too long for EditSim" in to_markdown(report)
    nothing = (graded(0, True, edit_similarity=Unscored(reason="x")),)
    assert build_report([ScoredRun(manifest=make_manifest(), scores=nothing)]).rows[0].edit_similarity is None


def test_what_cannot_be_compared_is_said():
    runs = [scored("a", [True, False]), scored("b", [True, False, True], dataset="e")]
    notes = build_report(runs).notes
    assert notes == (
        "The runs read different datasets and cannot be compared: a on dddddddddddd; b on eeeeeeeeeeee.",
        "Not all methods answered the same tasks of static, cr_test.",
    )
    assert build_report([scored("a", [True]), scored("b", [False])]).notes == ()


def test_labels_tell_equal_methods_apart_by_backbone_and_then_by_number():
    manifests = [
        make_manifest("pretrained"),
        make_manifest("pretrained", backbone="Qwen/x"),
        make_manifest("icl", backbone="a"),
        make_manifest("pretrained", backbone="Qwen/x", batch_size=1),
    ]
    assert label_runs(manifests) == ("pretrained (nano)", "pretrained (Qwen/x) #1", "icl", "pretrained (Qwen/x) #2")


def test_report_of_nothing_says_so():
    assert "No task was answered." in to_markdown(build_report([]))
    assert json.loads(to_json(build_report([])))["rows"] == []


def test_terminal_shows_the_same_cells_and_takes_no_text_for_markup():
    report = build_report([scored("[bold]m", [True, False]), scored("n", [False, False])])
    console = Console(width=150, record=True, file=Path("/dev/null").open("w"))
    console.print(to_terminal(report))
    text = console.export_text()
    assert "[bold]m" in text
    assert "EM % [95 % CI]" in text
    assert "static, cr_test, by family" in text
    console.print(to_terminal(report, families=False))
    assert "by family" not in console.export_text()
    console.file.close()


def test_runs_are_found_loaded_and_reported_byte_for_byte_the_same(tmp_path):
    tasks = [make_task(n, repo_id=f"r{n % 3}", target=str(n % 2)) for n in range(6)]
    for method in ("b", "a"):
        run_method(
            tasks=tasks,
            predictor=ScriptedPredictor(otherwise=" 1\n"),
            views=make_view,
            manifest=make_manifest(method, tasks=tasks),
            folder=tmp_path / "runs" / method,
            history_lengths=HISTORY_LENGTHS,
        )
    (tmp_path / "runs" / "other").mkdir()
    folders = find_runs(tmp_path / "runs")
    assert [folder.name for folder in folders] == ["a", "b"]
    assert find_runs(folders[0]) == folders[:1]
    assert find_runs(tmp_path / "absent") == ()
    report = build_report(load_runs(folders))
    assert [row.method for row in report.rows] == ["a", "b"]
    paths = write_report(report, tmp_path / "out" / "report")
    assert [path.name for path in paths] == [REPORT_MARKDOWN, REPORT_JSON]
    first = [path.read_bytes() for path in paths]
    write_report(build_report(load_runs(reversed(folders))), tmp_path / "out" / "report")
    assert [path.read_bytes() for path in paths] == first
    assert len(list((tmp_path / "out" / "report").iterdir())) == 2
    with pytest.raises(RunError, match="is no run folder"):
        load_runs([tmp_path / "runs" / "other"])
