"""The numbers that a training of `nano` depends on, and the records that it reports. Pure: no torch, no files."""

import math
from dataclasses import dataclass

from code2lora.errors import TrainingError


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
        checkpoint_every: Steps between validations, each of which writes the folder; 0 writes only at the end.
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
