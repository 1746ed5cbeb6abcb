"""Repositories that are out of distribution, and content that is not: it existed before the cutoff. Reads a dataset.

A repository may begin after the cutoff and still be old text: by a copy, a move or a lost history. Commits whose time
is unknown (0) tell nothing. Commits on the wrong side of the cutoff: `chronology`.
"""

import datetime as dt
from collections.abc import Iterator
from itertools import chain

import numpy as np

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.kinship import FEWEST_SHARED, MOST_SHARED, WORTH_NAMING
from repopeftbench.audit.rows import rows, task_splits
from repopeftbench.audit.shared_files import FEWEST_BYTES
from repopeftbench.audit.snapshot_contents import PRODUCTION, contents, files
from repopeftbench.audit.tally import Group, Tally, defect, digest
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.snapshots import has_snapshots
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError
from repopeftbench.schema import Split, Track

OLD_STATEMENTS = "old-statement"
OLD_FILES = "old-file"


def old_content(dataset: Dataset) -> Findings:
    """What repositories of `ood_test` hold that an in-distribution repository held before the cutoff.

    A task is old if an in-distribution task from before the cutoff has its statement in a function of the same name; a
    version of a production file, if an in-distribution commit from before the cutoff brought the same bytes.
    """
    cutoff = _instant(dataset.manifest)
    young = {entry.repo_id for entry in dataset.manifest.repositories if entry.role == "ood_test"}
    if cutoff is None or not young:
        return Findings()
    statements, versions = _old_statements(dataset, cutoff, young), _old_files(dataset, cutoff, young)
    problems = tuple(
        Problem(
            check=check,
            severity=defect(dataset.manifest) if found.share > MOST_SHARED else Severity.WARNING,
            where=found.where,
            message=f"{found} {what} before the cutoff, {dataset.manifest.config.cutoff}",
            fix="take the repository off the list: it is no repository that began after the cutoff",
        )
        for tally, check, what in (
            (statements, OLD_STATEMENTS, "tasks have the statement of an in-distribution function of the same name"),
            (versions, OLD_FILES, "versions of production files stood in an in-distribution repository"),
        )
        for found in tally.repositories()
        if found.count >= FEWEST_SHARED and found.share > WORTH_NAMING
    )
    return Findings(problems=problems, measures=statements.measures(OLD_STATEMENTS) + versions.measures(OLD_FILES))


def _old_statements(dataset: Dataset, cutoff: int, young: set[str]) -> Tally:
    old = {key for group, time, key in _statements(dataset) if group.repo_id not in young and 0 < time < cutoff}
    tally = Tally()
    for group, _, key in _statements(dataset):
        if group.repo_id in young:
            tally.add(group, key in old)
    return tally


def _statements(dataset: Dataset) -> Iterator[tuple[Group, int, int]]:
    """Group, time of the commit, and what makes a statement the same as another repository's."""
    columns = ("repo_id", "committer_time", "test_function", "statement_key")
    for track, split in task_splits(dataset):
        for repo_id, time, function, key in rows(dataset.task_tables(track, split, columns), columns):
            yield Group(track, split, repo_id), time, digest(function, key)


def _old_files(dataset: Dataset, cutoff: int, young: set[str]) -> Tally:
    tally = Tally()
    if not has_snapshots(dataset.folder):
        return tally
    times = _commit_times(dataset)
    held = contents(
        dataset.folder, lambda repo_id, sha: repo_id in young or 0 < times.get(digest(repo_id, sha), 0) < cutoff
    )
    large = files(dataset.folder).of_size(FEWEST_BYTES)
    empty = np.empty(0, dtype=np.uint64)
    in_distribution = [found.of_kind(PRODUCTION) for repo_id, found in held.items() if repo_id not in young]
    old = np.unique(np.concatenate([*in_distribution, empty]))
    for repo_id, found in held.items():
        if repo_id in young:
            mine = np.intersect1d(found.of_kind(PRODUCTION), large, assume_unique=True)
            tally.add(Group(None, Split.OOD_TEST, repo_id), int(np.isin(mine, old).sum()), of=len(mine))
    return tally


def _commit_times(dataset: Dataset) -> dict[int, int]:
    """The times of kept commits and of the static track's snapshots."""
    columns = ("repo_id", "commit_sha", "committer_time")
    static = (dataset.task_tables(Track.STATIC, split, columns) for split in dataset.splits(Track.STATIC))
    tables = chain(dataset.commit_tables(columns), *static)
    return {digest(repo_id, sha): time for repo_id, sha, time in rows(tables, columns)}


def _instant(manifest: Manifest) -> int | None:
    """The cutoff in seconds since the epoch, None where there is none.

    Raises:
        DatasetError: it is no date.
    """
    if manifest.config.cutoff is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(manifest.config.cutoff)
    except ValueError as error:
        raise DatasetError(f"the cutoff {manifest.config.cutoff!r} in the manifest is no date: mine again") from error
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)).timestamp())
