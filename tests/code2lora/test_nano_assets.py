import dataclasses
import json

import pytest

from code2lora.backbone import NANO_FOLDER, load_backbone
from code2lora.generation import generate
from code2lora.training.log import read_log
from code2lora.training.nano_card import model_card
from code2lora.training.nano_recipe import NanoRecipe
from code2lora.training.nano_record import read_nano_record
from code2lora.training.sdists import is_permissive

PREFIXES = ("def test_len():\n    x = [1, 2, 3]\n    assert len(x) == ", "import unittest\n\n\nclass ", "é", "")


@pytest.fixture(scope="module")
def nano():
    return load_backbone("nano", device="cpu")


@pytest.fixture(scope="module")
def record():
    return json.loads((NANO_FOLDER / "training.json").read_text(encoding="utf-8"))


def ends_line(prefix, text):
    return "\n" in text


def test_folder_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in NANO_FOLDER.rglob("*")) <= 16_000_000


def test_nano_loads_and_generates_alike_in_any_batch(nano):
    batched = generate(nano, PREFIXES, max_new_tokens=16, batch_size=4, stop=ends_line)
    assert batched == generate(nano, PREFIXES, max_new_tokens=16, batch_size=1, stop=ends_line)
    assert all(result.text for result in batched[:2])


def test_nano_has_the_promised_tokens(nano):
    assert (nano.tokenizer.eos_token, nano.tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    assert nano.tokenizer("")["input_ids"] == []
    text = "assert f(1234) == 'é😀'\n\t  # done "
    assert nano.tokenizer.decode(nano.tokenizer(text)["input_ids"]) == text


def test_nano_was_trained_by_the_default_recipe_to_its_end(record, nano):
    assert record["recipe"] == dataclasses.asdict(NanoRecipe())
    assert record["steps"] == NanoRecipe().steps
    assert nano.context_length == NanoRecipe().context_length


def test_nano_was_trained_on_permissive_text_only(record):
    assert all(is_permissive(source["licence"]) for source in record["corpus"]["sources"])


def test_nano_predicts_code_better_than_chance(record):
    assert record["validation"]["bits_per_byte"] < 1.6


@pytest.mark.xfail(
    not (NANO_FOLDER / "run.log").is_file(), reason="the bundled weights are from before train-nano", strict=True
)
def test_card_is_the_one_that_record_and_log_make():
    card = (NANO_FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card == model_card(read_nano_record(NANO_FOLDER), read_log(NANO_FOLDER / "run.log"))
