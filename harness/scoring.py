"""Predictions and facts of their tasks in, one score per task out. Pure but for worker processes: no model, no disk.

Predictions are scored in chunks of a fixed size, in order, so that neither the scores nor their order depend on the
number of processes.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from harness.errors import ScoringError
from harness.metrics import editsim, exact, exact_ast, published
from harness.records import Prediction, Score, TaskFacts, Unscored
from repopeftbench.errors import SourceError
from repopeftbench.pool import Failure, LocalEngine, Report

METRIC_VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "em_strict": exact.VERSION,
        "em_ast": exact_ast.VERSION,
        "em_paper": published.VERSION,
        "edit_similarity": editsim.VERSION,
        "edit_similarity_paper": published.EDIT_SIMILARITY_VERSION,
        "codebleu": 0,
        "codebleu_paper": 0,
    }
)
"""The version of every metric that `score_predictions` applies; a run's manifest and scores carry them."""

CHUNK_PREDICTIONS = 2_048
"""Predictions that one process scores at a time."""


def score_predictions(
    tasks: Sequence[TaskFacts], predictions: Sequence[Prediction], *, workers: int = 1
) -> tuple[Score, ...]:
    """One score per task, in the order of `tasks`.

    A failed prediction scores as wrong and is flagged.

    Args:
        tasks: what to keep of the tasks; ids are unique.
        predictions: one per task, in any order.
        workers: processes to score with; the scores do not depend on it.

    Raises:
        ScoringError: a task has no prediction or several, a prediction has no task, a task comes twice, or a process
            was killed.
    """
    pairs = _paired(tasks, predictions)
    chunks = [pairs[start : start + CHUNK_PREDICTIONS] for start in range(0, len(pairs), CHUNK_PREDICTIONS)]
    try:
        outcomes = LocalEngine(workers).map(chunks, _score_chunk, _ignore)
    except SourceError as error:
        raise ScoringError(
            "A scoring process was killed, perhaps for want of memory: score again with fewer --workers."
        ) from error
    scores: list[Score] = []
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            raise ScoringError(outcome.problem)
        scores += outcome
    return tuple(scores)


def _paired(tasks: Sequence[TaskFacts], predictions: Sequence[Prediction]) -> list[tuple[TaskFacts, Prediction]]:
    """Every task with its prediction, in the order of `tasks`."""
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
    return [(task, by_id[task.task_id]) for task in tasks]


def _score_chunk(pairs: Sequence[tuple[TaskFacts, Prediction]], report: Report) -> list[Score]:
    return [_score(task, prediction) for task, prediction in pairs]


def _score(task: TaskFacts, prediction: Prediction) -> Score:
    failed = prediction.error is not None
    texts = published.truncate(prediction.raw, task.target)
    absent = Unscored(reason="not measured yet")
    return Score(
        task_id=task.task_id,
        repo_id=task.repo_id,
        track=task.track,
        split=task.split,
        family=task.family,
        event=task.event,
        target_type=task.target_type,
        target_characters=task.target_characters,
        prefix_characters=task.prefix_characters,
        target_in_prefix=task.target_in_prefix,
        history_index=task.history_index,
        repository_commits=task.repository_commits,
        em_strict=not failed and exact.em_strict(prediction.stopped, task.target),
        em_ast=not failed and exact_ast.em_ast(prediction.stopped, task.target),
        em_paper=not failed and published.em_paper(texts),
        edit_similarity=0.0 if failed else editsim.edit_similarity(prediction.stopped, task.target),
        edit_similarity_paper=0.0 if failed else published.edit_similarity_paper(texts),
        codebleu=absent,
        codebleu_ngram=absent,
        codebleu_weighted=absent,
        codebleu_syntax=absent,
        codebleu_dataflow=absent,
        codebleu_degenerate=(),
        codebleu_paper=absent,
        codebleu_paper_ngram=absent,
        codebleu_paper_weighted=absent,
        codebleu_paper_syntax=absent,
        codebleu_paper_dataflow=absent,
        complete=prediction.complete,
        failed=failed,
        target=task.target,
        prediction=prediction.stopped,
    )


def _ignore(name: str, done: int, total: int) -> None:
    """Chunks do not tell how far they are."""
