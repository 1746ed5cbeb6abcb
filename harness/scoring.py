"""Predictions and facts of their tasks in, one score per task out. Pure but for worker processes: no model, no disk.

Predictions are scored in chunks of a fixed size, in order, so that neither the scores nor their order depend on the
number of processes.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from types import MappingProxyType
from typing import Any

from harness.errors import ScoringError
from harness.metrics import codebleu, codebleu_paper, editsim, exact, exact_ast, published
from harness.metrics.codebleu_package import package_codebleu, require_package
from harness.records import CodeBleu, CodeBleuBackend, Measure, Prediction, Score, TaskFacts
from repopeftbench.errors import SourceError
from repopeftbench.pool import Failure, LocalEngine, Report

METRIC_VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "em_strict": exact.VERSION,
        "em_ast": exact_ast.VERSION,
        "em_paper": published.VERSION,
        "edit_similarity": editsim.VERSION,
        "edit_similarity_paper": published.EDIT_SIMILARITY_VERSION,
        "codebleu": codebleu.VERSION,
        "codebleu_paper": codebleu_paper.VERSION,
    }
)
"""The version of every metric that `score_predictions` applies; a run's manifest and scores carry them."""

_COMPONENTS = ("ngram", "weighted", "syntax", "dataflow")
_FACTS = tuple(field.name for field in fields(TaskFacts) if field.name != "raw_target")

CHUNK_PREDICTIONS = 2_048
"""Predictions that one process scores at a time."""


def score_predictions(
    tasks: Sequence[TaskFacts],
    predictions: Sequence[Prediction],
    *,
    backend: CodeBleuBackend = CodeBleuBackend.OURS,
    workers: int = 1,
) -> tuple[Score, ...]:
    """One score per task, in the order of `tasks`.

    A failed prediction is wrong, scores as if it were empty, and is flagged.

    Args:
        tasks: what to keep of the tasks; ids are unique.
        predictions: one per task, in any order.
        backend: what computes the paper's CodeBLEU.
        workers: processes to score with; the scores do not depend on it.

    Raises:
        ScoringError: a task has no prediction or several, a prediction has no task, a task comes twice, the backend is
            not installed, or a process was killed.
    """
    if backend is CodeBleuBackend.PACKAGE:
        require_package()
    pairs = _paired(tasks, predictions)
    chunks = [pairs[start : start + CHUNK_PREDICTIONS] for start in range(0, len(pairs), CHUNK_PREDICTIONS)]
    try:
        outcomes = LocalEngine(workers).map(chunks, partial(_score_chunk, backend), _ignore)
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


def _score_chunk(
    backend: CodeBleuBackend, pairs: Sequence[tuple[TaskFacts, Prediction]], report: Report
) -> list[Score]:
    formula = package_codebleu if backend is CodeBleuBackend.PACKAGE else codebleu_paper.package_formula
    with _nothing_collected():
        return _scored(pairs, formula)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """No garbage collection: metrics make no cycles, and each collection would look at all that the process holds."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _scored(pairs: Sequence[tuple[TaskFacts, Prediction]], formula: codebleu_paper.Formula) -> list[Score]:
    similarities = editsim.edit_similarities(
        (_texts(prediction)[1] for _, prediction in pairs), (task.target for task, _ in pairs)
    )
    return [
        _score(task, prediction, similarity, formula)
        for (task, prediction), similarity in zip(pairs, similarities, strict=True)
    ]


def _texts(prediction: Prediction) -> tuple[str, str]:
    """The raw and the stopped text; a failed prediction has the numbers of empty ones."""
    return ("", "") if prediction.error is not None else (prediction.raw, prediction.stopped)


def _score(task: TaskFacts, prediction: Prediction, similarity: Measure, formula: codebleu_paper.Formula) -> Score:
    failed = prediction.error is not None
    raw, stopped = _texts(prediction)
    truncated = published.truncate(raw, task.raw_target)
    ours = codebleu.codebleu(stopped, task.target)
    em_strict = not failed and exact.em_strict(stopped, task.target)
    return Score(
        **{name: getattr(task, name) for name in _FACTS},
        em_strict=em_strict,
        em_ast=em_strict or (not failed and exact_ast.equal_trees(stopped, task.target)),
        em_paper=not failed and published.em_paper(truncated),
        edit_similarity=similarity,
        edit_similarity_paper=published.edit_similarity_paper(truncated),
        **_codebleu_fields("codebleu", ours),
        codebleu_degenerate=ours.degenerate,
        **_codebleu_fields("codebleu_paper", codebleu_paper.codebleu_paper(truncated, formula)),
        complete=prediction.complete,
        failed=failed,
        prediction=stopped,
    )


def _codebleu_fields(name: str, value: CodeBleu) -> dict[str, Any]:
    return {name: value.score, **{f"{name}_{component}": getattr(value, component) for component in _COMPONENTS}}


def _ignore(name: str, done: int, total: int) -> None:
    """Chunks do not tell how far they are."""
