"""What a history's kept commits look like: which paths changed since the kept commit before, and each text once.

Reads git, writes nothing, and holds no text: texts are handed on one at a time. Commits are compared by object id, so
a kept commit costs what changed, not what is there.
"""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository, TreeDelta
from repopeftbench.mining.metadata import is_metadata
from repopeftbench.mining.sites import MISSING_BLOB
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.mining.testfiles import FileKind, file_kind

OVERSIZED = "oversized-file"
MOST_TEXT_BYTES = 2_000_000
"""Files above this many bytes have no text in a dataset: they are generated tables, not code that anyone reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChange:
    """A path whose content changed; `blob` is what stands there now, `old_blob` what stood there; None for no file."""

    path: str
    blob: str | None
    old_blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """One blob and its text; either `text` or `problem` is None.

    `is_test` says that the blob was met at paths of tests alone. `size_bytes` is that of the raw file, None where the
    blob is missing.
    """

    blob: str
    size_bytes: int | None
    is_test: bool
    text: str | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommit:
    """A kept commit as a difference; `files` can be walked once, and must be before the next commit is recorded."""

    commit_sha: str
    previous_sha: str | None
    changes: tuple[PathChange, ...]
    files: Iterator[SnapshotFile]


class SnapshotRecorder:
    """Records kept commits of one repository in history order; remembers only which blobs it has handed on."""

    def __init__(self, repository: GitRepository) -> None:
        """Starts with nothing recorded."""
        self._repository = repository
        self._tests: set[bytes] = set()
        self._others: set[bytes] = set()

    def record(self, commit_sha: str, previous_sha: str | None) -> RecordedCommit:
        """The regular `.py` and metadata files that differ between two kept commits, in path order.

        A blob is handed on when it is first met, and again should it first be met at a test path and later at
        another one. A recorder that begins in the middle of a history hands on blobs that stood there before, where
        they appear at a path anew.

        Args:
            commit_sha: the kept commit.
            previous_sha: the kept commit before it, None for the first one, which is recorded in full.

        Raises:
            GitObjectError: this copy lacks one of the commits.
        """
        changes = tuple(_path_changes(self._repository.deltas(previous_sha, commit_sha)))
        return RecordedCommit(
            commit_sha=commit_sha, previous_sha=previous_sha, changes=changes, files=self._unrecorded(changes)
        )

    def _unrecorded(self, changes: Sequence[PathChange]) -> Iterator[SnapshotFile]:
        elsewhere = {change.blob for change in changes if file_kind(change.path) is not FileKind.TEST}
        for blob in dict.fromkeys(change.blob for change in changes if change.blob is not None):
            is_test, key = blob not in elsewhere, bytes.fromhex(blob)
            if key in self._others or (is_test and key in self._tests):
                continue
            (self._tests if is_test else self._others).add(key)
            yield self._file(blob, is_test)

    def _file(self, blob: str, is_test: bool) -> SnapshotFile:
        size: int | None = None
        text: str | None = None
        problem: str | None = None
        try:
            raw = self._repository.read(blob)
            size = len(raw)
            if size > MOST_TEXT_BYTES:
                problem = OVERSIZED
            else:
                # Metadata too: this is UTF-8 unless the file says otherwise, and a blob's text depends on its bytes
                # alone, whatever the paths it stands at.
                text = decode_source(raw).utf8.decode("utf-8")
        except GitObjectError:
            problem = MISSING_BLOB
        except UnreadableSourceError as error:
            problem = error.reason
        return SnapshotFile(blob=blob, size_bytes=size, is_test=is_test, text=text, problem=problem)


def _path_changes(deltas: Sequence[TreeDelta]) -> Iterator[PathChange]:
    for delta in deltas:
        if not (delta.path.endswith(".py") or is_metadata(delta.path)):
            continue
        # Links and submodules are no files: one that takes a file's place removes it.
        blob = delta.blob if stat.S_ISREG(delta.mode) else None
        old_blob = delta.old_blob if stat.S_ISREG(delta.old_mode) else None
        if blob != old_blob:
            yield PathChange(path=delta.path, blob=blob, old_blob=old_blob)
