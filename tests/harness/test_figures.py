"""Figures: what is drawn of which numbers, and what is left out."""

from dataclasses import replace

from report_cases import scored, spread

from harness.probing.records import Execution, Outcome
from harness.report.answers import group_answers
from harness.report.companions import Companions, Control, Diagnosis, Similarity
from harness.report.figures.drawing import method_colours
from harness.report.figures.evidence import conditioning, cost, execution
from harness.report.figures.quality import history, ranking, reliability
from harness.report.figures.repositories import repositories, training_data
from harness.report.tables import build_report
from repopeftbench.schema import Event

_COLOURS = method_colours(("good", "bad"))


def table_and_answers(*runs):
    report = build_report(runs, resamples=50)
    (group,) = group_answers(runs)
    by_name = {one.method.name: one for one in group.answers}
    return report.tables[0], [by_name[row.method] for row in report.tables[0].rows]


def values_of(figure):
    """All rows that a specification draws."""
    layers = figure.spec.get("layer", [figure.spec])
    named = figure.spec.get("datasets", {})
    data = [layer.get("data") or figure.spec.get("data", {}) for layer in layers]
    return [row for part in data for row in part.get("values") or named.get(part.get("name"), [])]


def executions_of(run, outcomes):
    """What probing a run came to, task by task."""
    return tuple(
        Execution(
            task_id=score.task_id,
            repo_id=score.repo_id,
            track=score.track,
            split=score.split,
            outcome=outcome,
            reason=None,
        )
        for score, outcome in zip(run.scores, outcomes, strict=True)
    )


def test_ranking_draws_the_numbers_of_the_table():
    table, _ = table_and_answers(spread("good", [3, 4, 5, 6, 7, 8]), spread("bad", [0] * 6))
    figure = ranking(table, _COLOURS)
    drawn = {row["method"]: row for row in values_of(figure) if "from" in row}
    assert drawn["good"]["em"] == 77.5
    assert drawn["good"]["from"] == drawn["good"]["low"] < 77.5 < drawn["good"]["to"]
    assert "good is first with 77.5 %" in figure.caption
    assert [row[0] for row in figure.grid.rows] == ["good", "bad"]


def test_without_an_interval_there_is_an_extent_all_the_same():
    table, answers = table_and_answers(scored("good", [True, False], repo_id="r0"))
    (drawn,) = [row for row in values_of(ranking(table, _COLOURS)) if "from" in row]
    assert (drawn["low"], drawn["high"], drawn["from"], drawn["to"]) == (None, None, 50.0, 50.0)
    assert ranking(table, _COLOURS).grid.rows[0][2] == "–"  # noqa: RUF001
    assert repositories(answers, _COLOURS) == ()
    assert training_data(answers, {"r0": 50}, _COLOURS) is None
    assert history(table, _COLOURS) is None


def test_repositories_have_one_point_each():
    _, answers = table_and_answers(spread("good", [1, 2, 3]), spread("bad", [0, 0, 0]))
    spread_figure, by_tasks = repositories(answers, _COLOURS)
    points = values_of(by_tasks)
    assert {(row["method"], row["repository"]) for row in points} == {
        (method, f"r{number}") for method in ("good", "bad") for number in range(3)
    }
    violin = spread_figure.spec["layer"][0]
    assert violin["transform"][0] == {
        "density": "em",
        "groupby": ["method"],
        "extent": [0, 65.0],
        "steps": 100,
        "as": ["em", "density"],
    }
    assert spread_figure.grid.rows[0] == ("good", "55.0", "57.5", "60.0", "62.5", "65.0")


def test_training_data_divides_tasks_by_the_repository_s_train_tasks():
    _, answers = table_and_answers(spread("good", [1, 2, 3]), spread("bad", [0, 0, 0]))
    figure = training_data(answers, {"r0": 29, "r1": 30, "r2": 2_000}, _COLOURS)
    assert [row[:3] for row in figure.grid.rows] == [
        ("1 to 29", "20", "1"),
        ("30 to 99", "20", "1"),
        ("1,000 or more", "20", "1"),
    ]


def test_slices_of_few_repositories_are_told_apart():
    run = spread("good", [1, 2, 3, 4, 5, 6, 7])
    assert reliability(table_and_answers(run)[0]) is None
    scores = [replace(score, event=Event.MODIFIED) if score.repo_id == "r0" else score for score in run.scores]
    table, _ = table_and_answers(replace(run, scores=tuple(scores)))
    trust = {row["slice"].rpartition(": ")[2]: row["trust"] for row in values_of(reliability(table))}
    assert trust == {"added": "enough repositories", "modified": "fewer than 6 repositories"}


def test_cost_needs_two_methods_with_a_log():
    table, _ = table_and_answers(spread("good", [1, 2, 3]), spread("bad", [0, 0, 0]))
    assert cost(table, {"good": 1.0}, _COLOURS) is None
    figure = cost(table, {"good": 1.0, "bad": 0.0}, _COLOURS)
    assert {row["method"]: row["seconds"] for row in values_of(figure)} == {"good": 1.0, "bad": 1e-5}


def test_executions_are_counted_for_answers_that_match_and_that_do_not():
    run = scored("good", [True, True, False, False])
    _, answers = table_and_answers(run)
    assert execution(answers) is None
    outcomes = (Outcome.PASSED, Outcome.FAILED, Outcome.PASSED, Outcome.NOT_DRAWN)
    _, answers = table_and_answers(replace(run, executions=executions_of(run, outcomes)))
    figure = execution(answers)
    assert figure.grid.rows == (
        ("good", "does not match", "passed", "1"),
        ("good", "matches", "failed", "1"),
        ("good", "matches", "passed", "1"),
    )


def test_a_diagnosis_becomes_a_heat_map_and_bars():
    similarity = Similarity(labels=("a", "b"), cosine=((1.0, 0.25), (0.25, 1.0)))
    controls = (Control(control="own", em_strict=0.3, low=0.2, high=0.4), Control(control="mean", em_strict=0.3))
    found = Companions(diagnosis=Diagnosis(similarity=similarity, controls=controls), remarks=())
    none = Companions(diagnosis=None, remarks=())
    heat_map, bars = conditioning({"code": found, "plain": none})
    assert "The mean between two repositories is 0.250." in heat_map.caption
    assert heat_map.grid.rows == (("a", "1.000", "0.250"), ("b", "0.250", "1.000"))
    assert bars.grid.rows == (("own", "30.0", "20.0", "40.0"), ("mean", "30.0", "–", "–"))  # noqa: RUF001
