"""Which tasks a run answers, and in which order. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from repopeftbench.schema import Split, Task, Track, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSelection:
    """The tasks of these tracks and splits, at most `limit` of each (track, split) pair; None takes all.

    `seed` decides which tasks a limit keeps.
    """

    splits: tuple[Split, ...]
    tracks: tuple[Track, ...] = (Track.STATIC, Track.EVOLUTION)
    limit: int | None = None
    seed: int = 0


def select_tasks(tasks: Iterable[Task], selection: TaskSelection) -> tuple[Task, ...]:
    """The selected tasks in the order of a run: by track, split, repository, history, file, place.

    Which tasks a limit keeps depends on their ids and the seed alone, so a larger limit keeps all of a smaller one's.
    """
    groups: dict[tuple[Track, Split], list[Task]] = {}
    for task in tasks:
        if task.split is not None and task.track in selection.tracks and task.split in selection.splits:
            groups.setdefault((task.track, task.split), []).append(task)
    if selection.limit is not None:
        for key, group in groups.items():
            ranked = sorted(group, key=lambda task: (content_id(selection.seed, task.task_id), task.task_id))
            groups[key] = ranked[: max(selection.limit, 0)]
    return tuple(sorted((task for group in groups.values() for task in group), key=_run_order))


def _run_order(task: Task) -> tuple[str, str, str, int, str, int, str]:
    return (
        task.track,
        task.split or "",
        task.repo_id,
        task.history_index,
        task.test_file,
        task.target_start_byte,
        task.task_id,
    )
