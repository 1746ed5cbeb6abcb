import copy
import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from code2lora.backbone import Backbone
from code2lora.errors import AdapterError, ExportError
from code2lora.export import AdapterSource, export_peft
from code2lora.lora import Injection

IDS = torch.randint(2, 258, (2, 9), generator=torch.Generator().manual_seed(3))
SOURCE = AdapterSource(
    repo_id="pallets/click",
    commit_sha="1" * 40,
    commits_walked=7,
    task="assert",
    checkpoint_sha256="2" * 64,
    encoder_sha256="3" * 64,
)
FILES = ["adapter_config.json", "adapter_model.safetensors", "code2lora_adapter.json"]


def backbone_of(model, tokenizer, name="tiny"):
    return Backbone(
        model=model, tokenizer=tokenizer, name=name, weights_sha256="4" * 64, context_length=96, device="cpu"
    )


@pytest.fixture
def backbone(family_model, byte_tokenizer):
    return backbone_of(family_model, byte_tokenizer)


def logits(model):
    return model(input_ids=IDS, use_cache=False).logits.detach()


# peft asks transformers for a name that it is about to drop.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("types", [None, ["q_proj", "v_proj", "down_proj"]])
def test_peft_gives_the_same_bits_as_the_injection(tmp_path, backbone, make_adapter, per_layer, types):
    from peft import PeftModel

    layers = backbone.model.config.num_hidden_layers if per_layer else 1
    adapter = make_adapter(backbone.model, layers=layers, types=types)
    export_peft(tmp_path / "a", adapter, backbone, SOURCE)
    with Injection(backbone.model, adapter):
        expected = logits(backbone.model)
    assert not torch.equal(expected, logits(backbone.model))
    loaded = PeftModel.from_pretrained(copy.deepcopy(backbone.model), str(tmp_path / "a"))
    assert torch.equal(logits(loaded), expected)


def test_weights_have_the_names_that_peft_and_vllm_read(tmp_path, backbone, make_adapter):
    adapter = make_adapter(backbone.model)
    export_peft(tmp_path / "a", adapter, backbone, SOURCE)
    with safe_open(tmp_path / "a" / "adapter_model.safetensors", framework="pt") as file:
        names, metadata = set(file.keys()), file.metadata()
        types = {file.get_tensor(name).dtype for name in names}
        last = file.get_tensor("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight")
    assert metadata == {"format": "pt"}
    assert types == {torch.float32}
    assert len(names) == 2 * 7 * backbone.model.config.num_hidden_layers
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in names
    assert torch.equal(last, adapter.factors["down_proj"].B_BLOR[0, 0])


def test_configuration_is_what_peft_needs(tmp_path, backbone, make_adapter):
    export_peft(tmp_path / "a", make_adapter(backbone.model, types=["v_proj", "q_proj"]), backbone, SOURCE)
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (4, 8.0, ["q_proj", "v_proj"])
    assert (config["peft_type"], config["bias"], config["use_rslora"], config["use_dora"]) == (
        "LORA",
        "none",
        False,
        False,
    )


def test_equal_adapters_are_equal_bytes(tmp_path, backbone, make_adapter):
    for name in ("a", "b", "b"):  # the second time over itself
        export_peft(tmp_path / name, make_adapter(backbone.model), backbone, SOURCE)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_card_says_what_the_adapter_is_and_was_made_from(tmp_path, backbone, make_adapter):
    adapter = make_adapter(backbone.model)
    fingerprint = export_peft(tmp_path / "a", adapter, backbone, SOURCE)
    card = json.loads((tmp_path / "a" / "code2lora_adapter.json").read_text())
    assert (card["fingerprint"], card["adapter_sha256"]) == (fingerprint, adapter.sha256())
    assert (card["repo_id"], card["commit_sha"], card["commits_walked"]) == ("pallets/click", "1" * 40, 7)
    assert (card["checkpoint_sha256"], card["base_weights_sha256"], card["base_model"]) == ("2" * 64, "4" * 64, "tiny")


def test_fingerprint_depends_on_contents_and_not_on_names(tmp_path, random_model, byte_tokenizer, make_adapter):
    def fingerprint(name="x", base="tiny", seed=0, **source):
        fields = {field: getattr(SOURCE, field) for field in SOURCE.__slots__} | source
        return export_peft(
            tmp_path / name, make_adapter(random_model, seed=seed), backbone_of(random_model, byte_tokenizer, base),
            AdapterSource(**fields),
        )  # fmt: skip

    assert fingerprint(name="y", base="elsewhere/tiny") == fingerprint()
    others = [fingerprint(seed=1), fingerprint(commit_sha="5" * 40), fingerprint(checkpoint_sha256="6" * 64)]
    assert len({fingerprint(), *others}) == 4


def test_folder_of_somebody_else_is_left_alone(tmp_path, backbone, make_adapter):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ExportError, match="holds something that is no adapter of ours; choose another folder"):
        export_peft(tmp_path, make_adapter(backbone.model), backbone, SOURCE)
    assert (tmp_path / "adapter_config.json").read_text() == "{}"
    with pytest.raises(ExportError, match="no adapter of ours"):
        export_peft(tmp_path / "adapter_config.json", make_adapter(backbone.model), backbone, SOURCE)


def test_only_one_row_is_exported(tmp_path, backbone, make_adapter):
    with pytest.raises(ExportError, match="has 2 rows: a file holds one; take one row"):
        export_peft(tmp_path / "a", make_adapter(backbone.model, rows=2), backbone, SOURCE)
    assert not (tmp_path / "a").exists()


def test_adapter_of_another_model_is_refused(tmp_path, random_model, llama_model, byte_tokenizer, make_adapter):
    with pytest.raises(AdapterError, match="it was made for another model"):
        export_peft(tmp_path / "a", make_adapter(llama_model), backbone_of(random_model, byte_tokenizer), SOURCE)


def test_adapter_with_gradients_is_exported(tmp_path, backbone, make_adapter):
    adapter = make_adapter(backbone.model)
    for tensor in adapter.tensors().values():
        tensor.requires_grad_()
    assert len(export_peft(tmp_path / "a", adapter, backbone, SOURCE)) == 64


def test_modules_import_without_git_peft_and_gguf():
    blocked = ["pygit2", "tree_sitter", "tree_sitter_python", "datasets", "docker", "transformers", "peft", "gguf"]
    modules = "adapters, backbone_encoder, checkpoints, encoder, evolution, export, gguf_export, head, lora, "
    modules += "published_checkpoints, vector_store, walk"
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\nfrom code2lora import {modules}\nprint('ok')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("ok", "")
