"""Fakes to test with: a predictor that says what it is told to, and a repository that lives in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.records import Answer, PredictionRequest
from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.schema import KeptCommit, SymbolChanges, SymbolRecord, content_id


class ScriptedError(Exception):
    """What a scripted predictor raises on a task that it shall fail on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedPredictor:
    """Answers by task id from a script, in the order asked.

    A task without a line gets `otherwise`. A call that holds one of `failures` raises `ScriptedError` in its place.
    `before` is called with each task id before its answer: the place to sleep, to count or to die.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    failures: Collection[str] = ()
    before: Callable[[str], None] | None = None

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order.

        Raises:
            ScriptedError: a request is among `failures`.
        """
        for request in requests:
            task_id = request.task.task_id
            if self.before is not None:
                self.before(task_id)
            if task_id in self.failures:
                raise ScriptedError(f"scripted to fail on {task_id}")
            yield Answer(task_id=task_id, text=self.answers.get(task_id, self.otherwise))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryView:
    """A `HistoryView` over texts that are given.

    `diffs` are those of its kept commits, oldest first; `earlier` are the views at those that can be shown. `records`
    are its symbols, and `changes` what the kept commits changed in them.
    """

    repo_id: str
    commit_sha: str
    files: Mapping[str, str] = field(default_factory=dict)
    diffs: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, "MemoryView"] = field(default_factory=dict)
    records: Sequence[SymbolRecord] = ()
    changes: Mapping[str, SymbolChanges] = field(default_factory=dict)
    said: str = ""

    def production_files(self) -> Sequence[str]:
        """The paths of `files`, sorted."""
        return sorted(self.files)

    def read(self, path: str) -> str:
        """The text of one file.

        Raises:
            GitObjectError: there is no such file.
        """
        try:
            return self.files[path]
        except KeyError:
            raise GitObjectError(f"{path!r} is no production file of {self.repo_id} at {self.commit_sha}.") from None

    def blobs(self) -> Mapping[str, str]:
        """The content id of each file, by path, in order of path."""
        return {path: content_id(self.files[path]) for path in sorted(self.files)}

    def description(self) -> str:
        """The given description."""
        return self.said

    def kept_commits(self) -> Sequence[KeptCommit]:
        """The commits that have diffs, in the order given."""
        return [KeptCommit(commit_sha=sha, split=None) for sha in self.diffs]

    def production_diff(self, commit_sha: str) -> str:
        """The diff of one of `kept_commits`.

        Raises:
            DatasetError: it is none of them.
        """
        try:
            return self.diffs[commit_sha]
        except KeyError:
            raise DatasetError(f"{commit_sha!r} is no kept commit of {self.repo_id} up to {self.commit_sha}.") from None

    def symbols(self) -> Sequence[SymbolRecord]:
        """The given records, sorted."""
        return sorted(self.records)

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """The given changes of one of `kept_commits`.

        Raises:
            DatasetError: there are none.
        """
        try:
            return self.changes[commit_sha]
        except KeyError:
            raise DatasetError(f"{commit_sha!r} is no kept commit of {self.repo_id} up to {self.commit_sha}.") from None

    def at(self, commit_sha: str) -> "MemoryView":
        """The view at one of `kept_commits`: itself at its own.

        Raises:
            DatasetError: it is none of them.
        """
        if commit_sha != self.commit_sha and commit_sha not in self.earlier:
            raise DatasetError(f"{commit_sha!r} of {self.repo_id} is not shown at {self.commit_sha}.")
        return self if commit_sha == self.commit_sha else self.earlier[commit_sha]
