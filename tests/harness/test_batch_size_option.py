"""`--batch-size auto`: chosen once, kept with the run."""

import dataclasses

import pytest
from harness_cases import make_task

from code2lora import batch_sizes
from code2lora.errors import GenerationError
from harness.commands.running import RunOptions, _batch_size
from harness.errors import PredictorError
from harness.manifest import chunk_tasks, describe_run
from harness.predictors.protocol import PredictorSettings
from harness.run_store import begun_with, open_run
from harness.selection import TaskSelection
from repopeftbench.schema import Split

AUTO = RunOptions(method="pretrained", batch_size="auto")


@pytest.fixture
def begun(tmp_path):
    """A run's folder that was begun with batches of 8."""
    manifest = describe_run(
        [make_task(1)],
        method="pretrained",
        settings=PredictorSettings(batch_size=8),
        selection=TaskSelection(splits=(Split.CR_TEST,)),
        dataset_sha256="d" * 64,
    )
    with open_run(tmp_path / "run", manifest):
        return tmp_path / "run"


def test_a_run_goes_on_with_the_batch_size_that_it_began_with(begun, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_sizes, "rows_that_fit", lambda name, device, dtype: 32)
    assert _batch_size(AUTO, begun) == 8
    assert _batch_size(AUTO, tmp_path / "another") == 32
    assert _batch_size(dataclasses.replace(AUTO, overwrite=True), begun) == 32
    assert _batch_size(dataclasses.replace(AUTO, batch_size=3), begun) == 3


def test_no_room_is_an_error_of_the_command(tmp_path, monkeypatch):
    def none(name, device, dtype):
        raise GenerationError("no room")

    monkeypatch.setattr(batch_sizes, "rows_that_fit", none)
    with pytest.raises(PredictorError, match="no room"):
        _batch_size(AUTO, tmp_path)


def test_chunks_of_a_run_hold_several_batches_and_never_depend_on_the_machine(begun):
    assert [chunk_tasks(batch_size) for batch_size in (1, 16, 32, 256)] == [64, 64, 128, 1024]
    assert begun_with(begun).chunk_tasks == 64
