"""Opens the repository of a source on the machine that does the work (io): as it is today, or at a known revision.

Which machine that is does not matter here: a worker of a cluster has clones of its own, perhaps older than those of
the machine that looked at the source first, and perhaps not the local paths that are listed.
"""

from pathlib import Path

from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.schema import CommitInfo
from repopeftbench.sources import Source, local_copy


def open_newest(source: Source, cache: Path) -> GitRepository:
    """The source's repository, cloned to `cache` or updated there where it is a URL.

    Raises:
        SourceError: it cannot be reached or opened, or is a path that this machine does not have.
    """
    return GitRepository(_existing(local_copy(source, cache)))


def open_at(source: Source, cache: Path, revision: str) -> tuple[GitRepository, tuple[CommitInfo, ...]]:
    """The source's repository and its first-parent history up to a SHA; a clone without that commit is updated.

    Raises:
        SourceError: it cannot be reached or opened, or is a path that this machine does not have.
        GitObjectError: even an updated copy lacks a commit of that history.
    """
    repository = GitRepository(_existing(local_copy(source, cache, update=False)))
    try:
        return repository, repository.history(revision)
    except GitObjectError:
        repository = open_newest(source, cache)
        return repository, repository.history(revision)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise SourceError(
            f"{path} does not exist on the worker: list a URL, or put it on a file system that all workers share"
        )
    return path
