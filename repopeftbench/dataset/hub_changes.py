"""What publishing a folder would change in a repository of the Hub: compared by content. Knows no network.

A folder is published whole: what is in it is added or changed, and what an earlier publication put into the same
places and is gone from it is deleted. Everything else in the repository stays.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.errors import HubError

RepoType = Literal["dataset", "model"]
_STARTERS = frozenset({".gitattributes", "README.md", "LICENSE"})
"""What the Hub itself puts into a repository when it is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubTarget:
    """A revision (a branch, unless it is only read) of a repository on the Hub; `repo_id` is `ORG/NAME`."""

    repo_id: str
    repo_type: RepoType = "dataset"
    revision: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file on the Hub; `sha256` is of its bytes where git holds a pointer alone, else `blob` is git's id of them."""

    path: str
    size_bytes: int
    blob: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteState:
    """What is on the Hub. `commit` and `private` are None where the repository does not exist.

    Where it exists without the revision (`has_revision`), commit and files are those of its main branch.
    """

    commit: str | None = None
    private: bool | None = None
    has_revision: bool = False
    files: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Which paths a kind of publication may delete: those that match a pattern, in which `*` stands for any text.

    `marker` is a file of every such publication: a repository that has others, but lacks it, is someone else's.
    """

    marker: str
    patterns: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether a publication of this kind may delete `path`."""
        return any(fnmatchcase(path, pattern) for pattern in self.patterns)


class Change(StrEnum):
    """What becomes of a file."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file, by its path in the repository; sizes in bytes, None where there is no such file."""

    path: str
    change: Change
    size_before: int | None
    size_after: int | None


def check_ownership(remote: RemoteState, ownership: Ownership, target: HubTarget) -> None:
    """Refuses a repository that holds something else than earlier publications of the same kind.

    Raises:
        HubError: it does.
    """
    there = {file.path for file in remote.files}
    strangers = sorted(there - _STARTERS)
    if strangers and ownership.marker not in there:
        raise HubError(
            f"{target.repo_id} ({target.revision}) holds {strangers[0]}, but no {ownership.marker}, so it is no "
            "earlier version of this: name another repository with --repo-id, or empty this one first"
        )


def compare_folder(folder: Path, remote: RemoteState, ownership: Ownership) -> tuple[FileChange, ...]:
    """What becomes of every file of the folder, and of every file that must go, sorted by path.

    Raises:
        OSError: a file cannot be read.
    """
    there = {file.path: file for file in remote.files}
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    gone = [path for path in there.keys() - here.keys() if ownership.covers(path)]
    changes = [_compared(path, here[path], there.get(path)) for path in here]
    changes += [
        FileChange(path=path, change=Change.DELETED, size_before=there[path].size_bytes, size_after=None)
        for path in gone
    ]
    return tuple(sorted(changes, key=lambda change: change.path))


def needs_commit(changes: Sequence[FileChange]) -> bool:
    """Whether anything would be different afterwards."""
    return any(change.change is not Change.UNCHANGED for change in changes)


def _compared(name: str, path: Path, remote: RemoteFile | None) -> FileChange:
    size = path.stat().st_size
    if remote is None:
        return FileChange(path=name, change=Change.ADDED, size_before=None, size_after=size)
    change = Change.UNCHANGED if size == remote.size_bytes and _same(path, remote) else Change.CHANGED
    return FileChange(path=name, change=change, size_before=remote.size_bytes, size_after=size)


def _same(path: Path, remote: RemoteFile) -> bool:
    if remote.sha256 is not None:
        return file_sha256(path) == remote.sha256
    return _git_blob(path) == remote.blob


def _git_blob(path: Path) -> str:
    """Git's id of a file's bytes."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
