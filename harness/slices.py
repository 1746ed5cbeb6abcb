"""The ways in which a report divides tasks: by a property of the task, never by what was answered. Pure.

A slice gives every task one label; labels have a fixed order. Bounds are of the smallest value in a bin, so that the
bins are the same in every report, whatever its tasks.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.records import Score
from repopeftbench.schema import Event, Family, TargetType

_POSITIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One way to divide: `label` of a task is one of `labels`, which are in the order to print them."""

    title: str
    labels: tuple[str, ...]
    label: Callable[[Score], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bins:
    """Bins of whole numbers: from 0 or 1, and from each bound."""

    title: str
    least: int
    bounds: tuple[int, ...]

    def by(self, value: Callable[[Score], int]) -> Slice:
        starts = (self.least, *self.bounds)
        names = [
            f"{start:,}" if start == end - 1 else f"{start:,} to {end - 1:,}"
            for start, end in zip(starts, self.bounds, strict=False)
        ]
        labels = (*names, f"{self.bounds[-1]:,} or more")
        return Slice(
            title=self.title, labels=labels, label=lambda score: labels[bisect_right(self.bounds, value(score))]
        )


def position(score: Score) -> float:
    """Where in its repository's history a task's commit stands: 0 is the first commit, 1 the last."""
    return score.history_index / max(1, score.repository_commits - 1)


def _position_label(score: Score) -> str:
    # In whole numbers: 3 of 20 must not fall into the bin below by rounding.
    bin_index = score.history_index * _POSITIONS // max(1, score.repository_commits - 1)
    return _POSITION_LABELS[min(max(bin_index, 0), _POSITIONS - 1)]


_POSITION_LABELS = tuple(
    f"{100 * index // _POSITIONS} to {100 * (index + 1) // _POSITIONS} %" for index in range(_POSITIONS)
)

SLICES: Mapping[str, Slice] = MappingProxyType(
    {
        "family": Slice(
            title="Family", labels=tuple(family.value for family in Family), label=lambda score: score.family.value
        ),
        "event": Slice(
            title="Event", labels=tuple(event.value for event in Event), label=lambda score: score.event.value
        ),
        "target-type": Slice(
            title="Target type",
            labels=tuple(kind.value for kind in TargetType),
            label=lambda score: score.target_type.value,
        ),
        "target-length": _Bins(title="Target, characters", least=1, bounds=(4, 8, 16, 32, 64)).by(
            lambda score: score.target_characters
        ),
        "prefix-length": _Bins(title="Prefix, characters", least=0, bounds=(1_000, 4_000, 16_000, 64_000)).by(
            lambda score: score.prefix_characters
        ),
        "position": Slice(title="Position in the history", labels=_POSITION_LABELS, label=_position_label),
        "target-in-prefix": Slice(
            title="Target in prefix",
            labels=("yes", "no"),
            label=lambda score: "yes" if score.target_in_prefix else "no",
        ),
        "repository-size": _Bins(title="Repository, commits", least=1, bounds=(100, 300, 1_000, 3_000)).by(
            lambda score: score.repository_commits
        ),
    }
)
"""By name. The suite and the role of tasks are not among them: every table of a report is of one split."""
