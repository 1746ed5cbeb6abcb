"""Training: what comes of it, that a kill leaves no trace, and that methods are on equal terms."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import CANARY, TERMS, MemoryData, content, make_backbone, make_recipe, run_training

from code2lora.adapter_folders import load_adapter
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.checkpoints import load_checkpoint
from code2lora.errors import AdapterError, TrainingError
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import adapter_effect
from code2lora.training.hypernetworks import EvolvingHypernetwork, HistoryVectors
from code2lora.training.loop import learning_rate_at
from code2lora.training.plan import Draw
from code2lora.training.recipe import METHODS
from code2lora.training.record import RECORD_NAME, read_record
from code2lora.training.workspace import work_folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Every method, trained without an interruption."""
    folder = tmp_path_factory.mktemp("trained")
    return {method: (run_training(folder / method, method), folder / method) for method in METHODS}


class TestEveryMethod:
    @pytest.mark.parametrize("method", METHODS)
    def test_lowers_the_loss_of_validation(self, trained, method):
        curves = [outcome.curve for outcome in trained[method][0].outcomes if outcome.curve]
        assert curves
        for curve in curves:
            assert min(loss for _, loss in curve) < curve[0][1]

    @pytest.mark.parametrize("method", METHODS)
    def test_draws_what_the_terms_say(self, trained, method):
        record, folder = trained[method]
        assert (record.draws, record.repositories) == (TERMS.draws, 4)
        assert read_record(folder) == record

    def test_draws_the_same_tasks_with_the_same_tokens(self, trained):
        alike = {(trained[method][0].tasks, trained[method][0].target_tokens) for method in METHODS if method[0] != "p"}
        assert len(alike) == 1

    @pytest.mark.parametrize("method", METHODS)
    def test_leaves_nothing_beside_its_folder(self, trained, method):
        assert not work_folder(trained[method][1]).exists()

    @pytest.mark.parametrize("method", METHODS)
    def test_trained_again_is_only_read(self, trained, method):
        record, folder = trained[method]
        told = []
        assert run_training(folder, method, progress=lambda *at: told.append(at)) == record
        assert told == []

    @pytest.mark.parametrize("method", METHODS)
    def test_ends_with_the_same_bytes_after_an_interruption(self, trained, tmp_path, method):
        class Interrupted(BaseException):
            pass

        def interrupt(name, progress):
            if progress.step == 2:
                raise Interrupted

        with pytest.raises(Interrupted):
            run_training(tmp_path / "again", method, progress=interrupt)
        run_training(tmp_path / "again", method)
        assert content(tmp_path / "again") == content(trained[method][1])


