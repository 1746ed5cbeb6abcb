import pytest

from code2lora import batch_sizes
from code2lora.batch_sizes import rows_that_fit
from code2lora.errors import BackboneError, GenerationError

WEIGHTS = 4 * (2 * (4 * 32**2 + 3 * 32 * 64) + 258 * 32)
ROW = 96 * 2 * 2 * 2 * 8 * 4  # tokens, keys and values, layers, key-value heads, width of one, bytes


@pytest.mark.parametrize(("rows", "chosen"), [(1, 1), (5, 4), (8, 8), (10**6, 32)])
def test_rows_are_as_many_as_half_of_what_is_free_has_room_for(model_folder, monkeypatch, rows, chosen):
    monkeypatch.setattr(batch_sizes, "free_bytes", lambda device: WEIGHTS + 2 * rows * ROW)
    assert rows_that_fit(str(model_folder), device="cpu", dtype="float32") == chosen


def test_numbers_of_half_the_size_leave_room_for_twice_the_rows(model_folder, monkeypatch):
    monkeypatch.setattr(batch_sizes, "free_bytes", lambda device: WEIGHTS // 2 + 8 * ROW)
    assert rows_that_fit(str(model_folder), device="cpu", dtype="bfloat16") == 8


def test_no_room_for_one_row_is_one_sentence(model_folder, monkeypatch):
    monkeypatch.setattr(batch_sizes, "free_bytes", lambda device: 1000)
    with pytest.raises(GenerationError, match=r"0\.0 GB of memory are free on cpu: .* give --batch-size 1"):
        rows_that_fit(str(model_folder), device="cpu", dtype="auto")


def test_this_machine_has_room_for_nano():
    assert rows_that_fit("nano", device="cpu", dtype="auto") >= 1


def test_a_backbone_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BackboneError, match="does not exist"):
        rows_that_fit(str(tmp_path / "none"), device="cpu", dtype="auto")
