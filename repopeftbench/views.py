"""What predictors see of a repository: from the dataset's snapshots, or from the git history it was mined from.

A view shows production files at one commit: no test file, no later commit. Opening is lazy: a predictor that never
looks costs nothing. With snapshots in the dataset no clone is needed, nor any git library: those are imported only
where a history is read.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from repopeftbench.dataset.manifest import Manifest, RepositoryEntry
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.mining.metadata import is_metadata
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import RepositoryView

if TYPE_CHECKING:
    from repopeftbench.gitrepo import GitRepository


class DatasetRepositoryView:
    """The production files of one commit, read from a dataset's snapshots (a `RepositoryView`).

    A file is shown only if its path is production code's and its content was met at some path outside the tests.
    """

    def __init__(self, repo_id: str, commit_sha: str, store: SnapshotStore) -> None:
        """Describes the view; nothing is opened yet.

        Args:
            repo_id: the repository.
            commit_sha: the commit whose tree is shown.
            store: the snapshots.
        """
        self._repo_id = repo_id
        self._commit_sha = commit_sha
        self._store = store

    @property
    def repo_id(self) -> str:
        """The repository."""
        return self._repo_id

    @property
    def commit_sha(self) -> str:
        """The commit whose tree is shown."""
        return self._commit_sha

    def production_files(self) -> tuple[str, ...]:
        """Paths of the production `.py` files, sorted.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return tuple(self._production)

    def read(self, path: str) -> str:
        """The text of one production file.

        Raises:
            GitObjectError: `path` is no production file of this tree, or has no text in the dataset.
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return self._read(path, self._production.get(path), "production")

    def metadata_files(self) -> tuple[str, ...]:
        """Paths of the project's metadata (`mining.metadata`), sorted; beyond what every `RepositoryView` shows.

        Raises:
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return tuple(self._metadata)

    def read_metadata(self, path: str) -> str:
        """The text of one metadata file.

        Raises:
            GitObjectError: `path` is no metadata file of this tree, or has no text in the dataset.
            DatasetError: the dataset has no snapshot of this commit, or cannot be read.
        """
        return self._read(path, self._metadata.get(path), "metadata")

    def _read(self, path: str, blob: str | None, kind: str) -> str:
        if blob is None:
            raise GitObjectError(f"{path} is not a {kind} file of {self._repo_id} at {self._commit_sha}")
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


class GitRepositoryView:
    """The production files of one commit, read from git (a `RepositoryView`)."""

    def __init__(self, repo_id: str, commit_sha: str, location: Path) -> None:
        """Describes the view; nothing is opened yet.

        Args:
            repo_id: the repository.
            commit_sha: the commit whose tree is shown.
            location: folder of the git repository.
        """
        self._repo_id = repo_id
        self._commit_sha = commit_sha
        self._location = location

    @property
    def repo_id(self) -> str:
        """The repository."""
        return self._repo_id

    @property
    def commit_sha(self) -> str:
        """The commit whose tree is shown."""
        return self._commit_sha

    def production_files(self) -> tuple[str, ...]:
        """Paths of the production `.py` files, sorted.

        Raises:
            GitObjectError: the repository is not where it was mined from.
        """
        return tuple(self._blobs)

    def read(self, path: str) -> str:
        """The text of one production file.

        Raises:
            GitObjectError: `path` is no production file of this tree, or is not text.
        """
        blob = self._blobs.get(path)
        if blob is None:
            raise GitObjectError(f"{path} is not a production file of {self._repo_id} at {self._commit_sha}")
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
    def _blobs(self) -> dict[str, str]:
        files = self._repository.python_files(self._commit_sha)
        return {file.path: file.blob for file in files if file_kind(file.path) is FileKind.PRODUCTION}


class DatasetViews:
    """The views of a dataset's repositories: from its snapshots where it has them, else from the clones."""

    def __init__(self, manifest: Manifest, cache: Path, *, folder: Path | None = None) -> None:
        """Prepares views of the repositories in `manifest`.

        Args:
            manifest: of the dataset.
            cache: where clones of URLs are looked for.
            folder: the dataset's folder; None reads the histories even if it holds snapshots.
        """
        self._store = SnapshotStore(folder) if folder is not None and has_snapshots(folder) else None
        self._cache = cache
        self._entries = {entry.repo_id: entry for entry in manifest.repositories}
        self._last: RepositoryView | None = None

    def view(self, repo_id: str, commit_sha: str) -> RepositoryView:
        """The view of one repository at one commit; asked twice in a row, the same one: tasks come commit by commit."""
        if self._last is None or (self._last.repo_id, self._last.commit_sha) != (repo_id, commit_sha):
            self._last = self._view(repo_id, commit_sha)
        return self._last

    def _view(self, repo_id: str, commit_sha: str) -> RepositoryView:
        if self._store is not None:
            return DatasetRepositoryView(repo_id, commit_sha, self._store)
        return GitRepositoryView(repo_id, commit_sha, _location(self._entries[repo_id], self._cache))


def _location(entry: RepositoryEntry, cache: Path) -> Path:
    from repopeftbench.sources import cached_clone

    path = Path(entry.location)
    return path if path.is_absolute() else cached_clone(entry.location, cache)
