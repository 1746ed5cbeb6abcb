"""What a run or a training would take on this machine, from a rate that is measured on a small part of it (io: clock).

Nothing is kept of what is computed for it. A rate is of this machine, these settings and this part: the forecast says
nothing of other machines, and a part of other tasks gives another rate.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.predictors.protocol import Predictor
from harness.records import PredictionRequest
from repopeftbench.schema import HistoryView, Task, TaskInput

SAMPLE_TASKS = 16
CHARACTERS_PER_TOKEN = 3.9
"""Of Python source with vocabularies from 8,000 tokens on; measured, see docs/LOG.md."""
_BYTES_PER_TASK = 330
"""A line of predictions without its text, and a row of scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForecast:
    """What a run would take.

    Attributes:
        tasks: that would be answered.
        prefix_tokens: of all prefixes, estimated from their characters, before a context's limit.
        measured_tasks: that were answered to measure the rate.
        tasks_per_second: measured.
        seconds: that the run would take on this machine.
        disk_bytes: that the folder of the run would take.
    """

    tasks: int
    prefix_tokens: int
    measured_tasks: int
    tasks_per_second: float
    seconds: float
    disk_bytes: int


def forecast_run(
    tasks: Sequence[Task],
    predictor: Predictor,
    views: Callable[[Task], HistoryView],
    clock: Callable[[], float] = time.perf_counter,
) -> RunForecast:
    """Answers tasks that lie evenly in `tasks`, and forecasts the rest.

    Args:
        tasks: of the run, at least one.
        predictor: is asked for one task first, so that what is loaded once is not counted.
        views: gives the repository as a task's predictor may see it.
        clock: gives seconds.

    Raises:
        PredictorError: the predictor can answer nothing.
    """
    count = min(len(tasks), SAMPLE_TASKS)
    sample = [tasks[place * len(tasks) // count] for place in range(count)]
    requests = [PredictionRequest(task=TaskInput.of(task), view=views(task)) for task in sample]
    list(predictor.predict(requests[:1]))
    begun = clock()
    answers = list(predictor.predict(requests))
    spent = max(clock() - begun, 1e-9)
    text = sum(len(answer.text.encode("utf-8", "replace")) for answer in answers) / count
    return RunForecast(
        tasks=len(tasks),
        prefix_tokens=round(sum(len(task.prefix) for task in tasks) / CHARACTERS_PER_TOKEN),
        measured_tasks=count,
        tasks_per_second=count / spent,
        seconds=len(tasks) * spent / count,
        disk_bytes=round(len(tasks) * (_BYTES_PER_TASK + 2 * text)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingForecast:
    """What a training would take.

    Attributes:
        steps: optimizer steps in all.
        draws: tasks drawn in all, repeats counted.
        target_tokens: that would be learnt from.
        measured_steps: that were made to measure the rate.
        seconds_per_step: measured, validations left out.
        seconds: that the steps would take on this machine, validations left out.
        preparation_seconds: that loading, tokens, vectors of the measured part and the first validation took.
    """

    steps: int
    draws: int
    target_tokens: int
    measured_steps: int
    seconds_per_step: float
    seconds: float
    preparation_seconds: float
