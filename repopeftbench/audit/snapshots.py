"""The snapshots of a dataset: one for every commit that has tasks, and a text or a reason for every file in them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows, shard_tables, task_splits
from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME, TREES, TREES_NAME, blob_keys, contained
from repopeftbench.dataset.store import Dataset

SNAPSHOT_CHECK = "snapshots"


def snapshots_of_tasks(dataset: Dataset) -> Findings:
    """Commits of tasks without a tree, and files in trees that are stored nowhere."""
    if not dataset.manifest.config.snapshots:
        return Findings()
    stored = _stored(dataset.folder / FILES_NAME)
    columns = ("repo_id", "commit_sha", "path", "blob")
    trees: set[tuple[str, str]] = set()
    missing: list[str] = []
    for table in shard_tables(dataset.folder / TREES_NAME, TREES, columns):
        commits = table.group_by(["repo_id", "commit_sha"]).aggregate([])
        trees.update(zip(commits["repo_id"].to_pylist(), commits["commit_sha"].to_pylist(), strict=True))
        named = table.filter(table["blob"].is_valid())
        there = contained(blob_keys(named["blob"], dataset.folder / TREES_NAME), stored)
        absent = rows([named.filter(pa.array(~there))], columns)
        missing += [f"{path} of {repo_id} at {sha}" for repo_id, sha, path, _ in absent]
    problems = []
    if missing:
        problems.append(_error(TREES_NAME, f"{len(missing):,} files are stored nowhere, the first is {missing[0]}"))
    places = ("repo_id", "commit_sha")
    for track, split in task_splits(dataset):
        without = [task for task in rows(dataset.task_tables(track, split, places), places) if tuple(task) not in trees]
        if without:
            what = f"{len(without):,} tasks have no snapshot, the first is of {without[0][0]} at {without[0][1]}"
            problems.append(_error(f"{track}/{split}", what))
    return Findings(problems=tuple(problems))


def _stored(folder: Path) -> npt.NDArray[np.bytes_]:
    """The ids of all blobs, ascending: 20 bytes each, where a set of texts takes six times that."""
    keys = [blob_keys(table["blob"], folder) for table in shard_tables(folder, FILES, ("blob",))]
    return np.sort(np.concatenate([np.empty(0, dtype="S20"), *keys]))


def _error(where: str, message: str) -> Problem:
    fix = "mine the dataset again: methods that read the repository cannot answer these tasks"
    return Problem(check=SNAPSHOT_CHECK, severity=Severity.ERROR, where=where, message=message, fix=fix)
