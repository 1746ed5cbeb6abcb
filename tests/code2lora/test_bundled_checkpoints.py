"""The checkpoints that come along for nano: they load, change the model, and were trained on equal terms."""

import json
import re

import pytest
import torch

from code2lora.adapter_folders import load_adapter
from code2lora.backbone import NANO_FOLDER, load_backbone
from code2lora.checkpoints import load_checkpoint
from code2lora.lora import adapter_effect
from code2lora.training.recipe import load_recipe
from code2lora.training.record import read_record

ASSETS = NANO_FOLDER.parent
BUNDLED = ("shared-lora", "code2lora-static", "code2lora-evo")


@pytest.fixture(scope="module")
def nano():
    return load_backbone("nano", device="cpu")


@pytest.fixture(scope="module")
def records():
    return {method: read_record(ASSETS / method) for method in BUNDLED}


def test_they_are_small_enough_to_ship():
    assert sum(path.stat().st_size for method in BUNDLED for path in (ASSETS / method).iterdir()) < 4_000_000


@pytest.mark.parametrize("method", BUNDLED)
def test_they_were_trained_for_nano_by_the_bundled_recipe_to_its_end(records, nano, method):
    record, recipe = records[method], load_recipe("nano", method)
    assert record.settings.backbone_sha256 == nano.weights_sha256
    assert record.settings.terms == recipe.terms.model_dump(mode="json", exclude_defaults=True)
    assert record.settings.own == recipe.settings.model_dump(mode="json", exclude={"terms"}, exclude_none=True)
    assert (record.draws, record.steps) == (recipe.terms.draws, recipe.terms.steps)


def test_they_drew_the_same_tasks_of_the_same_data(records):
    facts = {(record.settings.dataset_sha256, record.tasks, record.target_tokens) for record in records.values()}
    assert len(facts) == 1


@pytest.mark.parametrize("method", BUNDLED)
def test_validation_is_better_after_training_than_before(records, method):
    (outcome,) = records[method].outcomes
    assert outcome.validation == "cr_val"
    assert dict(outcome.curve)[outcome.best_step] < outcome.curve[0][1] - 0.5


def test_shared_lora_changes_the_model(nano):
    ids = torch.tensor([nano.tokenizer("assert f(1) ==")["input_ids"]])
    assert adapter_effect(nano.model, ids, load_adapter(ASSETS / "shared-lora")) > 0


@pytest.mark.parametrize("method", ["code2lora-static", "code2lora-evo"])
def test_hypernetworks_make_adapters_that_change_the_model(nano, method):
    checkpoint = load_checkpoint(ASSETS / method)
    assert (checkpoint.gru is not None) == (method == "code2lora-evo")
    assert (checkpoint.origin["encoder"], checkpoint.origin["state_recipe"]) == ("nano", "clean")
    context = torch.linspace(-0.1, 0.1, checkpoint.head.config.input_dim)[None]
    ids = torch.tensor([nano.tokenizer("assert f(1) ==")["input_ids"]])
    with torch.no_grad():
        assert adapter_effect(nano.model, ids, checkpoint.head(context)) > 0


def test_the_card_states_the_figures_of_the_records(records):
    card = (ASSETS / "CHECKPOINTS.md").read_text("utf-8")
    rows = {
        row[0].strip("`"): row[1:] for row in re.findall(r"^\| (.*?) \|" + r" (.*?) \|" * 6 + "$", card, re.MULTILINE)
    }
    for method, record in records.items():
        (outcome,) = record.outcomes
        seconds = max(json.loads(line)["seconds"] for line in (ASSETS / method / "run.log").read_text().splitlines())
        assert rows[method] == (
            f"{record.trainable_parameters:,}",
            f"{record.draws:,}",
            f"{record.target_tokens:,}",
            f"{outcome.curve[0][1]:.3f}",
            f"{dict(outcome.curve)[outcome.best_step]:.3f}",
            f"{seconds:,.0f}",
        )
