"""What predictors see of a repository, read from the git history that the dataset was mined from.

A view shows production files at one commit: no test file, no later commit. Opening is lazy: a predictor that never
looks costs nothing, and needs no clone.
"""

from functools import cached_property
from pathlib import Path

from repopeftbench.dataset.manifest import Manifest, RepositoryEntry
from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.sources import cached_clone


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
    def _repository(self) -> GitRepository:
        try:
            return GitRepository(self._location)
        except SourceError as error:
            raise GitObjectError(f"{self._repo_id} is not where it was mined from: {error}; mine it again") from error

    @cached_property
    def _blobs(self) -> dict[str, str]:
        files = self._repository.python_files(self._commit_sha)
        return {file.path: file.blob for file in files if file_kind(file.path) is FileKind.PRODUCTION}


class DatasetViews:
    """The views of a dataset's repositories."""

    def __init__(self, manifest: Manifest, cache: Path) -> None:
        """Prepares views of the repositories in `manifest`; clones of URLs are looked for in `cache`."""
        self._locations = {entry.repo_id: _location(entry, cache) for entry in manifest.repositories}

    def view(self, repo_id: str, commit_sha: str) -> GitRepositoryView:
        """The view of one repository at one commit."""
        return GitRepositoryView(repo_id, commit_sha, self._locations[repo_id])


def _location(entry: RepositoryEntry, cache: Path) -> Path:
    path = Path(entry.location)
    return path if path.is_absolute() else cached_clone(entry.location, cache)
