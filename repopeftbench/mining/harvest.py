"""What mining one repository gives, before any split: rows and the counts that they must add up to."""

from dataclasses import dataclass

from repopeftbench.ledger import Ledger
from repopeftbench.schema import CommitRecord, Reject, Task, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """Everything one repository gave, before splits: drafts in history order, the static track last."""

    tasks: tuple[Task, ...]
    rejects: tuple[Reject, ...]
    commits: tuple[CommitRecord, ...]
    last_new: dict[str, int]
    """Test files and the history index of the last commit that brought a new assertion to each, renames followed."""
    seen: dict[Track, int]
    """Sites and unreadable files met, by track, counted where they were met."""


def ledger_of(harvest: Harvest, track: Track) -> Ledger:
    """The track's ledger: `seen` as the miner counted it, the rest from its rows."""
    dropped: dict[str, int] = {}
    for reject in harvest.rejects:
        if reject.track is track:
            dropped[reject.reason] = dropped.get(reject.reason, 0) + 1
    return Ledger(
        seen=harvest.seen[track],
        kept=sum(task.track is track for task in harvest.tasks),
        dropped=dict(sorted(dropped.items())),
    )
