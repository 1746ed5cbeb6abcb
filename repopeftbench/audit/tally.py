"""Counting for audits: groups of tasks, shares, how places are written down. Pure.

A group is one repository's part of one split of one track: what a measure is about.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from repopeftbench.audit.findings import Measure, Severity
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track


@dataclass(frozen=True, slots=True)
class Group:
    """The tasks of one track, split and repository; what has no track, such as a commit, has None."""

    track: Track | None
    split: Split
    repo_id: str

    @property
    def place(self) -> str:
        """Track and split, as the paths of a dataset have them."""
        return str(self.split) if self.track is None else f"{self.track}/{self.split}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The counts of several groups: in how many repositories, and in which one most often."""

    where: str
    count: int
    of: int
    repositories: int
    worst: str

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.count / self.of if self.of else 0.0

    def __str__(self) -> str:
        return counted(self.count, self.of)


@dataclass(slots=True)
class Tally:
    """How many of how many things of each group have a property."""

    _counts: dict[Group, list[int]] = field(default_factory=dict)

    def add(self, group: Group, count: int, of: int = 1) -> None:
        """Counts `of` more things, `count` of which have the property."""
        entry = self._counts.setdefault(group, [0, 0])
        entry[0] += count
        entry[1] += of

    def measures(self, name: str) -> tuple[Measure, ...]:
        """One measure per group, in the order of tracks, splits and repositories."""
        return tuple(
            Measure(name=name, track=group.track, split=group.split, repo_id=group.repo_id, count=count, of=of)
            for group, count, of in self._rows()
        )

    def places(self) -> tuple[Sum, ...]:
        """The sums over the repositories of each track and split."""
        return self._sums(lambda group: group.place)

    def repositories(self) -> tuple[Sum, ...]:
        """The sums over the tracks and splits of each repository."""
        return self._sums(lambda group: group.repo_id)

    def _sums(self, where: Callable[[Group], str]) -> tuple[Sum, ...]:
        found: dict[str, list[tuple[Group, int, int]]] = {}
        for row in self._rows():
            found.setdefault(where(row[0]), []).append(row)
        return tuple(
            Sum(
                where=name,
                count=sum(count for _, count, _ in rows),
                of=sum(of for _, _, of in rows),
                repositories=len({group.repo_id for group, count, _ in rows if count}),
                worst=max(rows, key=lambda row: row[1])[0].repo_id,
            )
            for name, rows in found.items()
        )

    def _rows(self) -> list[tuple[Group, int, int]]:
        return [
            (group, count, of) for group, (count, of) in sorted(self._counts.items(), key=lambda item: _order(item[0]))
        ]


def counted(count: int, of: int) -> str:
    """A count and its share as text (`1 of 8 (12.5 %)`)."""
    return f"{count:,} of {of:,} ({100 * count / of if of else 0:.1f} %)"


def defect(manifest: Manifest) -> Severity:
    """How bad a leak is: an error, but a warning in a dataset that is known for it, of the paper protocol."""
    return Severity.WARNING if manifest.config.protocol == "paper" else Severity.ERROR


def digest(*parts: str) -> int:
    """64 bits of an ordered tuple of texts; equal for equal tuples, on every machine."""
    hashed = hashlib.blake2b(digest_size=8)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return int.from_bytes(hashed.digest(), "big")


def task_rows(dataset: Dataset, track: Track, *columns: str) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """The group and some text columns of every task of a track, in dataset order, a row group at a time."""
    for split in dataset.splits(track):
        groups: dict[str, Group] = {}
        for table in dataset.task_tables(track, split, ("repo_id", *columns)):
            repo_ids, *values = (table.column(name).to_pylist() for name in ("repo_id", *columns))
            for repo_id, *row in zip(repo_ids, *values, strict=True):
                yield groups.get(repo_id) or groups.setdefault(repo_id, Group(track, split, repo_id)), tuple(row)


def _order(group: Group) -> tuple[int, int, str]:
    track = -1 if group.track is None else list(Track).index(group.track)
    return track, list(Split).index(group.split), group.repo_id
