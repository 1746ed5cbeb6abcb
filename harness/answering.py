"""Who answers the chunks of a run: a predictor of this process, chunk after chunk; or others (`answering_on_ray.py`).

An exception that a predictor raises on a chunk has the chunk's tasks asked for one by one; those that fail again become
predictions with an error, and the run goes on.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError, RunError
from harness.predictors.protocol import Predictor
from harness.records import Answer, Prediction, PredictionRequest
from harness.stopping import stop_prediction
from repopeftbench.schema import HistoryView, Task, TaskInput

_MAX_ERROR_CHARACTERS = 500
Note = Callable[[str], None]
"""Called with what belongs in the run's log."""


class Answering(Protocol):
    """Answers chunks of tasks."""

    def answers(self, chunks: Sequence[Sequence[Task]], note: Note) -> Iterator[list[Prediction]]:
        """The predictions of each chunk, in the order of the chunks, one per task and in their order."""
        ...


@dataclass(frozen=True, slots=True)
class AnsweringHere:
    """A predictor of this process, asked for one chunk at a time; `views` is called once per task and chunk."""

    predictor: Predictor
    views: Callable[[Task], HistoryView]

    def answers(self, chunks: Sequence[Sequence[Task]], note: Note) -> Iterator[list[Prediction]]:
        """The predictions of each chunk, as they are asked for."""
        for chunk in chunks:
            yield answer_chunk(chunk, self.predictor, self.views, note)


def answer_chunk(
    chunk: Sequence[Task],
    predictor: Predictor,
    views: Callable[[Task], HistoryView],
    note: Note,
) -> list[Prediction]:
    """One prediction per task of `chunk`, in order; tasks that the predictor fails on have an error.

    Args:
        chunk: the tasks, asked for together, and one by one where that fails.
        predictor: asked for them.
        views: gives the repository as a task's predictor may see it.
        note: told what failed.

    Raises:
        RunError: the answers are not one per task.
        HarnessError: the predictor gave up.
    """
    outcome = _ask(chunk, predictor, views)
    if isinstance(outcome, dict):
        return [_prediction(task, outcome[task.task_id]) for task in chunk]
    note(f"a chunk of {len(chunk)} tasks failed, they are asked for one by one:\n{_traceback(outcome)}")
    predictions = []
    for task in chunk:
        alone = outcome if len(chunk) == 1 else _ask([task], predictor, views)
        if isinstance(alone, dict):
            predictions.append(_prediction(task, alone[task.task_id]))
        else:
            note(f"task {task.task_id} failed:\n{_traceback(alone)}")
            predictions.append(_failed(task, alone))
    return predictions


def _ask(
    chunk: Sequence[Task], predictor: Predictor, views: Callable[[Task], HistoryView]
) -> dict[str, Answer] | Exception:
    """The answers by task id, or what was raised instead.

    Raises:
        RunError: the answers are not one per task.
        HarnessError: the predictor gave up.
    """
    try:
        requests = [PredictionRequest(task=TaskInput.of(task), view=views(task)) for task in chunk]
        answers = list(predictor.predict(requests))
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - the task loop: one task that fails must not end a run of thousands
        return error
    return _by_task(chunk, answers)


def _by_task(chunk: Sequence[Task], answers: Sequence[Answer]) -> dict[str, Answer]:
    asked = {task.task_id for task in chunk}
    texts: dict[str, Answer] = {}
    for answer in answers:
        if answer.task_id not in asked:
            raise RunError(f"The predictor answered {answer.task_id!r}, which it was not asked for.")
        if answer.task_id in texts:
            raise RunError(f"The predictor answered {answer.task_id!r} twice.")
        texts[answer.task_id] = answer
    missing = [task.task_id for task in chunk if task.task_id not in texts]
    if missing:
        raise RunError(f"The predictor left {len(missing)} of {len(chunk)} tasks unanswered, first {missing[0]!r}.")
    return texts


def _traceback(error: Exception) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _prediction(task: Task, answer: Answer) -> Prediction:
    # Half of a surrogate pair is no character and cannot be written; pairs are put together.
    raw = answer.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    stopped = stop_prediction(task.prefix, raw)
    return Prediction(
        task_id=task.task_id,
        raw=raw,
        stopped=stopped.text,
        complete=stopped.complete,
        error=None,
        adapter_sha256=answer.adapter_sha256,
    )


def _failed(task: Task, error: Exception) -> Prediction:
    lines = str(error).splitlines()
    text = f"{type(error).__name__}: {lines[0] if lines else ''}"[:_MAX_ERROR_CHARACTERS]
    return Prediction(task_id=task.task_id, raw="", stopped="", complete=False, error=text)
