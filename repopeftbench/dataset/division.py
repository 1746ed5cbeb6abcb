"""How one repository is divided: the split of every task, reject and commit, from a few columns of their rows. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repopeftbench.schema import Split, Track
from repopeftbench.splits.assign import Role, commit_split, split_commits, split_files
from repopeftbench.splits.leakage import is_leaked, train_keys

_WHOLE = {Role.CR_VAL: Split.CR_VAL, Role.CR_TEST: Split.CR_TEST, Role.OOD_TEST: Split.OOD_TEST}


@dataclass(frozen=True, slots=True)
class Place:
    """What decides the split of a task or a reject; a rejected file has no `key`."""

    track: Track
    history_index: int
    test_file: str
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The division of one repository; `whole` is the one split of a repository that is held out whole."""

    whole: Split | None
    starts: tuple[int, int] = (0, 0)
    files: dict[str, Split]
    train: frozenset[str] = frozenset()

    def split(self, place: Place) -> Split:
        """The split of a task or a reject."""
        if self.whole is not None:
            return self.whole
        if place.track is Track.STATIC:
            return self.files.get(place.test_file, Split.IR_TRAIN)
        return commit_split(place.history_index, self.starts)

    def commit(self, history_index: int) -> Split:
        """The split of a commit."""
        return commit_split(history_index, self.starts) if self.whole is None else self.whole

    def leaks(self, place: Place) -> bool:
        """Whether a task must leave its split, because train holds its statement."""
        return self.whole is None and is_leaked(place.key or "", self.split(place), self.train)


def divide_repository(
    role: Role, tasks: Sequence[Place], rejects: Sequence[Place], renames: Iterable[tuple[int, str, str]]
) -> Division:
    """The division of a repository.

    Args:
        role: what the whole repository is for.
        tasks: its tasks, in history order.
        rejects: its rejects, in history order.
        renames: history index, old path and new path of test files that were moved, in history order.
    """
    if role in _WHOLE:
        return Division(whole=_WHOLE[role], files={})
    starts = split_commits(sorted({task.history_index for task in tasks if task.track is Track.EVOLUTION}))
    last_new = _last_new([*tasks, *(place for place in rejects if place.key is not None)], renames)
    with_tasks = {task.test_file for task in tasks if task.track is Track.STATIC}
    # Those that got a new assertion last come last and become test. Any order would do for the static track alone. This
    # one leaves the most val and test tasks on both tracks once statements of the train part are out: late commits
    # mostly add to the files that are then not in train.
    files = split_files(sorted(with_tasks, key=lambda path: (last_new.get(path, 0), path)))
    undivided = Division(whole=None, starts=starts, files=files)
    train = train_keys((place.key, undivided.split(place)) for places in (tasks, rejects) for place in places)
    return Division(whole=None, starts=starts, files=files, train=train)


def _last_new(places: Iterable[Place], renames: Iterable[tuple[int, str, str]]) -> dict[str, int]:
    """By test file, the history index of the last commit that brought a new assertion, renames followed."""
    found: dict[int, set[str]] = {}
    for place in places:
        if place.track is Track.EVOLUTION:
            found.setdefault(place.history_index, set()).add(place.test_file)
    moves: dict[int, list[tuple[str, str]]] = {}
    for index, old, new in renames:
        moves.setdefault(index, []).append((old, new))
    last: dict[str, int] = {}
    for index in sorted(found.keys() | moves.keys()):
        # All renames of a commit happen at once: two files may change places.
        moved = {new: last.pop(old, None) for old, new in moves.get(index, ())}
        last.update({path: when for path, when in moved.items() if when is not None})
        last.update(dict.fromkeys(found.get(index, ()), index))
    return last
