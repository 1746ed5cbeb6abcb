"""How large the published data is said to be, and whether an import is of that size. Pure.

Source: Table 1 and Table 5 of the paper, its text on the caps, and the authors' notes; sizes that those round have a
tolerance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from repopeftbench.official.tally import SplitSize
from repopeftbench.schema import Split, Track

TRAIN_REPOSITORIES = 400
_EXACT = 0.0
_ROUNDED = 0.005
"""Half a unit of the last digit, or a little more, of figures such as 2.67 M and 437 k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSize:
    """The kept commits of a split."""

    repositories: int
    commits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an import holds.

    `has_json` and `has_anchor`: where static tasks came from. `is_capped`: whether the caps were applied. `raw_train`:
    whether training rows came without the smart cap.
    """

    sizes: Mapping[tuple[Track, Split], SplitSize]
    commits: Mapping[Split, CommitSize]
    has_json: bool
    has_anchor: bool
    is_capped: bool
    raw_train: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCheck:
    """One published size beside the measured one."""

    what: str
    expected: int
    measured: int
    tolerance: float = _EXACT

    @property
    def agrees(self) -> bool:
        """Whether they are equal, within what the published figure was rounded by."""
        return abs(self.measured - self.expected) <= self.tolerance * self.expected


_STATIC = {
    Split.IR_TRAIN: (409, 39_612),
    Split.IR_VAL: (409, 4_833),
    Split.IR_TEST: (409, 5_222),
    Split.CR_VAL: (51, 6_213),
    Split.CR_TEST: (52, 6_414),
    Split.OOD_TEST: (92, 9_942),
}
_ANCHOR = (400, 44_149)
_EVOLUTION = {
    Split.IR_TRAIN: (400, 46_728, 2_670_000, _ROUNDED, 215_129),
    Split.IR_VAL: (389, 5_710, 437_000, _ROUNDED, 38_783),
    Split.IR_TEST: (389, 6_179, 535_000, _ROUNDED, 42_061),
    Split.CR_VAL: (49, 8_614, 642_000, _ROUNDED, 58_944),
    Split.CR_TEST: (51, 6_618, 476_000, _ROUNDED, 44_732),
    Split.OOD_TEST: (92, 1_950, 181_500, _EXACT, 14_813),
}
"""Repositories, kept commits, rows with how far they are rounded, tasks after the cap."""
_TRAIN_COMMITS_WITH_TASKS = 45_516


def claims_to_be_whole(measured: Measured) -> bool:
    """Whether an import has as many training repositories as the published data."""
    train = measured.commits.get(Split.IR_TRAIN)
    return train is not None and train.repositories >= TRAIN_REPOSITORIES


def check_sizes(measured: Measured) -> tuple[SizeCheck, ...]:
    """The published sizes of every part that was imported, beside the measured ones."""
    return (*_static_checks(measured), *_commit_checks(measured), *_evolution_checks(measured))


def _static_checks(measured: Measured) -> Iterator[SizeCheck]:
    for split, (repositories, rows) in _STATIC.items():
        size = measured.sizes.get((Track.STATIC, split))
        # A train split that came from the anchor is another one.
        if size is None or not measured.has_json or (measured.has_anchor and split is Split.IR_TRAIN):
            continue
        what = f"static {split}"
        if split.suite != "ir":
            yield SizeCheck(what=f"{what}: repositories", expected=repositories, measured=len(size.tasks))
        yield SizeCheck(what=f"{what}: rows", expected=rows, measured=size.rows)
    anchor = measured.sizes.get((Track.STATIC, Split.IR_TRAIN))
    if measured.has_anchor and anchor is not None:
        repositories, rows = _ANCHOR
        yield SizeCheck(
            what="static ir_train (anchor): repositories", expected=repositories, measured=len(anchor.tasks)
        )
        yield SizeCheck(what="static ir_train (anchor): rows", expected=rows, measured=anchor.rows)


def _commit_checks(measured: Measured) -> Iterator[SizeCheck]:
    for split, (repositories, commits, *_) in _EVOLUTION.items():
        found = measured.commits.get(split)
        if found is not None:
            yield SizeCheck(what=f"{split}: repositories", expected=repositories, measured=found.repositories)
            yield SizeCheck(what=f"{split}: kept commits", expected=commits, measured=found.commits)


def _evolution_checks(measured: Measured) -> Iterator[SizeCheck]:
    for split, (_, _, rows, tolerance, tasks) in _EVOLUTION.items():
        size = measured.sizes.get((Track.EVOLUTION, split))
        if size is None:
            continue
        what = f"evolution {split}"
        if split is not Split.IR_TRAIN or measured.raw_train:
            yield SizeCheck(what=f"{what}: rows", expected=rows, measured=size.rows, tolerance=tolerance)
        if not measured.is_capped:
            continue
        yield SizeCheck(what=f"{what}: tasks", expected=tasks, measured=size.tasks.total())
        if split is Split.IR_TRAIN:
            expected, found = _TRAIN_COMMITS_WITH_TASKS, size.commits_with_tasks
            yield SizeCheck(what=f"{what}: commits with tasks", expected=expected, measured=found)
