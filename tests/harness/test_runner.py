import json
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path

import kill_driver
import pytest
from harness_cases import HISTORY_LENGTHS, ODD_TEXTS, make_facts, make_task, make_view
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kill_driver import ANSWERS, FAILURES, TASKS, bytes_of, describe

from harness.errors import PredictorError, RunError, ScoringError
from harness.manifest import RunManifest, describe_run
from harness.predictors.protocol import PredictorSettings
from harness.predictors.scripted import ScriptedError, ScriptedPredictor
from harness.records import Answer
from harness.run_store import COMPLETE, LOG, MANIFEST, PREDICTIONS, SCORES, discard_run, has_finished, read_run
from harness.runner import run_method, score_run
from harness.scoring import METRIC_VERSIONS
from harness.selection import TaskSelection
from repopeftbench.errors import GitObjectError

FACTS = tuple(map(make_facts, TASKS))
DRIVER = Path(kill_driver.__file__)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    kill_driver.run(folder)
    return folder


def lines_of(folder):
    return [json.loads(line) for line in (folder / PREDICTIONS).read_bytes().splitlines()]


def run(folder, predictor, *, tasks=TASKS, manifest=None, views=make_view, progress=None):
    return run_method(
        tasks=tasks,
        predictor=predictor,
        views=views,
        manifest=manifest or describe(),
        folder=folder,
        history_lengths=HISTORY_LENGTHS,
        progress=progress,
    )


def test_run_writes_one_line_and_one_score_per_task_in_order(tmp_path):
    seen = []
    summary = run(tmp_path / "a" / "run", ScriptedPredictor(answers=ANSWERS), progress=lambda *step: seen.append(step))
    lines = lines_of(tmp_path / "a" / "run")
    assert [line["task_id"] for line in lines] == [task.task_id for task in TASKS]
    assert lines[1] == {
        "task_id": TASKS[1].task_id, "raw": " 1\n é1", "stopped": "1", "complete": True, "error": None,
    }  # fmt: skip
    manifest, scores = read_run(tmp_path / "a" / "run")
    assert manifest == describe()
    assert [score.task_id for score in scores] == [task.task_id for task in TASKS]
    right = [n for n in range(22) if n % 4 == n % 5]
    assert [n for n, score in enumerate(scores) if score.em_strict] == right
    assert summary.em_strict == pytest.approx(len(right) / 22)
    assert (summary.tasks, summary.failures, summary.resumed_at) == (22, 0, 0)
    assert seen == [(0, 22), (4, 22), (8, 22), (12, 22), (16, 22), (20, 22), (22, 22)]


def test_manifest_and_results_hold_no_clock_time_and_the_log_does(whole, tmp_path):
    kill_driver.run(tmp_path / "run")
    assert bytes_of(tmp_path / "run") == bytes_of(whole)
    assert (tmp_path / "run" / LOG).read_text().startswith("20")
    assert sorted(path.name for path in whole.iterdir()) == sorted(
        [MANIFEST, PREDICTIONS, SCORES, COMPLETE, LOG, ".lock"]
    )


def test_a_complete_run_is_read_and_nothing_is_asked_again(whole):
    before = bytes_of(whole)
    summary = run(whole, ScriptedPredictor(failures=[task.task_id for task in TASKS]))
    assert (summary.tasks, summary.resumed_at, summary.failures) == (22, 22, 2)
    assert bytes_of(whole) == before


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_left_of_the_predictions_the_rest_is_answered_in_the_same_chunks(whole, tmp_path, data):
    predictions = (whole / PREDICTIONS).read_bytes()
    kept = data.draw(st.integers(0, len(predictions)))
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(whole / MANIFEST, folder)
    (folder / PREDICTIONS).write_bytes(predictions[:kept])
    if data.draw(st.booleans()):
        (folder / f".{SCORES}.part").write_bytes(b"half")
    asked = []
    kill_driver.run(folder, before=asked.append)
    assert bytes_of(folder) == bytes_of(whole)
    whole_chunks = predictions[:kept].count(b"\n") // 4 * 4 if kept < len(predictions) else 22
    again = [task.task_id for task in TASKS[whole_chunks:]]
    assert list(dict.fromkeys(asked)) == again


@pytest.mark.parametrize("damage", [b"{}\n", b"[1]\n", b"\xff\n", b'{"task_id": "other"}\n'])
def test_a_damaged_line_and_all_behind_it_are_answered_again(whole, tmp_path, damage):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(whole / MANIFEST, folder)
    lines = (whole / PREDICTIONS).read_bytes().splitlines(keepends=True)
    (folder / PREDICTIONS).write_bytes(b"".join([*lines[:6], damage, *lines[7:]]))
    assert kill_driver.run(folder).resumed_at == 4
    assert bytes_of(folder) == bytes_of(whole)


