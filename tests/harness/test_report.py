import json
from dataclasses import replace
from pathlib import Path

import pytest
from harness_cases import HISTORY_LENGTHS, make_task, make_view
from report_cases import graded, make_manifest, scored, spread
from rich.console import Console

from harness.errors import RunError
from harness.pairing import Verdict
from harness.predictors.scripted import ScriptedPredictor
from harness.records import Unscored
from harness.report.files import REPORT_JSON, REPORT_MARKDOWN, find_runs, load_runs, write_report
from harness.report.methods import ScoredRun, combine_seeds, name_runs
from harness.report.rendering import to_json, to_markdown
from harness.report.tables import build_report
from harness.report.terminal import to_terminal
from harness.report.verdicts import p_value, verdict_sentence
from harness.runner import run_method
from harness.slices import SLICES
from harness.taxonomy import ErrorClass
from repopeftbench.schema import Family, Split, Track

MARKDOWN = """\
# Report

## static, cr_test

4 tasks of 2 repositories: too few for verdicts, which need 6.

| Method | EM % [95 % CI] | EM AST % | EM paper % | Gap [95 % CI] | Per repository % [95 % CI] | EditSim [95 % CI] \
| CodeBLEU [95 % CI] | Failed | Left out |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| good | 75.0 [0.0, 100.0] | 75.0 | 75.0 | 0.0 [-84.2, 84.2] | 75.0 [0.0, 100.0] | 0.750 [0.000, 1.000] \
| 0.000 [0.000, 0.842] | 0 | 0 |
| bad | 25.0 [0.0, 100.0] | 25.0 | 25.0 | 0.0 [-84.2, 84.2] | 25.0 [0.0, 100.0] | 0.250 [0.000, 1.000] \
| 0.000 [0.000, 0.842] | 0 | 0 |

### Pairs

| First | Second | EM, points [95 % CI] | Only first | Only second | McNemar p | Sign-flip p | Holm p |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| good | bad | +50.0 [-76.3, 92.1] | 2 | 0 | 0.50 | 0.50 | 0.50 |

### Mistakes, % of the wrong answers

| Method | Wrong | Wrong literal | Syntax error | Type mismatch | Near miss | Wrong identifier | Hallucinated name \
| Empty |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| good | 1 | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 |
| bad | 3 | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 |

### EM % by family

| Family | Tasks | Repositories | good | bad |
| --- | ---: | ---: | ---: | ---: |
| assert | 4 | 2 | 75.0 [0.0, 100.0] | 25.0 [0.0, 100.0] |
"""


def test_markdown_has_the_best_method_first_and_explains_itself():
    runs = [scored("bad", [True, False, False, False]), scored("good", [True, True, True, False])]
    text = to_markdown(build_report(runs))
    assert text.startswith(MARKDOWN)
    assert text == to_markdown(build_report(runs[::-1]))
    assert [line for line in text.splitlines() if line.startswith("### EM % by")] == [
        f"### EM % by {name}" for name in SLICES
    ]
    assert "- EM: the share of tasks" in text
    assert "- McNemar's test takes tasks as independent" in text


def test_tracks_and_splits_each_have_their_table_in_a_fixed_order():
    scores = (
        graded(0, True, track=Track.EVOLUTION, split=Split.OOD_TEST),
        graded(1, True, track=Track.EVOLUTION, split=Split.CR_TEST, family=Family.RAISES),
        graded(2, False, track=Track.EVOLUTION, split=Split.CR_TEST),
        graded(3, True, family=Family.NUMPY),
    )
    report = build_report([ScoredRun(manifest=make_manifest(), scores=scores)])
    assert [(table.track, table.split, table.tasks) for table in report.tables] == [
        ("static", "cr_test", 1),
        ("evolution", "cr_test", 2),
        ("evolution", "ood_test", 1),
    ]
    assert [row.label for row in report.tables[1].slices["family"]] == ["assert", "raises"]


