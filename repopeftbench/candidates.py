"""Which repositories a benchmark is mined from: the published filters as rules over their metadata. Pure.

Defaults are what the paper says. Where its code does something else:

- in distribution: the code also wants 3,000 to 15,000 KB and a push since 2024-01-01, not 2023-01-01, and looks for
  the word `pytest` in seven dependency files, never for unittest. The paper says that histories end at the cutoff;
  neither looks at when a repository was created. Here it must be before the cutoff, since `mine` takes a repository
  that begins later for one out of distribution.
- out of distribution: the numbers are the code's. It also wanted at most 2,000 stars, and took the first 100 that its
  queries gave, those for the lowest star counts first; here the rules alone decide.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from repopeftbench.candidate_rows import Candidate, RejectedCandidate
from repopeftbench.ledger import Ledger
from repopeftbench.tombstones import Tombstone, tombstone_of

DUPLICATE = "duplicate"
RENAMED = "renamed"
TAKEN_DOWN = "taken-down"
IN_BASELINE = "in-baseline"
FORK = "fork"
FORK_OF_BASELINE = "fork-of-baseline"
FORK_OF_SELECTED = "fork-of-selected"
ARCHIVED = "archived"
LICENCE = "licence"
STARS = "stars"
SIZE = "size"
INACTIVE = "inactive"
TOO_NEW = "begins-after-cutoff"
TOO_OLD = "begins-before-cutoff"

_Fate = tuple[str, str]


class Profile(StrEnum):
    """What the repositories are for: train, val and test of known ones, or a test on those that came later."""

    IN_DISTRIBUTION = "in-distribution"
    OOD = "ood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The rules' numbers; None is no limit, sizes are KB as GitHub counts them."""

    profile: Profile
    licences: tuple[str, ...]
    min_stars: int
    pushed_since: dt.datetime
    cutoff: dt.datetime | None
    """The first instant at which repositories are out of distribution; None does not look at their age."""
    min_size_kb: int | None = None
    max_size_kb: int | None = None
    archived: bool = True
    """Whether archived repositories may be selected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is selected, by name, and what was dropped, by line; `seen` are the rows there were."""

    seen: int
    kept: tuple[Candidate, ...]
    rejected: tuple[RejectedCandidate, ...]

    @property
    def ledger(self) -> Ledger:
        """Rows seen, kept, and dropped by reason."""
        dropped = Counter(one.reason for one in self.rejected)
        return Ledger(seen=self.seen, kept=len(self.kept), dropped=dict(sorted(dropped.items())))


def published_thresholds(profile: Profile, cutoff: dt.datetime | None) -> Thresholds:
    """The thresholds of the published benchmark (see the module)."""
    if profile is Profile.IN_DISTRIBUTION:
        return Thresholds(
            profile=profile,
            licences=("MIT",),
            min_stars=300,
            pushed_since=dt.datetime(2023, 1, 1, tzinfo=dt.UTC),
            cutoff=cutoff,
        )
    return Thresholds(
        profile=profile,
        licences=("MIT", "Apache-2.0"),
        min_stars=6,
        pushed_since=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        cutoff=cutoff,
        min_size_kb=100,
        max_size_kb=204_800,
        archived=False,
    )


def select_candidates(
    rows: Iterable[Candidate | RejectedCandidate],
    thresholds: Thresholds,
    *,
    baseline: frozenset[str] = frozenset(),
    tombstones: Sequence[Tombstone] = (),
) -> Selection:
    """Applies the rules that need no history.

    Of several rows of one repository the first one counts. A row is dropped for the first rule that it breaks.

    Args:
        rows: the candidates, in the file's order.
        thresholds: the rules' numbers.
        baseline: names, in lower case, of repositories that are in use already: neither they nor forks of them.
        tombstones: what was taken down.
    """
    rejected: list[RejectedCandidate] = []
    kept: list[Candidate] = []
    lines: dict[str, int] = {}
    ids: dict[int, Candidate] = {}
    seen = 0
    for row in rows:
        seen += 1
        if isinstance(row, RejectedCandidate):
            rejected.append(row)
            continue
        fate = _repeated(row, lines, ids) or _fate(row, thresholds, baseline, tombstones)
        if fate is None:
            kept.append(row)
        else:
            rejected.append(rejected_for(row, *fate))
    return without(Selection(seen=seen, kept=tuple(kept), rejected=tuple(rejected)), _fork_of_selected(kept))


