"""What scores keep of tasks, from records or straight from a dataset's tables (io): everything but the prefix."""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from harness.errors import ScoringError
from harness.records import TaskFacts
from harness.stopping import stop_target
from repopeftbench.audit.occurrences import occurs
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Event, Family, Split, TargetType, Task, Track

_COLUMNS = (
    "task_id",
    "repo_id",
    "track",
    "split",
    "family",
    "event",
    "target_type",
    "history_index",
    "prefix",
    "target",
)
_fields_of = attrgetter(*_COLUMNS)


def facts_of(task: Task, history_lengths: Mapping[str, int]) -> TaskFacts:
    """The facts of one task; `history_lengths` are those of its dataset.

    Raises:
        ScoringError: the task has no split yet, or its repository has no history length.
    """
    if task.split is None:
        raise ScoringError(f"Task {task.task_id} has no split yet: score the tasks of a finished dataset.")
    return _facts(_fields_of(task), history_lengths)


def read_facts(dataset: Dataset, tracks: Sequence[Track], splits: Sequence[Split]) -> Iterator[TaskFacts]:
    """The facts of all tasks of these tracks and splits, one row group in memory at a time.

    Raises:
        DatasetError: the dataset cannot be read.
        ScoringError: the manifest does not know a task's repository.
    """
    lengths = history_lengths(dataset.manifest)
    for track in tracks:
        for split in splits:
            for table in dataset.task_tables(track, split, _COLUMNS):
                columns = (table.column(name).to_pylist() for name in _COLUMNS)
                for values in zip(*columns, strict=True):
                    yield _facts(values, lengths)


def history_lengths(manifest: Manifest) -> dict[str, int]:
    """The number of first-parent commits of every repository's mined history."""
    return {entry.repo_id: entry.commits for entry in manifest.repositories}


def _facts(values: Sequence[Any], lengths: Mapping[str, int]) -> TaskFacts:
    """The facts from the values of `_COLUMNS`."""
    task_id, repo_id, track, split, family, event, target_type, history_index, prefix, target = values
    if repo_id not in lengths:
        raise ScoringError(f"The dataset's manifest does not list repository {repo_id}: mine the dataset again.")
    return TaskFacts(
        task_id=task_id,
        repo_id=repo_id,
        track=Track(track),
        split=Split(split),
        family=Family(family),
        event=Event(event),
        target_type=TargetType(target_type),
        target_characters=len(target),
        prefix_characters=len(prefix),
        target_in_prefix=bool(target) and occurs(target, prefix),
        history_index=history_index,
        repository_commits=lengths[repo_id],
        target=stop_target(prefix, target),
        raw_target=target,
    )
