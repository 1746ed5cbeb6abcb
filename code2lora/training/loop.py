"""The training loop, the same for every method: draws in, weights out, and the same weights after a kill.

A step goes: the method makes the adapters of the step's draws; the backbone reads the draws, a few packs at a time, and
what the loss says about the adapters is added up; then the method's own networks learn from the sum. So a network that
makes adapters runs once per step, however many rows there are, and a walk over a history is learnt from as a whole.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from code2lora.adapters import Adapter
from code2lora.errors import TrainingError
from code2lora.lora import Injection
from code2lora.packed_losses import Batch, batched, target_losses
from code2lora.recomputing import recomputed_if_large
from code2lora.training.nano_recipe import TrainingProgress
from code2lora.training.plan import Draw, Plan
from code2lora.training.recipe import Terms
from code2lora.training.state import Standing, copied, load_state, put_back, save_state
from code2lora.training.tokens import TokenStore
from repopeftbench.atomic import write_atomically

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

STATE_NAME = "state.safetensors"
BAD_BATCH_NAME = "bad-batch.json"


class Method(Protocol):
    """What is trained, and how it conditions the backbone."""

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Everything that is trained, by name, always in the same order."""
        ...

    def adapter(self, draws: Sequence[Draw]) -> tuple[Adapter | None, Sequence[int]]:
        """The adapters of some draws, and the row of each draw in them; None where the backbone itself is trained."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What a training goes through.

    Attributes:
        backbone: The model that is conditioned.
        plan: The draws.
        tokens: The sequences of everything that the plan draws.
        exam: The tasks of each validation repository; empty where there is none, then the last weights are kept.
        exam_tokens: Their sequences.
        learning_rate: Peak of the schedule.
        other_rates: Peaks of parameters that have one of their own, by name.
        detach_input: Whether gradients end at the adapters' inputs.
        settings_sha256: What identifies the training, so that no state of another one is gone on with.
        folder: Where the state is kept.
        save_seconds: Least time between two states on the disk; 0 writes one after every step.
    """

    backbone: "Backbone"
    plan: Plan
    tokens: TokenStore
    exam: tuple[tuple[Draw, ...], ...]
    exam_tokens: TokenStore
    learning_rate: float
    detach_input: bool
    settings_sha256: str
    folder: Path
    save_seconds: float = 600.0
    other_rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        """The terms of the plan."""
        return self.plan.terms

    @property
    def most_tokens(self) -> int:
        """Tokens that go through the backbone together."""
        return self.terms.rows * self.tokens.context_length


