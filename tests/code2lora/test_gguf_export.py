"""The file's content through a stand-in for the package `gguf`; with the package itself where it is installed."""

import sys
import types

import numpy as np
import pytest
import torch

from code2lora.backbone import Backbone
from code2lora.errors import ExportError
from code2lora.gguf_export import export_gguf

PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class NameMap:
    def get_name(self, key, try_suffixes):
        stem = key.removesuffix(".weight").removeprefix("model.layers.")
        layer, _, part = stem.partition(".")
        return f"blk.{layer}.{PARTS[part]}.weight" if part in PARTS else None


class Writer:
    """Keeps what it is given, and writes a line where the real one writes its file."""

    last = None

    def __init__(self, path, arch):
        self.path, self.facts, self.tensors = path, {"arch": arch}, {}
        Writer.last = self

    def add_type(self, value):
        self.facts["type"] = value

    def add_string(self, key, value):
        self.facts[key] = value

    add_float32 = add_string

    def add_tensor(self, name, tensor):
        self.tensors[name] = tensor

    def write_header_to_file(self):
        self.path.write_text("gguf")

    def write_kv_data_to_file(self):
        pass

    write_tensors_to_file = close = write_kv_data_to_file


@pytest.fixture
def fake_gguf(monkeypatch):
    module = types.SimpleNamespace(
        GGUFWriter=Writer,
        MODEL_ARCH_NAMES={1: "llama", 2: "qwen2"},
        get_tensor_name_map=lambda arch, layers: NameMap(),
    )
    monkeypatch.setitem(sys.modules, "gguf", module)


def backbone_of(model, tokenizer):
    return Backbone(
        model=model, tokenizer=tokenizer, name="tiny", weights_sha256="4" * 64, context_length=96, device="cpu"
    )


def test_qwen2_factors_are_written_as_they_are(tmp_path, fake_gguf, random_model, byte_tokenizer, make_adapter):
    adapter = make_adapter(random_model, layers=2)
    export_gguf(tmp_path / "a.gguf", adapter, backbone_of(random_model, byte_tokenizer))
    written = Writer.last
    assert written.facts == {"arch": "qwen2", "type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 8.0}
    assert len(written.tensors) == 2 * 2 * 7
    pair = adapter.factors["q_proj"]
    assert np.array_equal(written.tensors["blk.1.attn_q.weight.lora_a"], pair.A_BLRI[0, 1].numpy())
    assert np.array_equal(written.tensors["blk.1.attn_q.weight.lora_b"], pair.B_BLOR[0, 1].numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


def test_llama_queries_and_keys_are_reordered_as_llama_cpp_does(
    tmp_path, fake_gguf, llama_model, byte_tokenizer, make_adapter
):
    adapter = make_adapter(llama_model)
    export_gguf(tmp_path / "a.gguf", adapter, backbone_of(llama_model, byte_tokenizer))
    tensors = Writer.last.tensors
    head_dim = llama_model.config.head_dim
    for name, short in (("q_proj", "attn_q"), ("k_proj", "attn_k")):
        rows = adapter.factors[name].B_BLOR[0, 0].numpy()
        found = tensors[f"blk.2.{short}.weight.lora_b"]
        for row, factors in enumerate(rows):  # row `half * d + place` of a head goes to `2 * place + half`
            head, inside = divmod(row, head_dim)
            half, place = divmod(inside, head_dim // 2)
            assert np.array_equal(found[head * head_dim + 2 * place + half], factors)
    for name, short in (("v_proj", "attn_v"), ("down_proj", "ffn_down")):
        assert np.array_equal(tensors[f"blk.2.{short}.weight.lora_b"], adapter.factors[name].B_BLOR[0, 0].numpy())


def test_missing_package_is_named(tmp_path, monkeypatch, random_model, byte_tokenizer, make_adapter):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ExportError, match=r"^Package 'gguf' is needed to write GGUF files; run: pip install gguf$"):
        export_gguf(tmp_path / "a.gguf", make_adapter(random_model), backbone_of(random_model, byte_tokenizer))
    assert list(tmp_path.iterdir()) == []


def test_unknown_family_is_named(tmp_path, random_model, byte_tokenizer, make_adapter, monkeypatch):
    monkeypatch.setattr(random_model.config, "model_type", "gpt_neox")
    with pytest.raises(ExportError, match="of family 'gpt_neox': GGUF is written for llama, mistral, qwen2, qwen3"):
        export_gguf(tmp_path / "a.gguf", make_adapter(random_model), backbone_of(random_model, byte_tokenizer))


def test_real_file_holds_the_factors_and_is_the_same_every_time(tmp_path, family_model, byte_tokenizer, make_adapter):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    adapter = make_adapter(family_model)
    for name in ("a.gguf", "b.gguf"):
        export_gguf(tmp_path / name, adapter, backbone_of(family_model, byte_tokenizer))
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    tensors = {tensor.name: torch.from_numpy(np.array(tensor.data)) for tensor in reader.tensors}
    assert len(tensors) == 2 * 7 * family_model.config.num_hidden_layers
    assert torch.equal(tensors["blk.1.ffn_up.weight.lora_b"], adapter.factors["up_proj"].B_BLOR[0, 0])
    assert torch.equal(tensors["blk.0.attn_output.weight.lora_a"], adapter.factors["o_proj"].A_BLRI[0, 0])
    assert reader.get_field("general.type").contents() == "adapter"
    assert reader.get_field("adapter.type").contents() == "lora"
    assert reader.get_field("adapter.lora.alpha").contents() == adapter.alpha
    assert reader.get_field("general.architecture").contents() == family_model.config.model_type
