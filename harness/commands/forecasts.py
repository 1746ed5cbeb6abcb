"""`--dry-run` of `run`, `train` and `probe`: what they would take, from a rate that was measured.

`run` and `train` measure it on a small part; `probe` takes it from the executions that its store keeps.
"""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from harness.console import duration, record, repository_count, show
from harness.forecasting import RunForecast, TrainingForecast

if TYPE_CHECKING:
    from code2lora.training.nano_recipe import TrainingProgress
    from code2lora.training.session import TrainingSession
    from harness.probing.forecast import ProbeForecast
    from harness.probing.opening import Machine

MEASURED_STEPS = 3
RECENT_EXECUTIONS = 1_000


def show_run_forecast(found: RunForecast, *, device: str) -> int:
    """Shows what a run would take; `device` is what the user asked for, `auto` too."""
    torch = sys.modules.get("torch")
    if device == "auto":
        device = "cuda" if torch is not None and torch.cuda.is_available() else "cpu"
    show(
        f"{found.tasks:,} tasks, about {found.prefix_tokens:,} tokens of prefixes, {found.disk_bytes / 1e6:,.1f} MB on "
        "the disk"
    )
    show(
        f"about {_hours(found.seconds, device)}: {found.measured_tasks} tasks were answered now, at "
        f"{found.tasks_per_second:,.2g} tasks/s, and nothing was written"
    )
    record(dry_run=True, device=device, **asdict(found))
    return 0


def show_training_forecast(found: TrainingForecast, *, device: str, trainings: int) -> int:
    """Shows what a training on `device` would take, `trainings` times over."""
    show(
        f"{found.steps:,} steps, {found.draws:,} draws, about {found.target_tokens:,} target tokens"
        + (f"; {trainings} trainings of that" if trainings > 1 else "")
    )
    show(
        f"about {_hours(trainings * found.seconds, device)} beside validations: {found.measured_steps} steps were made "
        f"now, of {found.seconds_per_step:,.2g} s each, after {duration(found.preparation_seconds)} of preparation and "
        "first validation, and nothing was written"
    )
    record(dry_run=True, device=device, trainings=trainings, **asdict(found))
    return 0


class _EnoughSteps(Exception):  # noqa: N818 - no error: it ends a training of which enough is known
    """Enough steps were made to know the rate."""


def forecast_training(session: "TrainingSession") -> TrainingForecast:
    """What a training would take, from some steps into a folder that is deleted."""
    from code2lora.training.recipe import with_terms
    from code2lora.training.session import train

    terms = session.recipe.terms
    recipe = session.recipe
    if recipe.method != "per-repo-lora":  # whose draws are divided among all repositories
        # Only these are made into tokens and vectors; one step more than is made, as the last one is validated.
        few = min(terms.draws, (MEASURED_STEPS + 2) * terms.draws_per_step)
        recipe = with_terms(recipe, draws=few)
    moments: list[tuple[TrainingProgress, float]] = []
    begun = perf_counter()

    def count(name: str, progress: "TrainingProgress") -> None:
        moments.append((progress, perf_counter()))
        if len(moments) > MEASURED_STEPS:
            raise _EnoughSteps

    with TemporaryDirectory(prefix="repobench-") as made:
        try:
            train(replace(session, recipe=recipe, progress=count, save_seconds=float("inf")), Path(made) / "training")
        except _EnoughSteps:
            pass
    first, last = moments[0], moments[-1]
    measured = len(moments) - 1
    # A training of a single step has nothing before it to measure from.
    seconds = (last[1] - first[1]) / measured if measured else first[0].seconds
    return TrainingForecast(
        steps=terms.steps,
        draws=terms.draws,
        target_tokens=round(last[0].tokens / len(moments) * terms.steps),
        measured_steps=len(moments),
        seconds_per_step=seconds,
        seconds=terms.steps * seconds,
        preparation_seconds=first[1] - begun,
    )


def _hours(seconds: float, device: str) -> str:
    kind = "GPU" if device.startswith("cuda") else "processor"
    return f"{duration(seconds)} ({seconds / 3600:.2g} {kind} hours)"


def show_probe_forecast(found: "ProbeForecast", machine: "Machine") -> int:
    """Shows what executing would take at most."""
    from sandboxes.shelf import disk_bytes

    used = disk_bytes(machine.store)
    show(
        f"{found.tasks:,} tasks of {repository_count(found.repositories)}: {found.test_functions:,} test functions in "
        f"{found.trees:,} trees"
    )
    show(
        f"at most {found.executions:,} executions: {found.originals:,} of tests as they are, {found.mutants:,} with "
        f"another value, {found.predictions:,} of predictions and their tripwires; what the store has of them costs "
        "nothing"
    )
    times = _recent_seconds(machine)
    rate = sum(times) / len(times) if times else None
    seconds = None if rate is None else found.executions * rate / machine.workers
    if rate is None or seconds is None:
        show(f"{machine.store} has no execution by {machine.driver} to take a rate from: --limit 1 makes some")
    else:
        show(
            f"at most about {_hours(seconds, 'cpu')} with --workers {machine.workers}: the last {len(times):,} "
            f"executions of the store took {rate:,.2g} s each; building environments and opening boxes come on top"
        )
    show(
        f"the store takes {used / 1e6:,.1f} MB; trees and environments may take {machine.budget / 1e6:,.1f} MB, and "
        "nothing was written"
    )
    record(
        dry_run=True,
        **asdict(found),
        executions=found.executions,
        seconds=seconds,
        measured_executions=len(times),
        workers=machine.workers,
        store_bytes=used,
        budget_bytes=machine.budget,
    )
    return 0


def _recent_seconds(machine: "Machine") -> list[float]:
    from harness.probing.opening import EXECUTIONS
    from harness.probing.remembering import ExecutionStore

    file = machine.store / EXECUTIONS
    if not file.is_file():  # opening it would make it
        return []
    with ExecutionStore(file) as store:
        return store.recent_seconds(machine.driver, RECENT_EXECUTIONS)
