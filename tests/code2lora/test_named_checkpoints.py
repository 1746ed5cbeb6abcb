"""Which checkpoint a name means, and what the Hub's refusals become."""

import logging

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from code2lora import named_checkpoints
from code2lora.checkpoints import Checkpoint, save_checkpoint
from code2lora.encoder import CLEAN, PAPER_DIFF, PAPER_EVO, PAPER_STATIC
from code2lora.errors import CheckpointError
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.hub import fetch_checkpoint
from code2lora.named_checkpoints import EVOLUTION, STATIC, default_checkpoint, open_checkpoint

QWEN = "Qwen/Qwen2.5-Coder-1.5B"


def small(**origin):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = Code2LoRAHead(HeadConfig(type_dims={"q_proj": (6, 6)}, input_dim=4, hidden_dim=4, rank=2))
    return Checkpoint(head=head, origin=origin)


def write_published(path):
    """A file of the authors' static layout."""
    network = small().head
    config = {"input_dim": 4, "hidden_dim": 4, "rank": 2, "types": ["q_proj"], "type_dims": {"q_proj": [6, 6]}}
    torch.save({"state_dict": network.state_dict(), "config": config}, path)


def test_a_folder_says_what_it_was_trained_with(tmp_path):
    save_checkpoint(tmp_path / "a", small(encoder="nano", state_recipe="clean"))
    named = open_checkpoint(str(tmp_path / "a"))
    assert (named.encoder, named.recipes.state, named.recipes.diff) == ("nano", CLEAN, PAPER_DIFF)
    assert named.checkpoint.fingerprint() == small().fingerprint()


def test_a_file_of_the_authors_has_the_inputs_that_they_prepared(tmp_path):
    write_published(tmp_path / "head.pt")
    named = open_checkpoint(str(tmp_path / "head.pt"))
    assert named.encoder == "Qwen/Qwen3-Embedding-0.6B"
    assert (named.recipes.state, named.recipes.diff) == (PAPER_EVO, PAPER_DIFF)
    assert named.checkpoint.fingerprint() == small().fingerprint()


def test_the_first_static_checkpoints_have_their_own_recipe(tmp_path):
    save_checkpoint(tmp_path / "a", small(layout="first-static"))
    assert open_checkpoint(str(tmp_path / "a")).recipes.state == PAPER_STATIC


def test_an_unknown_recipe_is_one_sentence(tmp_path):
    save_checkpoint(tmp_path / "a", small(state_recipe="later"))
    with pytest.raises(CheckpointError, match=r"recipe 'later', this version knows paper-static, .*: install"):
        open_checkpoint(str(tmp_path / "a"))


@pytest.mark.parametrize("name", ["nosuch", "./no/such", "a/b/c", "a/..", ""])
def test_what_is_neither_there_nor_an_id_asks_nothing_of_the_network(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named_checkpoints, "fetch_checkpoint", lambda name: pytest.fail("asked the network"))
    with pytest.raises(CheckpointError):
        open_checkpoint(name)


def test_the_hub_gives_folders_and_files(monkeypatch, tmp_path):
    save_checkpoint(tmp_path / "ours", small())
    write_published(tmp_path / "ours" / "head.pt")
    asked = []

    def download(repo, file):
        asked.append((repo, file))
        return str(tmp_path / "ours" / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert open_checkpoint("org/name").checkpoint.fingerprint() == small().fingerprint()
    assert open_checkpoint("org/name:head.pt").checkpoint.origin["layout"] == "static"
    assert sorted(asked[:2]) == [("org/name", "checkpoint.json"), ("org/name", "weights.safetensors")]
    assert asked[2:] == [("org/name", "head.pt")]


def test_a_hub_that_cannot_be_reached_is_one_sentence_and_no_retries_are_shown(monkeypatch, caplog):
    def download(repo, file):
        logging.getLogger("huggingface_hub.utils").warning("Retrying in 1s")
        raise LocalEntryNotFoundError("cannot be found.\nmany more lines")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(CheckpointError) as caught:
        fetch_checkpoint("org/name")
    assert str(caught.value) == (
        "Checkpoint 'org/name' cannot be fetched (cannot be found): check the id and the network, "
        "or fetch it by hand and name its folder or file."
    )
    assert not caplog.records
    with pytest.raises(CheckpointError, match="is no checkpoint: give a folder"):
        fetch_checkpoint("x")


def test_checkpoints_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setattr(named_checkpoints, "ASSETS", tmp_path)
    for method in (STATIC, EVOLUTION):
        with pytest.raises(CheckpointError, match=f"{method} has no checkpoint of its own for backbone 'nano': name"):
            default_checkpoint(method, "nano")
    save_checkpoint(tmp_path / STATIC, small())
    assert default_checkpoint(STATIC, "nano") == str(tmp_path / STATIC)
    assert default_checkpoint(STATIC, QWEN) == "code2lora/code2lora-direct:code2lora_direct.pt"
    assert default_checkpoint(EVOLUTION, QWEN) == "code2lora/code2lora-gru:code2lora_gru.pt"
    with pytest.raises(CheckpointError, match="for backbone 'other/model': name one with --checkpoint"):
        default_checkpoint(STATIC, "other/model")
