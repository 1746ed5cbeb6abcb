"""What trivial baselines get right in val and test: how far a dataset is answered without reading any repository.

The tasks of one repository are in memory at a time. Answers are stopped and compared as in runs, so that the counts are
those of `repobench run` on the same tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa

from harness.metrics.exact import em_strict
from harness.predictors.protocol import Predictor, PredictorSettings, build_predictor
from harness.predictors.scripted import MemoryView
from harness.records import PredictionRequest
from harness.stopping import stop_prediction, stop_target
from repopeftbench.audit.findings import Findings, Measure
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.tables import from_table, schema_of
from repopeftbench.schema import Split, Task, TaskInput, Track

BASELINES = ("most-frequent", "copy-prefix", "previous-version")
_HELD_OUT = tuple(split for split in Split if split.role != "train")
_CHUNK = 256

Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`, in tasks."""


def trivial_baselines(dataset: Dataset, progress: Progress) -> Findings:
    """Exact matches of each baseline (`em most-frequent`), by track, held-out split and repository.

    Args:
        dataset: the dataset.
        progress: told how many tasks are answered.

    Raises:
        DatasetError: the dataset cannot be read.
    """
    rows = {entry.path: entry.rows for entry in dataset.manifest.files}
    places = [(track, split) for track in Track for split in dataset.splits(track) if split in _HELD_OUT]
    total = sum(rows.get(f"tasks/{track}/{split}.parquet", 0) for track, split in places)
    settings = PredictorSettings()
    frequent = build_predictor("most-frequent", settings, lambda: _train_without_texts(dataset))
    copying = build_predictor("copy-prefix", settings, lambda: ())
    measures: list[Measure] = []
    done = 0
    for entry in dataset.manifest.repositories:
        previous = build_predictor("previous-version", settings, partial(_train_of, dataset, entry.repo_id))
        for track, split in places:
            tasks = list(dataset.tasks_of(track, split, entry.repo_id))
            if not tasks:
                continue
            hits = [0] * len(BASELINES)
            for start in range(0, len(tasks), _CHUNK):
                chunk = tasks[start : start + _CHUNK]
                for index, predictor in enumerate((frequent, copying, previous)):
                    hits[index] += _exact_matches(predictor, chunk)
                done += len(chunk)
                progress(done, total)
            measures += [
                Measure(name=f"em {name}", track=track, split=split, repo_id=entry.repo_id, count=count, of=len(tasks))
                for name, count in zip(BASELINES, hits, strict=True)
            ]
    return Findings(measures=tuple(measures))


def _exact_matches(predictor: Predictor, tasks: Sequence[Task]) -> int:
    requests = [
        PredictionRequest(task=TaskInput.of(task), view=MemoryView(repo_id=task.repo_id, commit_sha=task.commit_sha))
        for task in tasks
    ]
    answers = {answer.task_id: answer.text for answer in predictor.predict(requests)}
    return sum(
        em_strict(stop_prediction(task.prefix, answers[task.task_id]).text, stop_target(task.prefix, task.target))
        for task in tasks
    )


def _train_of(dataset: Dataset, repo_id: str) -> Iterator[Task]:
    for track in Track:
        yield from dataset.tasks_of(track, Split.IR_TRAIN, repo_id)


def _train_without_texts(dataset: Dataset) -> Iterator[Task]:
    """All training tasks with empty prefixes and statements: these would fill the memory, and nobody counts them."""
    schema = schema_of(Task)
    left_out = ("prefix", "statement")
    columns = [name for name in schema.names if name not in left_out]
    for track in Track:
        for table in dataset.task_tables(track, Split.IR_TRAIN, columns):
            for name in left_out:
                table = table.append_column(schema.field(name), pa.array([""] * table.num_rows, pa.string()))
            yield from from_table(Task, table.select(schema.names), where=f"{track}/{Split.IR_TRAIN}")