@pytest.mark.parametrize("method", ["code2lora-evo", "code2lora-memory"])
def test_a_training_that_was_killed_reaches_the_weights_of_one_that_was_not(trained, tmp_path, method):
    """The process dies of SIGKILL between two steps."""
    driver = Path(__file__).with_name("training_cases.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(driver), str(tmp_path / "killed"), method, "4"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert (work_folder(tmp_path / "killed") / "state.safetensors").is_file()
    first = []
    run_training(tmp_path / "killed", method, progress=lambda name, at: first.append(at.step))
    assert first == [4, 5, 6]  # the state after step 3 is the last one that reached the disk
    assert content(tmp_path / "killed") == content(trained[method][1])


@pytest.mark.parametrize("method", ["fft", "code2lora-evo"])
def test_layers_that_are_computed_again_lead_to_the_same_bytes(trained, tmp_path, method, monkeypatch):
    monkeypatch.setattr("code2lora.recomputing._ALWAYS_KEPT", 0)
    monkeypatch.setattr("code2lora.recomputing.free_bytes", lambda device: 0)
    run_training(tmp_path / method, method)
    assert content(tmp_path / method) == content(trained[method][1])


def test_how_many_tasks_go_together_changes_rounding_alone(tmp_path):
    curves = []
    for rows in (1, 99):
        record = run_training(tmp_path / str(rows), "code2lora-evo", rows=rows)
        curves.append([loss for _, loss in record.outcomes[0].curve])
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_hypernetworks_are_checkpoints_that_say_what_they_are_to_be_given(trained):
    evo = load_checkpoint(trained["code2lora-evo"][1])
    assert evo.gru is not None
    assert {name: evo.origin[name] for name in ("encoder", "state_recipe", "diff_recipe", "state")} == {
        "encoder": "tiny", "state_recipe": "clean", "diff_recipe": "paper-diff", "state": "commit",
    }  # fmt: skip
    assert load_checkpoint(trained["code2lora-static"][1]).gru is None


def test_adapters_are_peft_folders_that_change_the_model(trained):
    model = make_backbone().model
    adapter = load_adapter(trained["shared-lora"][1])
    assert (adapter.layers, adapter.rank, adapter.alpha) == (2, 2, 4.0)
    assert adapter_effect(model, torch.tensor([[5, 6, 7]]), adapter) > 0
    record, folder = trained["per-repo-lora"]
    for outcome in record.outcomes:
        assert adapter_effect(model, torch.tensor([[5, 6]]), load_adapter(folder / "adapters" / outcome.repo_id)) > 0
    assert sum(outcome.draws for outcome in record.outcomes) == TERMS.draws
    assert [bool(outcome.curve) for outcome in record.outcomes] == [True, False, False, False]


def test_shared_layers_have_one_pair_for_all(trained):
    adapter = load_adapter(trained["per-repo-lora"][1] / "adapters" / "a/one")
    for pair in adapter.factors.values():
        assert torch.equal(pair.A_BLRI[:, 0], pair.A_BLRI[:, 1])


def test_a_folder_that_is_no_adapter_is_one_sentence(trained, tmp_path):
    with pytest.raises(AdapterError, match="holds no adapter"):
        load_adapter(tmp_path)
    folder = trained["shared-lora"][1]
    config = json.loads((folder / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(AdapterError, match="use_dora"):
        load_adapter(tmp_path)


def test_another_seed_gives_other_weights(trained, tmp_path):
    run_training(tmp_path / "other", "shared-lora", seed=1)
    name = "adapter_model.safetensors"
    assert content(tmp_path / "other")[name] != content(trained["shared-lora"][1])[name]


def test_the_best_weights_are_kept_not_the_last(tmp_path):
    record = run_training(tmp_path / "wild", "shared-lora", draws=80, validate_every=1, gradient_clip=100.0)
    (outcome,) = record.outcomes
    assert outcome.best_step == min(outcome.curve, key=lambda point: point[1])[0]
    replayed = run_training(tmp_path / "replayed", "shared-lora", draws=80, validate_every=1, gradient_clip=100.0)
    assert replayed == record


def test_training_ends_when_validation_gets_no_better(tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.5, 1.0])
    monkeypatch.setattr("code2lora.training.loop._mean", lambda values: next(losses))
    record = run_training(tmp_path / "early", "shared-lora", validate_every=1, patience=2)
    assert (record.steps, record.outcomes[0].best_step) == (3, 1)


@pytest.mark.parametrize("method", ["shared-lora", "fft"])
def test_a_loss_that_is_not_finite_stops_with_its_batch_saved(tmp_path, method):
    backbone = make_backbone()
    with torch.no_grad():
        backbone.model.lm_head.weight[7] = float("nan")
    data = MemoryData()
    data.repositories["cr_val"] = []
    with pytest.raises(TrainingError, match=r"loss is nan at step 1; .*bad-batch\.json"):
        run_training(tmp_path / "bad", method, backbone=backbone, data=data)
    batch = json.loads((work_folder(tmp_path / "bad") / "bad-batch.json").read_text())
    assert (batch["step"], len(batch["draws"]), len(batch["tokens"])) == (0, 3, 3)


def test_a_validation_loss_that_is_not_finite_stops_with_its_batch_saved(tmp_path):
    backbone = make_backbone()
    with torch.no_grad():
        backbone.model.lm_head.weight[7] = float("nan")
    with pytest.raises(TrainingError, match=r"validation loss is nan after step 0; .*bad-batch\.json"):
        run_training(tmp_path / "bad", "shared-lora", backbone=backbone)
    batch = json.loads((work_folder(tmp_path / "bad") / "bad-batch.json").read_text())
    assert {draw["repo_id"] for draw in batch["draws"]} == {"y/val"}


@pytest.mark.parametrize("method", METHODS)
def test_validation_reads_every_repository_of_its_split(tmp_path, method):
    data = MemoryData()
    record = run_training(tmp_path / "run", method, data=data, draws=4)
    split = "ir_val" if method == "per-repo-lora" else "cr_val"
    places = data.places(split)
    read = {places[row].repo_id for asked, row in data.asked if asked == split}
    assert read == {place.repo_id for place in places}
    assert {outcome.validation for outcome in record.outcomes} - {None} == {split}


def test_another_training_in_the_folder_is_refused(trained, tmp_path):
    with pytest.raises(TrainingError, match="holds another training"):
        run_training(trained["shared-lora"][1], "shared-lora", seed=9)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(TrainingError, match="no training of ours"):
        run_training(tmp_path / "mine", "shared-lora")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_second_process_in_the_same_folder_is_refused(tmp_path):
    def train_again(name, progress):
        with pytest.raises(TrainingError, match="Another process trains in"):
            run_training(tmp_path / "one", "shared-lora")

    assert run_training(tmp_path / "one", "shared-lora", progress=train_again).steps == 6


def test_damaged_state_is_one_sentence(tmp_path):
    def stop(name, progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "cut", "shared-lora", progress=stop)
    state = work_folder(tmp_path / "cut") / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-40])
    with pytest.raises(TrainingError, match="is damaged or of another training"):
        run_training(tmp_path / "cut", "shared-lora")