def learning_rate_at(step: int, steps: int, peak: float, terms: Terms) -> float:
    """The learning rate of a step (from 0): a linear rise, then a cosine to the final share of the peak."""
    rise = max(1, round(terms.warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    share = terms.final_learning_rate
    return peak * (share + (1.0 - share) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))


def train_method(
    method: Method, course: Course, progress: Callable[[TrainingProgress], None] | None = None
) -> Standing:
    """Trains a method; afterwards it has the best weights by validation, or the last where there is none.

    Args:
        method: What is trained; of the weights that it starts with.
        course: What it goes through. A state in its folder is gone on with.
        progress: Told after every step.

    Returns:
        What happened.

    Raises:
        TrainingError: the loss or the gradient is not finite (the batch is saved), or the state is damaged.
    """
    return _Loop(method, course, progress).run()


def examined(method: Method, course: Course) -> float:
    """The validation loss of a method as it is: the mean over repositories of that over their target tokens (nats)."""
    with Injection(course.backbone.model, detach_input=course.detach_input) as injection:
        return _exam_loss(method, course, injection, course.terms.steps)


class _Loop:
    """One training in progress."""

    def __init__(self, method: Method, course: Course, progress: Callable[[TrainingProgress], None] | None) -> None:
        self.method = method
        self.course = course
        self.progress = progress
        self.weights = dict(method.parameters())
        peak = course.learning_rate
        shares = [course.other_rates.get(name, peak) / peak for name in self.weights]
        self.optimizer = torch.optim.AdamW(
            _groups(self.weights, shares), lr=course.learning_rate, weight_decay=course.terms.weight_decay
        )
        self.standing = Standing(settings_sha256=course.settings_sha256)
        self.best: dict[str, torch.Tensor] = {}
        if (course.folder / STATE_NAME).is_file():
            self.standing, self.best = load_state(course.folder / STATE_NAME, self.weights, self.optimizer)
            if self.standing.settings_sha256 != course.settings_sha256:
                raise TrainingError(
                    f"{course.folder} holds another training; finish it, or start anew with --overwrite."
                )

    def run(self) -> Standing:
        """Runs the steps that are left."""
        terms, standing = self.course.terms, self.standing
        backbone, most_tokens = self.course.backbone, self.course.most_tokens
        injected = Injection(backbone.model, detach_input=self.course.detach_input)
        with injected as injection, recomputed_if_large(backbone, most_tokens):
            if not standing.step and self.course.exam and not standing.curve:
                self._validate(injection)
            started = saved = time.monotonic()
            first = standing.step
            while not standing.finished:
                rate = learning_rate_at(standing.step, terms.steps, self.course.learning_rate, terms)
                loss = self._step(injection, rate)
                if self.course.exam and (standing.step % terms.validate_every == 0 or standing.step == terms.steps):
                    self._validate(injection)
                standing.finished = standing.step == terms.steps or 0 < terms.patience <= standing.worse
                now = time.monotonic()
                self._report(loss, rate, now - started, standing.step - first)
                if standing.finished or now - saved >= self.course.save_seconds:
                    self._save()
                    saved = now
        if self.best:
            put_back(self.weights, self.best)
        return standing

    def _step(self, injection: Injection, rate: float) -> float:
        """One optimizer step; the mean loss of its target tokens (nats)."""
        terms, standing = self.course.terms, self.standing
        draws = self.course.plan.step(standing.step)
        counted = self.course.tokens.counted([draw.row for draw in draws])
        adapter, rows = self.method.adapter(draws)
        leaves = None if adapter is None else _leaves(adapter)
        total = 0.0
        for batch in _batches(self.course, self.course.tokens, draws, rows):
            injection.use(_rows_of(leaves, [rows[task] for task in batch.adapter_tasks]))
            summed = target_losses(self.course.backbone, batch, terms.precision).sum()
            if not math.isfinite(summed.item()):
                met = [draws[task] for task in batch.tasks]
                raise _diverged(self.course, self.course.tokens, met, (standing.step, "loss", summed.item()))
            total += summed.item()
            (summed / counted if terms.loss == "mean" else summed).backward()  # type: ignore[no-untyped-call]
        injection.use(None)
        if adapter is not None and leaves is not None:
            _learn_from(adapter, leaves)
        norm = torch.nn.utils.clip_grad_norm_(list(self.weights.values()), terms.gradient_clip)
        if not math.isfinite(norm.item()):
            raise _diverged(self.course, self.course.tokens, draws, (standing.step, "gradient", norm.item()))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        standing.step += 1
        standing.draws += len(draws)
        standing.tokens += counted
        return total / counted

    def _validate(self, injection: Injection) -> None:
        """Adds a point to the curve."""
        standing = self.standing
        loss = _exam_loss(self.method, self.course, injection, standing.step)
        standing.curve.append((standing.step, loss))
        if standing.best_loss is None or loss < standing.best_loss:
            standing.best_step, standing.best_loss, standing.worse = standing.step, loss, 0
            self.best = copied(self.weights)
        else:
            standing.worse += 1

    def _report(self, loss: float, rate: float, seconds: float, done: int) -> None:
        if self.progress is not None:
            steps, curve = self.course.terms.steps, self.standing.curve
            self.progress(
                TrainingProgress(
                    step=self.standing.step,
                    steps=steps,
                    loss=loss,
                    learning_rate=rate,
                    tokens=self.standing.tokens,
                    seconds=seconds,
                    eta_seconds=seconds / done * (steps - self.standing.step),
                    validation_loss=curve[-1][1] if curve and curve[-1][0] == self.standing.step else None,
                )
            )

    def _save(self) -> None:
        self.course.folder.mkdir(parents=True, exist_ok=True)
        save_state(self.course.folder / STATE_NAME, self.standing, self.weights, self.optimizer, self.best)


def _batches(course: Course, tokens: TokenStore, draws: Sequence[Draw], rows: Sequence[int]) -> list[Batch]:
    """Draws as they go through the backbone, those of one row of the adapters together."""
    return batched(course.backbone, tokens.sequences([draw.row for draw in draws]), rows, course.most_tokens)


def _diverged(
    course: Course, tokens: TokenStore, draws: Sequence[Draw], found: tuple[int, str, float]
) -> TrainingError:
    """The error for a number that is not finite; what led to it is on the disk.

    Args:
        course: Where it was met.
        tokens: Has the draws' sequences.
        draws: What the backbone was given.
        found: Steps done, what is not finite, and what it is.
    """
    step, what, value = found
    path = course.folder / BAD_BATCH_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "step": step,
        what: str(value),
        "draws": [{"row": draw.row, "repo_id": draw.repo_id, "commit": draw.commit} for draw in draws],
        "tokens": [ids for ids, _ in tokens.sequences([draw.row for draw in draws])],
    }
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
    when = f"after step {step}" if what == "validation loss" else f"at step {step + 1}"
    return TrainingError(f"The {what} is {value} {when}; {path} holds the batch. Lower the learning rate.")


