"""What the miner hands on, by commit or by file: rows without a split, and the counts they must add up to."""

from dataclasses import dataclass

from repopeftbench.schema import CommitRecord, Reject, Task, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What one commit, or one file of the snapshot, gave.

    `commit` is there for kept commits only; its `commit_index`, like that of its tasks, counts from the beginning of
    the mined range. `seen` counts sites and unreadable files where they were met. `renames` are old and new paths of
    test files that the commit moved.
    """

    track: Track
    history_index: int
    seen: int
    tasks: tuple[Task, ...] = ()
    rejects: tuple[Reject, ...] = ()
    commit: CommitRecord | None = None
    renames: tuple[tuple[str, str], ...] = ()
