"""`text2lora`: its head, its checkpoint, and that a run makes the adapters that it was trained with."""

import json
from dataclasses import replace

import pytest
import torch
from training_cases import MemoryData, make_backbone, run_training

from code2lora.backbone_encoder import BackboneEncoder
from code2lora.checkpoints import load_checkpoint
from code2lora.conditioning import check_fits_backbone
from code2lora.encoder import CLEAN
from code2lora.errors import CheckpointError, NoOpAdapterError, ShapeError
from code2lora.lora import adapter_effect, target_modules, type_dims
from code2lora.memory_checkpoints import load_memory_checkpoint
from code2lora.state_vectors import EncodedVectors, Recipes
from code2lora.text_checkpoints import TextCheckpoint, load_text_checkpoint, save_text_checkpoint
from code2lora.text_conditioning import TextConditioner
from code2lora.text_head import Text2LoRAConfig, Text2LoRAHead
from code2lora.training.hypernetworks import TextHypernetwork
from code2lora.training.plan import Draw
from code2lora.vector_store import SqliteVectorStore
from harness.predictors.scripted import MemoryView

IDS = torch.tensor([[5, 6, 7]])


def make_head(**sizes):
    targets = target_modules(make_backbone().model)
    usual = {"type_dims": type_dims(targets), "layers": 2, "input_dim": 16, "latent_dim": 8, "rank": 2, "alpha": 4.0}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Text2LoRAHead(Text2LoRAConfig(**(usual | sizes)))


@pytest.fixture
def spoken():
    """A head whose adapters differ."""
    head = make_head()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(2)
        for linear in (*head.heads_A.values(), *head.heads_B.values()):
            linear.weight.normal_(std=0.2)
    return head


def test_an_untrained_head_changes_nothing_and_can_learn():
    head = make_head()
    adapter = head(torch.randn(2, 16))
    with pytest.raises(NoOpAdapterError):
        adapter_effect(make_backbone().model, IDS, adapter.take([0]))
    sum(pair.A_BLRI.sum() * pair.B_BLOR.sum() for pair in adapter.factors.values()).backward()
    assert all(linear.bias.grad.abs().sum() > 0 for linear in head.heads_B.values())


def test_every_layer_type_and_text_has_factors_of_its_own(spoken):
    adapter = spoken(torch.randn(2, 16))
    assert (adapter.rows, adapter.layers, adapter.rank) == (2, 2, 2)
    for pair in adapter.factors.values():
        assert not torch.allclose(pair.A_BLRI[0], pair.A_BLRI[1])
        assert not torch.allclose(pair.A_BLRI[:, 0], pair.A_BLRI[:, 1])
    assert not torch.allclose(adapter.factors["k_proj"].A_BLRI, adapter.factors["v_proj"].A_BLRI)
    assert adapter_effect(make_backbone().model, IDS, adapter.take([0])) > 0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"latent_dim": 6}, "multiple of 4"),
        ({"rank": 0}, "rank is 0"),
        ({"alpha": 0.0}, "alpha"),
        ({"layers": 0}, "ers"),
    ],
)
def test_sizes_that_cannot_be_are_one_sentence(sizes, message):
    with pytest.raises(ShapeError, match=message):
        make_head(**sizes)


def test_a_vector_of_another_width_is_one_sentence(spoken):
    with pytest.raises(ShapeError, match=r"give \(rows, 16\)"):
        spoken(torch.zeros(1, 15))


def test_a_checkpoint_comes_back_with_its_bits(spoken, tmp_path):
    saved = TextCheckpoint(head=spoken, input="description", origin={"encoder": "tiny"})
    save_text_checkpoint(tmp_path / "a", saved)
    save_text_checkpoint(tmp_path / "b", saved)
    loaded = load_text_checkpoint(tmp_path / "a")
    assert (loaded.fingerprint(), loaded.origin) == (saved.fingerprint(), saved.origin)
    assert [path.read_bytes() for path in sorted((tmp_path / "a").iterdir())] == [
        path.read_bytes() for path in sorted((tmp_path / "b").iterdir())
    ]
    assert TextCheckpoint(head=spoken, input="files").fingerprint() != saved.fingerprint()


