"""What an import counts while rows pass: ledgers by repository, tasks by commit, sizes by split. Small."""

from collections import Counter
from dataclasses import dataclass, field

from repopeftbench.ledger import Ledger
from repopeftbench.schema import Reject, Split, Task, Track


@dataclass(slots=True)
class SplitSize:
    """One track's split: its rows as published, and what became of them. `tasks` by repository."""

    rows: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    commits_with_tasks: int = 0


@dataclass(slots=True)
class Tally:
    """Counts of one import."""

    seen: Counter[tuple[Track, str]] = field(default_factory=Counter)
    dropped: dict[tuple[Track, str], Counter[str]] = field(default_factory=dict)
    sizes: dict[tuple[Track, Split], SplitSize] = field(default_factory=dict)
    tasks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Evolution tasks by repository and SHA."""
    rejects: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Evolution rejects by repository and SHA."""
    families: set[str] = field(default_factory=set)

    def see(self, track: Track, split: Split, repo_id: str, *, is_read: bool) -> None:
        """A row comes in; `is_read` unless its split is read from another file."""
        self.seen[track, repo_id] += 1
        self._size(track, split).rows += is_read

    def keep(self, task: Task) -> None:
        """A row became a task."""
        assert task.split is not None
        size = self._size(task.track, task.split)
        size.tasks[task.repo_id] += 1
        self.families.add(task.family)
        if task.track is Track.EVOLUTION:
            size.commits_with_tasks += not self.tasks[task.repo_id, task.commit_sha]
            self.tasks[task.repo_id, task.commit_sha] += 1

    def drop(self, reject: Reject) -> None:
        """A row became a reject."""
        self.dropped.setdefault((reject.track, reject.repo_id), Counter())[reject.reason] += 1
        if reject.track is Track.EVOLUTION:
            self.rejects[reject.repo_id, reject.commit_sha] += 1

    def ledger(self, track: Track, repo_id: str) -> Ledger:
        """The ledger of one repository and track."""
        kept = sum(size.tasks[repo_id] for (of, _), size in self.sizes.items() if of is track)
        dropped = self.dropped.get((track, repo_id), Counter())
        return Ledger(seen=self.seen[track, repo_id], kept=kept, dropped=dict(sorted(dropped.items())))

    def repositories(self) -> list[str]:
        """Every repository that a row came from, sorted."""
        return sorted({repo_id for _, repo_id in self.seen})

    def _size(self, track: Track, split: Split) -> SplitSize:
        return self.sizes.setdefault((track, split), SplitSize())
