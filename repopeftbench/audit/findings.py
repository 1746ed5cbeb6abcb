"""What an audit says: problems for the reader, measures for the tables. Records only.

A check is a function of a dataset (and of what else it needs) that returns `Findings`. It raises only where the
dataset cannot be read at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from repopeftbench.schema import Split, Track


class Severity(StrEnum):
    """How bad a problem is; an error keeps a dataset from being published."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, once per place however often it occurs there.

    `check` is the name of the check that found it (`chronology`); `where` names file, track, split, repository or
    commit, whatever is most exact; `message` and `fix` are sentences for the user.
    """

    check: str
    severity: Severity
    where: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How many (`count`) of how many (`of`) things of one track, split and repository have a property.

    `track` is None for what has no track, such as commits.
    """

    name: str
    track: Track | None
    split: Split
    repo_id: str
    count: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The result of one check, or of several."""

    problems: tuple[Problem, ...] = ()
    measures: tuple[Measure, ...] = ()


def combined(findings: Iterable[Findings]) -> Findings:
    """All problems and all measures, in their order."""
    parts = tuple(findings)
    return Findings(
        problems=tuple(problem for part in parts for problem in part.problems),
        measures=tuple(measure for part in parts for measure in part.measures),
    )
