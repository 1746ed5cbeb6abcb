"""Measures added up into tables: one row per measure, one column per track and split. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repopeftbench.audit.findings import Measure
from repopeftbench.schema import Split, Track


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of` things."""

    count: int
    of: int

    def __add__(self, other: "Share") -> "Share":
        """Both together."""
        return Share(self.count + other.count, self.of + other.of)

    def __str__(self) -> str:
        """Count and percentage: `12 of 340 (3.5 %)`, without a percentage where there is nothing."""
        share = f" ({100 * self.count / self.of:.1f} %)" if self.of else ""
        return f"{self.count:,} of {self.of:,}{share}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryTable:
    """The measures of one track; a cell is None where nothing was measured."""

    track: Track | None
    splits: tuple[Split, ...]
    rows: tuple[tuple[str, tuple[Share | None, ...]], ...]
    """Name of the measure and a cell per split, in the order in which the checks name the measures."""


def summarised(measures: Iterable[Measure]) -> tuple[SummaryTable, ...]:
    """A table per track, repositories added up; tracks and splits in the order of their types, no track last."""
    totals: dict[Track | None, dict[str, dict[Split, Share]]] = {}
    for measure in measures:
        cells = totals.setdefault(measure.track, {}).setdefault(measure.name, {})
        share = Share(measure.count, measure.of)
        cells[measure.split] = cells[measure.split] + share if measure.split in cells else share
    return tuple(_table(track, totals[track]) for track in (*Track, None) if track in totals)


def by_repository(measures: Sequence[Measure]) -> dict[str, tuple[Measure, ...]]:
    """The measures of each repository, repositories by name."""
    found: dict[str, list[Measure]] = {}
    for measure in measures:
        found.setdefault(measure.repo_id, []).append(measure)
    return {repo_id: tuple(found[repo_id]) for repo_id in sorted(found)}


def _table(track: Track | None, rows: dict[str, dict[Split, Share]]) -> SummaryTable:
    present = {split for cells in rows.values() for split in cells}
    splits = tuple(split for split in Split if split in present)
    return SummaryTable(
        track=track,
        splits=splits,
        rows=tuple((name, tuple(cells.get(split) for split in splits)) for name, cells in rows.items()),
    )
