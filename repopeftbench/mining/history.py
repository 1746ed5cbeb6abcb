"""Which assertions of a commit are new text: a multiset difference per file, over the keys of whole statements. Pure.

An assertion counts as new in a file version when the version holds more copies of its key than the parent version did
(renames followed). Nothing that changes around an assertion makes it new. This module knows nothing of git or disks.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from repopeftbench.mining.keys import left_key, statement_key
from repopeftbench.mining.sites import MISSING_BLOB, FileSites, PlacedPiece, Site
from repopeftbench.mining.source import UNDECODABLE, UNPARSABLE
from repopeftbench.schema import Event

MOVED = "moved"
UNCHANGED_SINCE_UNPARSABLE = "unchanged-since-unparsable"
PARENT_UNREADABLE = "parent-unreadable"

_NOTHING = FileSites()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersions:
    """One test file before and after a commit; a side that is absent, or no test file, has no sites.

    `changed_lines` gives the line ranges (from 1) of the new version that the commit touched, `lenient_old` what
    an error-tolerant parser sees in an old version that is not valid Python; both are asked only where it matters.
    """

    path: str
    old: FileSites = _NOTHING
    new: FileSites = _NOTHING
    changed_lines: Callable[[], Sequence[range]] = tuple
    lenient_old: Callable[[], Sequence[Site]] = tuple


class NewSite(NamedTuple):
    """A site that a commit brought, with what it replaced; `reason` says why it can be no task."""

    path: str
    site: Site
    event: Event
    old_target: str | None
    reason: str | None


def new_sites(files: Sequence[FileVersions]) -> tuple[NewSite, ...]:
    """The new sites of one commit, files in the given order, sites in file order.

    An assertion that another test file of the same commit lost is `moved`; one that the parent version held, but
    could not be parsed, is `unchanged-since-unparsable`; where the parent version is no text at all, or is missing,
    nobody can tell what is new: `parent-unreadable`.
    """
    differences = {file.path: _difference(file) for file in files}
    lost = {file.path: _lost(file, differences[file.path]) for file in files}
    pool = Counter(site.key for sites in lost.values() for site in sites)
    found: list[NewSite] = []
    for file in files:
        was_unparsable = file.old.problem == UNPARSABLE and file.new.pieces
        lenient = Counter(site.key for site in file.lenient_old()) if was_unparsable else Counter[str]()
        replaced = _Replaced(lost[file.path])
        for site in _gained(file, differences[file.path]):
            reason = site.reason
            event, old_target = replaced.match(site)
            if file.old.problem in (UNDECODABLE, MISSING_BLOB):
                reason = PARENT_UNREADABLE
            elif lenient[site.key] > 0:
                lenient[site.key] -= 1
                reason = UNCHANGED_SINCE_UNPARSABLE
            elif pool[site.key] > 0:
                pool[site.key] -= 1
                reason = MOVED
            found.append(NewSite(path=file.path, site=site, event=event, old_target=old_target, reason=reason))
    return tuple(found)


@dataclass(frozen=True)
class _Difference:
    """Two versions of a file without the pieces that both have; to cancel those is exact for a multiset difference."""

    old_left: Sequence[PlacedPiece]
    new_left: Sequence[PlacedPiece]
    common: Sequence[PlacedPiece]

    @cached_property
    def common_keys(self) -> list[frozenset[str]]:
        """The keys of each piece that both have."""
        return [placed.piece.keys for placed in self.common]

    def more(self, left: Sequence[PlacedPiece], other: Sequence[PlacedPiece]) -> Counter[str]:
        """By key, how many more copies one side has."""
        copies = _copies(left)
        return copies - _copies(other) if copies else copies

    def certain(self, left: Sequence[PlacedPiece], excess: Counter[str]) -> tuple[Site, ...] | None:
        """The sites of one side that the other side lacks; None where there are equal copies to choose from."""
        # The common pieces are most of a file: no Python code for each.
        if not all(map(frozenset(excess).isdisjoint, self.common_keys)):
            return None
        copies = _copies(left)
        if any(copies[key] > count for key, count in excess.items()):
            return None
        return tuple(site for placed in left for site in placed.sites() if site.key in excess)


def _difference(file: FileVersions) -> _Difference:
    old = _NOTHING if file.old.problem else file.old
    new = _NOTHING if file.new.problem else file.new
    one, other = old.pieces, new.pieces
    most = min(len(one), len(other))
    head = next((n for n in range(most) if one[n].piece is not other[n].piece), most)
    tail = next((n for n in range(most - head) if one[-1 - n].piece is not other[-1 - n].piece), most - head)
    old_middle, new_middle = one[head : len(one) - tail], other[head : len(other) - tail]
    shared = Counter(id(placed.piece) for placed in old_middle) & Counter(id(placed.piece) for placed in new_middle)
    new_left, common = _without(new_middle, shared)
    outside = (*other[:head], *common, *other[len(other) - tail :])
    return _Difference(_without(old_middle, shared)[0], new_left, outside)


def _gained(file: FileVersions, difference: _Difference) -> tuple[Site, ...]:
    """The copies that the new version has more of; of equal copies those in changed lines first."""
    if file.new.problem:
        return ()
    excess = difference.more(difference.new_left, difference.old_left)
    certain = difference.certain(difference.new_left, excess) if excess else ()
    if certain is not None:
        return certain
    changed = file.changed_lines()
    return _choose(_with_key_in(file.new, excess), excess, lambda site: not _touches(site, changed))


def _lost(file: FileVersions, difference: _Difference) -> tuple[Site, ...]:
    """The copies that the old version has more of; of equal copies those whose function lost one first."""
    if file.old.problem or file.new.problem:
        return ()
    excess = difference.more(difference.old_left, difference.new_left)
    certain = difference.certain(difference.old_left, excess) if excess else ()
    if certain is not None:
        return certain
    before, after = _with_key_in(file.old, excess), _with_key_in(file.new, excess)
    local = Counter((site.test_function, site.key) for site in before)
    local.subtract((site.test_function, site.key) for site in after)
    return _choose(before, excess, lambda site: local[site.test_function, site.key] <= 0)


def _with_key_in(file: FileSites, excess: Counter[str]) -> list[Site]:
    """The sites of a file that have one of these keys, in file order."""
    return [
        site
        for placed in file.pieces
        if not placed.piece.keys.isdisjoint(excess)
        for site in placed.sites()
        if site.key in excess
    ]


def _copies(pieces: Sequence[PlacedPiece]) -> Counter[str]:
    return Counter([site.key for placed in pieces for site in placed.piece.sites])


def _without(pieces: Sequence[PlacedPiece], shared: Counter[int]) -> tuple[list[PlacedPiece], list[PlacedPiece]]:
    """The pieces that are not shared, and those that are."""
    if not shared:
        return list(pieces), []
    budget = Counter(shared)
    left: list[PlacedPiece] = []
    common: list[PlacedPiece] = []
    for placed in pieces:
        if budget[id(placed.piece)] > 0:
            budget[id(placed.piece)] -= 1
            common.append(placed)
        else:
            left.append(placed)
    return left, common


def _choose(sites: Sequence[Site], excess: Counter[str], later: Callable[[Site], bool]) -> tuple[Site, ...]:
    """As many sites of each key as `excess` says, in file order; those that may come `later` only if they must."""
    wanted = Counter(excess)
    chosen: list[int] = []
    for index in sorted(range(len(sites)), key=lambda index: (later(sites[index]), index)):
        if wanted[sites[index].key] > 0:
            wanted[sites[index].key] -= 1
            chosen.append(index)
    return tuple(sites[index] for index in sorted(chosen))


def _touches(site: Site, changed: Sequence[range]) -> bool:
    return any(lines.start <= site.end_lineno and site.lineno < lines.stop for lines in changed)


class _Replaced:
    """The lost sites of one file by function and left side, handed out in file order."""

    def __init__(self, lost: Sequence[Site]) -> None:
        self._lost = [site for site in lost if site.target is not None]
        self._by_left: dict[tuple[str, str], list[Site]] | None = None

    def match(self, site: Site) -> tuple[Event, str | None]:
        """`modified` and the old target, if a lost site had the same function and left side and another target."""
        if site.target is None or not self._lost:
            return Event.ADDED, None
        if self._by_left is None:
            self._by_left = {}
            for old in self._lost:
                self._by_left.setdefault((old.test_function, _left(old)), []).append(old)
        candidates = self._by_left.get((site.test_function, _left(site)), [])
        key = statement_key(site.target)
        for index, old in enumerate(candidates):
            if old.target is not None and statement_key(old.target) != key:
                del candidates[index]
                return Event.MODIFIED, old.target
        return Event.ADDED, None


def _left(site: Site) -> str:
    if site.target is None or site.target_start is None or site.target_end is None:
        raise ValueError("a site without a target has no left side")
    raw = site.statement.encode("utf-8")
    before = raw[: site.target_start - site.start].decode("utf-8")
    return left_key(before, raw[site.target_end - site.start :].decode("utf-8"))