def test_methods_are_measured_on_the_tasks_that_all_answered():
    long, short = scored("long", [True, False, True, True]), scored("short", [False, True])
    (table,) = build_report([long, short]).tables
    assert (table.tasks, table.repositories) == (2, 2)
    assert [(row.method, row.left_out) for row in table.rows] == [("long", 2), ("short", 0)]
    assert [row.metrics["em_strict"].micro.mean for row in table.rows] == [0.5, 0.5]
    assert {row.tasks for rows in table.slices.values() for row in rows} <= {1, 2}
    assert all(sum(row.tasks for row in rows) == 2 for rows in table.slices.values())


def test_methods_without_a_common_task_have_no_table_and_the_report_says_so():
    one = scored("one", [True, False])
    other = ScoredRun(manifest=make_manifest("other"), scores=(graded(7, True),))
    report = build_report([one, other])
    assert report.tables == ()
    assert report.notes == ("No table of static, cr_test: no task was answered by all of one, other.",)
    assert report.notes[0] in to_markdown(report)


def test_datasets_are_never_in_one_table():
    report = build_report([scored("a", [True, False]), scored("b", [True, False, True], dataset="e")])
    assert [[row.method for row in table.rows] for table in report.tables] == [["a"], ["b"]]
    assert "## static, cr_test (dataset dddddddddddd)" in to_markdown(report)
    assert report.notes == ("The runs read different datasets; methods are compared within one only.",)


def test_one_repository_shows_no_interval_anywhere():
    report = build_report([scored("m", [True, False], repo_id="r")])
    assert "| m | 50.0 [–] |" in to_markdown(report)  # noqa: RUF001
    micro = json.loads(to_json(report))["tables"][0]["rows"][0]["metrics"]["em_strict"]["micro"]
    assert (micro["mean"], micro["low"], micro["high"]) == (0.5, None, None)
    assert "NaN" not in to_json(report)


def test_failed_and_unscored_count_as_not_solved_and_the_mean_without_them_stands_beside():
    scores = (
        graded(0, True, edit_similarity=0.5),
        graded(1, False, failed=True, edit_similarity=0.0, em_ast=False, prediction=""),
        graded(2, False, edit_similarity=Unscored(reason="longer than 5 characters"), em_ast=Unscored(reason="deep")),
    )
    report = build_report([ScoredRun(manifest=make_manifest(), scores=scores)])
    (row,) = report.tables[0].rows
    exact, ast, similarity = (row.metrics[name] for name in ("em_strict", "em_ast", "edit_similarity"))
    assert (exact.micro.n, exact.valued, exact.without, row.failures) == (3, 2, 0.5, 1)
    assert exact.micro.mean == ast.micro.mean == pytest.approx(1 / 3)
    assert (ast.valued, ast.without) == (1, 1.0)
    assert (similarity.micro.mean, similarity.without) == (pytest.approx(0.5 / 3), 0.5)
    assert sum(row.mistakes.values()) == 1
    markdown = to_markdown(report)
    assert "| Failed | EM % without failed | Left out |" in markdown
    assert "| 1 | 50.0 | 0 |" in markdown


def test_metric_that_nobody_could_score_is_absent():
    report = build_report([scored("m", [True, False], codebleu=Unscored(reason="x"))])
    assert "| – | 0 | 0 |" in to_markdown(report)  # noqa: RUF001
    assert report.tables[0].rows[0].metrics["codebleu"].without is None


def test_gap_is_the_papers_rule_less_the_strict_one():
    report = build_report([spread("m", [2, 3, 1], em_paper=True)])
    row = report.tables[0].rows[0]
    assert row.gap.mean == pytest.approx(1 - row.metrics["em_strict"].micro.mean)
    assert row.gap.low <= row.gap.mean <= row.gap.high
    assert f"+{100 * row.gap.mean:.1f} [" in to_markdown(report)


def test_report_on_four_methods_says_who_beats_whom():
    leads = {"much": [8, 9, 8, 7, 9, 8, 8, 8], "some": [4, 5, 4, 3, 5, 4, 4, 5], "same": [0] * 8, "none": [0, 1] * 4}
    (table,) = build_report([spread(name, by_repository) for name, by_repository in leads.items()]).tables
    verdicts = {(named.first, named.second): named.pair.verdict for named in table.pairs}
    assert [row.method for row in table.rows] == ["much", "some", "none", "same"]
    assert verdicts.pop(("none", "same")) is Verdict.NO_DIFFERENCE_SHOWN
    assert set(verdicts.values()) == {Verdict.BEATS}
    assert len(verdicts) == 5
    assert all(named.pair.corrected >= named.pair.sign_flip for named in table.pairs)


