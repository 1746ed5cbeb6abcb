"""Runs a predictor over tasks into a run folder: chunk by chunk, resumable at any moment; and scores a run again (io).

Tasks are answered in chunks of a fixed size and in a fixed order, so an interrupted and continued run asks the
predictor for the very same batches as an uninterrupted one; `answering.py` has who answers a chunk. It does not know
what a task or an answer means.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.answering import Answering, AnsweringHere
from harness.errors import RunError
from harness.manifest import RunManifest, current_scorers, hash_task_ids
from harness.predictors.protocol import Predictor
from harness.records import (
    CodeBleuBackend,
    Measure,
    RunSummary,
    Score,
    TaskFacts,
    Unscored,
)
from harness.run_store import open_run, read_run, reopen_run
from harness.scoring import METRIC_VERSIONS, score_predictions
from harness.task_facts import facts_of
from repopeftbench.schema import HistoryView, Task

Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`, in tasks, at the start and after every chunk."""


def run_method(
    *,
    tasks: Sequence[Task],
    predictor: Predictor,
    views: Callable[[Task], HistoryView],
    manifest: RunManifest,
    folder: Path,
    history_lengths: Mapping[str, int],
    progress: Progress | None = None,
) -> RunSummary:
    """Answers and scores all `tasks` with a predictor of this process: see `run_answers`.

    Args:
        tasks: what `manifest` describes, in the order of the run; ids are unique.
        predictor: asked for one chunk at a time.
        views: gives the repository as a task's predictor may see it; called once per task and chunk.
        manifest: the run's configuration, from `describe_run`.
        folder: created if absent.
        history_lengths: first-parent commits of each task's repository.
        progress: told how far the run is.
    """
    return run_answers(
        tasks=tasks,
        answering=AnsweringHere(predictor, views),
        manifest=manifest,
        folder=folder,
        history_lengths=history_lengths,
        progress=progress,
    )


def run_answers(
    *,
    tasks: Sequence[Task],
    answering: Answering,
    manifest: RunManifest,
    folder: Path,
    history_lengths: Mapping[str, int],
    progress: Progress | None = None,
) -> RunSummary:
    """Answers and scores all `tasks` into `folder`, going on where an earlier start with the same manifest ended.

    Killed at any moment and called again, it ends with the same manifest, predictions and scores, byte for byte, as a
    run that was never interrupted, given that the predictor is deterministic. A complete run is only read.

    Args:
        tasks: what `manifest` describes, in the order of the run; ids are unique.
        answering: given all chunks that are not answered yet.
        manifest: the run's configuration, from `describe_run`.
        folder: created if absent.
        history_lengths: first-parent commits of each task's repository.
        progress: told how far the run is.

    Returns:
        Counts and means over all tasks.

    Raises:
        RunError: the folder cannot be used, `tasks` are not those of `manifest`, or the predictor broke its protocol.
        PredictorError: the predictor can answer nothing.
        ScoringError: a task has no split, or its repository no history length.
    """
    task_ids = [task.task_id for task in tasks]
    if len(set(task_ids)) != len(task_ids):
        raise RunError(f"{len(task_ids) - len(set(task_ids))} of {len(task_ids)} tasks repeat an id.")
    if hash_task_ids(tasks) != manifest.task_ids_sha256:
        raise RunError(f"The {len(tasks)} given tasks are not the {manifest.task_count} that the manifest describes.")
    facts = [facts_of(task, history_lengths) for task in tasks]
    report = progress or _ignore
    with open_run(folder, manifest) as run:
        if run.is_complete():
            report(len(tasks), len(tasks))
            return _summary(read_run(folder)[1], resumed_at=len(tasks))
        done = list(run.cut_to_whole_chunks(task_ids))
        resumed_at = len(done)
        run.note(f"{manifest.method} starts with {resumed_at} of {len(tasks)} tasks answered")
        report(resumed_at, len(tasks))
        size = manifest.chunk_tasks
        chunks = [tasks[start : start + size] for start in range(resumed_at, len(tasks), size)]
        for predictions in answering.answers(chunks, run.note):
            run.append_chunk(predictions)
            done.extend(predictions)
            run.note(f"{len(done)} of {len(tasks)} tasks are answered")
            report(len(done), len(tasks))
        scores = score_predictions(facts, done)
        run.finish(scores)
        run.note("complete")
        return _summary(scores, resumed_at=resumed_at)


def score_run(
    folder: Path,
    tasks: Iterable[TaskFacts],
    *,
    backend: CodeBleuBackend = CodeBleuBackend.OURS,
    workers: int = 1,
) -> RunSummary:
    """Scores the predictions of a run again, with today's metrics and no model.

    Args:
        folder: a run whose tasks are all answered.
        tasks: facts of the run's tasks in any order; others may be among them.
        backend: what computes the paper's CodeBLEU.
        workers: processes to score with.

    Raises:
        RunError: `folder` holds no run, another process holds it, or tasks are not all answered or not given.
        ScoringError: the predictions are not one per task, or the backend is not installed.
    """
    with reopen_run(folder) as run:
        answered = run.read_predictions()
        if len(answered) != run.manifest.task_count:
            raise RunError(
                f"Run folder {folder} has answers to {len(answered)} of its {run.manifest.task_count} tasks: "
                "start the same run again to finish it."
            )
        wanted = {prediction.task_id for prediction in answered}
        by_id = {task.task_id: task for task in tasks if task.task_id in wanted}
        unknown = [prediction.task_id for prediction in answered if prediction.task_id not in by_id]
        if unknown:
            raise RunError(
                f"{len(unknown)} tasks of run folder {folder} are not in the given dataset, the first is {unknown[0]}: "
                "score it with the dataset that it was run on."
            )
        facts = [by_id[prediction.task_id] for prediction in answered]
        scores = score_predictions(facts, answered, backend=backend, workers=workers)
        run.rescore(scores, dict(METRIC_VERSIONS), current_scorers(backend))
        run.note("scored again")
        return _summary(scores, resumed_at=len(scores))


def _summary(scores: Sequence[Score], *, resumed_at: int) -> RunSummary:
    return RunSummary(
        tasks=len(scores),
        failures=sum(score.failed for score in scores),
        resumed_at=resumed_at,
        em_strict=_mean(score.em_strict for score in scores),
        em_ast=_mean(score.em_ast for score in scores),
        em_paper=_mean(score.em_paper for score in scores),
        edit_similarity=_mean(score.edit_similarity for score in scores),
        codebleu=_mean(score.codebleu for score in scores),
    )


def _mean(values: Iterable[Measure]) -> float | None:
    """The mean of what has a value; None where nothing has."""
    numbers = [float(value) for value in values if not isinstance(value, Unscored)]
    return math.fsum(numbers) / len(numbers) if numbers else None


def _ignore(done: int, total: int) -> None:
    """The progress of a caller that does not ask for it."""
