"""Ids of tasks: each once in the whole dataset, and the one that mining would give the same content."""

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows, task_splits
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import content_id

UNIQUE_CHECK = "task-id-unique"
CONTENT_CHECK = "task-id"
ID_COLUMNS = (
    "repo_id",
    "track",
    "commit_sha",
    "test_file",
    "statement_start_byte",
    "target_start_byte",
    "target_end_byte",
    "prefix",
    "gap",
    "target",
)
"""What a task's id is made of when it is mined (`mining.drafts.draft_task`), in order."""


def repeated_task_ids(dataset: Dataset) -> Findings:
    """Ids that occurred before, in the same file or in another one."""
    seen: set[str] = set()
    problems: list[Problem] = []
    for track, split in task_splits(dataset):
        again: list[str] = []
        for (task_id,) in rows(dataset.task_tables(track, split, ("task_id",)), ("task_id",)):
            if task_id in seen:
                again.append(task_id)
            seen.add(task_id)
        if again:
            problems.append(
                Problem(
                    check=UNIQUE_CHECK,
                    severity=Severity.ERROR,
                    where=f"{track}/{split}",
                    message=f"{len(again):,} task ids occur before in the dataset, the first is {again[0]}",
                    fix="mine the dataset again: runs and scores go by these ids",
                )
            )
    return Findings(problems=tuple(problems))


def task_ids_of_content(dataset: Dataset) -> Findings:
    """Ids that are not those of their rows' content.

    Asked of mined datasets alone: the ids of imported ones are made of what is published.
    """
    if dataset.manifest.config.protocol == "paper":
        return Findings()
    problems: list[Problem] = []
    columns = ("task_id", *ID_COLUMNS)
    for track, split in task_splits(dataset):
        wrong = [
            task_id
            for task_id, *parts in rows(dataset.task_tables(track, split, columns), columns)
            if task_id != content_id(*parts)
        ]
        if wrong:
            problems.append(
                Problem(
                    check=CONTENT_CHECK,
                    severity=Severity.ERROR,
                    where=f"{track}/{split}",
                    message=f"{len(wrong):,} task ids are not those of their content, the first is {wrong[0]}: "
                    "the text was changed after it was mined",
                    fix="mine the dataset again instead of editing it",
                )
            )
    return Findings(problems=tuple(problems))
