"""Mines one repository: ranges of its first-parent history, oldest first, and its last snapshot. Writes nothing.

What it yields depends on the repository's content and the options alone, and not on where a history is divided into
ranges: what a range needs of earlier commits it looks up itself.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import FileChange, GitRepository, TreeFile, changed_lines
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.drafts import (
    MOST_PREFIX_CHARACTERS,
    OVERSIZED_PREFIXES,
    DraftOptions,
    Origin,
    capped,
    draft_reject,
    draft_task,
    file_reject,
    snapshot_sites,
    with_reasons,
)
from repopeftbench.mining.harvest import Harvest
from repopeftbench.mining.history import FileVersions, NewSite, new_sites
from repopeftbench.mining.reader import FileVersion, PieceReader
from repopeftbench.mining.sites import MISSING_BLOB, Site
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import CommitInfo, CommitRecord, Reject, Task, Track

logger = logging.getLogger(__name__)

PRODUCTION_DIFF_BYTES = 200_000
MEMO_FILES = 1_024
MEMO_BYTES = 40_000_000
COMMITS_PER_OPENING = 250


class RepositoryMiner:
    """Mines one opened repository; holds the bounded memo of file versions."""

    def __init__(self, repository: GitRepository, repo_id: str, licence: str | None, options: DraftOptions) -> None:
        """Prepares to mine `repository` under the name `repo_id`."""
        self.repository = repository
        self._repo_id = repo_id
        self._licence = licence
        self._options = options
        self._reader = PieceReader()
        self._memo = _VersionMemo()
        self._kept_before: tuple[int, str | None] | None = None

    def walk(self, history: Sequence[CommitInfo], first: int, end: int) -> Iterator[Harvest]:
        """What the commits from `first` to before `end` bring, those that bring nothing left out.

        Args:
            history: the whole first-parent history, oldest first.
            first: history index of the first commit.
            end: history index behind the last one.
        """
        previous_kept = self.last_kept(history, first)
        kept = 0
        for commit in history[first:end]:
            if commit.history_index % COMMITS_PER_OPENING == 0:
                # libgit2 keeps what it has read of packs and trees for as long as a repository is open.
                self.repository.reopen()
            parent = history[commit.history_index - 1].sha if commit.history_index else None
            changes, found, unreadable = self._news(commit, parent)
            renames = tuple(_renames(changes))
            if not found and not unreadable:
                if renames:
                    yield Harvest(track=Track.EVOLUTION, history_index=commit.history_index, seen=0, renames=renames)
                continue
            origin = self._origin(Track.EVOLUTION, commit, kept)
            harvest = self._harvest(origin, changes, found, unreadable, previous_kept or parent)
            yield replace(harvest, previous_kept=previous_kept, renames=renames)
            previous_kept = commit.sha
            kept += 1
        self._kept_before = end, previous_kept

    def snapshot(self, commit: CommitInfo) -> Iterator[Harvest]:
        """What the test files of a commit's tree hold, file by file, in path order."""
        origin = self._origin(Track.STATIC, commit, 0)
        for file in self._test_files(commit.sha):
            version = self._version(file.blob)
            if version.problem is not None:
                reject = file_reject(file.path, version.problem, origin)
                yield Harvest(track=Track.STATIC, history_index=commit.history_index, seen=1, rejects=(reject,))
                continue
            sites = snapshot_sites(file.path, version)
            judged = with_reasons(sites, self._options)
            tasks, rejects = self._drafts(judged, {file.path: file.blob}, origin)
            yield Harvest(
                track=Track.STATIC,
                history_index=commit.history_index,
                seen=len(sites),
                tasks=tasks,
                rejects=rejects,
            )

    def last_kept(self, history: Sequence[CommitInfo], first: int) -> str | None:
        """The last commit before `first` that is kept (it brings sites or unreadable files)."""
        if self._kept_before is not None and self._kept_before[0] == first:
            return self._kept_before[1]
        for index in range(first - 1, -1, -1):
            if index % COMMITS_PER_OPENING == 0:
                self.repository.reopen()
            _, found, unreadable = self._news(history[index], history[index - 1].sha if index else None)
            if found or unreadable:
                return history[index].sha
        return None

    def _news(
        self, commit: CommitInfo, parent: str | None
    ) -> tuple[list[FileChange], tuple[NewSite, ...], list[tuple[str, str]]]:
        """The changes of test files that a commit makes, its new sites, and its unreadable files with the reason."""
        changes = [change for change in self.repository.changes(parent, commit.sha) if _concerns_tests(change)]
        if not changes:
            return [], (), []
        versions = [self._versions(change) for change in changes]
        unreadable = [(file.path, file.new.problem) for file in versions if file.new.problem is not None]
        return changes, new_sites(versions), unreadable

    def _harvest(
        self,
        origin: Origin,
        changes: Sequence[FileChange],
        found: Sequence[NewSite],
        unreadable: Sequence[tuple[str, str]],
        base: str | None,
    ) -> Harvest:
        judged = capped(with_reasons(found, self._options), origin, self._options)
        blobs = {change.path: change.blob for change in changes if change.path and change.blob}
        tasks, rejects = self._drafts(judged, blobs, origin)
        rejects = (*(file_reject(path, reason, origin) for path, reason in unreadable), *rejects)
        diff, truncated = self._production_diff(base, origin.commit.sha)
        commit = CommitRecord(
            repo_id=self._repo_id,
            commit_sha=origin.commit.sha,
            commit_index=origin.commit_index,
            history_index=origin.commit.history_index,
            committer_time=origin.commit.committer_time,
            split=None,
            tasks=len(tasks),
            rejects=len(rejects),
            production_diff=diff,
            production_diff_truncated=truncated,
        )
        return Harvest(
            track=Track.EVOLUTION,
            history_index=origin.commit.history_index,
            seen=len(found) + len(unreadable),
            tasks=tasks,
            rejects=rejects,
            commit=commit,
        )

    def _drafts(
        self, judged: Sequence[NewSite], blobs: dict[str, str], origin: Origin
    ) -> tuple[tuple[Task, ...], tuple[Reject, ...]]:
        """The tasks and the rejects of sites, in their order."""
        tasks: list[Task] = []
        rejects: list[Reject] = []
        path, layout, room = None, None, 0
        for new in judged:
            if new.reason is not None:
                rejects.append(draft_reject(new, origin))
                continue
            if layout is None or new.path != path:
                path, layout = new.path, self._reader.layout(self._version(blobs[new.path]))
                room = MOST_PREFIX_CHARACTERS
            if room > 0:
                tasks.append(draft_task(new, layout, origin, self._options))
                room -= len(tasks[-1].prefix)
            else:
                rejects.append(draft_reject(new._replace(reason=OVERSIZED_PREFIXES), origin))
        return tuple(tasks), tuple(rejects)

    def _origin(self, track: Track, commit: CommitInfo, commit_index: int) -> Origin:
        return Origin(
            repo_id=self._repo_id, licence=self._licence, track=track, commit=commit, commit_index=commit_index
        )

    def _versions(self, change: FileChange) -> FileVersions:
        path = change.path or change.old_path or ""
        is_test = change.path is not None and file_kind(change.path) is FileKind.TEST
        old = self._version(change.old_blob) if change.old_blob is not None else FileVersion()
        new = self._version(change.blob, old) if is_test and change.blob is not None else FileVersion()
        if change.old_blob is not None and change.old_blob != change.blob:
            # Nothing comes back to it but a revert: what is remembered is how files are now.
            self._memo.drop(change.old_blob)
        return FileVersions(
            path=path,
            old=old,
            new=new,
            changed_lines=lambda: self._changed_lines(change),
            lenient_old=lambda: self._lenient_sites(change.old_blob),
        )

    def _changed_lines(self, change: FileChange) -> Sequence[range]:
        old = b"" if change.old_blob is None else self.repository.read(change.old_blob)
        return changed_lines(old, b"" if change.blob is None else self.repository.read(change.blob))

    def _lenient_sites(self, blob: str | None) -> Sequence[Site]:
        return () if blob is None else extract_sites(self.repository.read(blob)).sites

    def _version(self, blob: str, like: FileVersion | None = None) -> FileVersion:
        found = self._memo.get(blob)
        if found is None:
            try:
                found = self._reader.read(self.repository.read(blob), like)
            except GitObjectError:
                found = FileVersion(problem=MISSING_BLOB)
            self._memo.put(blob, found)
        return found

    def _test_files(self, sha: str) -> list[TreeFile]:
        return [file for file in self.repository.python_files(sha) if file_kind(file.path) is FileKind.TEST]

    def _production_diff(self, old_sha: str | None, new_sha: str) -> tuple[str, bool]:
        """The diff of the production files, cut at a line end once it passes the cap, and whether it was cut."""
        parts: list[bytes] = []
        size = 0
        for change in self.repository.changes(old_sha, new_sha):
            production = _production_part(change)
            if production is None:
                continue
            try:
                patch = self.repository.patch(production)
            except GitObjectError as error:
                logger.warning("%s: a file is left out of the diff at %s: %s", self._repo_id, new_sha, error)
                continue
            parts.append(patch)
            size += len(patch)
            if size > PRODUCTION_DIFF_BYTES:
                break
        whole = b"".join(parts)
        if size <= PRODUCTION_DIFF_BYTES:
            return whole.decode("utf-8", "replace"), False
        end = whole.rfind(b"\n", 0, PRODUCTION_DIFF_BYTES) + 1
        return whole[: end or PRODUCTION_DIFF_BYTES].decode("utf-8", "replace"), True


