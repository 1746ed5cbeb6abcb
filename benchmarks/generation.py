"""Answering tasks that have an adapter each, against PEFT and vLLM, on the same tasks and weights, in one run.

    python benchmarks/generation.py [--backbone nano|qwen2.5-coder-1.5b-shapes|ID] [--adapters 12] [--tasks 84]
        [--lengths static|evolution] [--siblings chain|apart] [--curve 1,10,100] [--rounds 3] [--device auto]

Contenders: (a) transformers' `generate` with PEFT, adapter after adapter; (b) PEFT's mixed batches (`adapter_names`);
(c) vLLM's multi-LoRA where it is installed; (d) ours. (a) and (b) are also given our stop rule, since without one they
go on to the token limit; (d) is also measured without it. Rounds take turns, the median counts. Answers are compared
token for token with those of (a). Lengths and texts: `generating/workload.py`. On
processors: one thread, its own seconds.

Then: what the passes of (d) reach of the device's measured ceilings, tasks per second against the number of distinct
adapters (same prefixes, nothing shared), adapters made per second by a head of the published width, and the cost of a
change of adapters.
"""

import argparse
import dataclasses
import importlib.util
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from generating.systems import Answers, Peft, mixed, one_by_one, ours, with_vllm
from generating.workload import (
    LENGTHS,
    Workload,
    make_adapters,
    make_backbone,
    make_workload,
    never,
    parameters_per_token,
    stop_rule,
)

from code2lora.adapters import Adapter, stack
from code2lora.backbone import Backbone
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import Injection, target_modules, type_dims
from harness.manifest import chunk_tasks

_RANK = 16
_CONTEXT_WIDTH = 2_048


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = _options(arguments)
    torch.set_num_threads(1)
    backbone = make_backbone(options.backbone, options.device, options.dtype)
    adapters = make_adapters(backbone, options.adapters, rank=_RANK, seed=options.seed)
    work = make_workload(
        options.tasks, options.adapters, lengths=options.lengths, siblings=options.siblings, seed=options.seed
    )
    tokens = _prompt_tokens(backbone, work.prefixes, options.max_new_tokens)
    print(
        f"{options.tasks:,} tasks of {options.adapters:,} adapters, {options.lengths} lengths, {options.siblings}; "
        f"prompts of {statistics.median(tokens):,.0f} tokens (median), {statistics.mean(tokens):,.0f} (mean); "
        f"{backbone.name} on {_device(backbone)}, {backbone.model.dtype}, torch {torch.__version__}\n"
    )
    _contest(options, backbone, work, adapters, sum(tokens))
    _ceilings(options, backbone, work, adapters)
    if options.curve:
        _curve(options, backbone)
    _making(backbone)
    return 0


