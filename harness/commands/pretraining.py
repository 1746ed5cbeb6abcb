"""`repobench train-nano`: a small backbone, trained from scratch on a pinned list of releases."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from harness.commands.training import clear_training
from harness.console import Tracker, duration, record, show
from repopeftbench.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from code2lora.training.nano_recipe import NanoRecipe, Rate
    from code2lora.training.nano_record import NanoRecord
    from code2lora.training.sdists import SourceList

_BARS = {"fetching": "files", "reading": "releases", "encoding": "files", "nano": "steps"}


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class NanoOptions:
    """What `train-nano` can be told."""

    sources: Path
    """TOML list of releases, each with file, sha256 and licence, such as examples/nano-sources.toml."""
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("repobench-out/nano")
    """Folder of the backbone."""
    recipe: Path | None = None
    """TOML file of the numbers that are not to be as in the default recipe."""
    tokens: int | None = None
    """Tokens to learn from, repeats counted, instead of the recipe's."""
    minutes: float | None = None
    """The same in time: steps are measured, and as many are planned as fit."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    compile: bool = False
    """Let torch compile the steps: faster after a minute; needs a C++ compiler on processors, and rounds otherwise."""
    sdists: Path | None = None
    """Folder that keeps the source distributions; what it lacks is downloaded. Default: in the user's cache."""
    save_minutes: float = 10.0
    """Least time between two states on the disk; 0 writes one at every log step."""
    overwrite: bool = False
    """Start anew where the folder holds a training."""
    dry_run: bool = False
    """Write nothing; measure some steps, and show what would be downloaded and how long the training would take."""


def train_nano(options: NanoOptions) -> int:
    """Train a small backbone from scratch on a pinned list of releases; goes on where it stopped.

    Args:
        options: Options.
    """
    import torch

    from code2lora.backbone import resolve_dtype
    from code2lora.training.nano_loop import measured_rate
    from code2lora.training.nano_recipe import NanoRecipe, check_recipe, read_recipe, with_tokens
    from code2lora.training.sdists import read_source_list

    _check(options)
    listed = read_source_list(options.sources)
    recipe = NanoRecipe() if options.recipe is None else read_recipe(options.recipe)
    if options.tokens is not None:
        recipe = with_tokens(recipe, options.tokens)
    check_recipe(recipe)
    device = torch.device(resolve_dtype(options.device, "auto")[0])
    if options.dry_run:
        rate = measured_rate(recipe, device, compiled=options.compile)
        return _show_forecast(_within_minutes(recipe, rate, options), rate, listed, options)
    if options.overwrite:
        clear_training(options.out)
    if options.minutes is not None:
        recipe = _begun(recipe, options) or _planned(recipe, device, options)
    trained = _train(recipe, listed, device, options)
    show(_summary(trained, options.out))
    record(folder=options.out, **trained.model_dump(mode="json"))
    return 0


def _check(options: NanoOptions) -> None:
    if options.tokens is not None and options.minutes is not None:
        raise ConfigError("--tokens and --minutes say the same: give one of them")
    for name, value in (("--tokens", options.tokens), ("--minutes", options.minutes)):
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"{name} {value} trains nothing: give more than 0")
    if options.compile and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
        raise ConfigError("--compile needs a C++ compiler (g++): install one, or leave --compile out")


def _begun(recipe: "NanoRecipe", options: NanoOptions) -> "NanoRecipe | None":
    """The recipe with the steps of the training that is gone on with, so that it is not measured anew."""
    from code2lora.training.nano import begun_steps

    steps = begun_steps(options.out)
    return None if steps is None else replace(recipe, steps=steps)


def _planned(recipe: "NanoRecipe", device: "torch.device", options: NanoOptions) -> "NanoRecipe":
    from code2lora.training.nano_loop import measured_rate

    return _within_minutes(recipe, measured_rate(recipe, device, compiled=options.compile), options)


def _within_minutes(recipe: "NanoRecipe", rate: "Rate", options: NanoOptions) -> "NanoRecipe":
    if options.minutes is None:
        return recipe
    return replace(recipe, steps=rate.steps_within(recipe, 60 * options.minutes))


def _sdists(options: NanoOptions) -> Path:
    import platformdirs

    return options.sdists or platformdirs.user_cache_path("repobench") / "sdists"


def _train(recipe: "NanoRecipe", listed: "SourceList", device: "torch.device", options: NanoOptions) -> "NanoRecord":
    from code2lora.training.nano import NanoSession, train_nano

    with Tracker("steps") as tracker:
        session = NanoSession(
            recipe=recipe,
            sources=listed,
            cache=_sdists(options),
            device=device,
            save_seconds=60 * options.save_minutes,
            compiled=options.compile,
            prepared=lambda name, done, total: tracker.update(name, done, total, unit=_BARS[name]),
            progress=lambda at: tracker.update("nano", at.step, at.steps, f"loss {at.loss:.3f}"),
        )
        return train_nano(session, options.out)


def _show_forecast(recipe: "NanoRecipe", rate: "Rate", listed: "SourceList", options: NanoOptions) -> int:
    from code2lora.training.sdists import missing_sources

    missing = missing_sources(listed.sources, _sdists(options))
    size = sum(source.size for source in missing)
    tokens = recipe.steps * recipe.batch_size * recipe.context_length
    seconds = rate.seconds(recipe)
    show(f"{len(listed.sources):,} source distributions, {len(missing):,} to download: {size / 1e6:,.1f} MB")
    show(
        f"{recipe.steps:,} steps, {tokens:,} tokens: about {duration(seconds)} at {rate.step_seconds:,.2g} s a step, "
        "beside reading and encoding; nothing was written"
    )
    record(
        dry_run=True,
        releases=len(listed.sources),
        missing=[source.file for source in missing],
        download_bytes=size,
        steps=recipe.steps,
        tokens=tokens,
        seconds_per_step=rate.step_seconds,
        seconds=seconds,
    )
    return 0


def _summary(trained: "NanoRecord", folder: Path) -> str:
    """One line about a training."""
    unseen = "" if trained.unseen is None else f", {trained.unseen.bits_per_byte:.3f} on unseen projects"
    return (
        f"nano: {trained.steps:,} steps, {trained.tokens:,} tokens, {trained.parameters:,} parameters; "
        f"{trained.validation.bits_per_byte:.3f} bits per byte held out{unseen}; in {folder}"
    )