def test_a_run_killed_at_any_disk_call_ends_byte_equal(tmp_path):
    result = subprocess.run(
        [sys.executable, str(DRIVER), "exhaust", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    kills, different = result.stdout.strip().split(" ", 1)
    assert int(kills.removeprefix("kills=")) >= 30
    assert different == "different=[]"


def test_a_slow_run_killed_three_times_from_outside_ends_byte_equal(whole, tmp_path):
    folder = tmp_path / "run"
    path = folder / PREDICTIONS
    for lines in (1, 8, 16):
        process = subprocess.Popen([sys.executable, str(DRIVER), "slow", str(folder)])
        deadline = time.monotonic() + 60
        while not (path.is_file() and path.read_bytes().count(b"\n") >= lines):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -9
        assert not has_finished(folder)
    kill_driver.run(folder)
    assert bytes_of(folder) == bytes_of(whole)


def test_tasks_that_fail_are_asked_alone_and_only_they_carry_an_error(whole):
    failed = [line for line in lines_of(whole) if line["error"] is not None]
    assert {line["task_id"] for line in failed} == FAILURES
    for line in failed:
        assert line == {
            "task_id": line["task_id"], "raw": "", "stopped": "", "complete": False,
            "error": f"ScriptedError: scripted to fail on {line['task_id']}",
        }  # fmt: skip
    assert "Traceback" in (whole / LOG).read_text()
    _, scores = read_run(whole)
    assert {score.task_id for score in scores if score.failed} == FAILURES


def test_a_repository_that_cannot_be_shown_fails_its_tasks_alone(tmp_path):
    def views(task):
        if task.repo_id == "r1":
            raise GitObjectError("object is missing")
        return make_view(task)

    summary = run(tmp_path / "run", ScriptedPredictor(answers=ANSWERS), views=views)
    assert summary.failures == sum(task.repo_id == "r1" for task in TASKS)
    assert lines_of(tmp_path / "run")[1]["error"] == "GitObjectError: object is missing"


class Answering:
    """A predictor that answers as a function of the asked ids says."""

    def __init__(self, answers):
        self.answers = answers

    def predict(self, requests):
        yield from self.answers([request.task.task_id for request in requests])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda ids: [Answer(task_id=i, text="") for i in ids[1:]], "left 1 of 4 tasks unanswered"),
        (lambda ids: [Answer(task_id=i, text="") for i in [*ids, ids[0]]], "twice"),
        (lambda ids: [Answer(task_id=f"{i}x", text="") for i in ids], "not asked for"),
        (lambda ids: [], "left 4 of 4"),
    ],
)
def test_a_predictor_that_does_not_answer_one_to_one_ends_the_run(tmp_path, answers, message):
    with pytest.raises(RunError, match=message):
        run(tmp_path / "run", Answering(answers))


def test_answers_may_come_in_any_order(whole, tmp_path):
    def answers(ids):
        if FAILURES & set(ids):
            raise ScriptedError(f"scripted to fail on {ids[0]}")
        return [Answer(task_id=i, text=ANSWERS[i]) for i in reversed(ids)]

    run(tmp_path / "run", Answering(answers))
    assert (tmp_path / "run" / PREDICTIONS).read_bytes() == (whole / PREDICTIONS).read_bytes()


def test_a_predictor_that_gives_up_ends_the_run_and_an_interrupt_passes(tmp_path):
    def raising(error):
        def answers(ids):
            raise error

        return Answering(answers)

    with pytest.raises(PredictorError, match="no memory"):
        run(tmp_path / "run", raising(PredictorError("no memory")))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", raising(KeyboardInterrupt()))
    assert not has_finished(tmp_path / "run")
    assert run(tmp_path / "run", ScriptedPredictor()).resumed_at == 0


def test_any_text_is_kept_and_scored(tmp_path, whole):
    tasks = [make_task(n) for n in range(len(ODD_TEXTS))]
    answers = {task.task_id: text for task, text in zip(tasks, ODD_TEXTS, strict=True)}
    manifest = describe_run(
        tasks,
        method="scripted",
        settings=PredictorSettings(),
        selection=TaskSelection(splits=()),
        dataset_sha256="",
    )
    assert run(tmp_path / "run", ScriptedPredictor(answers=answers), tasks=tasks, manifest=manifest).failures == 0
    for line, text in zip(lines_of(tmp_path / "run"), ODD_TEXTS, strict=True):
        assert line["raw"] == text.replace("\ud800", "\N{REPLACEMENT CHARACTER}")


def test_a_run_of_no_tasks_is_complete(tmp_path):
    manifest = describe_run(
        [], method="m", settings=PredictorSettings(), selection=TaskSelection(splits=()), dataset_sha256=""
    )
    summary = run(tmp_path / "run", ScriptedPredictor(), tasks=[], manifest=manifest)
    assert (summary.tasks, summary.em_strict, summary.edit_similarity) == (0, None, None)
    assert score_run(tmp_path / "run", []).tasks == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "icl"}, r"method: 'scripted' there, 'icl' here"),
        ({"limit": 3}, r"limit: None there, 3 here"),
        ({"dataset_sha256": "e"}, r"dataset_sha256: 'd+' there, 'e' here"),
        ({"weights_sha256": "w"}, r"weights_sha256: None there, 'w' here"),
        ({"metric_versions": {}}, r"metric_versions: "),
    ],
)
def test_a_folder_of_another_configuration_is_refused_by_field(whole, change, message):
    before = bytes_of(whole)
    with pytest.raises(RunError, match=rf"another configuration \({message}.*\): .* -o, .*--overwrite"):
        run(whole, ScriptedPredictor(), manifest=describe().model_copy(update=change))
    assert bytes_of(whole) == before


