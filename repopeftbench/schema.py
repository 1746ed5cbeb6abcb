"""The frozen records that every layer exchanges, and how their ids are made.

This module knows what a task, a reject and a commit are. It does not know how they are mined, split, stored or
answered. Offsets are bytes of the raw file, half-open; line numbers start at 1; times are seconds since the Unix
epoch (committer time).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Track(StrEnum):
    """Where a task comes from: one snapshot, or the commits of a history."""

    STATIC = "static"
    EVOLUTION = "evolution"


class State(StrEnum):
    """What a predictor may see of a commit on the evolution track: its own production code too, or what came before.

    `parent` is the kept commit before: what a kept commit's production diff starts from.
    """

    PARENT = "parent"
    COMMIT = "commit"


class Family(StrEnum):
    """The kind of an assertion site; one site has exactly one, the most specific."""

    ASSERT = "assert"
    UNITTEST = "unittest"
    RAISES = "raises"
    APPROX = "approx"
    NUMPY = "numpy"
    MOCK = "mock"
    OTHER = "other"


class Event(StrEnum):
    """Why a site is a task: it stands in a snapshot, or a commit added or modified it."""

    SNAPSHOT = "snapshot"
    ADDED = "added"
    MODIFIED = "modified"


class Split(StrEnum):
    """Suite and role of a task, written together (`cr_test`)."""

    IR_TRAIN = "ir_train"
    IR_VAL = "ir_val"
    IR_TEST = "ir_test"
    CR_VAL = "cr_val"
    CR_TEST = "cr_test"
    OOD_TEST = "ood_test"

    @property
    def suite(self) -> str:
        """`ir`, `cr` or `ood`."""
        return self.value.partition("_")[0]

    @property
    def role(self) -> str:
        """`train`, `val` or `test`."""
        return self.value.partition("_")[2]


class TargetType(StrEnum):
    """The syntactic kind of a target."""

    NUMBER = "number"
    STRING = "string"
    BOOL = "bool"
    NONE = "none"
    COLLECTION = "collection"
    CALL = "call"
    NAME = "name"
    ATTRIBUTE = "attribute"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """A commit of a first-parent history; `history_index` counts from 0, the oldest."""

    sha: str
    history_index: int
    committer_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One assertion to complete: text before the cut, the gap, the target, the rest of the statement.

    `statement` re-assembles as the end of `prefix`, then `gap`, `target` and `suffix`; `prefix` of mined tasks never
    ends in white space. `split` is None only while mining: it is given when all repositories are known.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split | None
    commit_sha: str
    commit_index: int
    history_index: int
    committer_time: int
    test_file: str
    test_function: str
    lineno: int
    statement_start_byte: int
    statement_end_byte: int
    target_start_byte: int
    target_end_byte: int
    family: Family
    event: Event
    statement: str
    statement_key: str
    prefix: str
    gap: str
    target: str
    suffix: str
    old_target: str | None
    target_type: TargetType
    licence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """An assertion site, or a whole test file, that did not become a task, and why.

    A rejected file has no `lineno`, `family`, `test_function` or `statement`.
    """

    repo_id: str
    track: Track
    commit_sha: str
    history_index: int
    test_file: str
    test_function: str | None
    lineno: int | None
    family: Family | None
    statement: str | None
    statement_key: str | None
    reason: str

    @classmethod
    def of(cls, task: Task, reason: str) -> "Reject":
        """The row of a task that has to leave the dataset again."""
        return cls(
            repo_id=task.repo_id,
            track=task.track,
            commit_sha=task.commit_sha,
            history_index=task.history_index,
            test_file=task.test_file,
            test_function=task.test_function,
            lineno=task.lineno,
            family=task.family,
            statement=task.statement,
            statement_key=task.statement_key,
            reason=reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRecord:
    """A kept commit: one with evolution tasks or new rejects.

    `commit_index` counts kept commits, `history_index` all first-parent commits, both from 0.
    `production_diff` is against the previous kept commit (the first one: against its own parent).
    `split` is None only while mining.
    """

    repo_id: str
    commit_sha: str
    commit_index: int
    history_index: int
    committer_time: int
    split: Split | None
    tasks: int
    rejects: int
    production_diff: str
    production_diff_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCommit:
    """A kept commit as a view tells of it."""

    commit_sha: str
    split: Split | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """What a predictor may see of a task: nothing in it tells the target.

    `old_target` is the target of the version that a modified assertion replaced; only `previous-version` may read it.
    """

    task_id: str
    repo_id: str
    track: Track
    commit_sha: str
    test_file: str
    test_function: str
    family: Family
    prefix: str
    old_target: str | None

    @classmethod
    def of(cls, task: Task) -> "TaskInput":
        """The visible part of `task`."""
        return cls(
            task_id=task.task_id,
            repo_id=task.repo_id,
            track=task.track,
            commit_sha=task.commit_sha,
            test_file=task.test_file,
            test_function=task.test_function,
            family=task.family,
            prefix=task.prefix,
            old_target=task.old_target,
        )


class SymbolKind(StrEnum):
    """What a piece of production code defines."""

    CONSTANT = "constant"
    ENUM_MEMBER = "enum-member"
    EXCEPTION = "exception"
    DEFAULT = "default"
    CONFIG_KEY = "config-key"
    RETURN = "return"
    SIGNATURE = "signature"
    CLASS = "class"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SymbolRecord:
    """One definition in a production file: `name` is qualified inside its module, `value` is the source of what it is.

    A value or signature is one line, as the code has it apart from white space. Two definitions that agree in
    everything are two records.
    """

    path: str
    kind: SymbolKind
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChanges:
    """What a kept commit added to the records of the kept commit before, and what it removed: sorted multisets."""

    added: tuple[SymbolRecord, ...]
    removed: tuple[SymbolRecord, ...]


class RepositoryView(Protocol):
    """What a predictor may see of a repository at one commit: production files, never tests, never later commits."""

    @property
    def repo_id(self) -> str:
        """The repository."""
        ...

    @property
    def commit_sha(self) -> str:
        """The commit whose tree is shown."""
        ...

    def production_files(self) -> Sequence[str]:
        """Paths of the production `.py` files of the tree, sorted."""
        ...

    def read(self, path: str) -> str:
        """The text of one production file.

        Raises:
            GitObjectError: `path` is not a production file of this tree, or its content cannot be read.
        """
        ...


class HistoryView(RepositoryView, Protocol):
    """A `RepositoryView` that also tells its contents by id, and how production code came to be what it is."""

    def blobs(self) -> Mapping[str, str]:
        """The content id of each production file, by path, in order of path."""
        ...

    def description(self) -> str:
        """What the project says of itself at the root of the tree: README, then package metadata; empty without."""
        ...

    def kept_commits(self) -> Sequence[KeptCommit]:
        """The kept commits up to and including this one, oldest first."""
        ...

    def production_diff(self, commit_sha: str) -> str:
        """What one of `kept_commits` changed in production files since the kept commit before."""
        ...

    def symbols(self) -> Sequence[SymbolRecord]:
        """What the production files define, sorted; a multiset: equal records are there as often as their definitions.

        A test's `conftest.py` is no production file here, wherever it stands.
        """
        ...

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """What one of `kept_commits` changed in the symbols of the one before; the first one adds all of its own."""
        ...

    def at(self, commit_sha: str) -> "HistoryView":
        """The view at one of `kept_commits`."""
        ...


def content_id(*parts: str | int) -> str:
    """Hex id (32 characters) of an ordered tuple of parts; independent of process, order of calls and platform."""
    digest = hashlib.sha256()
    for part in parts:
        raw = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()[:32]