def _contest(
    options: argparse.Namespace, backbone: Backbone, work: Workload, adapters: list[Adapter], prompt_tokens: int
) -> None:
    rule = stop_rule(backbone, options.seed)
    limit, batch = options.max_new_tokens, options.batch_size
    single, several = Peft(backbone, adapters[0], 1), Peft(backbone, adapters[0], min(batch, len(adapters)))
    contenders: dict[str, Callable[[], Answers]] = {
        "(a) adapter after adapter": lambda: one_by_one(single, work, adapters, limit, None),
        "(a) with our stop rule": lambda: one_by_one(single, work, adapters, limit, rule()),
        "(b) mixed batches": lambda: mixed(several, work, adapters, limit, None, batch),
        "(b) with our stop rule": lambda: mixed(several, work, adapters, limit, rule(), batch),
        "(d) ours without a stop rule": lambda: ours(backbone, work, adapters, limit, never, batch),
        "(d) ours": lambda: ours(backbone, work, adapters, limit, rule(), batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, Answers] = {}
    for _ in range(options.rounds):
        for name, answer in contenders.items():
            _wait(backbone)
            start = _now()
            answers[name] = answer()
            _wait(backbone)
            seconds[name].append(_now() - start)
    base = statistics.median(seconds["(a) adapter after adapter"])
    print("| contender | tasks per s | prompt tokens per s | times (a) | new tokens | equal to (a) |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        reference = answers[
            "(a) with our stop rule" if name.endswith(("rule", "ours")) else "(a) adapter after adapter"
        ]
        reference = answers["(a) adapter after adapter"] if "without" in name else reference
        print(
            f"| {name} | {len(work.prefixes) / median:,.1f} | {prompt_tokens / median:,.0f} | {base / median:.1f} | "
            f"{sum(map(len, answers[name])):,} | {_agreement(answers[name], reference)} |",
            flush=True,
        )
    if importlib.util.find_spec("vllm") is None:
        print("| (c) vLLM multi-LoRA | not measured | | | | |")
    else:
        took, made = with_vllm(backbone, work, adapters, limit)
        print(f"| (c) vLLM multi-LoRA | {len(work.prefixes) / took:,.1f} | {prompt_tokens / took:,.0f} | "
              f"{base / took:.1f} | {made:,} | not compared |")  # fmt: skip
    per_adapter = single.swap_s / (2 * options.rounds * len(adapters))
    print(
        f"\nPEFT's change of adapter (numbers in memory): {1e3 * per_adapter:.2f} ms. Peak memory: {_peak(backbone)}."
    )


def _agreement(answers: Answers, reference: Answers) -> str:
    """How many answers are equal, and the first token at which one is not."""
    differing = [
        next((place for place, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
        for a, b in zip(answers, reference, strict=True)
        if a != b
    ]
    where = f", others from token {min(differing)} on (median {statistics.median(differing):.0f})" if differing else ""
    return f"{len(answers) - len(differing):,} of {len(answers):,}{where}"


def _ceilings(options: argparse.Namespace, backbone: Backbone, work: Workload, adapters: list[Adapter]) -> None:
    """What the forward passes of one run of ours reach."""
    passes: list[tuple[int, int, float]] = []

    class Timed:
        """The model, each of its passes timed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(backbone.model, name)

        def __call__(self, **inputs: Any) -> Any:
            _wait(backbone)
            start = _now()
            output = backbone.model(**inputs)
            _wait(backbone)
            passes.append((*inputs["input_ids"].shape, _now() - start))
            return output

    timed = dataclasses.replace(backbone, model=Timed())  # type: ignore[arg-type]
    rule = stop_rule(backbone, options.seed)
    start = _now()
    ours(timed, work, adapters, options.max_new_tokens, rule(), options.batch_size)
    total = _now() - start
    flops, bandwidth = _matrix_ceiling(backbone), _bandwidth_ceiling(backbone)
    weights = parameters_per_token(backbone.model)
    read = [(rows * length, taken) for rows, length, taken in passes if length > 1]
    steps = [taken for _, length, taken in passes if length == 1]
    fed, reading = sum(tokens for tokens, _ in read), sum(taken for _, taken in read)
    size = sum(weight.numel() * weight.element_size() for weight in backbone.model.parameters())
    print(
        f"\n(d) in passes: {fed:,} tokens read in {len(read):,} passes, {reading:.2f} s, "
        f"{100 * 2 * weights * fed / reading / flops:.0f} % of the {flops / 1e9:,.0f} GFLOP/s of a matrix product; "
        f"{len(steps):,} steps, {sum(steps):.2f} s, {100 * size * len(steps) / sum(steps) / bandwidth:.0f} % of the "
        f"{bandwidth / 1e9:,.1f} GB/s of a copy for weights; {total - reading - sum(steps):.2f} s outside the model."
    )


def _curve(options: argparse.Namespace, backbone: Backbone) -> None:
    """Tasks per second against the number of adapters; the prefixes are the same, and each adapter made for them."""
    print("\n| distinct adapters | tasks | tasks per s | of that with one |\n| ---: | ---: | ---: | ---: |")
    counts = [int(count) for count in options.curve.split(",")]
    tasks = max(options.tasks, *counts) if options.curve_tasks is None else options.curve_tasks
    work = make_workload(tasks, tasks, lengths=options.lengths, siblings="apart", seed=options.seed)
    first = None
    for count in counts:
        if count > tasks:
            continue
        rates = []
        for _ in range(options.rounds):
            taken = 0.0
            for start in range(0, tasks, options.chunk):
                prefixes = work.prefixes[start : start + options.chunk]
                owners = [place % count for place in range(start, start + len(prefixes))]
                distinct = sorted(set(owners))
                made = make_adapters(backbone, len(distinct), rank=_RANK, seed=start)
                part = Workload(prefixes=prefixes, adapters=tuple(distinct.index(owner) for owner in owners))
                _wait(backbone)
                begin = _now()
                ours(backbone, part, made, options.max_new_tokens, stop_rule(backbone, 0)(), options.batch_size)
                _wait(backbone)
                taken += _now() - begin
            rates.append(tasks / taken)
        rate = statistics.median(rates)
        first = first or rate
        print(f"| {count:,} | {tasks:,} | {rate:,.1f} | {100 * rate / first:.0f} % |", flush=True)


def _making(backbone: Backbone) -> None:
    """Adapters made from context vectors, one by one as runs do and together; and a change of the rows' adapters."""
    dims = type_dims(target_modules(backbone.model))
    torch.manual_seed(0)
    with torch.device(backbone.device):
        head = Code2LoRAHead(HeadConfig(type_dims=dims, input_dim=_CONTEXT_WIDTH, hidden_dim=1_024, rank=_RANK)).eval()
        contexts = torch.randn(64, _CONTEXT_WIDTH)
    with torch.inference_mode():
        singly = _seconds(backbone, lambda: [head(context[None]) for context in contexts])
        together = _seconds(backbone, lambda: head(contexts))
        adapter = stack([head(context[None]) for context in contexts])
        with Injection(backbone.model) as injection:
            change = _seconds(backbone, lambda: injection.use(adapter, list(range(16))))
            grouped = _seconds(backbone, lambda: injection.use(adapter, [place // 7 for place in range(16)]))
    print(
        f"\nAdapters per second of a head of the published width: {64 / singly:,.0f} one by one, {64 / together:,.0f} "
        f"in batches of 64. A change of the adapters of 16 rows: {1e3 * change:.2f} ms, {1e3 * grouped:.2f} ms for 3."
    )


def _seconds(backbone: Backbone, work: Callable[[], object], rounds: int = 5) -> float:
    work()
    taken = []
    for _ in range(rounds):
        _wait(backbone)
        start = _now()
        work()
        _wait(backbone)
        taken.append(_now() - start)
    return statistics.median(taken)


def _matrix_ceiling(backbone: Backbone) -> float:
    """Operations per second of a large matrix product in the backbone's type of number."""
    size = 1_536 if _is_cpu(backbone) else 8_192
    one = torch.randn(size, size, device=backbone.device, dtype=backbone.model.dtype)
    return 2 * size**3 / _seconds(backbone, lambda: one @ one)


def _bandwidth_ceiling(backbone: Backbone) -> float:
    """Bytes per second that a copy reads and writes."""
    one = torch.zeros(2**26 if _is_cpu(backbone) else 2**30, dtype=torch.uint8, device=backbone.device)
    other = torch.zeros_like(one)
    return 2 * len(one) / _seconds(backbone, lambda: other.copy_(one))


def _prompt_tokens(backbone: Backbone, prefixes: Sequence[str], max_new_tokens: int) -> list[int]:
    room = backbone.context_length - max_new_tokens
    return [min(room, len(backbone.tokenizer(prefix, verbose=False)["input_ids"])) for prefix in prefixes]


def _now() -> float:
    """Seconds: of this process's work on processors, where others may be at work too; of the clock elsewhere."""
    return time.perf_counter() if torch.cuda.is_initialized() else time.process_time()


def _wait(backbone: Backbone) -> None:
    if not _is_cpu(backbone):
        torch.cuda.synchronize()


def _is_cpu(backbone: Backbone) -> bool:
    return torch.device(backbone.device).type == "cpu"


def _device(backbone: Backbone) -> str:
    return "one processor thread" if _is_cpu(backbone) else torch.cuda.get_device_name()


def _peak(backbone: Backbone) -> str:
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    device = "" if _is_cpu(backbone) else f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB on the device, "
    return f"{device}{host:.1f} GB of this process, all contenders together"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--adapters", type=int, default=12)
    parser.add_argument("--tasks", type=int, default=84)
    parser.add_argument("--lengths", choices=sorted(LENGTHS), default="static")
    parser.add_argument("--siblings", choices=("chain", "apart"), default="chain")
    parser.add_argument("--curve", default="", help="numbers of distinct adapters, with commas")
    parser.add_argument("--curve-tasks", type=int)
    parser.add_argument("--chunk", type=int, help="tasks of one call; default: as in a run")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.chunk = options.chunk or chunk_tasks(options.batch_size)
    return options


if __name__ == "__main__":
    raise SystemExit(main())
