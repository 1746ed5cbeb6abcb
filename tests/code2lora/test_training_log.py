"""The log of a training, and what TensorBoard is shown of it."""

import json
import sys

import pytest
from training_cases import MemoryData, content, run_training

from code2lora.errors import TrainingError
from code2lora.training.log import TrainingLog, read_log, seconds_of
from code2lora.training.nano_recipe import TrainingProgress
from code2lora.training.tracking import TensorBoardLog


class Interrupted(BaseException):
    pass


def interrupt_at(step):
    def told(name, progress):
        if progress.step == step:
            raise Interrupted

    return told


def shown(folder):
    """What TensorBoard reads in a folder: by tag, the steps and values in the order of the files."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.HasField("tensor") else value.simple_value
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def points(lines, key):
    return [(line["step"], pytest.approx(line[key], rel=1e-5)) for line in lines if key in line]


def test_a_resumed_training_has_every_step_once_and_its_seconds_go_on(tmp_path):
    with pytest.raises(Interrupted):
        run_training(tmp_path / "run", "shared-lora", progress=interrupt_at(4))  # state 3 is on the disk, line 4 too
    run_training(tmp_path / "run", "shared-lora")
    lines = read_log(tmp_path / "run" / "run.log")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "validation_loss" in line] == [2, 4, 6]
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    assert seconds_of(tmp_path / "run" / "run.log") == seconds[-1]


def test_tensorboard_is_shown_what_the_log_says_and_a_resumed_training_without_repeats(tmp_path):
    with TensorBoardLog(tmp_path / "board") as reader, pytest.raises(Interrupted):
        run_training(tmp_path / "run", "shared-lora", progress=interrupt_at(4), reader=reader)
    (tmp_path / "board" / "shared-lora" / "events.out.tfevents.1.other").write_bytes(b"")
    with TensorBoardLog(tmp_path / "board") as reader:
        run_training(tmp_path / "run", "shared-lora", reader=reader)
    lines = read_log(tmp_path / "run" / "run.log")
    assert shown(tmp_path / "board" / "shared-lora") == {
        "loss/train": points(lines, "loss"),
        "loss/validation": points(lines, "validation_loss"),
        "learning_rate": points(lines, "learning_rate"),
        "target_tokens": points(lines, "target_tokens"),
    }
    assert (tmp_path / "board" / "shared-lora" / "events.out.tfevents.1.other").is_file()


def test_a_training_that_is_there_already_is_shown_too_and_changes_nothing(tmp_path):
    run_training(tmp_path / "run", "per-repo-lora")
    before = content(tmp_path / "run")
    with TensorBoardLog(tmp_path / "board") as reader:
        run_training(tmp_path / "run", "per-repo-lora", reader=reader)
    assert content(tmp_path / "run") == before
    for repo_id in MemoryData().repositories["ir_train"]:
        assert shown(tmp_path / "board" / repo_id)["loss/train"]


def test_without_tensorboard_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(TrainingError, match=r"not installed: pip install 'repopeftbench\[tracking\]'"):
        TensorBoardLog(tmp_path)


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path):
    path = tmp_path / "run.log"
    log = TrainingLog(path)
    for step in (1, 2):
        log.add("m", progress(step, seconds=2.0 * step))
    path.write_text(path.read_text()[:-9])
    TrainingLog(path).add("m", progress(2, seconds=1.0))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["seconds"]) for line in lines] == [(1, 2.0), (2, 3.0)]


def test_what_others_are_trained_on_stays_and_all_of_it_counts(tmp_path):
    path = tmp_path / "run.log"
    for name in ("a/one", "b/two"):
        TrainingLog(path).add(name, progress(1, seconds=2.5))
    assert [line["name"] for line in read_log(path)] == ["a/one", "b/two"]
    assert seconds_of(path) == 5.0
    assert seconds_of(tmp_path / "none.log") is None


def progress(step, *, seconds):
    return TrainingProgress(
        step=step, steps=9, loss=1.0, learning_rate=0.1, tokens=10 * step, seconds=seconds, eta_seconds=0.0
    )