def test_pairs_of_all_tables_share_one_correction():
    one, other = spread("one", [5] * 8), spread("other", [0] * 8)
    (alone,) = build_report([one, other]).tables
    runs = [
        ScoredRun(
            manifest=run.manifest,
            scores=run.scores + spread(run.manifest.method, leads, track=Track.EVOLUTION).scores,
        )
        for run, leads in ((one, [5] * 8), (other, [0] * 8))
    ]
    both = build_report(runs).tables
    assert alone.pairs[0].pair.corrected == pytest.approx(2 / 2**8)
    assert [table.pairs[0].pair.corrected for table in both] == [pytest.approx(4 / 2**8)] * 2


@pytest.mark.parametrize(
    ("leads", "beginning"),
    [
        ([8, 9, 8, 7, 9, 8, 8, 9], "first beats second by 41.2 points ["),
        ([0, 1] * 4, "No difference shown between first and second: 2.5 points ["),
        (
            [9],
            "No verdict on first and second: 1 repository is too few, 6 are needed. Lead: 45.0 points [no interval].",
        ),
    ],
)
def test_verdict_is_one_sentence_whichever_comes_first(leads, beginning):
    runs = [spread("first", leads), spread("second", [0] * len(leads))]
    (named,) = build_report(runs).tables[0].pairs
    sentence = verdict_sentence("first", "second", named.pair)
    assert sentence.startswith(beginning)
    assert sentence.endswith(".")
    if named.pair.verdict is Verdict.NO_DIFFERENCE_SHOWN:
        assert "would have been found with a power of about 80 %" in sentence
    turned = verdict_sentence("a", "b", named.pair, points=False)
    assert "points" not in turned


def test_difference_that_nothing_could_show_is_not_put_in_points():
    (named,) = build_report([spread("first", [0, 1] * 4), spread("second", [0] * 8)]).tables[0].pairs
    assert "a difference of 100.0 points" in verdict_sentence("a", "b", replace(named.pair, detectable=1.0))
    sentence = verdict_sentence("a", "b", replace(named.pair, detectable=1.09))
    assert sentence.endswith("; so few and unequal repositories would not show any difference with a power of 80 %.")


def test_p_values_are_short():
    assert [p_value(value) for value in (0.00001, 0.00123, 0.0456, 0.5, 1.0)] == [
        "<0.001",
        "0.0012",
        "0.046",
        "0.50",
        "1.00",
    ]


def test_seeds_of_one_method_are_one_row_with_their_spread():
    runs = [scored("m", [True, True, False, False], seed=1), scored("m", [True, False, False, False], seed=0)]
    (table,) = build_report([*runs, scored("n", [False] * 4)]).tables
    row = table.rows[0]
    assert (row.method, row.seeds, row.seed_means) == ("m", (0, 1), (0.25, 0.5))
    assert row.seed_deviation == pytest.approx(0.25 / 2**0.5)
    assert row.metrics["em_strict"].micro.mean == 0.375
    assert sum(row.mistakes.values()) == 5
    assert table.pairs[0].pair.mcnemar is None
    markdown = to_markdown(build_report(runs))
    assert "| Seeds | SD |" in markdown
    assert "| 2 | 17.7 |" in markdown


def test_runs_that_differ_in_more_than_the_seed_stay_apart():
    same_seed = [scored("m", [True]), scored("m", [True])]
    other_tasks = [scored("m", [True, False]), scored("m", [True], seed=1)]
    other_dataset = [scored("m", [True]), scored("m", [True], dataset="e", seed=1)]
    for runs in (same_seed, other_tasks, other_dataset):
        assert [len(method.runs) for method in combine_seeds(runs)] == [1, 1]
    assert [method.name for method in combine_seeds(same_seed)] == ["m #1", "m #2"]


