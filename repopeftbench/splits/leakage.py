"""What must leave val and test again: statements that the same repository's train part already holds. Pure."""

from collections.abc import Iterable

from repopeftbench.schema import Split

LEAKED = "in-train"


def train_keys(statements: Iterable[tuple[str | None, Split]]) -> frozenset[str]:
    """Keys of every statement in a repository's train part, over both tracks.

    Args:
        statements: key and split of the repository's tasks and rejects; a capped-out train statement was still there
            to be learned. A rejected file has no key.
    """
    return frozenset(key for key, split in statements if split is Split.IR_TRAIN and key is not None)


def is_leaked(key: str, split: Split, train: frozenset[str]) -> bool:
    """Whether a task of this split has to leave it."""
    return split in (Split.IR_VAL, Split.IR_TEST) and key in train
