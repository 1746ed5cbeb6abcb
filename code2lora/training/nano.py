"""Trains a small backbone (`nano`) from scratch: a Qwen2-architecture language model and its model folder (io).

The loop is plain: shuffled windows of one token stream, AdamW, cosine schedule, bfloat16 autocast. It knows nothing of
assertion tasks, adapters or repositories, and it makes no claim of quality: the result lets every command run offline.

Legend: `B` windows per batch, `T` tokens per window, `V` vocabulary, `W` windows.
"""
# Upper-case suffixes state the axes of a tensor.

import copy
import importlib.metadata
import json
import logging
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from code2lora.errors import TrainingError
from code2lora.training.corpus import Corpus, CorpusSource, read_corpus, standard_library_source
from code2lora.training.nano_recipe import NanoRecipe, TrainingProgress, Validation, check_recipe, learning_rate_at
from code2lora.training.nano_text import EOS_TOKEN, PAD_TOKEN, encode, token_bytes, train_tokenizer, windows

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from code2lora.training.nano_text import Stream

__all__ = ["NanoRecipe", "TrainingProgress", "Validation", "train_nano"]

_log = logging.getLogger(__name__)


def train_nano(
    output: Path,
    *,
    recipe: NanoRecipe,
    sources: Sequence[CorpusSource] | None = None,
    device: str = "cpu",
    progress: Callable[[TrainingProgress], None] | None = None,
) -> dict[str, Any]:
    """Trains a backbone and writes its folder.

    The folder holds model.safetensors (bfloat16), config.json, generation_config.json, tokenizer.json,
    tokenizer_config.json and, written last, training.json. Set `OMP_NUM_THREADS=1` where other work shares the
    processor: two threads wait for each other.

    Args:
        output: The folder to write; created if absent, files of these names are replaced.
        recipe: The hyper-parameters.
        sources: Where the Python files come from; None is the running interpreter's standard library alone.
        device: A torch device.
        progress: Called at every log step.

    Returns:
        What training.json says: recipe, corpus, losses, bits per byte, seconds and versions.

    Raises:
        CorpusError: the corpus has no usable file, or is shorter than one window.
        TrainingError: the recipe cannot be used, or the loss is not finite.
    """
    check_recipe(recipe)
    sources = [standard_library_source()] if sources is None else sources
    corpus = read_corpus(sources, val_fraction=recipe.val_fraction)
    _log.info("corpus: %d files to train on, %d held out", len(corpus.train), len(corpus.val))
    tokenizer = train_tokenizer(corpus.train, recipe)
    train_WT = windows(encode(corpus.train, tokenizer), recipe.context_length, "training")
    val_WT = windows(encode(corpus.val, tokenizer), recipe.context_length, "held-out")
    _log.info("windows of %d tokens: %d train, %d held out", recipe.context_length, len(train_WT), len(val_WT))
    run = _Run(recipe=recipe, corpus=corpus, tokenizer=tokenizer, train_WT=train_WT, val_WT=val_WT, device=device)
    return run.train(output, progress)


