import dataclasses

import pytest
from harness_cases import make_facts, make_score, make_task
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ScoringError
from harness.records import CodeBleu, CodeBleuBackend, Prediction, Score, Unscored
from harness.score_table import MEASURES, SCHEMA, scores_from_parquet, scores_to_parquet
from harness.scoring import METRIC_VERSIONS, score_predictions
from harness.selection import TaskSelection, select_tasks
from repopeftbench.errors import SourceError
from repopeftbench.schema import Event, Family, Split, TargetType, Track


def predict(task, stopped, *, error=None):
    return Prediction(task_id=task.task_id, raw=stopped, stopped=stopped, complete=error is None, error=error)


def test_scores_come_in_task_order_whatever_the_order_of_predictions():
    tasks = [make_task(1, target="'x'"), make_task(2, target="abcd")]
    scores = score_predictions(list(map(make_facts, tasks)), [predict(tasks[1], "bcde"), predict(tasks[0], '"x"')])
    assert [score.task_id for score in scores] == [task.task_id for task in tasks]
    assert [score.em_strict for score in scores] == [True, False]
    assert scores[1].edit_similarity == pytest.approx(0.75)
    assert not any(score.failed for score in scores)


def test_a_failed_prediction_is_wrong_and_flagged_even_where_its_text_would_be_right():
    task = make_task(1, target="3")
    (score,) = score_predictions([make_facts(task)], [predict(task, "3", error="OSError: gone")])
    assert (score.em_strict, score.em_ast, score.em_paper, score.failed) == (False, False, False, True)
    assert (score.edit_similarity, score.edit_similarity_paper, score.codebleu, score.codebleu_paper) == (0, 0, 0, 0)
    (empty,) = score_predictions([make_facts(task)], [predict(task, "")])
    assert dataclasses.replace(empty, failed=True, complete=False) == score


def test_published_metrics_are_of_the_raw_text_and_the_others_of_the_stopped_one():
    task = make_task(1, target="foo")
    prediction = Prediction(task_id=task.task_id, raw=" bar, foo", stopped="foo", complete=True, error=None)
    (score,) = score_predictions([make_facts(task)], [prediction])
    assert (score.em_strict, score.em_ast, score.codebleu, score.edit_similarity) == (True, True, 1.0, 1.0)
    assert (score.em_paper, score.edit_similarity_paper) == (False, 0.0)
    assert (score.target, score.prediction) == ("foo", "foo")


def test_a_right_answer_to_a_published_target_that_goes_on_is_right():
    task = make_task(1, target="foo)")
    prediction = Prediction(task_id=task.task_id, raw=" foo)\n", stopped="foo", complete=True, error=None)
    (score,) = score_predictions([make_facts(task)], [prediction])
    assert (score.em_strict, score.em_ast, score.codebleu, score.edit_similarity) == (True, True, 1.0, 1.0)
    assert (score.em_paper, score.edit_similarity_paper, score.codebleu_paper) == (True, 1.0, 1.0)
    (stopped,) = score_predictions([make_facts(task)], [predict(task, "foo")])
    assert (stopped.em_strict, stopped.em_paper) == (True, False), "the published target keeps its bracket"


def test_scores_do_not_depend_on_the_number_of_processes(monkeypatch):
    monkeypatch.setattr("harness.scoring.CHUNK_PREDICTIONS", 7)
    tasks = [make_task(n, target=f"f(x, {n % 5}, x)") for n in range(30)]
    predictions = [predict(task, f"f(y, {n % 4}, y)") for n, task in enumerate(tasks)]
    facts = list(map(make_facts, tasks))
    alone = score_predictions(facts, predictions)
    together = score_predictions(facts, predictions, workers=2)
    assert together == alone
    assert scores_to_parquet(together, METRIC_VERSIONS) == scores_to_parquet(alone, METRIC_VERSIONS)


def test_a_killed_scoring_process_is_one_sentence(monkeypatch):
    def killed(engine, items, work, report):
        raise SourceError("a mining process was killed")

    monkeypatch.setattr("harness.scoring.LocalEngine.map", killed)
    with pytest.raises(ScoringError, match=r"A scoring process was killed, .*: score again with fewer --workers"):
        score_predictions([make_facts(make_task(1))], [predict(make_task(1), "")], workers=2)


def test_the_package_as_backend_is_asked_for_the_published_codebleu_alone(monkeypatch):
    asked = []

    def package(prediction, target):
        asked.append((prediction, target))
        return CodeBleu.settled(0.125)

    monkeypatch.setattr("harness.scoring.require_package", lambda: None)
    monkeypatch.setattr("harness.scoring.package_codebleu", package)
    task = make_task(1, target="f(1)")
    given_ = ([make_facts(task)], [predict(task, "f(2)")])
    (score,) = score_predictions(*given_, backend=CodeBleuBackend.PACKAGE)
    (ours,) = score_predictions(*given_)
    assert asked == [("f(2)", "f(1)")]
    assert (score.codebleu_paper, score.codebleu_paper_syntax) == (0.125, 0.125)
    assert (score.codebleu, ours.codebleu_paper) == (ours.codebleu, 0.5)


