"""Predictions and targets in, one score per task out. Pure: no model, no disk, no clock."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from harness.errors import ScoringError
from harness.metrics import editsim, exact
from harness.records import Prediction, Score
from repopeftbench.schema import Task

METRIC_VERSIONS: Mapping[str, int] = MappingProxyType({"em_strict": exact.VERSION, "edit_similarity": editsim.VERSION})
"""The version of every metric that `score_predictions` applies; a run's manifest and scores carry them."""


def score_predictions(tasks: Sequence[Task], predictions: Sequence[Prediction]) -> tuple[Score, ...]:
    """One score per task, in the order of `tasks`; the stopped text is what is scored.

    A failed prediction scores as wrong and is flagged.

    Raises:
        ScoringError: a task has no prediction or several, a prediction has no task, a task comes twice or has no split.
    """
    by_id = {prediction.task_id: prediction for prediction in predictions}
    if len(by_id) != len(predictions):
        raise ScoringError(f"{len(predictions) - len(by_id)} of {len(predictions)} predictions repeat a task id.")
    wanted = {task.task_id for task in tasks}
    if len(wanted) != len(tasks):
        raise ScoringError(f"{len(tasks) - len(wanted)} of {len(tasks)} tasks repeat a task id.")
    missing, unknown = sorted(wanted - by_id.keys()), sorted(by_id.keys() - wanted)
    if missing:
        raise ScoringError(f"{len(missing)} of {len(tasks)} tasks have no prediction, the first is {missing[0]}.")
    if unknown:
        raise ScoringError(
            f"{len(unknown)} of {len(predictions)} predictions answer no given task, the first is {unknown[0]}: "
            "score them with the dataset that they were made on."
        )
    return tuple(_score(task, by_id[task.task_id]) for task in tasks)


def _score(task: Task, prediction: Prediction) -> Score:
    if task.split is None:
        raise ScoringError(f"Task {task.task_id} has no split yet: score the tasks of a finished dataset.")
    failed = prediction.error is not None
    return Score(
        task_id=task.task_id,
        repo_id=task.repo_id,
        track=task.track,
        split=task.split,
        family=task.family,
        em_strict=not failed and exact.em_strict(prediction.stopped, task.target),
        edit_similarity=0.0 if failed else editsim.edit_similarity(prediction.stopped, task.target),
        complete=prediction.complete,
        failed=failed,
    )
