"""The ways of answering tasks with an adapter each: PEFT's, vLLM's and ours; weights and adapters are the same.

PEFT is given every advantage: adapters are in memory and are copied into place, none is loaded from a file.
"""

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from code2lora.adapters import Adapter, stack
from code2lora.backbone import Backbone
from code2lora.export import AdapterSource, export_peft
from code2lora.generation import generate
from code2lora.lora import Injection
from generating.workload import Workload

Answers = list[tuple[int, ...]]
Stop = Callable[[str, str], bool]
_ANCHOR = 8


class Peft:
    """A model of PEFT with a number of places for adapters; `swap_s` adds up what it costs to fill them."""

    def __init__(self, backbone: Backbone, adapter: Adapter, places: int) -> None:
        """Makes the places, of the sizes of `adapter`."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=adapter.rank, lora_alpha=int(adapter.alpha), target_modules=list(adapter.types), task_type="CAUSAL_LM"
        )
        self.backbone = backbone
        self.model: Any = get_peft_model(copy.deepcopy(backbone.model), config, adapter_name="0").eval()
        for place in range(1, places):
            self.model.add_adapter(str(place), config)
        self.modules = [
            (name.rpartition(".")[2], module)
            for name, module in self.model.named_modules()
            if hasattr(module, "lora_A")
        ]
        self.swap_s = 0.0

    def put(self, adapter: Adapter, place: int) -> None:
        """Copies an adapter into a place, in every layer."""
        start = time.perf_counter()
        with torch.no_grad():
            for kind, module in self.modules:
                module.lora_A[str(place)].weight.copy_(adapter.factors[kind].A_BLRI[0, 0])
                module.lora_B[str(place)].weight.copy_(adapter.factors[kind].B_BLOR[0, 0])
        self.swap_s += time.perf_counter() - start

    def answers(
        self, prefixes: Sequence[str], max_new_tokens: int, stop: Stop | None, names: list[str] | None
    ) -> Answers:
        """What `generate` gives for one batch, padded on its left, without what follows an end."""
        tokenizer, device = self.backbone.tokenizer, self.backbone.device
        room = self.backbone.context_length - max_new_tokens
        prompts = [list(tokenizer(prefix, verbose=False)["input_ids"])[-room:] for prefix in prefixes]
        length = max(map(len, prompts))
        ids = torch.tensor(
            [[tokenizer.pad_token_id] * (length - len(prompt)) + prompt for prompt in prompts], device=device
        )
        mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
        options: dict[str, Any] = {} if names is None else {"adapter_names": names}
        if stop is not None:
            options["stopping_criteria"] = StoppingCriteriaList([_EachRow(self.backbone, prefixes, length, stop)])
        with torch.inference_mode():
            made = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
                **options,
            )[:, length:].tolist()
        ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
        cut = [next((place for place, token in enumerate(row) if token in ends), len(row)) for row in made]
        return [tuple(row[:end]) for row, end in zip(made, cut, strict=True)]


class _EachRow(StoppingCriteria):
    """A stop rule for every row of a batch."""

    def __init__(self, backbone: Backbone, prefixes: Sequence[str], length: int, stop: Stop) -> None:
        self.backbone, self.prefixes, self.length, self.stop = backbone, prefixes, length, stop
        self.done = [False] * len(prefixes)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        decode = self.backbone.tokenizer.decode
        for row, ids in enumerate(input_ids.tolist()):
            if not self.done[row]:
                anchor = ids[max(0, self.length - _ANCHOR) : self.length]
                before, both = (
                    decode(anchor, skip_special_tokens=True),
                    decode(anchor + ids[self.length :], skip_special_tokens=True),
                )
                self.done[row] = self.stop(self.prefixes[row], both[len(before) :].rstrip("\N{REPLACEMENT CHARACTER}"))
        return torch.tensor(self.done, device=input_ids.device)


def one_by_one(
    peft: Peft, work: Workload, adapters: Sequence[Adapter], max_new_tokens: int, stop: Stop | None
) -> Answers:
    """(a) Adapter after adapter, up to eight of its tasks together, as published."""
    answers: Answers = [()] * len(work.prefixes)
    for number, adapter in enumerate(adapters):
        peft.put(adapter, 0)
        own = [place for place, owner in enumerate(work.adapters) if owner == number]
        for start in range(0, len(own), 8):
            batch = own[start : start + 8]
            made = peft.answers([work.prefixes[place] for place in batch], max_new_tokens, stop, None)
            for place, tokens in zip(batch, made, strict=True):
                answers[place] = tokens
    return answers


def mixed(
    peft: Peft, work: Workload, adapters: Sequence[Adapter], max_new_tokens: int, stop: Stop | None, batch_size: int
) -> Answers:
    """(b) Batches of any adapters by length, each row naming the place of its own."""
    answers: Answers = [()] * len(work.prefixes)
    order = sorted(range(len(work.prefixes)), key=lambda place: -len(work.prefixes[place]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        owners = list(dict.fromkeys(work.adapters[place] for place in batch))
        for number, owner in enumerate(owners):
            peft.put(adapters[owner], number)
        names = [str(owners.index(work.adapters[place])) for place in batch]
        made = peft.answers([work.prefixes[place] for place in batch], max_new_tokens, stop, names)
        for place, tokens in zip(batch, made, strict=True):
            answers[place] = tokens
    return answers


def ours(
    backbone: Backbone, work: Workload, adapters: Sequence[Adapter], max_new_tokens: int, stop: Stop, batch_size: int
) -> Answers:
    """(d) This project's engine."""
    resident = stack(adapters)
    with Injection(backbone.model) as injection:
        made = generate(
            backbone,
            work.prefixes,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            stop=stop,
            on_rows=lambda rows: injection.use(resident, [work.adapters[row] for row in rows]),
            kinds=work.adapters,
        )
    return [one.tokens for one in made]


def with_vllm(
    backbone: Backbone, work: Workload, adapters: Sequence[Adapter], max_new_tokens: int
) -> tuple[float, int]:
    """(c) vLLM's multi-LoRA, where it is installed: seconds, and new tokens; loading is not counted."""
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found]
    from vllm.lora.request import LoRARequest  # type: ignore[import-not-found]

    source = AdapterSource(repo_id="o/r", commit_sha="0" * 40, checkpoint_sha256="0" * 64)
    with tempfile.TemporaryDirectory() as name:
        backbone.model.save_pretrained(f"{name}/model")
        backbone.tokenizer.save_pretrained(f"{name}/model")
        for number, adapter in enumerate(adapters):
            export_peft(Path(name) / f"{number}", adapter, backbone, source)
        model = LLM(f"{name}/model", enable_lora=True, max_loras=32, max_lora_rank=adapters[0].rank)
        requests = [LoRARequest(f"{number}", number + 1, f"{name}/{number}") for number in work.adapters]
        start = time.perf_counter()
        made = model.generate(
            list(work.prefixes), SamplingParams(temperature=0, max_tokens=max_new_tokens), lora_request=requests
        )
        return time.perf_counter() - start, sum(len(one.outputs[0].token_ids) for one in made)
