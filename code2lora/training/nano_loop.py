"""The training loop of `nano`: shuffled windows of one token stream in, the best held-out weights out (io).

Windows and learning rates are functions of the step, so that a training that is gone on with after a kill ends with the
weights of one that was not interrupted.

Legend: `B` windows per batch, `T` tokens per window, `V` vocabulary, `W` windows.
"""
# Upper-case suffixes state the axes of a tensor.

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from code2lora.errors import TrainingError
from code2lora.training.loop import STATE_NAME
from code2lora.training.nano_data import NanoData
from code2lora.training.nano_model import (
    NanoModel,
    compiled_losses,
    new_model,
    new_optimizer,
    rounded,
    token_losses,
    trained_weights,
)
from code2lora.training.nano_recipe import NanoRecipe, Rate, TrainingProgress, Validation, learning_rate_at
from code2lora.training.nano_text import token_bytes, windows
from code2lora.training.state import Standing, copied, load_state, save_state

if TYPE_CHECKING:
    from code2lora.training.nano_text import Stream

_MEASURED_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoCourse:
    """What a training goes through.

    Attributes:
        recipe: Every number that it depends on.
        data: What is learnt from and what is held out.
        device: A torch device.
        settings_sha256: What identifies the training, so that no state of another one is gone on with.
        folder: Where the state is kept.
        save_seconds: Least time between two states on the disk; 0 writes one at every log step.
        compiled: Whether steps are compiled by torch; validations never are.
    """

    recipe: NanoRecipe
    data: NanoData
    device: torch.device
    settings_sha256: str
    folder: Path
    save_seconds: float
    compiled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoOutcome:
    """What came of a training.

    Attributes:
        standing: Its counts and the curve of held-out losses.
        model: The best weights by held-out loss, as they are stored.
        validation: Of these, on held-out files of the projects that were learnt from.
        unseen: The same on projects that nothing was learnt from; None where the list has none.
    """

    standing: Standing
    model: NanoModel
    validation: Validation
    unseen: Validation | None


def train_weights(
    course: NanoCourse, begin: Callable[[int], None], progress: Callable[[TrainingProgress], None]
) -> NanoOutcome:
    """Trains to the recipe's end; a state in the course's folder is gone on with.

    Args:
        course: What the training goes through.
        begin: Called once with the steps that an earlier start made.
        progress: Called at every log step.

    Returns:
        What came of it.

    Raises:
        CorpusError: what is learnt from or held out is shorter than one window.
        TrainingError: a loss is not finite, or the state is damaged.
    """
    loop = _Loop(course, progress)
    begin(loop.standing.step)
    return loop.run()


