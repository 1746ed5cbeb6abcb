"""Statements that are no news: in train and held out in one repository, or emitted again though nothing changed. Pure.

Statements are compared by key (`mining.keys`): layout, quotes and comments do not count. Nothing is compared between
repositories here; `near_duplicates` does that.
"""

from collections.abc import Iterator

import numpy as np

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.tally import Group, Tally, defect, digest, task_rows
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track
from repopeftbench.splits.leakage import LEAKED

IN_TRAIN = "statement-in-train"
UNCHANGED = "statement-unchanged"


def statements_in_train(dataset: Dataset) -> Findings:
    """Held-out tasks whose statement the same repository's train part holds, over both tracks.

    Train rejects count: a statement that a cap left out of the tasks was still there to be learned.
    """
    train = _train_statements(dataset)
    with_train = {entry.repo_id for entry in dataset.manifest.repositories if entry.role == "train"}
    tally = Tally()
    for track in Track:
        for group, (key,) in task_rows(dataset, track, "statement_key"):
            if group.split.role != "train" and group.repo_id in with_train:
                tally.add(group, digest(group.repo_id, key) in train)
    problems = tuple(
        Problem(
            check=IN_TRAIN,
            severity=defect(dataset.manifest),
            where=place.where,
            message=f"{place} tasks have a statement that train of the same repository holds, "
            f"in {place.repositories} repositories, most of them in {place.worst}",
            fix="drop these tasks, or mine with --protocol clean, which does",
        )
        for place in tally.places()
        if place.count
    )
    return Findings(problems=problems, measures=tally.measures(IN_TRAIN))


def unchanged_statements(dataset: Dataset) -> Findings:
    """Evolution tasks whose statement stood in the same function of the same file at an earlier task commit.

    Asked of the paper protocol alone, whose tasks are new wherever anything before them in the file is. In the clean
    protocol a statement comes again only where one more copy of it was written.
    """
    if dataset.manifest.config.protocol != "paper":
        return Findings()
    digests: list[int] = []
    commits: list[int] = []
    groups: list[Group] = []
    for split in dataset.splits(Track.EVOLUTION):
        columns = ("repo_id", "test_file", "test_function", "statement_key", "commit_index")
        for table in dataset.task_tables(Track.EVOLUTION, split, columns):
            for repo_id, *names, commit in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
                groups.append(Group(Track.EVOLUTION, split, repo_id))
                digests.append(digest(repo_id, *names))
                commits.append(commit)
    times = np.array(commits, dtype=np.int64)
    _, which = np.unique(np.array(digests, dtype=np.uint64), return_inverse=True)
    first = np.full(len(times), np.iinfo(np.int64).max)
    np.minimum.at(first, which, times)
    tally = Tally()
    for group, again in zip(groups, (times > first[which]).tolist(), strict=True):
        tally.add(group, again)
    problems = tuple(
        Problem(
            check=UNCHANGED,
            severity=Severity.WARNING,
            where=place.where,
            message=f"{place} tasks are unchanged text: an earlier commit's task has the same statement in the same "
            f"function of the same file, most of them in {place.worst}",
            fix="mine with --protocol clean, where a task is new only if its statement is",
        )
        for place in tally.places()
        if place.count
    )
    return Findings(problems=problems, measures=tally.measures(UNCHANGED))


def _train_statements(dataset: Dataset) -> set[int]:
    found = {
        digest(group.repo_id, key)
        for track in Track
        for group, (key,) in task_rows(dataset, track, "statement_key")
        if group.split.role == "train"
    }
    found.update(_train_rejects(dataset))
    return found


def _train_rejects(dataset: Dataset) -> Iterator[int]:
    train_commits = _train_commits(dataset)
    held_out = _held_out_files(dataset)
    repositories = {entry.repo_id for entry in dataset.manifest.repositories if entry.role == "train"}
    columns = ("repo_id", "track", "commit_sha", "test_file", "statement_key")
    for table in dataset.reject_tables(columns):
        for repo_id, track, sha, path, key in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
            if key is None or repo_id not in repositories:
                continue
            if digest(repo_id, sha) in train_commits if track == Track.EVOLUTION else (repo_id, path) not in held_out:
                yield digest(repo_id, key)


def _train_commits(dataset: Dataset) -> set[int]:
    found: set[int] = set()
    for table in dataset.commit_tables(("repo_id", "commit_sha", "split")):
        repo_ids, shas, splits = (table.column(name).to_pylist() for name in ("repo_id", "commit_sha", "split"))
        rows = zip(repo_ids, shas, splits, strict=True)
        found.update(digest(repo_id, sha) for repo_id, sha, split in rows if split == Split.IR_TRAIN)
    return found


def _held_out_files(dataset: Dataset) -> set[tuple[str, str]]:
    """Test files that the static track holds out; where all tasks of one had to leave, their rejects tell so."""
    found: set[tuple[str, str]] = set()
    for group, (path,) in task_rows(dataset, Track.STATIC, "test_file"):
        if group.split.role != "train":
            found.add((group.repo_id, path))
    columns = ("repo_id", "track", "test_file", "reason")
    for table in dataset.reject_tables(columns):
        for repo_id, track, path, reason in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
            if track == Track.STATIC and reason == LEAKED:
                found.add((repo_id, path))
    return found
