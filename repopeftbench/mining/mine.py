"""Mines one repository: walks its first-parent history, oldest first, and its last snapshot. Reads git, writes nothing.

What it yields is in history order and depends on the repository's content and the options alone.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import FileChange, GitRepository, TreeFile, changed_lines
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.drafts import (
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
_MEMO_FILES = 2_048

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _Collected:
    tasks: list[Task] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    commits: list[CommitRecord] = field(default_factory=list)
    seen: dict[Track, int] = field(default_factory=lambda: dict.fromkeys(Track, 0))


class RepositoryMiner:
    """Mines one opened repository; holds the bounded memo of file versions."""

    def __init__(self, repository: GitRepository, repo_id: str, licence: str | None, options: DraftOptions) -> None:
        """Prepares to mine `repository` under the name `repo_id`."""
        self._repository = repository
        self._repo_id = repo_id
        self._licence = licence
        self._options = options
        self._reader = PieceReader()
        self._memo: OrderedDict[str, FileVersion] = OrderedDict()
        self._last_new: dict[str, int] = {}

    def mine(self, history: Sequence[CommitInfo], progress: Progress = lambda _done, _total: None) -> Harvest:
        """Both tracks of a first-parent history (oldest first, not empty); the snapshot is its last commit.

        Args:
            history: the commits to walk.
            progress: called with commits done and in all.
        """
        collected = _Collected()
        parent: str | None = None
        previous_kept: str | None = None
        for done, commit in enumerate(history):
            progress(done, len(history))
            if self._mine_commit(commit, parent, previous_kept, collected):
                previous_kept = commit.sha
            parent = commit.sha
        self._mine_snapshot(history[-1], collected)
        progress(len(history), len(history))
        return Harvest(
            tasks=tuple(collected.tasks),
            rejects=tuple(collected.rejects),
            commits=tuple(collected.commits),
            last_new=dict(sorted(self._last_new.items())),
            seen=collected.seen,
        )

    def _mine_commit(
        self, commit: CommitInfo, parent: str | None, previous_kept: str | None, collected: _Collected
    ) -> bool:
        """Adds what a commit brings; True if the commit is kept (it has tasks or rejects)."""
        changes = [change for change in self._repository.changes(parent, commit.sha) if _concerns_tests(change)]
        self._follow_renames(changes)
        versions = [self._versions(change) for change in changes]
        origin = self._origin(Track.EVOLUTION, commit, len(collected.commits))
        unreadable = [
            file_reject(file.path, file.new.problem, origin) for file in versions if file.new.problem is not None
        ]
        found = new_sites(versions)
        self._last_new.update({new.path: commit.history_index for new in found})
        collected.seen[Track.EVOLUTION] += len(found) + len(unreadable)
        if not found and not unreadable:
            return False
        judged = capped(with_reasons(found, self._options), origin, self._options)
        blobs = {change.path: change.blob for change in changes if change.path and change.blob}
        tasks = list(self._tasks(judged, blobs, origin))
        rejects = [*unreadable, *(draft_reject(new, origin) for new in judged if new.reason is not None)]
        diff, truncated = self._production_diff(previous_kept or parent, commit.sha)
        collected.tasks.extend(tasks)
        collected.rejects.extend(rejects)
        collected.commits.append(
            CommitRecord(
                repo_id=self._repo_id,
                commit_sha=commit.sha,
                commit_index=origin.commit_index,
                history_index=commit.history_index,
                committer_time=commit.committer_time,
                split=None,
                tasks=len(tasks),
                rejects=len(rejects),
                production_diff=diff,
                production_diff_truncated=truncated,
            )
        )
        return True

    def _mine_snapshot(self, commit: CommitInfo, collected: _Collected) -> None:
        origin = self._origin(Track.STATIC, commit, max(len(collected.commits) - 1, 0))
        for file in self._test_files(commit.sha):
            sites = self._sites(file.blob)
            if sites.problem is not None:
                collected.seen[Track.STATIC] += 1
                collected.rejects.append(file_reject(file.path, sites.problem, origin))
                continue
            collected.seen[Track.STATIC] += len(sites.sites)
            judged = with_reasons(snapshot_sites(file.path, sites), self._options)
            collected.tasks.extend(self._tasks(judged, {file.path: file.blob}, origin))
            collected.rejects.extend(draft_reject(new, origin) for new in judged if new.reason is not None)

    def _tasks(self, judged: Sequence[NewSite], blobs: dict[str, str], origin: Origin) -> Iterator[Task]:
        path, layout = None, None
        for new in judged:
            if new.reason is not None:
                continue
            if layout is None or new.path != path:
                path, layout = new.path, self._reader.layout(self._sites(blobs[new.path]))
            yield draft_task(new, layout, origin, self._options)

    def _origin(self, track: Track, commit: CommitInfo, commit_index: int) -> Origin:
        return Origin(
            repo_id=self._repo_id, licence=self._licence, track=track, commit=commit, commit_index=commit_index
        )

    def _versions(self, change: FileChange) -> FileVersions:
        path = change.path or change.old_path or ""
        is_test = change.path is not None and file_kind(change.path) is FileKind.TEST
        return FileVersions(
            path=path,
            old=self._sites(change.old_blob) if change.old_blob is not None else FileVersion(),
            new=self._sites(change.blob, change.old_blob) if is_test and change.blob is not None else FileVersion(),
            changed_lines=lambda: self._changed_lines(change),
            lenient_old=lambda: self._lenient_sites(change.old_blob),
        )

    def _changed_lines(self, change: FileChange) -> Sequence[range]:
        old = b"" if change.old_blob is None else self._repository.read(change.old_blob)
        return changed_lines(old, b"" if change.blob is None else self._repository.read(change.blob))

    def _lenient_sites(self, blob: str | None) -> Sequence[Site]:
        return () if blob is None else extract_sites(self._repository.read(blob)).sites

    def _sites(self, blob: str, like: str | None = None) -> FileVersion:
        if blob in self._memo:
            self._memo.move_to_end(blob)
            return self._memo[blob]
        try:
            sites = self._reader.read(self._repository.read(blob), self._memo.get(like or ""))
        except GitObjectError:
            sites = FileVersion(problem=MISSING_BLOB)
        self._memo[blob] = sites
        if len(self._memo) > _MEMO_FILES:
            self._memo.popitem(last=False)
        return sites

    def _test_files(self, sha: str) -> list[TreeFile]:
        return [file for file in self._repository.python_files(sha) if file_kind(file.path) is FileKind.TEST]

    def _follow_renames(self, changes: Sequence[FileChange]) -> None:
        renamed = [c for c in changes if c.old_path is not None and c.path is not None and c.old_path != c.path]
        moved = {change.path: self._last_new.pop(change.old_path or "", None) for change in renamed}
        self._last_new.update({path: last for path, last in moved.items() if path is not None and last is not None})

    def _production_diff(self, old_sha: str | None, new_sha: str) -> tuple[str, bool]:
        """The diff of the production files, cut at a line end once it passes the cap, and whether it was cut."""
        parts: list[bytes] = []
        size = 0
        for change in self._repository.changes(old_sha, new_sha):
            production = _production_part(change)
            if production is None:
                continue
            try:
                patch = self._repository.patch(production)
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


def _concerns_tests(change: FileChange) -> bool:
    return any(path is not None and file_kind(path) is FileKind.TEST for path in (change.path, change.old_path))


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
