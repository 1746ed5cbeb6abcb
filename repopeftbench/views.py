"""What predictors see of a repository: from the dataset's snapshots, or from the git history it was mined from.

A view shows production files at one commit: no test file, no later commit. Opening is lazy: a predictor that never
looks costs nothing. With snapshots in the dataset no clone is needed, nor any git library: those are imported only
where a history is read.
"""

import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from repopeftbench.dataset.histories import CommitHistories
from repopeftbench.dataset.manifest import Manifest, RepositoryEntry
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.dataset.symbol_store import StoredSymbols
from repopeftbench.dataset.symbol_tables import has_symbols
from repopeftbench.empty_view import NothingYet
from repopeftbench.errors import DatasetError, GitObjectError, SourceError
from repopeftbench.mining.metadata import described, is_metadata
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import HistoryView, KeptCommit, State, SymbolChanges, SymbolRecord, Task, Track
from repopeftbench.symbol_sets import ExtractedSymbols, SymbolSource

if TYPE_CHECKING:
    from repopeftbench.gitrepo import GitRepository


class _DatasetView(ABC):
    """A `HistoryView` of a dataset's commit, wherever its files are read from."""

    def __init__(
        self, repo_id: str, commit_sha: str, histories: CommitHistories | None, symbols: SymbolSource | None
    ) -> None:
        self._repo_id = repo_id
        self._commit_sha = commit_sha
        self._histories = histories
        self._symbols = symbols or ExtractedSymbols()

    @abstractmethod
    def at(self, commit_sha: str) -> HistoryView: ...

    @property
    @abstractmethod
    def _production(self) -> dict[str, str]:
        """The content id of each production file, by path, in order of path."""

    @property
    @abstractmethod
    def _metadata(self) -> dict[str, str]:
        """The content id of each metadata file, by path, in order of path."""

    @abstractmethod
    def _text(self, path: str, blob: str) -> str:
        """The text of a content, which stands at `path`."""

    @property
    def repo_id(self) -> str:
        """The repository."""
        return self._repo_id

    @property
    def commit_sha(self) -> str:
        """The commit whose tree is shown."""
        return self._commit_sha

    def blobs(self) -> Mapping[str, str]:
        """The content id of each production file, by path, in order of path.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        return MappingProxyType(self._production)

    def production_files(self) -> tuple[str, ...]:
        """Paths of the production `.py` files, sorted.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        return tuple(self._production)

    def read(self, path: str) -> str:
        """The text of one production file.

        Raises:
            GitObjectError: `path` is no production file of this tree, or has no text.
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return self._read(path, self._production.get(path), "production")

    def metadata_files(self) -> tuple[str, ...]:
        """Paths of the project's metadata (`mining.metadata`), sorted; beyond what every `RepositoryView` shows.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        return tuple(self._metadata)

    def read_metadata(self, path: str) -> str:
        """The text of one metadata file.

        Raises:
            GitObjectError: `path` is no metadata file of this tree, or has no text.
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return self._read(path, self._metadata.get(path), "metadata")

    def kept_commits(self) -> tuple[KeptCommit, ...]:
        """The kept commits up to and including this one, oldest first.

        Raises:
            DatasetError: the dataset does not know the commit, or cannot be read.
        """
        return self._known.until(self._repo_id, self._commit_sha)

    def production_diff(self, commit_sha: str) -> str:
        """What one of `kept_commits` changed in production files since the kept commit before.

        Raises:
            DatasetError: it is none of them, or the dataset cannot be read.
        """
        self._check_earlier(commit_sha)
        return self._known.production_diff(self._repo_id, commit_sha)

    def description(self) -> str:
        """What the project says of itself at the root of the tree: README, then package metadata; empty without.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        return described({path: partial(self.read_metadata, path) for path in self.metadata_files()})

    def symbols(self) -> tuple[SymbolRecord, ...]:
        """What the production files define, sorted: a multiset.

        Raises:
            DatasetError: the dataset does not know the commit, or cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        return self._symbols.records(self)

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """What one of `kept_commits` changed in the symbols of the one before; the first one adds all of its own.

        Raises:
            DatasetError: it is none of them, or the dataset cannot be read.
            GitObjectError: the repository is not where it was mined from.
        """
        view = self.at(commit_sha)
        return self._symbols.changes(_before(view), view)

    def _read(self, path: str, blob: str | None, kind: str) -> str:
        if blob is None:
            raise GitObjectError(f"{path} is not a {kind} file of {self._repo_id} at {self._commit_sha}")
        return self._text(path, blob)

    @property
    def _known(self) -> CommitHistories:
        if self._histories is None:
            raise DatasetError(f"what came before {self._commit_sha} of {self._repo_id} was not given to this view")
        return self._histories

    def _check_earlier(self, commit_sha: str) -> None:
        if all(commit.commit_sha != commit_sha for commit in self.kept_commits()):
            raise DatasetError(f"{commit_sha} of {self._repo_id} is no kept commit up to {self._commit_sha}")


class DatasetRepositoryView(_DatasetView):
    """The production files of one commit, read from a dataset's snapshots (a `HistoryView`).

    A file is shown only if its path is production code's and its content was met at some path outside the tests.
    """

    def __init__(
        self,
        repo_id: str,
        commit_sha: str,
        store: SnapshotStore,
        histories: CommitHistories | None = None,
        symbols: SymbolSource | None = None,
    ) -> None:
        """Describes the view; nothing is opened yet.

        Args:
            repo_id: the repository.
            commit_sha: the commit whose tree is shown.
            store: the snapshots.
            histories: what came before; None where nobody asks.
            symbols: where its symbols come from; None parses its files.
        """
        super().__init__(repo_id, commit_sha, histories, symbols)
        self._store = store

    def at(self, commit_sha: str) -> "DatasetRepositoryView":
        """The view at one of `kept_commits`."""
        self._check_earlier(commit_sha)
        return DatasetRepositoryView(self._repo_id, commit_sha, self._store, self._histories, self._symbols)

    def _text(self, path: str, blob: str) -> str:
        try:
            return self._store.read(blob)
        except GitObjectError as error:
            raise GitObjectError(f"{path} of {self._repo_id} at {self._commit_sha} cannot be read: {error}") from error

    @cached_property
    def _production(self) -> dict[str, str]:
        return self._visible(lambda path: file_kind(path) is FileKind.PRODUCTION)

    @cached_property
    def _metadata(self) -> dict[str, str]:
        return self._visible(is_metadata)

    def _visible(self, rule: Callable[[str], bool]) -> dict[str, str]:
        tree = self._store.tree(self._repo_id, self._commit_sha)
        return {path: tree[path] for path in sorted(tree) if rule(path) and not self._store.is_test(tree[path])}


class GitRepositoryView(_DatasetView):
    """The production files of one commit, read from git (a `HistoryView`)."""

    def __init__(
        self,
        repo_id: str,
        commit_sha: str,
        location: Path,
        histories: CommitHistories | None = None,
        symbols: SymbolSource | None = None,
    ) -> None:
        """Describes the view; nothing is opened yet.

        Args:
            repo_id: the repository.
            commit_sha: the commit whose tree is shown.
            location: folder of the git repository.
            histories: what came before; None where nobody asks.
            symbols: where its symbols come from; None parses its files.
        """
        super().__init__(repo_id, commit_sha, histories, symbols)
        self._location = location

    def at(self, commit_sha: str) -> "GitRepositoryView":
        """The view at one of `kept_commits`."""
        self._check_earlier(commit_sha)
        return GitRepositoryView(self._repo_id, commit_sha, self._location, self._histories, self._symbols)

    def _text(self, path: str, blob: str) -> str:
        raw = self._repository.read(blob)
        try:
            return decode_source(raw).utf8.decode("utf-8")
        except UnreadableSourceError as error:
            raise GitObjectError(f"{path} of {self._repo_id} at {self._commit_sha} is no text: {error}") from error

    @cached_property
    def _repository(self) -> "GitRepository":
        from repopeftbench.gitrepo import GitRepository

        try:
            return GitRepository(self._location)
        except SourceError as error:
            raise GitObjectError(f"{self._repo_id} is not where it was mined from: {error}; mine it again") from error

    @cached_property
    def _metadata(self) -> dict[str, str]:
        entries = self._repository.deltas(None, self._commit_sha)
        return {
            entry.path: entry.blob
            for entry in entries
            if entry.blob is not None and stat.S_ISREG(entry.mode) and is_metadata(entry.path)
        }

    @cached_property
    def _production(self) -> dict[str, str]:
        files = self._repository.python_files(self._commit_sha)
        return {file.path: file.blob for file in files if file_kind(file.path) is FileKind.PRODUCTION}


class DatasetViews:
    """The views of a dataset's repositories: from its snapshots where it has them, else from the clones."""

    def __init__(self, manifest: Manifest, cache: Path, *, folder: Path | None = None) -> None:
        """Prepares views of the repositories in `manifest`.

        Args:
            manifest: of the dataset.
            cache: where clones of URLs are looked for.
            folder: the dataset's folder; None reads the histories even if it holds snapshots, and knows no commits.
        """
        self._store = SnapshotStore(folder) if folder is not None and has_snapshots(folder) else None
        self._cache = cache
        self._entries = {entry.repo_id: entry for entry in manifest.repositories}
        revisions = {entry.repo_id: entry.revision for entry in manifest.repositories}
        self._histories = None if folder is None else CommitHistories(folder, revisions)
        self._symbols: SymbolSource = ExtractedSymbols()
        if folder is not None and has_symbols(folder):
            self._symbols = StoredSymbols(folder)
        self._last: dict[State, tuple[tuple[str, str], HistoryView]] = {}

    def view(self, repo_id: str, commit_sha: str) -> HistoryView:
        """The view of one repository at one commit; asked twice in a row, the same one: tasks come commit by commit."""
        return self._remembered(State.COMMIT, repo_id, commit_sha)

    def of_task(self, task: Task, state: State) -> HistoryView:
        """What predictors may see of a task's repository.

        Args:
            task: the task.
            state: whether that is the task's own commit or the kept one before. A task of the static track stands in a
                snapshot, which is shown in any case.

        Raises:
            DatasetError: the dataset does not know the commit before, or cannot be read.
        """
        return self._remembered(state if task.track is Track.EVOLUTION else State.COMMIT, task.repo_id, task.commit_sha)

    def _remembered(self, state: State, repo_id: str, commit_sha: str) -> HistoryView:
        last = self._last.get(state)
        if last is None or last[0] != (repo_id, commit_sha):
            made = self._view(repo_id, commit_sha)
            last = (repo_id, commit_sha), _before(made) if state is State.PARENT else made
            self._last[state] = last
        return last[1]

    def _view(self, repo_id: str, commit_sha: str) -> DatasetRepositoryView | GitRepositoryView:
        if self._store is not None:
            return DatasetRepositoryView(repo_id, commit_sha, self._store, self._histories, self._symbols)
        location = clone_of(self._entries[repo_id], self._cache)
        return GitRepositoryView(repo_id, commit_sha, location, self._histories, self._symbols)


def _before(view: HistoryView) -> HistoryView:
    """The view at the kept commit before that of another view."""
    commits = view.kept_commits()
    return view.at(commits[-2].commit_sha) if len(commits) > 1 else NothingYet(view.repo_id)


def clone_of(entry: RepositoryEntry, cache: Path) -> Path:
    """The folder of the git repository that an entry was mined from, whether it is still there or not."""
    from repopeftbench.sources import cached_clone

    path = Path(entry.location)
    return path if path.is_absolute() else cached_clone(entry.location, cache)
