"""The details of tasks, in compressed chunks beside the page (io); prefixes pass through, a row group at a time.

A chunk is a script that hands its content to the page: a page that is opened from a disk may load scripts that lie
beside it, but may not read files. The content is base64, so nothing of it is ever run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.probing.records import Execution
from harness.records import Prediction, Score, Unscored
from harness.report.answers import TableKey
from harness.report.html.answers_on_disk import StoredPredictions
from harness.report.html.links import file_link
from harness.report.html.packing import pack
from harness.report.html.task_index import TaskIndex
from harness.report.methods import ScoredRun
from harness.report.metrics import METRICS
from repopeftbench.dataset.store import Dataset

CHUNK_TASKS = 200
MOST_PREFIX_CHARACTERS = 24_000
"""Of the end of a prefix; the page says how many stand before."""
_COLUMNS = (
    "task_id",
    "commit_sha",
    "test_file",
    "test_function",
    "lineno",
    "prefix",
    "gap",
    "target",
    "suffix",
    "old_target",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedRun:
    """A finished run, the folder it was read from, and what the page calls it."""

    folder: Path
    run: ScoredRun
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A task with the scores of every run, its place in them, and what the dataset says of it."""

    places: Sequence[int | None]
    scores: Sequence[Score | None]
    fields: Mapping[str, Any]


def chunk_name(number: int) -> str:
    """The file name of a chunk."""
    return f"{number:04d}.js"


def write_details(
    runs: Sequence[LocatedRun],
    datasets: Mapping[str, Dataset],
    tables: Sequence[TableKey],
    folder: Path,
    report_id: str,
    progress: Callable[[int, int], None],
) -> TaskIndex:
    """Writes the details of every task of `tables` into `folder`; gives the list of the tasks, in the same order.

    Args:
        runs: in the order of the page.
        datasets: by hash; tasks of a dataset that is not there have no prefix and no file.
        tables: in the order of the page.
        folder: empty.
        report_id: stands in every chunk, so that the page knows its own.
        progress: called as `progress(done, total)`, in tables, after every table.

    Raises:
        DatasetError: a dataset cannot be read.
        RunError: predictions cannot be read.
        OSError: the folder cannot be written.
    """
    index = TaskIndex(len(runs))
    chunk: list[dict[str, Any]] = []
    written = 0
    with ExitStack() as held:
        stored = [held.enter_context(StoredPredictions(one.folder, len(one.run.scores))) for one in runs]
        executions = [one.run.executed() for one in runs]
        for number, key in enumerate(tables):
            links = _locations(datasets.get(key[0]))
            for row in _rows(runs, datasets.get(key[0]), key):
                fields = row.fields
                file, line = fields.get("test_file", ""), fields.get("lineno", 0)
                index.add(number, row.scores, file=file, function=fields.get("test_function", ""), line=line)
                predictions = [
                    None if place is None else source[place] for source, place in zip(stored, row.places, strict=True)
                ]
                chunk.append(_detail(row, predictions, executions, links))
                if len(chunk) == CHUNK_TASKS:
                    _write_chunk(folder, report_id, written, chunk)
                    written, chunk = written + 1, []
            progress(number + 1, len(tables))
    if chunk:
        _write_chunk(folder, report_id, written, chunk)
    return index


def _write_chunk(folder: Path, report_id: str, number: int, chunk: list[dict[str, Any]]) -> None:
    text = f'repobenchDetails("{report_id}",{number},"{pack(chunk)}");\n'
    (folder / chunk_name(number)).write_text(text, "ascii")


def _locations(dataset: Dataset | None) -> dict[str, str]:
    return {} if dataset is None else {entry.repo_id: entry.location for entry in dataset.manifest.repositories}


def _rows(runs: Sequence[LocatedRun], dataset: Dataset | None, key: TableKey) -> Iterator[_Row]:
    """The answered tasks of one table: in the dataset's order, or without one in that of the first run."""
    sha256, track, split = key
    places: dict[str, list[int | None]] = {}
    for number, one in enumerate(runs):
        if one.run.manifest.dataset_sha256 == sha256:
            for place, score in enumerate(one.run.scores):
                if score.track is track and score.split is split:
                    places.setdefault(score.task_id, [None] * len(runs))[number] = place
    for fields in _fields(dataset, key) if dataset is not None else ():
        found = places.pop(fields["task_id"], None)
        if found is not None:
            yield _row(runs, found, fields)
    for found in places.values():
        yield _row(runs, found, {})


def _row(runs: Sequence[LocatedRun], places: Sequence[int | None], fields: Mapping[str, Any]) -> _Row:
    scores = [None if place is None else one.run.scores[place] for one, place in zip(runs, places, strict=True)]
    return _Row(places=places, scores=scores, fields=fields)


def _fields(dataset: Dataset, key: TableKey) -> Iterator[dict[str, Any]]:
    for table in dataset.task_tables(key[1], key[2], _COLUMNS):
        for batch in table.to_batches(max_chunksize=CHUNK_TASKS):
            yield from batch.to_pylist()


def _detail(
    row: _Row,
    predictions: Sequence[Prediction | None],
    executions: Sequence[Mapping[str, Execution]],
    links: Mapping[str, str],
) -> dict[str, Any]:
    score = next(answer for answer in row.scores if answer is not None)
    detail: dict[str, Any] = {
        "id": score.task_id,
        "repository": score.repo_id,
        "target": score.target,
        "answers": [
            None if answer is None or prediction is None else _answer(answer, prediction, executed.get(answer.task_id))
            for answer, prediction, executed in zip(row.scores, predictions, executions, strict=True)
        ],
    }
    fields = row.fields
    if fields:
        prefix = fields["prefix"]
        kept = prefix[-MOST_PREFIX_CHARACTERS:]
        location = links.get(score.repo_id, "")
        detail |= {
            "commit": fields["commit_sha"],
            "file": fields["test_file"],
            "line": fields["lineno"],
            "function": fields["test_function"],
            "link": file_link(location, fields["commit_sha"], fields["test_file"], fields["lineno"]),
            "prefix": kept,
            "before": len(prefix) - len(kept),
            "gap": fields["gap"],
            "raw_target": fields["target"],
            "suffix": fields["suffix"],
            "old_target": fields["old_target"],
        }
    return detail


def _answer(score: Score, prediction: Prediction, execution: Execution | None) -> dict[str, Any]:
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, metric in METRICS.items():
        value = metric.value(score)
        values[name] = None if isinstance(value, Unscored) else round(float(value), 4)
        if isinstance(value, Unscored):
            reasons[name] = value.reason
    return {
        "raw": prediction.raw,
        "stopped": prediction.stopped,
        "complete": prediction.complete,
        "error": prediction.error,
        "values": values,
        "reasons": reasons,
        "outcome": None if execution is None else execution.outcome.value,
    }
