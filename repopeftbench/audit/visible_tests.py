"""Test text in the files that views show. Reads a dataset's snapshots; every visible text once.

What a view shows is told from the tables alone, not by asking `repopeftbench.views`: a mark that is wrong is found, and
so is a test that nobody took for one. Test text in production diffs: `conditioning`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.kinship import WORTH_NAMING
from repopeftbench.audit.snapshot_contents import (
    TEST,
    VISIBLE,
    Contents,
    Files,
    Keys,
    contents,
    files,
    key_of,
    path_kind,
    paths_of,
    texts,
)
from repopeftbench.audit.statement_index import Hit, StatementIndex
from repopeftbench.audit.tally import Tally, counted, defect, task_rows
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Track

STATEMENTS = "statement-visible"
TESTS = "test-file-visible"
MARKS = "test-mark"

_TEST_LIBRARY = re.compile(r"^[ \t]*(?:import|from)[ \t]+(?:pytest|unittest)\b", re.MULTILINE)
_TEST_FUNCTION = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+test\w*[ \t]*\(", re.MULTILINE)


def views_with_tests(dataset: Dataset) -> Findings:
    """Tasks whose statement a view shows, and files of a view that are tests by their content or by another path.

    A view shows the statement of a train task if the file is in the tree of the task's commit. That of a held-out task
    counts in any tree of its repository: methods learn from all of them.
    """
    if not has_snapshots(dataset.folder):
        return Findings()
    held, stored = contents(dataset.folder), files(dataset.folder)
    marked = stored.marked()
    visible = {
        repo_id: np.setdiff1d(found.of_kind(VISIBLE), marked, assume_unique=True) for repo_id, found in held.items()
    }
    scan = _Scan(dataset, held)
    holders = _Holders(visible)
    for blob, text in texts(dataset.folder):
        repositories = holders.of(blob)
        if repositories:
            scan.read(blob, text, repositories)
    problems = (*_wrong_marks(held, stored), *_problems(dataset, scan))
    return Findings(problems=problems, measures=scan.tally.measures(STATEMENTS))


@dataclass(slots=True)
class _Statements:
    """Blobs that hold statements, with the number of tasks for each, and the tasks."""

    blobs: Counter[int] = field(default_factory=Counter)
    tasks: set[tuple[int, int]] = field(default_factory=set)


@dataclass(slots=True)
class _Shown:
    """What one repository shows: statements in whole test files and in others, and files that are tests by content."""

    in_tests: _Statements = field(default_factory=_Statements)
    in_code: _Statements = field(default_factory=_Statements)
    tests: list[int] = field(default_factory=list)


class _Scan:
    """Reads texts and collects what they show; `tally` counts the tasks whose statement stands in any of them."""

    def __init__(self, dataset: Dataset, held: Mapping[str, Contents]) -> None:
        self.shown: dict[str, _Shown] = {}
        self.tally = Tally()
        self._held = held
        self._trees = _Trees(dataset)
        self._index = StatementIndex()
        self._counted: set[tuple[int, int]] = set()
        for track in Track:
            for group, (sha, statement) in task_rows(dataset, track, "commit_sha", "statement"):
                if self._index.add(group, sha, statement):
                    self.tally.add(group, 0)

    def read(self, blob: int, text: str, repositories: tuple[str, ...]) -> None:
        """Takes the text of a blob that some repositories show."""
        is_test = _is_test(text)
        hits = tuple(self._index.found_in(text))
        for repo_id in repositories:
            tasks = {task for hit in hits if hit.repo_id == repo_id for task in self._tasks(hit, blob)}
            if not tasks and not is_test:
                continue
            shown = self.shown.setdefault(repo_id, _Shown())
            if is_test:
                shown.tests.append(blob)
            if tasks:
                # Short files, such as empty packages, stand at a test's path too; those that hold statements do not.
                is_whole_test = is_test or bool(self._held[repo_id].kind(blob) & TEST)
                statements = shown.in_tests if is_whole_test else shown.in_code
                statements.blobs[blob] = len(tasks)
                statements.tasks |= tasks

    def _tasks(self, hit: Hit, blob: int) -> Iterator[tuple[int, int]]:
        """The tasks of a statement that see it in a blob, each as two numbers."""
        for place, (group, sha) in enumerate(hit.tasks):
            if group.split.role == "train" and not self._trees.show(group.repo_id, sha, blob):
                continue
            task = hit.number, place
            yield task
            if task not in self._counted:
                self._counted.add(task)
                self.tally.add(group, 1, of=0)


class _Holders:
    """Which repositories show a blob."""

    def __init__(self, visible: Mapping[str, Keys]) -> None:
        self._names = tuple(visible)
        keys = np.concatenate([*visible.values(), np.empty(0, dtype=np.uint64)])
        owners = np.repeat(np.arange(len(self._names)), [len(blobs) for blobs in visible.values()])
        order = np.argsort(keys, kind="stable")
        self._keys, self._owners = keys[order], owners[order]

    def of(self, blob: int) -> tuple[str, ...]:
        """Their names, in order."""
        key = np.uint64(blob)
        start, end = (int(np.searchsorted(self._keys, key, side=side)) for side in ("left", "right"))
        return tuple(self._names[owner] for owner in self._owners[start:end].tolist())


class _Trees:
    """Which blobs stand at visible paths of a commit."""

    def __init__(self, dataset: Dataset) -> None:
        self._store = SnapshotStore(dataset.folder)
        self._commits: dict[str, frozenset[str]] = {}
        self._blobs = lru_cache(maxsize=512)(self._read)

    def show(self, repo_id: str, sha: str, blob: int) -> bool:
        """Whether the tree of a commit shows a blob; a commit without a tree shows nothing."""
        if repo_id not in self._commits:
            self._commits[repo_id] = frozenset(self._store.commits(repo_id))
        return sha in self._commits[repo_id] and blob in self._blobs(repo_id, sha)

    def _read(self, repo_id: str, sha: str) -> frozenset[int]:
        tree = self._store.tree(repo_id, sha)
        return frozenset(key_of(blob) for path, blob in tree.items() if path_kind(path) & VISIBLE)


def _is_test(text: str) -> bool:
    """Whether a file imports a test library and has test functions."""
    # Plain searches first: nearly all files end there, and they are ten times as fast.
    if "def test" not in text or not ("pytest" in text or "unittest" in text):
        return False
    return _TEST_LIBRARY.search(text) is not None and _TEST_FUNCTION.search(text) is not None


def _wrong_marks(held: Mapping[str, Contents], stored: Files) -> tuple[Problem, ...]:
    """Blobs whose mark says otherwise than the paths they stand at, in all repositories together."""
    empty = np.empty(0, dtype=np.uint64)
    tests = np.concatenate([*(found.of_kind(TEST) for found in held.values()), empty])
    others = np.concatenate([*(found.of_kind(VISIBLE) for found in held.values()), empty])
    should = np.setdiff1d(tests, others)
    marked = np.intersect1d(stored.marked(), np.union1d(tests, others))
    wrong = len(np.setxor1d(should, marked, assume_unique=True))
    if not wrong:
        return ()
    return (
        Problem(
            check=MARKS,
            severity=Severity.ERROR,
            where="files",
            message=f"{wrong:,} files are marked is_test and stand at a path of production code, or stand at paths of "
            "tests alone and are not marked: views show or hide the wrong files",
            fix="mine again with this version",
        ),
    )


def _problems(dataset: Dataset, scan: _Scan) -> Iterator[Problem]:
    shown = {repo_id: scan.shown[repo_id] for repo_id in sorted(scan.shown)}
    wanted = {
        repo_id: np.array(sorted({*found.in_tests.blobs, *found.in_code.blobs, *found.tests}), dtype=np.uint64)
        for repo_id, found in shown.items()
    }
    paths = paths_of(dataset.folder, wanted, VISIBLE) if wanted else {}
    of = {found.where: found.of for found in scan.tally.repositories()}
    for repo_id, found in shown.items():
        if found.in_tests.tasks:
            yield Problem(
                check=TESTS,
                severity=defect(dataset.manifest),
                where=repo_id,
                message=f"views show test files: {_described(found.in_tests, paths[repo_id], of[repo_id])}",
                fix="give the file a test's name, or leave the repository out, and mine again",
            )
        if found.in_code.tasks:
            few = len(found.in_code.tasks) <= WORTH_NAMING * of[repo_id]
            yield Problem(
                check=STATEMENTS,
                severity=Severity.NOTE if few else Severity.WARNING,
                where=repo_id,
                message=f"views show statements: {_described(found.in_code, paths[repo_id], of[repo_id])}",
                fix="look whether the file repeats the tests; production code has assertions of its own",
            )
        rest = [blob for blob in found.tests if blob not in found.in_tests.blobs]
        if rest:
            yield Problem(
                check=TESTS,
                severity=Severity.WARNING,
                where=repo_id,
                message=f"{len(rest):,} versions of files that views show are tests by their content, such as "
                f"{paths[repo_id][rest[0]]}",
                fix="look whether the file is a test; one that is named like production code is conditioned on",
            )


def _described(found: _Statements, paths: Mapping[int, str], of: int) -> str:
    blob = max(found.blobs, key=lambda key: (found.blobs[key], -key))
    return (
        f"{len(found.blobs):,} versions of files hold the statements of {counted(len(found.tasks), of)} tasks; "
        f"{paths[blob]} holds those of {found.blobs[blob]:,}"
    )
