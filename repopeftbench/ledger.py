"""Keep and drop counts by reason: what was seen is what was kept plus what was dropped, always."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Counts of one kind of thing; `seen` is counted where things enter, the rest where they leave."""

    seen: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether everything seen was either kept or dropped with a reason."""
        return self.seen == self.kept + sum(self.dropped.values())

    def __add__(self, other: "Ledger") -> "Ledger":
        """The sum of two ledgers, reason by reason."""
        dropped = Counter(self.dropped)
        dropped.update(other.dropped)
        return Ledger(seen=self.seen + other.seen, kept=self.kept + other.kept, dropped=dict(sorted(dropped.items())))
