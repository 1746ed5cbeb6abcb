"""Whether two contenders found the same new statements, commit by commit and file by file.

One difference is excused: which file a new test file was renamed from, where something was removed in the same commit.
git and libgit2 measure similarity differently, so around 50 % one follows a rename that the other does not. Such a
file, if its statements differ, is left out and counted; the other files of the commit must agree. All else must agree
exactly: versions that do not parse need no excuse, since an unparsable parent version counts as empty for all
(`repobench` keeps those rows as rejects, `unchanged-since-unparsable`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers.answer import Answer
from peers.gitlog import history
from peers.statements import is_test_file

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A first-parent history: its commits, and by commit the new test files whose origin is a matter of similarity."""

    commits: tuple[str, ...]
    test_commits: int
    doubtful: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two answers compared.

    Attributes:
        compared: all commits of the history; one without new statements on either side agrees.
        kept: commits in which at least one side has a new statement.
        statements: new statements of the first answer.
        agreeing: compared commits without any difference.
        excused: commits whose only differences are in files with a doubtful rename, named `SHA PATH`.
        problems: a sentence for every difference that is not excused; empty means agreement.
    """

    one: str
    other: str
    compared: int
    kept: int
    statements: int
    agreeing: int
    excused: tuple[str, ...]
    problems: tuple[str, ...]


def read_walk(repository: Path) -> Walk:
    """Asks git for the history, renames not followed.

    A file that only moved is no doubtful case: its content says so.
    """
    commits: list[str] = []
    test_commits = 0
    doubtful: dict[str, frozenset[str]] = {}
    for sha, changes in history(str(repository), "--no-renames"):
        commits.append(sha)
        test_commits += any(change.new is not None and is_test_file(change.new.path) for change in changes)
        removed = [change for change in changes if change.status == "D"]
        moved = {change.old.blob for change in removed if change.old is not None}
        added = [change.new for change in changes if change.status == "A" and change.new is not None]
        names = frozenset(side.path for side in added if is_test_file(side.path) and side.blob not in moved)
        if removed and names:
            doubtful[sha] = names
    return Walk(commits=tuple(commits), test_commits=test_commits, doubtful=doubtful)


def compare(walk: Walk, one: tuple[str, Answer], other: tuple[str, Answer]) -> Agreement:
    """Compares two named answers over a history."""
    (name, left), (other_name, right) = one, other
    problems = [f"{sha}: in an answer, not in the history" for sha in sorted({*left, *right} - {*walk.commits})]
    excused: list[str] = []
    agreeing = kept = 0
    for sha in walk.commits:
        mine, theirs = left.get(sha, {}), right.get(sha, {})
        kept += bool(mine or theirs)
        different = sorted(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))
        agreeing += not different
        for path in different:
            if path in walk.doubtful.get(sha, ()):
                excused.append(f"{sha} {path}")
            else:
                found = _difference(name, mine.get(path, Counter()), other_name, theirs.get(path, Counter()))
                problems.append(f"{sha} {path}: {'; '.join(found)}")
    return Agreement(
        one=name,
        other=other_name,
        compared=len(walk.commits),
        kept=kept,
        statements=sum(found.total() for files in left.values() for found in files.values()),
        agreeing=agreeing,
        excused=tuple(excused),
        problems=tuple(problems),
    )


def _difference(name: str, mine: Counter[str], other: str, theirs: Counter[str]) -> Iterator[str]:
    for who, more in ((name, mine - theirs), (other, theirs - mine)):
        if more:
            yield f"only {who} has {more.total()}: {', '.join(map(repr, sorted(more)[:_SHOWN]))}"