def test_the_fingerprint_of_a_checkpoint_is_the_one_it_is_read_with(spoken, tmp_path):
    """A whole number and the same number as a fraction are one size."""
    head = Text2LoRAHead(replace(spoken.config, alpha=4))
    save_text_checkpoint(tmp_path / "a", TextCheckpoint(head=head, input="files"))
    stated = json.loads((tmp_path / "a" / "checkpoint.json").read_text())["fingerprint"]
    assert load_text_checkpoint(tmp_path / "a").fingerprint() == stated


@pytest.mark.parametrize("load", [load_checkpoint, load_memory_checkpoint])
def test_other_methods_refuse_the_checkpoint_by_its_name(spoken, tmp_path, load):
    save_text_checkpoint(tmp_path / "a", TextCheckpoint(head=spoken, input="files"))
    with pytest.raises(CheckpointError, match=r"is for text2lora, not for code2lora-[^\n]*$"):
        load(tmp_path / "a")


def test_a_checkpoint_that_cannot_be_used_is_one_sentence(spoken, tmp_path):
    with pytest.raises(CheckpointError, match="repobench train --method text2lora"):
        load_text_checkpoint(tmp_path)
    save_text_checkpoint(tmp_path / "a", TextCheckpoint(head=spoken, input="description"))
    path = tmp_path / "a" / "checkpoint.json"
    entry = json.loads(path.read_text())
    for change, message in (
        ({"kind": "memory"}, "is for code2lora-memory, not for text2lora"),
        ({"schema_version": 9}, "schema version 9"),
        ({"weights_sha256": "0" * 64}, "one of them was changed"),
        ({"input": "tests"}, "damaged"),
    ):
        path.write_text(json.dumps(entry | change))
        with pytest.raises(CheckpointError, match=message):
            load_text_checkpoint(tmp_path / "a")


def test_another_backbone_is_refused_before_anything_is_made():
    sizes = make_head(layers=3).config
    with pytest.raises(CheckpointError, match="does not fit backbone 'tiny': The adapter has 3 layers, the model 2"):
        check_fits_backbone(sizes.type_dims, sizes.layers, make_backbone().model, "tiny")


@pytest.mark.parametrize("state", ["commit", "parent"])
def test_a_run_makes_the_adapters_of_the_training(tmp_path, state):
    """From the same text, before the first kept commit from none, the same bits."""
    run_training(tmp_path / "run", "text2lora", state=state)
    checkpoint = load_text_checkpoint(tmp_path / "run")
    data = MemoryData()
    with SqliteVectorStore(tmp_path / "other.sqlite") as store:
        vectors = EncodedVectors(BackboneEncoder(make_backbone()), Recipes(state=CLEAN), store)
        conditioner = TextConditioner(checkpoint, vectors)
        texts = {-1: "", 0: data.description("a/one", 0)}
        method = TextHypernetwork(
            checkpoint.head, {("a/one", at): vectors.description("a/one", text) for at, text in texts.items()}, state
        )
        with torch.no_grad():
            trained, _ = method.adapter([Draw(row=0, repo_id="a/one", commit=0)])
        shown = texts[0 if state == "commit" else -1]
        run = conditioner.adapter(MemoryView(repo_id="a/one", commit_sha=state, said=shown))
    assert run.sha256() == trained.sha256()


def test_an_encoder_of_another_width_is_refused(spoken, tmp_path):
    with SqliteVectorStore(tmp_path / "vectors.sqlite") as store:
        vectors = EncodedVectors(BackboneEncoder(make_backbone()), Recipes(), store)
        with pytest.raises(CheckpointError, match="takes vectors of width 16, the encoder gives 32"):
            TextConditioner(TextCheckpoint(head=spoken, input="files"), vectors)