def test_a_text_too_long_is_unscored_but_still_a_row():
    task = make_task(1)
    (score,) = score_predictions([make_facts(task)], [predict(task, "x" * 300_000)])
    assert isinstance(score.edit_similarity, Unscored)
    assert score.em_strict is False


def test_predictions_that_are_not_one_per_task_are_an_error():
    one, two = make_facts(make_task(1)), make_facts(make_task(2))
    with pytest.raises(ScoringError, match="1 of 2 tasks have no prediction"):
        score_predictions([one, two], [predict(one, "")])
    with pytest.raises(ScoringError, match="1 of 2 predictions answer no given task"):
        score_predictions([one], [predict(one, ""), predict(two, "")])
    with pytest.raises(ScoringError, match="1 of 2 predictions repeat"):
        score_predictions([one], [predict(one, ""), predict(one, "3")])
    with pytest.raises(ScoringError, match="1 of 2 tasks repeat"):
        score_predictions([one, one], [predict(one, "")])
    with pytest.raises(ScoringError, match="no split"):
        make_facts(make_task(1, split=None))
    with pytest.raises(ScoringError, match="does not list repository org/unknown"):
        make_facts(make_task(1, repo_id="org/unknown"))


_WORDS = st.text(max_size=5)
_VALUES = st.one_of(st.floats(0, 1), st.builds(Unscored, reason=_WORDS))
_COLUMNS = {
    "task_id": _WORDS,
    "repo_id": _WORDS,
    "track": st.sampled_from(Track),
    "split": st.sampled_from(Split),
    "family": st.sampled_from(Family),
    "event": st.sampled_from(Event),
    "target_type": st.sampled_from(TargetType),
    "history_index": st.integers(0, 2**31 - 1),
    "em_strict": st.booleans(),
    "em_paper": st.booleans(),
    **dict.fromkeys(MEASURES, _VALUES),
    "em_ast": st.one_of(st.booleans(), st.builds(Unscored, reason=_WORDS)),
    "codebleu_degenerate": st.lists(_WORDS, max_size=3).map(tuple),
    "failed": st.booleans(),
    "target": _WORDS,
    "prediction": _WORDS,
}
_SCORES = st.lists(st.fixed_dictionaries(_COLUMNS).map(lambda values: make_score(1, **values)), max_size=5)


@given(_SCORES)
def test_scores_survive_parquet_and_equal_scores_give_equal_bytes(tmp_path_factory, scores):
    data = scores_to_parquet(scores, METRIC_VERSIONS)
    assert scores_from_parquet(data, tmp_path_factory.getbasetemp()) == tuple(scores)
    assert scores_to_parquet(scores, METRIC_VERSIONS) == data


def test_every_score_field_has_a_column_and_metrics_have_their_version():
    assert {field.name for field in dataclasses.fields(Score)} < set(SCHEMA.names)
    assert {f"{name}_version" for name in METRIC_VERSIONS} < set(SCHEMA.names)


def select(tasks, **options):
    return [task.task_id for task in select_tasks(tasks, TaskSelection(**options))]


def test_selection_has_one_order_whatever_the_order_of_tasks():
    tasks = [
        make_task(n, repo_id=f"r{n % 3}", history_index=n % 2, target_start_byte=100 - n, split=split)
        for n, split in enumerate([Split.CR_TEST, Split.IR_TEST, Split.IR_TRAIN] * 6)
    ]
    splits = (Split.CR_TEST, Split.IR_TEST)
    selected = select_tasks(reversed(tasks), TaskSelection(splits=splits))
    assert selected == select_tasks(tasks, TaskSelection(splits=splits))
    assert {task.split for task in selected} == set(splits)
    keys = [(task.split, task.repo_id, task.history_index, task.target_start_byte) for task in selected]
    assert keys == sorted(keys)


def test_a_larger_limit_keeps_what_a_smaller_one_kept_in_every_track_and_split():
    tasks = [
        make_task(n, split=split, track=track)
        for n, (split, track) in enumerate((split, track) for split in Split for track in Track for _ in range(9))
    ]
    splits = tuple(Split)
    small, large = select(tasks, splits=splits, limit=2), select(tasks, splits=splits, limit=5)
    assert len(small) == 2 * 12
    assert set(small) < set(large) < set(select(tasks, splits=splits))
    assert set(select(tasks, splits=splits, limit=2, seed=1)) != set(small)
    assert select(tasks, splits=splits, tracks=(Track.STATIC,), limit=0) == []
