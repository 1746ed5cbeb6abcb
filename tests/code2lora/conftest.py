"""Tiny models made on the spot: one random, one that recites a script. No network, no download."""

import dataclasses

import pytest
import torch
from byte_tokenizers import make_byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from code2lora.adapters import Adapter, Factors
from code2lora.backbone import Backbone
from code2lora.lora import target_modules, type_dims


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """A test that forgets itself fails at once instead of waiting for a connection."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def byte_tokenizer():
    return make_byte_tokenizer()


@pytest.fixture(scope="session")
def random_model(byte_tokenizer):
    """Two layers of noise, large enough in their weights that its answers vary."""
    config = Qwen2Config(
        vocab_size=len(byte_tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        initializer_range=0.6,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return Qwen2ForCausalLM(config).eval().requires_grad_(False)


@pytest.fixture
def random_backbone(random_model, byte_tokenizer):
    return Backbone(
        model=random_model,
        tokenizer=byte_tokenizer,
        name="random",
        weights_sha256="0" * 64,
        context_length=96,
        device="cpu",
    )


@pytest.fixture
def model_folder(tmp_path, random_model, byte_tokenizer):
    folder = tmp_path / "tiny"
    random_model.save_pretrained(folder)
    byte_tokenizer.save_pretrained(folder)
    return folder


@dataclasses.dataclass
class Output:
    logits: torch.Tensor


class ScriptedModel:
    """Answers a prompt with the tokens of its script, then with end-of-text; records the rows of every pass.

    All that it knows of a row is what attention would see: its keys are the tokens themselves.
    """

    generation_config = None

    def __init__(self, tokenizer, scripts):
        self.tokenizer = tokenizer
        self.scripts = scripts
        self.rows_per_pass = []

    def forward(self, input_ids, attention_mask, past_key_values, use_cache):
        ids = input_ids[:, None, :, None]
        keys, _ = past_key_values.update(ids, ids, 0)
        self.rows_per_pass.append(len(input_ids))
        logits = torch.zeros(len(input_ids), 1, len(self.tokenizer))
        if attention_mask is not None:
            for row, (seen, mask) in enumerate(zip(keys[:, 0, :, 0], attention_mask, strict=True)):
                logits[row, 0, self.next_token(seen[mask.bool()].tolist())] = 1.0
        return Output(logits)

    def next_token(self, seen):
        for prompt, answer in self.scripts.items():
            start = self.tokenizer(prompt)["input_ids"]
            script = self.tokenizer(answer)["input_ids"]
            new = seen[len(start) :]
            if seen[: len(start)] == start and new == script[: len(new)]:
                return script[len(new)] if len(new) < len(script) else 0
        return 0

    __call__ = forward


@pytest.fixture
def scripted(byte_tokenizer):
    """Makes a backbone that answers as a dict from prompt to answer says."""

    def make(scripts):
        return Backbone(
            model=ScriptedModel(byte_tokenizer, scripts),
            tokenizer=byte_tokenizer,
            name="scripted",
            weights_sha256="0" * 64,
            context_length=64,
            device="cpu",
        )

    return make


@pytest.fixture(scope="session")
def llama_model():
    """The same size in the other family, with a head width of its own."""
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=96,
        initializer_range=0.3,
        eos_token_id=0,
        pad_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(8)
        return LlamaForCausalLM(config).eval().requires_grad_(False)


@pytest.fixture(params=["qwen2", "llama"])
def family_model(request, random_model, llama_model):
    return random_model if request.param == "qwen2" else llama_model


@pytest.fixture
def make_adapter():
    """Makes random adapters for a model."""

    def make(model, *, rows=1, layers=1, rank=4, types=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        dims = type_dims(target_modules(model))
        factors = {
            name: Factors(
                A_BLRI=0.15 * torch.randn(rows, layers, rank, dims[name][0], generator=generator),
                B_BLOR=0.15 * torch.randn(rows, layers, dims[name][1], rank, generator=generator),
            )
            for name in types or dims
        }
        return Adapter(factors=factors, alpha=2.0 * rank)

    return make