def without(selection: Selection, fate: Callable[[Candidate], _Fate | None]) -> Selection:
    """A selection without those that have a fate: a reason, and a sentence for the user."""
    fates = [(candidate, fate(candidate)) for candidate in selection.kept]
    more = [rejected_for(candidate, *found) for candidate, found in fates if found is not None]
    return Selection(
        seen=selection.seen,
        kept=tuple(sorted((one for one, found in fates if found is None), key=lambda one: (one.key, one.line))),
        rejected=tuple(sorted((*selection.rejected, *more), key=lambda one: one.line)),
    )


def rejected_for(candidate: Candidate, reason: str, detail: str) -> RejectedCandidate:
    """The row of a candidate that is dropped."""
    return RejectedCandidate(line=candidate.line, full_name=candidate.full_name, reason=reason, detail=detail)


def age_fate(begin: dt.datetime, thresholds: Thresholds, what: str) -> _Fate | None:
    """Why a repository is too old or too new; `what` names what began at `begin`."""
    if thresholds.cutoff is None:
        return None
    begun, cutoff = begin.isoformat(), thresholds.cutoff.isoformat()
    if thresholds.profile is Profile.OOD and begin < thresholds.cutoff:
        return TOO_OLD, f"{what} {begun}, before the cutoff {cutoff}"
    if thresholds.profile is Profile.IN_DISTRIBUTION and begin >= thresholds.cutoff:
        return TOO_NEW, f"{what} {begun}, not before the cutoff {cutoff}"
    return None


def _repeated(row: Candidate, lines: dict[str, int], ids: dict[int, Candidate]) -> _Fate | None:
    """Why a row is one of a repository that was met before; remembers it."""
    if row.key in lines:
        return DUPLICATE, f"line {lines[row.key]} has it already"
    lines[row.key] = row.line
    if row.github_id is None:
        return None
    other = ids.setdefault(row.github_id, row)
    return None if other is row else (RENAMED, f"line {other.line} has it as {other.full_name}: id {row.github_id}")


def _fate(
    row: Candidate, thresholds: Thresholds, baseline: frozenset[str], tombstones: Sequence[Tombstone]
) -> _Fate | None:
    """The first rule that a row breaks on its own."""
    tombstone = tombstone_of(tombstones, row.full_name, row.source.url)
    if tombstone is not None:
        return TAKEN_DOWN, tombstone.sentence
    if row.key in baseline:
        return IN_BASELINE, "it is in the baseline"
    of_baseline = [name for name in row.upstream if name in baseline]
    if of_baseline:
        return FORK_OF_BASELINE, f"it comes from {of_baseline[0]}, which is in the baseline"
    if row.fork:
        return FORK, f"it is a fork{f' of {row.upstream[0]}' if row.upstream else ''}"
    if row.archived and not thresholds.archived:
        return ARCHIVED, "it is archived"
    return _threshold(row, thresholds)


def _threshold(row: Candidate, thresholds: Thresholds) -> _Fate | None:
    if (row.licence or "").casefold() not in {name.casefold() for name in thresholds.licences}:
        return LICENCE, f"its licence is {row.licence or 'not known'}, not {' or '.join(thresholds.licences)}"
    if row.stars < thresholds.min_stars:
        return STARS, f"{row.stars} stars, {thresholds.min_stars} are wanted"
    fewest, most = thresholds.min_size_kb, thresholds.max_size_kb
    if fewest is not None or most is not None:
        if row.size_kb is None:
            return SIZE, "its size is not given"
        if row.size_kb < (fewest or 0) or (most is not None and row.size_kb > most):
            return SIZE, f"{row.size_kb} KB, not {fewest or 0} to {'any' if most is None else most}"
    if row.pushed_at < thresholds.pushed_since:
        return INACTIVE, f"last push {row.pushed_at.isoformat()}, before {thresholds.pushed_since.isoformat()}"
    return age_fate(row.created_at, thresholds, "created")


def _fork_of_selected(kept: Sequence[Candidate]) -> Callable[[Candidate], _Fate | None]:
    names = {candidate.key for candidate in kept}

    def fate(candidate: Candidate) -> _Fate | None:
        found = [name for name in candidate.upstream if name in names]
        return (FORK_OF_SELECTED, f"it comes from {found[0]}, which is selected") if found else None

    return fate