def test_settings_are_part_of_the_configuration(whole):
    with pytest.raises(RunError, match=r"settings\.backbone: 'nano' there, 'other' here"):
        run(whole, ScriptedPredictor(), manifest=describe(backbone="other"))


def test_discarding_a_run_makes_room_for_another(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "mine.txt").write_text("kept")
    discard_run(folder)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "mine.txt"]
    discard_run(folder)
    discard_run(tmp_path / "absent")


def test_a_folder_that_is_no_run_is_neither_used_nor_discarded(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is no run folder: it holds 'notes\.txt'"):
        run(tmp_path, ScriptedPredictor())
    (tmp_path / MANIFEST).write_text('{"format": 1, "repositories": []}')  # a dataset's
    for use in (lambda: run(tmp_path, ScriptedPredictor()), lambda: discard_run(tmp_path)):
        with pytest.raises(RunError, match=r"manifest\.json cannot be read: "):
            use()
    assert (tmp_path / MANIFEST).is_file()
    with pytest.raises(RunError, match=r"has no manifest\.json"):
        score_run(tmp_path / "absent", FACTS)


def test_two_processes_cannot_write_one_folder(tmp_path):
    context = multiprocessing.get_context("spawn")
    folder = tmp_path / "run"
    with context.Pool(1) as pool:
        errors = []

        def before(task_id):
            if not errors:
                errors.append(pool.apply(_start, (folder,)))

        kill_driver.run(folder, before=before)
    assert errors == [f"Run folder {folder} is in use by another process: wait for it to end."]


def _start(folder):
    try:
        kill_driver.run(folder)
    except RunError as error:
        return str(error)
    return "ran"


def test_tasks_must_be_those_of_the_manifest(tmp_path):
    with pytest.raises(RunError, match="The 21 given tasks are not the 22"):
        run(tmp_path / "run", ScriptedPredictor(), tasks=TASKS[:-1])
    with pytest.raises(RunError, match="1 of 23 tasks repeat an id"):
        run(tmp_path / "run", ScriptedPredictor(), tasks=[*TASKS, TASKS[0]])


def test_a_complete_run_that_was_changed_is_refused(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    with (folder / PREDICTIONS).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(RunError, match=r"is complete, but predictions\.jsonl was changed since"):
        kill_driver.run(folder)


def test_scoring_again_needs_no_model_and_changes_nothing_under_the_same_metrics(whole):
    before = bytes_of(whole)
    summary = score_run(whole, [make_facts(make_task(999)), *reversed(FACTS)])
    assert bytes_of(whole) == before
    assert (summary.tasks, summary.failures) == (22, 2)


def test_scoring_again_follows_the_targets_and_the_metric_versions(whole, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    monkeypatch.setattr("harness.runner.METRIC_VERSIONS", dict.fromkeys(METRIC_VERSIONS, 9))
    facts = [make_facts(make_task(n, target=str(n % 4))) for n in range(22)]
    assert score_run(folder, facts).em_strict == pytest.approx(20 / 22)
    manifest, scores = read_run(folder)
    assert set(manifest.metric_versions.values()) == {9}
    assert sum(score.em_strict for score in scores) == 20
    assert has_finished(folder)


def test_scoring_an_unfinished_run_or_with_other_tasks_is_refused(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    with pytest.raises(RunError, match=r"22 tasks of run folder .* are not in the given dataset"):
        score_run(folder, [make_facts(make_task(999))])
    lines = (folder / PREDICTIONS).read_bytes().splitlines(keepends=True)
    (folder / PREDICTIONS).write_bytes(b"".join(lines[:5]))
    with pytest.raises(RunError, match="has answers to 5 of its 22 tasks"):
        score_run(folder, FACTS)
    (folder / PREDICTIONS).write_bytes(b"".join([*lines[:-1], lines[0]]))
    with pytest.raises((RunError, ScoringError), match="repeat"):
        score_run(folder, FACTS)


def test_scores_of_an_unfinished_run_are_not_read(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / COMPLETE).unlink()
    with pytest.raises(RunError, match="is not complete: start the same run again"):
        read_run(folder)
    (folder / COMPLETE).write_text("{}")
    (folder / SCORES).write_bytes(b"no parquet")
    with pytest.raises(RunError, match="cannot be read as parquet"):
        read_run(folder)


def test_manifest_refuses_fields_it_does_not_know():
    fields = describe().model_dump(mode="json")
    assert RunManifest.model_validate(fields) == describe()
    with pytest.raises(ValueError, match="extra"):
        RunManifest.model_validate({**fields, "started": "now"})
