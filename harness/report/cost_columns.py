"""What methods cost, as a report has it beside the scores: means over the seeds of a method. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.methods import ScoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCosts:
    """None is what nobody counted, or what a method does not have.

    Attributes:
        draws: Tasks that its weights were trained on, repeats counted.
        target_tokens: Tokens that the loss counted.
        steps: Optimizer steps.
        trainable_parameters: Numbers that were trained.
        training_seconds: Wall time of the training.
        prompt_tokens: Tokens that the backbone was given per task, retrieved context included.
        adapter_milliseconds: Wall time per adapter that was made of a repository, encoding included.
    """

    draws: float | None = None
    target_tokens: float | None = None
    steps: float | None = None
    trainable_parameters: float | None = None
    training_seconds: float | None = None
    prompt_tokens: float | None = None
    adapter_milliseconds: float | None = None


HEADINGS = ("Draws", "Target tokens", "Steps", "Parameters", "Training s", "Prompt tokens", "Adapter ms")


def method_costs(runs: Sequence[ScoredRun]) -> MethodCosts:
    """What a method cost, a mean over its runs."""
    trained = [run.manifest.training for run in runs if run.manifest.training is not None]
    counted = [run.costs for run in runs if run.costs is not None]
    return MethodCosts(
        draws=_mean(one.draws for one in trained),
        target_tokens=_mean(one.target_tokens for one in trained),
        steps=_mean(one.steps for one in trained),
        trainable_parameters=_mean(one.trainable_parameters for one in trained),
        training_seconds=_mean(one.training_seconds or None for one in counted),
        prompt_tokens=_mean(one.tokens_per_task for one in counted),
        adapter_milliseconds=_mean(one.milliseconds_per_adapter for one in counted),
    )


def cost_cells(costs: MethodCosts, absent: str) -> tuple[str, ...]:
    """The cells under `HEADINGS`."""
    counts = (costs.draws, costs.target_tokens, costs.steps, costs.trainable_parameters)
    return (
        *(_cell(value, 0, absent) for value in counts),
        _cell(costs.training_seconds, 0, absent),
        _cell(costs.prompt_tokens, 0, absent),
        _cell(costs.adapter_milliseconds, 1, absent),
    )


def _cell(value: float | None, digits: int, absent: str) -> str:
    return absent if value is None else f"{value:,.{digits}f}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
