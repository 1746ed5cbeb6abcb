"""What changed between two versions of a dataset: options, repositories, files, and every task with a reason (io)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.task_index import COLUMNS, Place, TaskIndex, matched, statement_identity
from repopeftbench.mining.drafts import DUPLICATE
from repopeftbench.schema import Split, Track

NO_REPOSITORY = "no such repository"
NO_COMMIT = "no such commit"
OTHER_SNAPSHOT = "other snapshot"
REJECTED = "rejected"
UNKNOWN = "unknown"
_REPOSITORY_FIELDS = ("revision", "role", "licence", "ended_by_cutoff")
_DERIVED = "task_id"
_TOGETHER = {
    "commit": ("commit_sha", "commit_index", "history_index", "committer_time"),
    "place": ("lineno", "statement_start_byte", "statement_end_byte", "target_start_byte", "target_end_byte"),
}
"""Columns that change together, and what they are called then."""
_NAMES = {column: name for name, columns in _TOGETHER.items() for column in columns}


class Change(StrEnum):
    """What became of a task."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A thing with another value; None on the side that lacks it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """One task that is not the same; its place is that in the version that has it, the first one where both do.

    `reason` of a removed or added task is what the other version says of it: that it has no such repository, no such
    kept commit, a snapshot of another revision, rejected the statement or its file (`rejected: in-train`), or nothing.
    Of a changed one it names the columns.
    """

    change: Change
    track: Track
    split: Split
    reason: str
    repo_id: str
    commit_sha: str
    test_file: str
    lineno: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCount:
    """How many tasks changed in the same way."""

    change: Change
    track: Track
    split: Split
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChanges:
    """All that differs between two datasets."""

    options: tuple[Difference, ...]
    """Options, versions and origin."""
    repositories: tuple[Difference, ...]
    files: tuple[str, ...]
    """Paths of files that only one has, or that differ."""
    unchanged: int
    """Tasks that are the same in every column."""
    counts: tuple[ChangeCount, ...]
    examples: tuple[TaskChange, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.options or self.repositories or self.files or self.counts)


def compare_datasets(before: Dataset, after: Dataset, *, examples: int) -> DatasetChanges:
    """What changed from one dataset to another.

    Args:
        before: the first version.
        after: the second version.
        examples: how many examples of each way of changing are kept.

    Raises:
        DatasetError: one of them cannot be read.
    """
    one, other = TaskIndex(before), TaskIndex(after)
    pairs, gone, new = matched(one, other)
    changes = [*_changed(one, other, pairs)]
    changes += _unmatched(Change.REMOVED, one, gone, after)
    changes += _unmatched(Change.ADDED, other, new, before)
    groups: dict[tuple[Change, Track, Split, str], list[TaskChange]] = {}
    for change in changes:
        groups.setdefault((change.change, change.track, change.split, change.reason), []).append(change)
    keys = sorted(groups, key=_order)
    return DatasetChanges(
        options=tuple(_options(before.manifest, after.manifest)),
        repositories=tuple(_repositories(before.manifest, after.manifest)),
        files=tuple(_files(before.manifest, after.manifest)),
        unchanged=len(one.places) - sum(change.change is not Change.ADDED for change in changes),
        counts=tuple(
            ChangeCount(change=key[0], track=key[1], split=key[2], reason=key[3], count=len(groups[key]))
            for key in keys
        ),
        examples=tuple(change for key in keys for change in groups[key][:examples]),
    )


def _changed(one: TaskIndex, other: TaskIndex, pairs: Sequence[tuple[int, int]]) -> Iterator[TaskChange]:
    for left, right in pairs:
        columns = np.flatnonzero(one.prints[left] != other.prints[right])
        if not len(columns):
            continue
        # An id follows from the content: it is news only where nothing else is.
        names = [COLUMNS[column] for column in columns if COLUMNS[column] != _DERIVED] or [_DERIVED]
        place, now = one.places[left], other.places[right]
        words = dict.fromkeys(f"split to {now.split}" if name == "split" else _NAMES.get(name, name) for name in names)
        yield _change(Change.CHANGED, place, ", ".join(words))


def _unmatched(change: Change, index: TaskIndex, positions: Sequence[int], other: Dataset) -> Iterator[TaskChange]:
    """Tasks that the other dataset lacks, with what it says of them."""
    if not positions:
        return
    revisions = {entry.repo_id: entry.revision for entry in other.manifest.repositories}
    kept = {
        (repo_id, sha)
        for table in other.commit_tables(("repo_id", "commit_sha"))
        for repo_id, sha in zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True)
    }
    rejects = _reject_reasons(index, positions, other)
    for position in positions:
        place = index.places[position]
        why = rejects.get(index.statements[position], rejects.get(_file_identity(place)))
        if place.repo_id not in revisions:
            reason = NO_REPOSITORY
        elif why is not None:
            reason = f"{REJECTED}: {why}"
        elif place.track is Track.STATIC:
            reason = UNKNOWN if place.commit_sha == revisions[place.repo_id] else OTHER_SNAPSHOT
        else:
            reason = UNKNOWN if (place.repo_id, place.commit_sha) in kept else NO_COMMIT
        yield _change(change, place, reason)


def _reject_reasons(index: TaskIndex, positions: Sequence[int], other: Dataset) -> dict[int, str]:
    """Why the other dataset rejects statements, or whole files, of these tasks, by their identity."""
    wanted = {index.statements[position] for position in positions}
    wanted |= {_file_identity(index.places[position]) for position in positions}
    found: dict[int, str] = {}
    columns = ("track", "repo_id", "commit_sha", "test_file", "test_function", "statement_key", "reason")
    for table in other.reject_tables(columns):
        for *place, reason in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
            identity = statement_identity(*place)
            # A repetition says nothing of the first copy, which is the one that would be a task.
            if identity in wanted and found.get(identity, DUPLICATE) == DUPLICATE:
                found[identity] = reason
    return found


def _file_identity(place: Place) -> int:
    return statement_identity(place.track, place.repo_id, place.commit_sha, place.test_file, None, None)


def _change(change: Change, place: Place, reason: str) -> TaskChange:
    return TaskChange(
        change=change,
        track=place.track,
        split=place.split,
        reason=reason,
        repo_id=place.repo_id,
        commit_sha=place.commit_sha,
        test_file=place.test_file,
        lineno=place.lineno,
    )


def _order(key: tuple[Change, Track, Split, str]) -> tuple[int, int, int, str]:
    return list(Change).index(key[0]), list(Track).index(key[1]), list(Split).index(key[2]), key[3]


def _options(before: Manifest, after: Manifest) -> Iterator[Difference]:
    parts = [(before.config, after.config), (before.versions, after.versions)]
    for one, other in parts:
        for name, value in one:
            now = getattr(other, name)
            if value != now:
                yield Difference(name=name, before=str(value), after=str(now))
    if before.origin != after.origin:
        yield Difference(name="origin", before=before.origin, after=after.origin)


def _repositories(before: Manifest, after: Manifest) -> Iterator[Difference]:
    one = {entry.repo_id: entry for entry in before.repositories}
    other = {entry.repo_id: entry for entry in after.repositories}
    for repo_id in sorted({*one, *other}):
        was, now = one.get(repo_id), other.get(repo_id)
        if was is None or now is None:
            yield Difference(
                name=repo_id, before=None if was is None else was.role, after=None if now is None else now.role
            )
            continue
        for name in _REPOSITORY_FIELDS:
            if getattr(was, name) != getattr(now, name):
                yield Difference(
                    name=f"{repo_id} {name}", before=str(getattr(was, name)), after=str(getattr(now, name))
                )


def _files(before: Manifest, after: Manifest) -> Iterator[str]:
    one = {entry.path: entry.sha256 for entry in before.files}
    other = {entry.path: entry.sha256 for entry in after.files}
    yield from (path for path in sorted({*one, *other}) if one.get(path) != other.get(path))
