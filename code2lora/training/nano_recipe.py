"""The numbers that a training of `nano` depends on, and what it tells while it goes on. No torch."""

import math
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from code2lora.errors import TrainingError
from repopeftbench.near import near


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoRecipe:
    """Every number that a training depends on; two runs with equal recipes, corpora and versions give equal weights.

    Attributes:
        seed: Seeds the initial weights and the order of windows.
        steps: Optimizer steps.
        batch_size: Windows per step.
        context_length: Tokens per window, and the model's context (tokens).
        vocab_size: Entries of the vocabulary with the two specials; at most 65,536.
        hidden_size: Model width; `heads` times the head width.
        intermediate_size: Width of the gated feed-forward layers.
        layers: Transformer layers.
        heads: Query heads.
        kv_heads: Key and value heads; divides `heads`.
        learning_rate: Peak learning rate of AdamW.
        final_learning_rate: Where the cosine ends, as a share of the peak, 0 to 1.
        warmup_steps: Steps of linear warm-up.
        weight_decay: AdamW's decay of matrices; vectors (norms, biases) are not decayed.
        beta2: AdamW's second-moment decay.
        gradient_clip: Largest L2 norm of the gradient.
        val_fraction: Share of files held out, 0 to 1.
        val_windows: Most windows that a validation reads.
        tokenizer_bytes: Most bytes of training text that the tokenizer is trained on.
        log_every: Steps between progress records.
        checkpoint_every: Steps between validations, of which the best one's weights are kept; 0 validates only at the
            end.
    """

    seed: int = 20_261_120
    steps: int = 3_000
    batch_size: int = 2
    context_length: int = 1_024
    vocab_size: int = 8_192
    hidden_size: int = 256
    intermediate_size: int = 704
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    learning_rate: float = 2.5e-3
    final_learning_rate: float = 0.02
    warmup_steps: int = 150
    weight_decay: float = 0.1
    beta2: float = 0.98
    gradient_clip: float = 1.0
    val_fraction: float = 0.02
    val_windows: int = 64
    tokenizer_bytes: int = 12_000_000
    log_every: int = 20
    checkpoint_every: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """One log step.

    Attributes:
        step: Steps done, from 1.
        steps: Steps in all.
        loss: Mean training loss since the last record (nats per token).
        learning_rate: The learning rate of this step.
        tokens: Tokens learned from so far.
        seconds: Wall time since the first step began.
        eta_seconds: Estimated wall time to the last step.
        validation_loss: Where a validation came after the step (nats per token).
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens: int
    seconds: float
    eta_seconds: float
    validation_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Loss on held-out files, of the weights as they are saved (rounded to bfloat16).

    Attributes:
        loss: Mean negative log likelihood (nats per token).
        bits_per_byte: The same per byte of UTF-8 text.
        tokens: Tokens predicted.
        bytes: Bytes of text that they spell.
    """

    loss: float
    bits_per_byte: float
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast a machine trains.

    Attributes:
        step_seconds: Wall time of an optimizer step.
        validation_seconds: Wall time of a validation.
    """

    step_seconds: float
    validation_seconds: float

    def seconds(self, recipe: NanoRecipe) -> float:
        """What a training takes."""
        return recipe.steps * self._per_step(recipe) + self.validation_seconds

    def steps_within(self, recipe: NanoRecipe, seconds: float) -> int:
        """How many steps a training makes in a span of time; at least one."""
        return max(1, int((seconds - self.validation_seconds) / self._per_step(recipe)))

    def _per_step(self, recipe: NanoRecipe) -> float:
        every = recipe.checkpoint_every
        return self.step_seconds + (self.validation_seconds / every if every else 0.0)


def read_recipe(path: Path) -> NanoRecipe:
    """The recipe of a TOML file: what it leaves out is as in the default one.

    Raises:
        TrainingError: it cannot be read, or names or values are none of a recipe's.
    """
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"Recipe {path} cannot be read ({error}): give a TOML file.") from error
    names = [field.name for field in fields(NanoRecipe)]
    for name in found:
        if name not in names:
            raise TrainingError(f"Recipe {path}: {name!r} is none of its numbers.{near(name, names)}")
    try:
        return TypeAdapter(NanoRecipe).validate_python(asdict(NanoRecipe()) | found)
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"Recipe {path}: {first['loc'][0]} is {first['input']!r}: {first['msg']}.") from error


def with_tokens(recipe: NanoRecipe, tokens: int) -> NanoRecipe:
    """The recipe with the steps that learn from so many tokens, or a few less; at least one."""
    return replace(recipe, steps=max(1, tokens // (recipe.batch_size * recipe.context_length)))


def check_recipe(recipe: NanoRecipe) -> None:
    """Raises `TrainingError` for a recipe that cannot be used."""
    if recipe.hidden_size % recipe.heads or recipe.heads % recipe.kv_heads:
        raise TrainingError(
            f"Recipe with hidden_size {recipe.hidden_size}, heads {recipe.heads}, kv_heads {recipe.kv_heads}: "
            "each must be a multiple of the next."
        )
    if not 300 <= recipe.vocab_size <= 65_536:
        raise TrainingError(f"Recipe with vocab_size {recipe.vocab_size}: choose 300 to 65536.")
    if min(recipe.steps, recipe.batch_size, recipe.log_every, recipe.val_windows) < 1 or recipe.context_length < 2:
        raise TrainingError("Recipe with a count below one: steps, batch_size, log_every and val_windows are positive.")


def learning_rate_at(step: int, recipe: NanoRecipe) -> float:
    """The learning rate of a step (counted from 0): linear warm-up, then a cosine to the final share of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return recipe.learning_rate * (recipe.final_learning_rate + (1.0 - recipe.final_learning_rate) * cosine)
