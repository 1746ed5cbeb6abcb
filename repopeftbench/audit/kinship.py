"""How two repositories are related, told from what they share and where it stands in each. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.tally import counted
from repopeftbench.dataset.manifest import Manifest

MOST_SHARED = 0.1
"""Share of a repository's held-out tasks that may be in another one's train part before it is an error."""
FEWEST_SHARED = 5
"""Fewer things than this are chance, whatever their share."""
WORTH_NAMING = 0.02
"""Pairs that share less, on both sides, are counted together."""
MOST_REPOSITORIES = 20
"""What stands in more repositories is boilerplate of the language's tools: it is counted, and relates nobody."""
_MOST_OF_IT = 0.5


class Kin(StrEnum):
    """What makes two repositories share text."""

    FORK = "fork or renamed repository"
    VENDORED = "vendored copy"
    SNIPPETS = "shared snippets"


class Position(StrEnum):
    """Where a shared file stands in two repositories."""

    SAME = "same"
    MOVED = "moved"
    ELSEWHERE = "elsewhere"


def position(left: str, right: str) -> Position:
    """How the paths of two files that share text are related.

    `same` are equal paths, and those of equal depth that differ in one folder (`alns/tests/test_a.py`,
    `renamed/tests/test_a.py`); `moved` are those of which one has the other's last two components, or is the other's
    end, below other folders.
    """
    one, other = left.split("/"), right.split("/")
    differing = sum(a != b for a, b in zip(one, other, strict=False))
    if left == right or (len(one) == len(other) > 1 and differing == 1 and one[-1] == other[-1]):
        return Position.SAME
    ends = f"/{left}".endswith(f"/{right}") or f"/{right}".endswith(f"/{left}") or one[-2:] == other[-2:]
    return Position.MOVED if ends else Position.ELSEWHERE


@dataclass(slots=True, kw_only=True)
class Side:
    """What one repository of a pair shares with the other: of `of` things `shared`; of `held_out` tasks `leaked`.

    `leaked` are its held-out things that the other's train part has.
    """

    repo_id: str
    of: int
    held_out: int
    shared: int = 0
    leaked: int = 0

    @property
    def share(self) -> float:
        """The shared part, from 0 to 1."""
        return self.shared / self.of if self.of else 0.0

    @property
    def leaks(self) -> bool:
        """Whether more than the tolerated share of the held-out part is in the other's train part."""
        return self.leaked >= FEWEST_SHARED and self.leaked > MOST_SHARED * self.held_out


@dataclass(slots=True, kw_only=True)
class Pair:
    """Two repositories that share something; `positions` counts the shared things of both by where they stand."""

    left: Side
    right: Side
    positions: Counter[Position] = field(default_factory=Counter)

    @property
    def sides(self) -> tuple[Side, Side]:
        """The side that shares the larger part of itself first."""
        return (self.left, self.right) if self.left.share >= self.right.share else (self.right, self.left)

    @property
    def where(self) -> str:
        """Both names."""
        return f"{self.left.repo_id} and {self.right.repo_id}"

    @property
    def kin(self) -> Kin:
        """Why they share it."""
        same, moved = self.positions[Position.SAME], self.positions[Position.MOVED]
        most = self.sides[0].share >= _MOST_OF_IT
        if same + moved <= _MOST_OF_IT * self.positions.total():
            return Kin.SNIPPETS
        if same >= moved:
            return Kin.FORK if most else Kin.SNIPPETS
        return Kin.VENDORED

    @property
    def worth_naming(self) -> bool:
        """Whether the pair gets a problem of its own."""
        first, second = self.sides
        enough = max(first.share, second.share) >= WORTH_NAMING and max(first.shared, second.shared) >= FEWEST_SHARED
        return enough or first.leaks or second.leaks

    def severity(self, manifest: Manifest) -> Severity:
        """An error (clean protocol) where train of one has too much of what the other holds out; else a warning."""
        is_leak = self.left.leaks or self.right.leaks
        return Severity.ERROR if is_leak and manifest.config.protocol != "paper" else Severity.WARNING

    def describe(self, things: str) -> str:
        """What both share, in words; `things` is the plural of what is counted."""
        first, second = self.sides
        text = (
            f"{self.kin}: {first.repo_id} shares {counted(first.shared, first.of)} of its {things}, "
            f"{second.repo_id} {counted(second.shared, second.of)}"
        )
        for side, other in ((first, second), (second, first)):
            if side.leaked:
                leaked = counted(side.leaked, side.held_out)
                text += f"; {leaked} of what {side.repo_id} holds out is in train of {other.repo_id}"
        return text
