"""The published commit walk (io: reads git): first-parent history, oldest first -> the commits with new assertions.

Source: `process_repo` of `build_commit_parquet_db.py` and `2_separate_tests.py`. A file's assertion is new when its
key (kind, everything above it, target) was not in the file's previous version: one import added at the top publishes
every assertion of the file again. `NewAssertions.unchanged` tells those whose statement itself was there before.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository, TreeDelta
from repopeftbench.ledger import Ledger
from repopeftbench.paper.diffs import new_file, old_file
from repopeftbench.paper.extract import Assertion, assertions, decode
from repopeftbench.paper.renames import renames
from repopeftbench.paper.testpaths import (
    is_candidate_path,
    is_quoted,
)
from repopeftbench.schema import CommitInfo

UNPARSABLE = "unparsable-file"
MISSING = "missing-blob"
_MEMO_FILES = 256

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssertions:
    """What a kept commit brought to one file, in row order, duplicates included.

    `unchanged[i]` says whether the statement of `assertions[i]` stood in the file's previous version already.
    """

    path: str
    blob: str
    assertions: tuple[Assertion, ...]
    unchanged: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCommit:
    """A commit with new assertions; `commit_index` counts kept commits from 0, files stand in git's path order."""

    commit_index: int
    sha: str
    previous_kept: str | None
    files: tuple[NewAssertions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    keys: frozenset[bytes] = frozenset()
    statements: frozenset[bytes] = frozenset()


class EvolutionWalk:
    """Walks one repository's history; counts the test file versions that gave nothing."""

    def __init__(self, repository: GitRepository, test_files: frozenset[str]) -> None:
        """Prepares a walk.

        Args:
            repository: the repository.
            test_files: paths that are tests by the content rule at the last commit (`static.separated_texts`).
        """
        self._repository = repository
        self._test_files = test_files
        self._versions: dict[str, _Version] = {}
        self._memo: OrderedDict[str, tuple[Assertion, ...] | None] = OrderedDict()
        self._seen = self._parsed = 0
        self._dropped: Counter[str] = Counter()

    @property
    def ledger(self) -> Ledger:
        """Test file versions met so far: seen, kept (parsed), dropped by reason."""
        return Ledger(seen=self._seen, kept=self._parsed, dropped=dict(sorted(self._dropped.items())))

    def kept(
        self, history: Sequence[CommitInfo], progress: Progress = lambda _done, _total: None
    ) -> Iterator[KeptCommit]:
        """The kept commits of a first-parent history, oldest first.

        Args:
            history: the commits, oldest first.
            progress: called with commits done and in all.
        """
        parent: str | None = None
        previous_kept: str | None = None
        index = 0
        for done, commit in enumerate(history):
            progress(done, len(history))
            files = self._commit(parent, commit.sha)
            parent = commit.sha
            if files:
                yield KeptCommit(commit_index=index, sha=commit.sha, previous_kept=previous_kept, files=files)
                index, previous_kept = index + 1, commit.sha
        progress(len(history), len(history))

    def _commit(self, parent: str | None, sha: str) -> tuple[NewAssertions, ...]:
        deltas = self._repository.deltas(parent, sha)
        moved = self._renames(deltas)
        gone = frozenset(moved.values())
        candidates: list[TreeDelta] = []
        for delta in deltas:
            if delta.path in moved:
                version = self._versions.pop(moved[delta.path], None)
                if version is not None:
                    self._versions[delta.path] = version
            elif delta.blob is None and delta.path not in gone:
                self._versions.pop(delta.path, None)
            if delta.blob is not None and self._is_candidate(delta.path):
                candidates.append(delta)
        found = (self._new(delta.path, delta.blob or "") for delta in candidates)
        return tuple(new for new in found if new is not None)

    def _is_candidate(self, path: str) -> bool:
        return not is_quoted(path) and (path in self._test_files or is_candidate_path(path))

    def _new(self, path: str, blob: str) -> NewAssertions | None:
        """The file's new assertions; its version is remembered even where nothing is new."""
        self._seen += 1
        try:
            found = self._assertions(blob)
        except GitObjectError:
            self._dropped[MISSING] += 1
            self._versions.pop(path, None)
            return None
        if found is None:
            self._dropped[UNPARSABLE] += 1
            found = ()
        else:
            self._parsed += 1
        before = self._versions.get(path, _Version())
        self._versions[path] = _Version(
            keys=frozenset(assertion.key for assertion in found),
            statements=frozenset(assertion.statement for assertion in found),
        )
        new = tuple(assertion for assertion in found if assertion.key not in before.keys)
        if not new:
            return None
        unchanged = tuple(assertion.statement in before.statements for assertion in new)
        return NewAssertions(path=path, blob=blob, assertions=new, unchanged=unchanged)

    def _assertions(self, blob: str) -> tuple[Assertion, ...] | None:
        if blob in self._memo:
            self._memo.move_to_end(blob)
            return self._memo[blob]
        found = assertions(decode(self._repository.read(blob)))
        self._memo[blob] = found
        if len(self._memo) > _MEMO_FILES:
            self._memo.popitem(last=False)
        return found

    def _renames(self, deltas: Sequence[TreeDelta]) -> dict[str, str]:
        """New path to old path, asked only where a remembered file is gone: no other rename changes a row."""
        deleted = [delta for delta in deltas if delta.blob is None]
        added = [delta for delta in deltas if delta.old_blob is None]
        if not added or not any(delta.path in self._versions for delta in deleted):
            return {}
        sources, targets = [old_file(delta) for delta in deleted], [new_file(delta) for delta in added]
        return {path: rename.old.path for path, rename in renames(sources, targets, self._read).items()}

    def _read(self, blob: str) -> bytes | None:
        try:
            return self._repository.read(blob)
        except GitObjectError:
            return None
