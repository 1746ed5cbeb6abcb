import hashlib
import json
import subprocess
import sys

import pytest
import torch

from code2lora.backbone import load_backbone, local_folder
from code2lora.errors import BackboneError, Code2LoRAError


def test_import_is_cheap():
    code = "import sys, code2lora.backbone, code2lora.generation\n"
    code += "print(sorted({'torch', 'transformers', 'tokenizers', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_local_folder_loads_frozen_and_in_float32(model_folder, random_model):
    backbone = load_backbone(str(model_folder), device="cpu")
    assert not backbone.model.training
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    assert backbone.model.dtype == torch.float32
    assert (backbone.device, backbone.context_length, backbone.name) == ("cpu", 96, str(model_folder))
    assert backbone.tokenizer.padding_side == "left"
    for name, tensor in random_model.state_dict().items():
        assert torch.equal(tensor, backbone.model.state_dict()[name])


def test_weights_hash_is_that_of_the_file(model_folder):
    expected = hashlib.sha256((model_folder / "model.safetensors").read_bytes()).hexdigest()
    assert load_backbone(str(model_folder), device="cpu").weights_sha256 == expected


def test_dtype_can_be_chosen(model_folder):
    assert load_backbone(str(model_folder), device="cpu", dtype="bfloat16").model.dtype == torch.bfloat16


def test_missing_pad_token_becomes_end_of_text(model_folder):
    path = model_folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["pad_token"]
    path.write_text(json.dumps(config))
    assert load_backbone(str(model_folder), device="cpu").tokenizer.pad_token == "<|endoftext|>"


def test_progress_bar_setting_is_left_as_it_was(model_folder, capfd):
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    load_backbone(str(model_folder), device="cpu")
    assert logging.is_progress_bar_enabled() == before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [("./tiny", True), ("/tiny", True), ("~/tiny", True), ("a/b/c", True), ("org/name", False), ("gpt2", False)],
)
def test_only_what_can_be_a_path_is_a_folder(name, is_folder):
    assert (local_folder(name) is not None) == is_folder


@pytest.mark.parametrize(
    ("missing", "message"),
    [("config.json", "has no config.json"), ("tokenizer", "has no tokenizer"), ("model.safetensors", "safetensors")],
)
def test_incomplete_folder_is_named(model_folder, missing, message):
    for path in model_folder.glob(f"{missing}*"):
        path.unlink()
    with pytest.raises(BackboneError, match=message):
        load_backbone(str(model_folder), device="cpu")


def test_absent_folder_is_named(tmp_path):
    with pytest.raises(BackboneError, match=r"no-such-model.* does not exist"):
        load_backbone(str(tmp_path / "no-such-model"), device="cpu")


def test_unreachable_hub_id_says_what_to_do():
    with pytest.raises(BackboneError, match=r"'no-such-org/no-such-model' cannot be loaded .*name a local folder"):
        load_backbone("no-such-org/no-such-model", device="cpu")


def test_unknown_architecture_is_refused(model_folder):
    path = model_folder / "config.json"
    config = json.loads(path.read_text())
    config.update(model_type="no_such_model", architectures=["NoSuchModel"])
    path.write_text(json.dumps(config))
    with pytest.raises(BackboneError, match=r"cannot be loaded|no causal language model"):
        load_backbone(str(model_folder), device="cpu")


def test_code_beside_the_weights_is_never_run(model_folder):
    marker = model_folder / "was_run"
    (model_folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    path = model_folder / "config.json"
    config = json.loads(path.read_text())
    config.update(model_type="evil", auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})
    path.write_text(json.dumps(config))
    with pytest.raises(BackboneError):
        load_backbone(str(model_folder), device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_package_names_the_extra(monkeypatch, model_folder, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackboneError, match=rf"{package}.*pip install repopeftbench\[models\]"):
        load_backbone(str(model_folder), device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu", "dtype": "int3"}, "Dtype 'int3' is not known; use one of auto"),
        ({"device": "abacus"}, "Device 'abacus' is not a torch device"),
        ({"device": "cuda:0"}, "torch sees no CUDA device"),
    ],
)
def test_impossible_options_are_named(monkeypatch, model_folder, options, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackboneError, match=message):
        load_backbone(str(model_folder), **options)


def test_errors_share_one_base():
    assert issubclass(BackboneError, Code2LoRAError)