class _VersionMemo:
    """File versions by blob id; the least recently used ones go where there are too many, or too many bytes."""

    def __init__(self) -> None:
        self._versions: OrderedDict[str, FileVersion] = OrderedDict()
        self._bytes = 0

    def get(self, blob: str) -> FileVersion | None:
        found = self._versions.get(blob)
        if found is not None:
            self._versions.move_to_end(blob)
        return found

    def drop(self, blob: str) -> None:
        """Forgets a version, if it is known."""
        found = self._versions.pop(blob, None)
        self._bytes -= 0 if found is None else found.size

    def put(self, blob: str, version: FileVersion) -> None:
        self._versions[blob] = version
        self._bytes += version.size
        while len(self._versions) > MEMO_FILES or (self._bytes > MEMO_BYTES and len(self._versions) > 1):
            _, oldest = self._versions.popitem(last=False)
            self._bytes -= oldest.size


def _concerns_tests(change: FileChange) -> bool:
    return any(path is not None and file_kind(path) is FileKind.TEST for path in (change.path, change.old_path))


def _renames(changes: Sequence[FileChange]) -> Iterator[tuple[str, str]]:
    for change in changes:
        if change.old_path is not None and change.path is not None and change.old_path != change.path:
            yield change.old_path, change.path


def _production_part(change: FileChange) -> FileChange | None:
    """What a change means to production code: a file that comes from the tests is new, one that goes there is gone."""
    old = change.old_path is not None and file_kind(change.old_path) is FileKind.PRODUCTION
    new = change.path is not None and file_kind(change.path) is FileKind.PRODUCTION
    if not old and not new:
        return None
    return FileChange(
        path=change.path if new else None,
        blob=change.blob if new else None,
        old_path=change.old_path if old else None,
        old_blob=change.old_blob if old else None,
    )