def test_names_tell_equal_methods_apart_by_backbone_then_by_settings_and_then_by_number():
    manifests = [
        make_manifest("pretrained"),
        make_manifest("pretrained", backbone="Qwen/x"),
        make_manifest("icl", backbone="a"),
        make_manifest("pretrained", backbone="Qwen/x", batch_size=1),
        make_manifest("pretrained", backbone="Qwen/x", batch_size=1),
    ]
    manifests = [manifest.model_copy(update={"weights_sha256": "w"}) for manifest in manifests]
    assert name_runs(manifests) == (
        "pretrained (nano)",
        "pretrained (Qwen/x, batch-size 16)",
        "icl",
        "pretrained (Qwen/x, batch-size 1) #1",
        "pretrained (Qwen/x, batch-size 1) #2",
    )


def test_names_tell_retrieving_runs_apart_by_recipe_and_then_by_what_it_says():
    recipes = [("clean", 5), ("paper", 3), ("paper", 9), ("clean", 5)]
    manifests = [
        make_manifest("rag").model_copy(
            update={"weights_sha256": "w", "retrieval": {"recipe": name, "k": k, "layout": name}}
        )
        for name, k in recipes
    ]
    assert name_runs(manifests[:3]) == ("rag (nano, clean)", "rag (nano, paper, k 3)", "rag (nano, paper, k 9)")
    assert name_runs(manifests[2:]) == ("rag (nano, paper)", "rag (nano, clean)")
    assert name_runs(manifests[::3]) == ("rag (nano) #1", "rag (nano) #2")


def test_a_method_that_uses_no_backbone_is_not_named_with_one():
    manifests = [make_manifest("copy-prefix"), make_manifest("copy-prefix", batch_size=1)]
    assert name_runs(manifests) == ("copy-prefix #1", "copy-prefix #2")


def test_mistakes_are_counted_by_class_and_names_only_where_somebody_looked():
    wrong = [graded(0, False, prediction="'x'"), graded(1, False, prediction="nowhere"), graded(2, True)]
    runs = [ScoredRun(manifest=make_manifest(), scores=tuple(wrong))]
    errors = build_report(runs).tables[0].rows[0].mistakes
    assert errors[ErrorClass.TYPE_MISMATCH] == 2
    looked = build_report(runs, unknown={wrong[1].task_id: frozenset({"nowhere"})})
    assert looked.tables[0].rows[0].mistakes[ErrorClass.HALLUCINATED_NAME] == 1
    assert "are not told from other classes, as no dataset was given" in to_markdown(build_report(runs))
    assert "as no dataset was given" not in to_markdown(looked)


def test_a_name_that_another_method_hallucinated_is_not_blamed_on_this_one():
    one = ScoredRun(manifest=make_manifest("one"), scores=(graded(0, False, prediction="nowhere"),))
    other = ScoredRun(manifest=make_manifest("other"), scores=(graded(0, False, prediction="somewhere"),))
    report = build_report([one, other], unknown={one.scores[0].task_id: frozenset({"nowhere"})})
    counts = {row.method: row.mistakes[ErrorClass.HALLUCINATED_NAME] for row in report.tables[0].rows}
    assert counts == {"one": 1, "other": 0}


def test_report_of_nothing_says_so():
    assert "There is no task that can be reported on." in to_markdown(build_report([]))
    assert json.loads(to_json(build_report([])))["tables"] == []


def test_terminal_shows_the_chosen_slices_and_takes_no_text_for_markup():
    report = build_report([scored("[bold]m", [True, False]), scored("n", [False, False])])
    console = Console(width=150, record=True, file=Path("/dev/null").open("w"))
    console.print(to_terminal(report, slices=("event",)))
    text = console.export_text()
    assert "[bold]m" in text
    assert "[95 % CI]" in text
    assert "EM % by event" in text
    assert "EM % by family" not in text
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
    assert [row.method for row in report.tables[0].rows] == ["a", "b"]
    paths = write_report(report, tmp_path / "out" / "report")
    assert [path.name for path in paths] == [REPORT_MARKDOWN, REPORT_JSON]
    first = [path.read_bytes() for path in paths]
    write_report(build_report(load_runs(reversed(folders))), tmp_path / "out" / "report")
    assert [path.read_bytes() for path in paths] == first
    assert len(list((tmp_path / "out" / "report").iterdir())) == 2
    with pytest.raises(RunError, match="is no run folder"):
        load_runs([tmp_path / "runs" / "other"])
