"""Tasks with the published lengths, of the text of this project's own tests, and backbones and adapters to answer with.

Lengths are drawn from log-normal distributions: static with the published median and mean of 224 and 357 tokens,
evolution with the published median of about 2,000. The tasks of one adapter end at successive assertions of one file;
their prefixes begin at one place (`chain`), as in one test function or whole file, or each at its own (`apart`).
"""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from code2lora.adapters import Adapter, Factors
from code2lora.backbone import NANO, Backbone, load_backbone
from code2lora.lora import target_modules, type_dims
from code2lora.named_checkpoints import STATIC, default_checkpoint, open_checkpoint
from harness.stopping import is_complete

SHAPES = "qwen2.5-coder-1.5b-shapes"
LENGTHS = {"static": (224, math.sqrt(2 * math.log(357 / 224))), "evolution": (2_000, 0.8)}
"""Median in tokens, and spread of the logarithm."""
TASKS_PER_ADAPTER = 7
"""6.8 published: 44,732 tasks of 6,618 commits."""
_CHARACTERS_PER_TOKEN = 3.2
_LEAST_CHARACTERS = 100
_MOST_CHARACTERS_APART = 1_000
_CUT = re.compile(r"\n +assert [^\n=]{1,60} ==")
_ANSWER_TOKENS = 8
_QWEN = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Prefixes, and the number of the adapter of each."""

    prefixes: tuple[str, ...]
    adapters: tuple[int, ...]


def make_workload(tasks: int, adapters: int, *, lengths: str, siblings: str, seed: int) -> Workload:
    """Tasks of the given lengths (a key of `LENGTHS`) and siblings (`chain` or `apart`)."""
    median, spread = LENGTHS[lengths]
    draw = random.Random(seed)
    text = "\n".join(path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "tests").rglob("*.py")))
    cuts = [match.end() for match in _CUT.finditer(text)]
    prefixes: list[str] = []
    owners: list[int] = []
    for number in range(adapters):
        count = tasks // adapters + (number < tasks % adapters)
        first = draw.choice([place for place in range(len(cuts) - count) if _are_close(cuts[place : place + count])])
        wanted = [int(_CHARACTERS_PER_TOKEN * median * draw.lognormvariate(0, spread)) for _ in range(count)]
        middle = cuts[first + count // 2] - wanted[0] if wanted else 0
        begin = max(0, min(middle, cuts[first] - _LEAST_CHARACTERS))
        for place, characters in enumerate(wanted):
            end = cuts[first + place]
            prefixes.append(text[begin if siblings == "chain" else max(0, end - characters) : end])
            owners.append(number)
    return Workload(prefixes=tuple(prefixes), adapters=tuple(owners))


def _are_close(cuts: Sequence[int]) -> bool:
    """Whether assertions could be of one function or two."""
    return not cuts or cuts[-1] - cuts[0] <= _MOST_CHARACTERS_APART


def make_backbone(name: str, device: str, dtype: str) -> Backbone:
    """A backbone by name; `SHAPES` is one of random weights with the tokenizer of nano."""
    nano = load_backbone("nano" if name == SHAPES else name, device=device, dtype=dtype)
    if name != SHAPES:
        return nano
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    with torch.device(nano.device):
        model = Qwen2ForCausalLM(Qwen2Config(**_QWEN, eos_token_id=0, pad_token_id=1)).to(nano.model.dtype)
    return Backbone(
        model=model.eval().requires_grad_(False),
        tokenizer=nano.tokenizer,
        name=name,
        weights_sha256="random",
        context_length=4_096 + 64,
        device=nano.device,
    )


def make_adapters(backbone: Backbone, count: int, *, rank: int, seed: int) -> list[Adapter]:
    """Adapters shared by all layers as published: of nano's own head, at random places; else of random numbers."""
    generator = torch.Generator(backbone.device).manual_seed(seed)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, device=backbone.device)

    if backbone.name == NANO:
        head = open_checkpoint(default_checkpoint(STATIC, NANO)).checkpoint.head.to(backbone.device)
        with torch.no_grad():
            return [head(torch.nn.functional.normalize(numbers(1, head.config.input_dim))) for _ in range(count)]
    dims = type_dims(target_modules(backbone.model))
    return [
        Adapter(
            factors={
                kind: Factors(A_BLRI=0.01 * numbers(1, 1, rank, inputs), B_BLOR=0.01 * numbers(1, 1, outputs, rank))
                for kind, (inputs, outputs) in dims.items()
            },
            alpha=2.0 * rank,
        )
        for _ in range(count)
    ]


def stop_rule(backbone: Backbone, seed: int) -> Callable[[], Callable[[str, str], bool]]:
    """Makes the rule that ends answers: the harness's; for random weights, whose text has no end, drawn lengths."""
    if backbone.name != SHAPES:
        return lambda: is_complete
    return lambda: partial(_after_some, {}, seed)


def never(prefix: str, text: str) -> bool:
    """Ends no answer."""
    return False


def _after_some(asked: dict[str, int], seed: int, prefix: str, text: str) -> bool:
    asked[prefix] = asked.get(prefix, 0) + 1
    return asked[prefix] >= 1 + int(random.Random(f"{seed} {prefix}").expovariate(1 / _ANSWER_TOKENS))


def parameters_per_token(model: torch.nn.Module) -> int:
    """Weights of the linear modules of all layers: two operations each for every token that is read."""
    return sum(target.in_features * target.out_features for target in target_modules(model))
