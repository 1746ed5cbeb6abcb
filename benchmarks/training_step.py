"""A training step of code2lora-evo against the published loop's shape, on the same tasks and weights, in one run.

    python benchmarks/training_step.py [--backbone nano|qwen2.5-coder-1.5b-shapes|ID] [--commits 4] [--tasks 8]
        [--lengths evolution|static] [--rounds 3] [--device auto]

A step is one commit: a GRU step, the head, an adapter, the losses of the commit's tasks, backward, clipping, AdamW.
The published loop takes one task at a time and goes back through head and GRU for each. Ours stops at the adapter and
goes through head and GRU once; its tasks stand side by side, padded, or in packs (`packed_losses.py`), and layers'
activations are kept or computed again (`recomputing.py`). Memory is what autograd keeps at its most, weights aside.
On processors: one thread, its own seconds, the median of the rounds.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from generating.workload import LENGTHS, make_backbone, make_workload

from code2lora.adapters import Adapter, Factors
from code2lora.backbone import Backbone
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import Injection, target_modules, type_dims
from code2lora.packed_losses import batched, target_losses
from code2lora.recomputing import recomputed_layers

_TARGET_TOKENS = 6
Tasks = tuple[list[list[int]], list[list[int]]]
Losses = Callable[[Backbone, list[list[int]], list[list[int]]], torch.Tensor]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = _options(arguments)
    torch.set_num_threads(1)
    backbone = make_backbone(options.backbone, options.device, options.dtype)
    commits = [_tasks(options, backbone, commit) for commit in range(options.commits)]
    lengths = [len(prompt) for prompts, _ in commits for prompt in prompts]
    trained = _Trained(backbone, options)
    print(
        f"{options.commits} commits of {options.tasks} tasks, prompts of {statistics.median(lengths):,.0f} tokens; "
        f"{backbone.name}, {backbone.model.dtype} on {backbone.device}; head and GRU of "
        f"{sum(weight.numel() for weight in trained.weights) / 1e6:,.0f} million weights\n"
    )
    print("| step | tasks per s | times published | kept activations, MB | loss |\n| --- | ---: | ---: | ---: | ---: |")
    contenders: dict[str, tuple[Losses, bool, bool]] = {
        "published: one task at a time": (one_by_one, True, False),
        "side by side, padded": (side_by_side, False, False),
        "packs": (packs, False, False),
        "packs, layers computed again": (packs, False, True),
    }
    rates: dict[str, float] = {}
    for name, (losses, is_published, recomputes) in contenders.items():
        step = trained.published if is_published else trained.ours
        taken, kept, loss = [], 0, 0.0
        for _ in range(options.rounds):
            trained.reset()
            start = _now(backbone)
            for commit in commits:
                with recomputed_layers(backbone.model) if recomputes else contextlib.nullcontext():
                    loss = step(losses, commit)
            taken.append(_now(backbone) - start)
        trained.reset()
        with _Kept() as meter, recomputed_layers(backbone.model) if recomputes else contextlib.nullcontext():
            step(losses, commits[0])
        kept = meter.most
        rates[name] = options.commits * options.tasks / statistics.median(taken)
        times = rates[name] / next(iter(rates.values()))
        print(f"| {name} | {rates[name]:,.1f} | {times:.1f} | {kept / 1e6:,.0f} | {loss:.4f} |", flush=True)
    return 0


class _Trained:
    """What is trained, and the two shapes of its step."""

    def __init__(self, backbone: Backbone, options: argparse.Namespace) -> None:
        self.backbone = backbone
        self.options = options
        self.reset()

    def reset(self) -> None:
        """The same weights, as if nothing had been learnt."""
        width, hidden = self.options.width, self.options.hidden
        torch.manual_seed(0)
        with torch.device(self.backbone.device):
            self.gru = CommitGRU(GRUConfig(diff_input_dim=width, repo_state_dim=width, hidden_dim=width))
            dims = type_dims(target_modules(self.backbone.model))
            self.head = Code2LoRAHead(HeadConfig(type_dims=dims, input_dim=width, hidden_dim=hidden))
            self.diff_BE = torch.randn(1, width)
            self.state_BD = self.gru.start(torch.randn(1, width)).detach()
        self.weights = [*self.gru.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.weights, lr=5e-5)

    def published(self, losses: Losses, commit: Tasks) -> float:
        """A backward pass through everything for each task, the graph of head and GRU kept in between."""
        adapter, total = self._adapter(), 0.0
        with Injection(self.backbone.model, adapter, detach_input=True):
            for prompt, target in zip(*commit, strict=True):
                loss = losses(self.backbone, [prompt], [target]).sum()
                loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
                total += loss.item()
        self._learn()
        return total

    def ours(self, losses: Losses, commit: Tasks) -> float:
        """Backward to the adapter, and once from there."""
        adapter = self._adapter()
        leaves = Adapter(
            factors={
                kind: Factors(
                    A_BLRI=pair.A_BLRI.detach().requires_grad_(True), B_BLOR=pair.B_BLOR.detach().requires_grad_(True)
                )
                for kind, pair in adapter.factors.items()
            },
            alpha=adapter.alpha,
        )
        with Injection(self.backbone.model, leaves, detach_input=True):
            loss = losses(self.backbone, *commit).sum()
            loss.backward()  # type: ignore[no-untyped-call]
        made, learnt = adapter.tensors(), leaves.tensors()
        torch.autograd.backward([made[name] for name in made], [learnt[name].grad for name in made])
        self._learn()
        return loss.item()

    def _adapter(self) -> Adapter:
        hidden = self.gru.step(self.gru.step_input(self.diff_BE), self.state_BD)
        return self.head(self.gru.context(hidden))  # type: ignore[no-any-return]

    def _learn(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def one_by_one(backbone: Backbone, prompts: list[list[int]], targets: list[list[int]]) -> torch.Tensor:
    """The losses of one task, as published."""
    return side_by_side(backbone, prompts, targets)


def side_by_side(backbone: Backbone, prompts: list[list[int]], targets: list[list[int]]) -> torch.Tensor:
    """The losses of tasks in rows that are padded on their right; the logits are those of the last tokens."""
    rows = [prompt + target for prompt, target in zip(prompts, targets, strict=True)]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows], device=backbone.device)
    kept = sorted(
        {place for prompt, row in zip(prompts, rows, strict=True) for place in range(len(prompt) - 1, len(row) - 1)}
    )
    logits = backbone.model(
        input_ids=ids, use_cache=False, logits_to_keep=torch.tensor(kept, device=backbone.device)
    ).logits
    losses = []
    for number, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        places = [kept.index(place) for place in range(len(prompt) - 1, len(prompt) + len(target) - 1)]
        labels = torch.tensor(target, device=backbone.device)
        losses.append(torch.nn.functional.cross_entropy(logits[number, places].float(), labels, reduction="none"))
    return torch.cat(losses)


def packs(backbone: Backbone, prompts: list[list[int]], targets: list[list[int]]) -> torch.Tensor:
    """The losses of tasks of one adapter as `repobench train` has them."""
    tasks = [(prompt + target, len(target)) for prompt, target in zip(prompts, targets, strict=True)]
    everything = sum(len(tokens) for tokens, _ in tasks)
    batches = batched(backbone, tasks, [None] * len(tasks), everything)
    return torch.cat([target_losses(backbone, batch) for batch in batches])


class _Kept:
    """The most bytes that autograd keeps at once, weights aside and each storage once."""

    def __init__(self) -> None:
        self.most = 0
        self._now: dict[int, list[int]] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda held: held.tensor)

    def __enter__(self) -> "_Kept":
        self._hooks.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._hooks.__exit__(*details)

    def _pack(self, tensor: torch.Tensor) -> "_Held":
        held = _Held(tensor, self._now)
        self.most = max(self.most, sum(size for size, _ in self._now.values()))
        return held


class _Held:
    """A tensor that is kept; its storage counts for as long as something keeps it."""

    def __init__(self, tensor: torch.Tensor, counted: dict[int, list[int]]) -> None:
        self.tensor = tensor
        self._counted = counted
        storage = tensor.untyped_storage()
        self._key = storage.data_ptr()
        is_weight = isinstance(tensor, torch.nn.Parameter) or (tensor._base is not None and tensor._base.requires_grad)
        entry = counted.setdefault(self._key, [0 if is_weight else storage.nbytes(), 0])
        entry[1] += 1

    def __del__(self) -> None:
        entry = self._counted.get(self._key)
        if entry is not None:
            entry[1] -= 1
            if not entry[1]:
                del self._counted[self._key]


def _tasks(options: argparse.Namespace, backbone: Backbone, commit: int) -> Tasks:
    work = make_workload(options.tasks, 1, lengths=options.lengths, siblings="chain", seed=commit)
    room = backbone.context_length - _TARGET_TOKENS - 1
    prompts = [list(backbone.tokenizer(prefix, verbose=False)["input_ids"])[:room] for prefix in work.prefixes]
    generator = torch.Generator().manual_seed(commit)
    targets = [_with_end(torch.randint(9, 4_000, (_TARGET_TOKENS,), generator=generator)) for _ in prompts]
    return prompts, targets


def _with_end(tokens: torch.Tensor) -> list[int]:
    return [*tokens.tolist(), 0]


def _now(backbone: Backbone) -> float:
    if torch.device(backbone.device).type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--commits", type=int, default=4)
    parser.add_argument("--tasks", type=int, default=8, help="of each commit")
    parser.add_argument("--lengths", choices=sorted(LENGTHS), default="static")
    parser.add_argument("--width", type=int, default=512, help="of vectors and GRU; 2048 as published")
    parser.add_argument("--hidden", type=int, default=256, help="of the head's trunk; 1024 as published")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
