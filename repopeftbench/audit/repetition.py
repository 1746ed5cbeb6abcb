"""Statements that are no news: in train and held out in one repository, or emitted again though nothing changed. Pure.

Statements are compared by key (`mining.keys`): layout, quotes and comments do not count. Nothing is compared between
repositories here; `near_duplicates` does that.
"""

from array import array
from collections.abc import Iterator

import numpy as np

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows
from repopeftbench.audit.tally import Group, Tally, defect, digest, task_rows
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track
from repopeftbench.splits.leakage import LEAKED

IN_TRAIN = "statement-in-train"
UNCHANGED = "statement-unchanged"

_PLACE = ("repo_id", "test_file", "test_function", "statement_key", "history_index")


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
    """Evolution tasks whose statement was mined at an earlier commit from the same function of the same file.

    Asked of the paper protocol alone, whose tasks are new wherever anything before them in the file is; rejects count
    as mined. In the clean protocol a statement comes again only where one more copy of it was written.
    """
    if dataset.manifest.config.protocol != "paper":
        return Findings()
    groups: list[Group] = []
    mined, indices = array("Q"), array("q")
    for split in dataset.splits(Track.EVOLUTION):
        for repo_id, *names, index in rows(dataset.task_tables(Track.EVOLUTION, split, _PLACE), _PLACE):
            groups.append(Group(Track.EVOLUTION, split, repo_id))
            mined.append(digest(repo_id, *names))
            indices.append(index)
    columns = (*_PLACE, "track")
    for repo_id, path, function, key, index, track in rows(dataset.reject_tables(columns), columns):
        if track == Track.EVOLUTION and key is not None:
            mined.append(digest(repo_id, path, function or "", key))
            indices.append(index)
    times = np.array(indices, dtype=np.int64)
    _, which = np.unique(np.array(mined, dtype=np.uint64), return_inverse=True)
    first = np.full(len(times), np.iinfo(np.int64).max)
    np.minimum.at(first, which, times)
    tally = Tally()
    for group, again in zip(groups, (times > first[which]).tolist(), strict=False):
        tally.add(group, again)
    problems = tuple(
        Problem(
            check=UNCHANGED,
            severity=Severity.WARNING,
            where=place.where,
            message=f"{place} tasks are unchanged text: an earlier commit has the same statement in the same function "
            f"of the same file, most of them in {place.worst}",
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
    for repo_id, track, sha, path, key in rows(dataset.reject_tables(columns), columns):
        if key is None or repo_id not in repositories:
            continue
        if digest(repo_id, sha) in train_commits if track == Track.EVOLUTION else (repo_id, path) not in held_out:
            yield digest(repo_id, key)


def _train_commits(dataset: Dataset) -> set[int]:
    columns = ("repo_id", "commit_sha", "split")
    commits = rows(dataset.commit_tables(columns), columns)
    return {digest(repo_id, sha) for repo_id, sha, split in commits if split == Split.IR_TRAIN}


def _held_out_files(dataset: Dataset) -> set[tuple[str, str]]:
    """Test files that the static track holds out; where all tasks of one had to leave, their rejects tell so."""
    found = {
        (group.repo_id, path)
        for group, (path,) in task_rows(dataset, Track.STATIC, "test_file")
        if group.split.role != "train"
    }
    columns = ("repo_id", "track", "test_file", "reason")
    for repo_id, track, path, reason in rows(dataset.reject_tables(columns), columns):
        if track == Track.STATIC and reason == LEAKED:
            found.add((repo_id, path))
    return found