def _exam_loss(method: Method, course: Course, injection: Injection, step: int) -> float:
    losses = []
    with torch.no_grad():
        for draws in course.exam:
            adapter, rows = method.adapter(draws)
            summed = 0.0
            for batch in _batches(course, course.exam_tokens, draws, rows):
                injection.use(_rows_of(adapter, [rows[task] for task in batch.adapter_tasks]))
                summed += target_losses(course.backbone, batch, course.terms.precision).double().sum().item()
                if not math.isfinite(summed):
                    met = [draws[task] for task in batch.tasks]
                    raise _diverged(course, course.exam_tokens, met, (step, "validation loss", summed))
            losses.append(summed / course.exam_tokens.counted([draw.row for draw in draws]))
    injection.use(None)
    return _mean(losses)


def _groups(weights: Mapping[str, nn.Parameter], shares: Sequence[float]) -> list[dict[str, Any]]:
    """The optimizer's groups: runs of weights of one learning rate, so that all keep their order."""
    groups: list[dict[str, Any]] = []
    for weight, share in zip(weights.values(), shares, strict=True):
        if not groups or groups[-1]["share"] != share:
            groups.append({"params": [], "share": share})
        groups[-1]["params"].append(weight)
    return groups


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _leaves(adapter: Adapter) -> Adapter:
    """The adapter's numbers as tensors of their own that gather gradients."""
    leaves = adapter.detach()
    for tensor in leaves.tensors().values():
        tensor.requires_grad_(True)
    return leaves


def _rows_of(adapter: Adapter | None, rows: Sequence[int]) -> Adapter | None:
    """The adapters of some rows; one where they are all the same."""
    if adapter is None or adapter.rows == 1:
        return adapter
    return adapter.take(rows if len(set(rows)) > 1 else rows[:1])


def _learn_from(adapter: Adapter, leaves: Adapter) -> None:
    """Takes the gradients that the leaves gathered back to what made the adapter."""
    made: list[torch.Tensor] = []
    gathered: list[torch.Tensor] = []
    for name, leaf in leaves.tensors().items():
        if leaf.grad is not None:
            made.append(adapter.tensors()[name])
            gathered.append(leaf.grad)
    torch.autograd.backward(made, gathered)