def test_a_dataset_without_training_tasks_is_one_sentence(tmp_path):
    data = MemoryData()
    data.repositories["ir_train"] = []
    with pytest.raises(TrainingError, match="no task of ir_train"):
        run_training(tmp_path / "none", "shared-lora", data=data)


@pytest.mark.parametrize("name", ["../../outside", "a/../b", "/etc/x", "a\\b"])
def test_a_repository_whose_name_leads_elsewhere_gets_no_folder(tmp_path, name):
    data = MemoryData()
    data.repositories["ir_train"] = [name]
    with pytest.raises(TrainingError, match="cannot name a folder"):
        run_training(tmp_path / "in" / "run", "per-repo-lora", data=data)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_the_record_holds_no_clock_time_and_the_log_does(trained):
    folder = trained["shared-lora"][1]
    assert "seconds" not in (folder / RECORD_NAME).read_text()
    lines = [json.loads(line) for line in (folder / "run.log").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["seconds"] >= 0 for line in lines)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_later_commits_and_no_other_split_is_read(tmp_path, method, monkeypatch):
    read = []
    whole = BackboneEncoder.tokens
    monkeypatch.setattr(BackboneEncoder, "tokens", lambda self, text: read.append(text) or whole(self, text))
    data = MemoryData()  # its files() fails on commits of the test split
    run_training(tmp_path / "run", method, data=data)
    assert not [text for text in read if CANARY in text]
    assert bool(read) == (method in ("code2lora-static", "code2lora-evo", "text2lora"))
    assert {split for split, _ in data.asked} <= {"ir_train", "cr_val", "ir_val"}


@pytest.fixture
def evolving():
    """A GRU and a head of a few weights over a history of 20 commits."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        gru = CommitGRU(GRUConfig(diff_input_dim=4, repo_state_dim=4, hidden_dim=5))
        head = Code2LoRAHead(HeadConfig(type_dims={"q_proj": (3, 2)}, input_dim=5, hidden_dim=4, rank=1, alpha=2.0))
        history = HistoryVectors(first_state_E=torch.randn(4), diffs_TE=torch.randn(20, 4).requires_grad_(True))
    return EvolvingHypernetwork(gru, head, {"a/b": history}, "commit"), history


def draws_at(*commits):
    return [Draw(row=0, repo_id="a/b", commit=commit) for commit in commits]


def test_what_is_learnt_at_a_commit_reaches_sixteen_commits_before_it(evolving):
    method, history = evolving
    adapter, rows = method.adapter(draws_at(*range(3, 20)))
    assert rows == list(range(17))
    adapter.factors["q_proj"].A_BLRI[16].sum().backward()  # of the last commit alone
    reached = np.flatnonzero(history.diffs_TE.grad.abs().sum(dim=1).numpy())
    assert reached.tolist() == list(range(3, 20))


def test_a_walk_from_the_first_commit_teaches_where_it_starts(evolving):
    method, _ = evolving
    method.adapter(draws_at(0, 1))[0].factors["q_proj"].A_BLRI.sum().backward()
    start = method.parameters()["gru.repo_init_proj.0.weight"]
    assert start.grad is not None
    start.grad = None
    method.adapter(draws_at(5, 6))[0].factors["q_proj"].A_BLRI.sum().backward()
    assert start.grad is None


def test_draws_of_one_commit_share_an_adapter_and_the_parent_is_one_step_before(evolving):
    method, history = evolving
    adapter, rows = method.adapter(draws_at(4, 4, 7))
    assert (adapter.rows, rows) == (2, [0, 0, 1])
    before = EvolvingHypernetwork(method.gru, method.head, {"a/b": history}, "parent")
    later, _ = before.adapter(draws_at(5))
    assert torch.equal(later.factors["q_proj"].A_BLRI[0], adapter.factors["q_proj"].A_BLRI[0])


def test_learning_rate_rises_and_falls_as_the_terms_say():
    terms = make_recipe("fft", warmup=0.1, final_learning_rate=0.1).terms
    rates = [learning_rate_at(step, 100, 1.0, terms) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)
