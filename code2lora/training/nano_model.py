"""The network of `nano`: made anew, its losses, and its model folder (io). Knows no corpus and no training loop.

Legend: `B` windows per batch, `T` tokens per window, `V` vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from code2lora.training.nano_recipe import NanoRecipe
from code2lora.training.nano_text import EOS_TOKEN, PAD_TOKEN

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from torch import nn
    from transformers import PreTrainedModel

NanoModel: TypeAlias = "PreTrainedModel"
"""A network of the library's Qwen2 class."""
LossFunction: TypeAlias = "Callable[[PreTrainedModel, torch.Tensor], torch.Tensor]"
"""What `token_losses` is."""


def new_model(recipe: NanoRecipe, vocab_size: int) -> NanoModel:
    """A Qwen2-architecture model with seeded weights; torch's global generator is left as it was."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.kv_heads,
        max_position_embeddings=recipe.context_length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model: NanoModel = Qwen2ForCausalLM(config)
    model.train()
    return model


def trained_weights(model: NanoModel) -> dict[str, "nn.Parameter"]:
    """Everything that is trained, by name: matrices first, in the order in which `new_optimizer` has them."""
    return dict(sorted(model.named_parameters(), key=lambda item: item[1].dim() < 2))


def new_optimizer(weights: Mapping[str, "nn.Parameter"], recipe: NanoRecipe) -> "torch.optim.Optimizer":
    """AdamW that decays matrices only."""
    import torch

    groups = [
        {"params": [item for item in weights.values() if item.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [item for item in weights.values() if item.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), fused=True)


def compiled_losses() -> LossFunction:
    """`token_losses` as torch compiles it: faster, of other rounding, and in need of a C++ compiler on processors."""
    import torch

    made: LossFunction = torch.compile(token_losses)
    return made


def token_losses(model: NanoModel, batch_BT: "torch.Tensor") -> "torch.Tensor":
    """Negative log likelihood of every token but the first (`B` * `T`), in nats; products are in bfloat16."""
    import torch

    with torch.autocast(batch_BT.device.type, dtype=torch.bfloat16):
        logits_BTV = model(input_ids=batch_BT[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits_BTV.float().flatten(0, 1), batch_BT[:, 1:].flatten(), reduction="none"
    )


def rounded(model: NanoModel, kept: Mapping[str, "torch.Tensor"]) -> NanoModel:
    """A copy of a model that has other weights, each rounded to bfloat16 and held in float32.

    Args:
        model: Gives the architecture and the device.
        kept: The weights, named as `trained_weights` names them.
    """
    import copy

    import torch

    copied = copy.deepcopy(model)
    copied.train(mode=False)
    with torch.no_grad():
        for name, weight in trained_weights(copied).items():
            weight.copy_(kept[name].to(torch.bfloat16))
    return copied


def write_model(folder: Path, model: NanoModel, tokenizer: "Tokenizer") -> None:
    """Writes weights (bfloat16), configuration and tokenizer into a folder: a backbone like any other."""
    import safetensors.torch
    import torch
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    weights = {
        name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embeddings
    }
    safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.architectures = [type(model).__name__]
    model.config.dtype = "bfloat16"
    model.config.save_pretrained(folder)
    GenerationConfig(do_sample=False, eos_token_id=0, pad_token_id=1).save_pretrained(  # type: ignore[no-untyped-call]
        folder
    )
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=EOS_TOKEN,
        pad_token=PAD_TOKEN,
        padding_side="left",
        model_max_length=model.config.max_position_embeddings,
    ).save_pretrained(folder)