class _Loop:
    """One training in progress."""

    def __init__(self, course: NanoCourse, progress: Callable[[TrainingProgress], None]) -> None:
        self.course = course
        self.recipe = course.recipe
        self.progress = progress
        streams, length = course.data.streams, course.recipe.context_length
        self.train_WT = windows(streams["train"], length, "training")
        self.val_WT = windows(streams["val"], length, "held-out")
        self.model = new_model(self.recipe, course.data.tokenizer.get_vocab_size()).to(course.device)  # type: ignore[arg-type]
        self.weights = trained_weights(self.model)
        self.optimizer = new_optimizer(self.weights, self.recipe)
        self.losses = compiled_losses() if course.compiled else token_losses
        self.standing = Standing(settings_sha256=course.settings_sha256)
        self.best: dict[str, torch.Tensor] = {}
        self._order: tuple[int, torch.Tensor] | None = None
        if (course.folder / STATE_NAME).is_file():
            self.standing, self.best = load_state(course.folder / STATE_NAME, self.weights, self.optimizer)
            if self.standing.settings_sha256 != course.settings_sha256:
                raise TrainingError(
                    f"{course.folder} holds another training; finish it, or start anew with --overwrite."
                )

    def run(self) -> NanoOutcome:
        """Makes the steps that are left."""
        recipe, standing = self.recipe, self.standing
        started = saved = time.monotonic()
        first, losses = standing.step, []
        while not standing.finished:
            losses.append(self._step())
            standing.finished = standing.step == recipe.steps
            examined = standing.finished or (
                bool(recipe.checkpoint_every) and not standing.step % recipe.checkpoint_every
            )
            if examined:
                self._validate()
            if not examined and standing.step % recipe.log_every:
                continue
            now = time.monotonic()
            self._report(sum(losses) / len(losses), now - started, standing.step - first)
            losses.clear()
            # Only here: no loss waits to be told, so that the log goes on as if nothing had happened.
            if standing.finished or now - saved >= self.course.save_seconds:
                save_state(self.course.folder / STATE_NAME, standing, self.weights, self.optimizer, self.best)
                saved = now
        best = rounded(self.model, self.best)
        unseen = self.course.data.streams["unseen"]
        return NanoOutcome(
            standing=standing,
            model=best,
            validation=self._examine(best, self.val_WT),
            unseen=self._examine(best, windows(unseen, recipe.context_length, "unseen")) if len(unseen) else None,
        )

    def _step(self) -> float:
        """One optimizer step; the mean loss of its tokens (nats)."""
        recipe, standing = self.recipe, self.standing
        rate = learning_rate_at(standing.step, recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.losses(self.model, self._batch(standing.step)).mean()
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss is {value} at step {standing.step + 1}: lower the recipe's learning rate ({rate:.2g})."
            )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(list(self.weights.values()), recipe.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        standing.step += 1
        standing.draws += recipe.batch_size
        standing.tokens += recipe.batch_size * recipe.context_length
        return value

    def _batch(self, step: int) -> torch.Tensor:
        """The windows of a step (`B`, `T` + 1): every pass over all of them has a seeded order of its own."""
        size = self.recipe.batch_size
        chosen = [self._window(number) for number in range(step * size, (step + 1) * size)]
        return torch.from_numpy(self.train_WT[chosen].astype("int64")).to(self.course.device)

    def _window(self, number: int) -> int:
        passes, place = divmod(number, len(self.train_WT))
        if self._order is None or self._order[0] != passes:
            generator = torch.Generator().manual_seed(self.recipe.seed + passes)
            self._order = passes, torch.randperm(len(self.train_WT), generator=generator)
        return int(self._order[1][place])

    def _validate(self) -> None:
        """Adds a point to the curve; the weights are kept if they are the best so far."""
        standing = self.standing
        weights = copied(self.weights)
        loss = self._examine(rounded(self.model, weights), self.val_WT).loss
        if not math.isfinite(loss):
            raise TrainingError(
                f"The held-out loss is {loss} after step {standing.step}: lower the recipe's learning rate."
            )
        standing.curve.append((standing.step, loss))
        if standing.best_loss is None or loss < standing.best_loss:
            standing.best_step, standing.best_loss, self.best = standing.step, loss, weights

    def _examine(self, model: NanoModel, held_WT: "Stream") -> Validation:
        """The loss of a model over the first windows of a seeded order."""
        recipe = self.recipe
        generator = torch.Generator().manual_seed(recipe.seed)
        order = torch.randperm(len(held_WT), generator=generator).tolist()[: recipe.val_windows]
        length_V = torch.tensor(token_bytes(self.course.data.tokenizer))
        nats, tokens, size = 0.0, 0, 0
        with torch.no_grad():
            for start in range(0, len(order), recipe.batch_size):
                batch_BT = torch.from_numpy(held_WT[order[start : start + recipe.batch_size]].astype("int64"))
                nats += float(token_losses(model, batch_BT.to(self.course.device)).double().sum())
                tokens += batch_BT[:, 1:].numel()
                size += int(length_V[batch_BT[:, 1:]].sum())
        return Validation(loss=nats / tokens, bits_per_byte=nats / math.log(2) / size, tokens=tokens, bytes=size)

    def _report(self, loss: float, seconds: float, done: int) -> None:
        recipe, standing = self.recipe, self.standing
        curve = standing.curve
        self.progress(
            TrainingProgress(
                step=standing.step,
                steps=recipe.steps,
                loss=loss,
                learning_rate=learning_rate_at(standing.step - 1, recipe),
                tokens=standing.tokens,
                seconds=seconds,
                eta_seconds=seconds / done * (recipe.steps - standing.step),
                validation_loss=curve[-1][1] if curve and curve[-1][0] == standing.step else None,
            )
        )


def measured_rate(recipe: NanoRecipe, device: torch.device, *, compiled: bool = False) -> Rate:
    """How long a step and a validation take here: some are made on tokens drawn by chance."""
    model = new_model(recipe, recipe.vocab_size).to(device)  # type: ignore[arg-type]
    optimizer = new_optimizer(trained_weights(model), recipe)
    generator = torch.Generator().manual_seed(recipe.seed)
    size = (recipe.batch_size, recipe.context_length + 1)
    batch_BT = torch.randint(recipe.vocab_size, size, generator=generator).to(device)
    losses = compiled_losses() if compiled else token_losses
    moments = [time.perf_counter()]
    for _ in range(_MEASURED_STEPS + 1):
        losses(model, batch_BT).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _wait(device)
        moments.append(time.perf_counter())
    with torch.no_grad():
        token_losses(model, batch_BT).sum().item()
    return Rate(
        step_seconds=(moments[-1] - moments[1]) / _MEASURED_STEPS,  # the first one warms up
        validation_seconds=(time.perf_counter() - moments[-1]) * math.ceil(recipe.val_windows / recipe.batch_size),
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
