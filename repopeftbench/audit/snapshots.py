"""The snapshots of a dataset: one for every commit that has tasks, and a text or a reason for every file in them."""

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows, shard_tables, task_splits
from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME, TREES, TREES_NAME
from repopeftbench.dataset.store import Dataset

SNAPSHOT_CHECK = "snapshots"


def snapshots_of_tasks(dataset: Dataset) -> Findings:
    """Commits of tasks without a tree, and files in trees that are stored nowhere."""
    if not dataset.manifest.config.snapshots:
        return Findings()
    stored = {blob for (blob,) in rows(shard_tables(dataset.folder / FILES_NAME, FILES, ["blob"]), ["blob"])}
    columns = ["repo_id", "commit_sha", "path", "blob"]
    trees: set[tuple[str, str]] = set()
    missing: list[str] = []
    for repo_id, sha, path, blob in rows(shard_tables(dataset.folder / TREES_NAME, TREES, columns), columns):
        trees.add((repo_id, sha))
        if blob is not None and blob not in stored:
            missing.append(f"{path} of {repo_id} at {sha}")
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


def _error(where: str, message: str) -> Problem:
    fix = "mine the dataset again: methods that read the repository cannot answer these tasks"
    return Problem(check=SNAPSHOT_CHECK, severity=Severity.ERROR, where=where, message=message, fix=fix)
