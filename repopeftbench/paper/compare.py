"""How far the paper protocol's tasks of a repository are what they are said to be (io: reads git).

Counts, over the evolution track, what facts of the published data made the `clean` protocol necessary: statements
that the file's previous version had already, in-repo test tasks that occur in the train part, targets that stand in
their own prefix. Measured as section 10 of the design's facts does: a statement is function, in-line prefix and target.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repopeftbench.copies import open_newest
from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.capping import EVALUATED_PER_COMMIT
from repopeftbench.paper.evolution import EvolutionWalk
from repopeftbench.paper.extract import Assertion, decode, source_lines, whole_file_prefix
from repopeftbench.paper.splits import TEST, TRAIN, commit_splits
from repopeftbench.paper.static import separated_texts
from repopeftbench.pool import Report
from repopeftbench.schema import CommitInfo
from repopeftbench.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Tasks and how many of them are flawed; `in_train` counts in-repo test tasks (`test_tasks`) alone."""

    tasks: int = 0
    unchanged: int = 0
    verbatim: int = 0
    test_tasks: int = 0
    in_train: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """The sum, count by count."""
        return Counts(
            tasks=self.tasks + other.tasks,
            unchanged=self.unchanged + other.unchanged,
            verbatim=self.verbatim + other.verbatim,
            test_tasks=self.test_tasks + other.test_tasks,
            in_train=self.in_train + other.in_train,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One repository: all tasks, and those within the first eight of each commit (`capped`)."""

    repo_id: str
    kept_commits: int
    all: Counts
    capped: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    statement: bytes
    unchanged: bool
    verbatim: bool


def compare_source(source: Source, report: Report, *, cache: Path) -> Comparison:
    """The comparison of one source, its whole history.

    Raises:
        SourceError: the source cannot be read.
    """
    repository = open_newest(source, cache)
    history = repository.history(repository.resolve(source.revision))
    return compare(repository, source.repo_id, history, report)


def compare(
    repository: GitRepository,
    repo_id: str,
    history: tuple[CommitInfo, ...],
    report: Report = lambda _id, _done, _total: None,
) -> Comparison:
    """The comparison of a first-parent history, oldest first, not empty."""
    walk = EvolutionWalk(repository, frozenset(separated_texts(repository, history[-1].sha)))
    kept = [
        [seen for file in commit.files for seen in _seen(repository, file.blob, file.assertions, file.unchanged)]
        for commit in walk.kept(history, lambda done, total: report(repo_id, done, total))
    ]
    labels = commit_splits(len(kept))
    train = frozenset(
        seen.statement for rows, label in zip(kept, labels, strict=True) if label == TRAIN for seen in rows
    )
    whole, capped = Counts(), Counts()
    for rows, label in zip(kept, labels, strict=True):
        whole += _count(rows, label, train)
        capped += _count(rows[:EVALUATED_PER_COMMIT], label, train)
    return Comparison(repo_id=repo_id, kept_commits=len(kept), all=whole, capped=capped)


def _seen(
    repository: GitRepository, blob: str, assertions: tuple[Assertion, ...], unchanged: tuple[bool, ...]
) -> Iterator[_Seen]:
    lines = source_lines(decode(repository.read(blob)))
    for assertion, same in zip(assertions, unchanged, strict=True):
        is_call = assertion.assertion_type != "assert"
        target = assertion.target[:-1] if is_call else assertion.target
        verbatim = target in whole_file_prefix(lines, assertion)
        yield _Seen(statement=assertion.statement, unchanged=same, verbatim=verbatim)


def _count(rows: list[_Seen], label: str, train: frozenset[bytes]) -> Counts:
    is_test = label == TEST
    return Counts(
        tasks=len(rows),
        unchanged=sum(seen.unchanged for seen in rows),
        verbatim=sum(seen.verbatim for seen in rows),
        test_tasks=len(rows) if is_test else 0,
        in_train=sum(seen.statement in train for seen in rows) if is_test else 0,
    )
