"""What must leave val and test again: statements that the same repository's train part already holds. Pure."""

from collections.abc import Collection, Iterable, Sequence

from repopeftbench.schema import Reject, Split, Task

LEAKED = "in-train"


def train_keys(tasks: Iterable[Task], rejects: Iterable[tuple[str | None, Split]]) -> frozenset[str]:
    """Keys of every statement in a repository's train part, over both tracks.

    Args:
        tasks: the repository's tasks with their splits.
        rejects: statement key and split of the repository's rejects; a capped-out train statement was still there to
            be learned.
    """
    keys = {task.statement_key for task in tasks if task.split is Split.IR_TRAIN}
    keys.update(key for key, split in rejects if split is Split.IR_TRAIN and key is not None)
    return frozenset(keys)


def without_leaks(tasks: Sequence[Task], keys: Collection[str]) -> tuple[list[Task], list[Reject]]:
    """The tasks whose statement is not in the train part, and reject rows for the others; train tasks all stay."""
    kept: list[Task] = []
    dropped: list[Reject] = []
    for task in tasks:
        if task.split in (Split.IR_VAL, Split.IR_TEST) and task.statement_key in keys:
            dropped.append(Reject.of(task, LEAKED))
        else:
            kept.append(task)
    return kept, dropped
