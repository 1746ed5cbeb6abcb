"""Splits and time: rows are where their repository and commit belong, train is before val and val before test.

Times are committer times in mined datasets. In the paper protocol they are author dates, and no history was ended at
the cutoff; what the published construction does so is a warning there.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from repopeftbench.audit.findings import Findings, Measure, Problem, Severity
from repopeftbench.audit.rows import rows, shown, task_splits
from repopeftbench.audit.tally import defect
from repopeftbench.dataset.manifest import MANIFEST_NAME, RepositoryEntry
from repopeftbench.dataset.store import COMMITS_NAME, Dataset
from repopeftbench.schema import Split, Track

SPLIT_CHECK = "split"
CHRONOLOGY_CHECK = "chronology"
CLOCK_CHECK = "clock"
CUTOFF_CHECK = "cutoff"
_MINE_AGAIN = "mine the dataset again: a row is in a place where mining does not put it"
_MOST_NAMED = 20
_IN_REPO = (Split.IR_TRAIN, Split.IR_VAL, Split.IR_TEST)


@dataclass(frozen=True, slots=True)
class _Commit:
    """A kept commit, as far as time matters."""

    sha: str
    split: str
    commit_index: int
    history_index: int
    committer_time: int


def splits_of_tasks(dataset: Dataset) -> Findings:
    """Tasks that are not where their repository's role, their commit and their file's name say; commits likewise."""
    entries = {entry.repo_id: entry for entry in dataset.manifest.repositories}
    commits = {(repo_id, commit.sha): commit for repo_id, commit in _commits(dataset)}
    wrong: dict[str, list[str]] = {}
    for (repo_id, sha), commit in commits.items():
        what = _role_problem(commit.split, entries.get(repo_id))
        if what is not None:
            wrong.setdefault(COMMITS_NAME, []).append(f"commit {sha} of {repo_id} {what}")
    columns = ("task_id", "repo_id", "track", "split", "commit_sha", "commit_index", "history_index", "committer_time")
    for track, split in task_splits(dataset):
        for task_id, repo_id, *own in rows(dataset.task_tables(track, split, columns), columns):
            what = None if own[:2] == [track, split] else f"says {own[0]}/{own[1]} of itself"
            what = what or _role_problem(split, entries.get(repo_id))
            if track is Track.EVOLUTION:
                what = what or _commit_problem(own, commits.get((repo_id, own[2])))
            elif dataset.manifest.config.protocol == "clean":
                what = what or _snapshot_problem(own[2], entries[repo_id])
            if what is not None:
                wrong.setdefault(f"{track}/{split}", []).append(f"task {task_id} of {repo_id} {what}")
    problems = [
        Problem(
            check=SPLIT_CHECK,
            severity=Severity.ERROR,
            where=where,
            message=f"{len(whats):,} rows do not belong here, the first: {whats[0]}",
            fix=_MINE_AGAIN,
        )
        for where, whats in wrong.items()
    ]
    return Findings(problems=tuple(problems))


def files_in_one_split(dataset: Dataset) -> Findings:
    """Test files whose static tasks are in more than one split of their repository."""
    homes: dict[tuple[str, str], set[Split]] = {}
    columns = ("repo_id", "test_file")
    for split in dataset.splits(Track.STATIC):
        for place in rows(dataset.task_tables(Track.STATIC, split, columns), columns):
            homes.setdefault((place[0], place[1]), set()).add(split)
    torn = [place for place, splits in homes.items() if len(splits) > 1]
    if not torn:
        return Findings()
    problem = Problem(
        check=SPLIT_CHECK,
        severity=defect(dataset.manifest),
        where=Track.STATIC,
        message=f"{len(torn):,} of {len(homes):,} test files have tasks in several splits, "
        f"the first is {torn[0][1]} of {torn[0][0]}",
        fix="mine with --protocol clean, which divides the static track by file",
    )
    return Findings(problems=(problem,))


def chronology(dataset: Dataset) -> Findings:
    """Repositories in which a commit of train is not before all of val and test, or one of val not before test."""
    spans: dict[str, dict[str, tuple[int, int]]] = {}
    for repo_id, commit in _commits(dataset):
        first, last = spans.setdefault(repo_id, {}).get(commit.split, (commit.history_index, commit.history_index))
        span = min(first, commit.history_index), max(last, commit.history_index)
        spans[repo_id][commit.split] = span
    problems: list[Problem] = []
    for repo_id, own in sorted(spans.items()):
        present = [(split, own[split]) for split in _IN_REPO if split in own]
        for index, (earlier, before) in enumerate(present):
            for later, after in present[index + 1 :]:
                if before[1] >= after[0]:
                    what = f"{earlier} ends at history index {before[1]}, not before {later} begins at {after[0]}"
                    problems.append(
                        Problem(
                            check=CHRONOLOGY_CHECK,
                            severity=defect(dataset.manifest),
                            where=repo_id,
                            message=what,
                            fix=_MINE_AGAIN,
                        )
                    )
    return Findings(problems=tuple(problems))


def clocks(dataset: Dataset) -> Findings:
    """Kept commits whose time is before that of the kept commit before them: their clocks, or a rebase."""
    counts: dict[tuple[str, str], list[int]] = {}
    backwards: dict[str, list[str]] = {}
    last: dict[str, int] = {}
    for repo_id, commit in _commits(dataset):
        entry = counts.setdefault((repo_id, commit.split), [0, 0])
        entry[1] += 1
        if commit.committer_time <= 0:
            continue  # unknown, in published data
        if commit.committer_time < last.get(repo_id, commit.committer_time):
            entry[0] += 1
            backwards.setdefault(repo_id, []).append(commit.sha)
        last[repo_id] = commit.committer_time
    measures = tuple(
        Measure(name="commit-time-backwards", track=None, split=Split(split), repo_id=repo_id, count=count, of=of)
        for (repo_id, split), (count, of) in counts.items()
        if split in set(Split)
    )
    problems = tuple(
        Problem(
            check=CLOCK_CHECK,
            severity=Severity.WARNING,
            where=f"{COMMITS_NAME}, {repo_id}",
            message="these kept commits have an earlier time than the one before them: "
            + ", ".join(shas[:_MOST_NAMED])
            + (f" and {len(shas) - _MOST_NAMED:,} more" if len(shas) > _MOST_NAMED else ""),
            fix="nothing: splits go by the order of the history; do not order these commits by time",
        )
        for repo_id, shas in backwards.items()
    )
    return Findings(problems=problems, measures=measures)


def cutoff(dataset: Dataset) -> Findings:
    """In-distribution commits at or after the cutoff, and out-of-distribution repositories that begin before it."""
    config = dataset.manifest.config
    if config.cutoff is None:
        return Findings()
    moment = _seconds(config.cutoff)
    if moment is None:
        return Findings(problems=(_no_moment(config.cutoff),))
    late: dict[str, int] = {}
    early: dict[str, int] = {}
    begun: set[str] = set()
    for repo_id, commit in _commits(dataset):
        if commit.committer_time <= 0:
            continue  # unknown, in published data
        if commit.split != Split.OOD_TEST:
            late[repo_id] = late.get(repo_id, 0) + (commit.committer_time >= moment)
        elif repo_id not in begun:
            # Only where a history begins decides; a later commit may have a clock that is wrong.
            begun.add(repo_id)
            early[repo_id] = int(commit.committer_time < moment)
    texts = (
        (late, "kept commits are in distribution, and not before the cutoff"),
        (early, "first kept commits are out of distribution, and before the cutoff"),
    )
    problems = [
        Problem(
            check=CUTOFF_CHECK,
            severity=defect(dataset.manifest),
            where=COMMITS_NAME,
            message=f"{total:,} {text} ({config.cutoff}), most of them in {max(found, key=lambda name: found[name])}",
            fix="mine with --protocol clean, which ends histories at the cutoff",
        )
        for found, text in texts
        if (total := sum(found.values()))
    ]
    return Findings(problems=tuple(problems))


def _seconds(cutoff: str) -> int | None:
    """The cutoff as stored (ISO 8601 with its zone), in seconds since the epoch; None where it is none."""
    try:
        moment = dt.datetime.fromisoformat(cutoff)
    except ValueError:
        return None
    return None if moment.tzinfo is None else int(moment.timestamp())


def _no_moment(cutoff: str) -> Problem:
    return Problem(
        check=CUTOFF_CHECK,
        severity=Severity.ERROR,
        where=MANIFEST_NAME,
        message=f"the cutoff {shown(cutoff)} is no moment with a time zone",
        fix="mine the dataset again",
    )


def _commits(dataset: Dataset) -> Iterator[tuple[str, _Commit]]:
    columns = ("repo_id", "commit_sha", "split", "commit_index", "history_index", "committer_time")
    for repo_id, *values in rows(dataset.commit_tables(columns), columns):
        yield repo_id, _Commit(*values)


def _role_problem(split: str, entry: RepositoryEntry | None) -> str | None:
    if entry is None:
        return "is of a repository that the manifest does not name"
    belongs = split in _IN_REPO if entry.role == "train" else split == entry.role
    return None if belongs else f"is in {split}, though the role of its repository is {entry.role}"


def _commit_problem(own: list[object], commit: _Commit | None) -> str | None:
    """What an evolution task (track, split, sha, both indices, time) says otherwise than its commit."""
    if commit is None:
        return f"is of commit {own[2]}, which is no kept commit"
    values: Mapping[str, tuple[object, object]] = {
        "split": (own[1], commit.split),
        "commit index": (own[3], commit.commit_index),
        "history index": (own[4], commit.history_index),
        "committer time": (own[5], commit.committer_time),
    }
    return next((f"has {name} {a}, its commit {b}" for name, (a, b) in values.items() if a != b), None)


def _snapshot_problem(sha: object, entry: RepositoryEntry) -> str | None:
    return None if sha == entry.revision else f"is of commit {sha}, the snapshot is {entry.revision}"