@dataclass(kw_only=True, slots=True)
class _Run:
    """One training in progress: what the loop, the validation and the writing of the folder share."""

    recipe: NanoRecipe
    corpus: Corpus
    tokenizer: "Tokenizer"
    train_WT: "Stream"
    val_WT: "Stream"
    device: str
    recent_loss: float = math.nan

    def train(self, output: Path, progress: Callable[[TrainingProgress], None] | None) -> dict[str, Any]:
        """Runs all steps; writes the folder at every checkpoint and at the end; returns the last record."""
        import torch

        recipe = self.recipe
        model = _new_model(self.tokenizer.get_vocab_size(), recipe).to(self.device)  # type: ignore[arg-type]
        optimizer = _optimizer(model, recipe)
        started = time.monotonic()
        losses: list[float] = []
        for step, batch_BT in enumerate(self._batches()):
            rate = learning_rate_at(step, recipe)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = self._losses(model, batch_BT).mean()
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise TrainingError(f"Loss is {losses[-1]} at step {step + 1}: lower the learning rate ({rate:.2g}).")
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seconds = time.monotonic() - started
            if (step + 1) % recipe.log_every == 0 or step + 1 == recipe.steps:
                self.recent_loss = sum(losses) / len(losses)
                losses.clear()
                self._report(step + 1, rate, seconds, progress)
            if recipe.checkpoint_every and (step + 1) % recipe.checkpoint_every == 0 and step + 1 < recipe.steps:
                self._write(output, model, step + 1, seconds)
        return self._write(output, model, recipe.steps, time.monotonic() - started)

    def _batches(self) -> Iterator["torch.Tensor"]:
        """`recipe.steps` batches of windows (`B`, `T` + 1), a new seeded order for every pass over the windows."""
        import torch

        generator = torch.Generator().manual_seed(self.recipe.seed)
        order: list[int] = []
        for _ in range(self.recipe.steps):
            while len(order) < self.recipe.batch_size:
                order += torch.randperm(len(self.train_WT), generator=generator).tolist()
            chosen, order = order[: self.recipe.batch_size], order[self.recipe.batch_size :]
            yield torch.from_numpy(self.train_WT[chosen].astype("int64")).to(self.device)

    def _losses(self, model: "PreTrainedModel", batch_BT: "torch.Tensor") -> "torch.Tensor":
        """Negative log likelihood of every token but the first (`B` * `T`), in nats."""
        import torch

        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            logits_BTV = model(input_ids=batch_BT[:, :-1], use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits_BTV.float().flatten(0, 1), batch_BT[:, 1:].flatten(), reduction="none"
        )

    def _validate(self, model: "PreTrainedModel") -> Validation:
        """The validation of a model over the first windows of a seeded order."""
        import torch

        generator = torch.Generator().manual_seed(self.recipe.seed)
        order = torch.randperm(len(self.val_WT), generator=generator).tolist()[: self.recipe.val_windows]
        length_V = torch.tensor(token_bytes(self.tokenizer))
        nats, tokens, size = 0.0, 0, 0
        with torch.no_grad():
            for start in range(0, len(order), self.recipe.batch_size):
                chosen = order[start : start + self.recipe.batch_size]
                batch_BT = torch.from_numpy(self.val_WT[chosen].astype("int64"))
                nats += float(self._losses(model, batch_BT.to(self.device)).double().sum())
                tokens += batch_BT[:, 1:].numel()
                size += int(length_V[batch_BT[:, 1:]].sum())
        return Validation(loss=nats / tokens, bits_per_byte=nats / math.log(2) / size, tokens=tokens, bytes=size)

    def _report(
        self, step: int, rate: float, seconds: float, progress: Callable[[TrainingProgress], None] | None
    ) -> None:
        """Logs one record and hands it to the callback."""
        recipe = self.recipe
        record = TrainingProgress(
            step=step,
            steps=recipe.steps,
            loss=self.recent_loss,
            learning_rate=rate,
            tokens=step * recipe.batch_size * recipe.context_length,
            seconds=seconds,
            eta_seconds=seconds / step * (recipe.steps - step),
        )
        _log.info("step %d/%d loss %.4f eta %.0f s", step, recipe.steps, record.loss, record.eta_seconds)
        if progress is not None:
            progress(record)

    def _write(self, output: Path, model: "PreTrainedModel", step: int, seconds: float) -> dict[str, Any]:
        """Rounds the weights to bfloat16, validates these, and replaces the folder's files, training.json last."""
        import torch

        rounded = copy.deepcopy(model).to(torch.bfloat16)  # type: ignore[arg-type]
        validation = self._validate(copy.deepcopy(rounded).float().eval())
        _log.info("step %d: held-out loss %.4f, %.4f bits per byte", step, validation.loss, validation.bits_per_byte)
        record = {
            "recipe": asdict(self.recipe),
            "corpus": {
                "sha256": self.corpus.sha256,
                "train_files": len(self.corpus.train),
                "val_files": len(self.corpus.val),
                "train_tokens": int(self.train_WT.shape[0] * self.recipe.context_length),
                "sources": [asdict(use) for use in self.corpus.uses],
            },
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": step,
            "tokens": step * self.recipe.batch_size * self.recipe.context_length,
            "train_loss": self.recent_loss,
            "validation": asdict(validation),
            "seconds": round(seconds, 1),
            "threads": torch.get_num_threads(),
            "device": self.device,
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in ("tokenizers", "torch", "transformers")},
            },
        }
        _write_folder(output, rounded.cpu(), self.tokenizer, self.recipe, record)
        return record


def _new_model(vocab_size: int, recipe: NanoRecipe) -> "PreTrainedModel":
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
        model: PreTrainedModel = Qwen2ForCausalLM(config)
    model.train()
    return model


def _optimizer(model: "PreTrainedModel", recipe: NanoRecipe) -> "torch.optim.Optimizer":
    """AdamW that decays matrices only."""
    import torch

    parameters = list(model.parameters())
    groups = [
        {"params": [item for item in parameters if item.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [item for item in parameters if item.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), fused=True)


def _write_folder(
    output: Path, model: "PreTrainedModel", tokenizer: "Tokenizer", recipe: NanoRecipe, record: dict[str, Any]
) -> None:
    """Writes the model folder beside its place, then moves each file into it, the record last."""
    import safetensors.torch
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    staging = output.with_name(output.name + ".partial")
    output.mkdir(parents=True, exist_ok=True)
    staging.mkdir(exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    safetensors.torch.save_file(weights, staging / "model.safetensors", metadata={"format": "pt"})  # lm_head is tied
    (staging / "model.safetensors").chmod(0o644)  # safetensors makes it readable by its owner only
    model.config.architectures = [type(model).__name__]
    model.config.dtype = "bfloat16"
    model.config.save_pretrained(staging)
    GenerationConfig(do_sample=False, eos_token_id=0, pad_token_id=1).save_pretrained(  # type: ignore[no-untyped-call]
        staging
    )
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=EOS_TOKEN,
        pad_token=PAD_TOKEN,
        padding_side="left",
        model_max_length=recipe.context_length,
    ).save_pretrained(staging)
    for file in sorted(staging.iterdir()):
        file.replace(output / file.name)
    staging.rmdir()
    last = staging.with_name(output.name + ".training.json")
    last.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    last.replace(output / "training.json")
