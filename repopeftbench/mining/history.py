"""Which assertions of a commit are new text: a multiset difference per file, over the keys of whole statements. Pure.

An assertion counts as new in a file version when the version holds more copies of its key than the parent version did
(renames followed). Nothing that changes around an assertion makes it new. This module knows nothing of git or disks.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from repopeftbench.mining.keys import left_key, statement_key
from repopeftbench.mining.sites import MISSING_BLOB, FileSites, Site
from repopeftbench.mining.source import UNDECODABLE
from repopeftbench.schema import Event

MOVED = "moved"
UNCHANGED_SINCE_UNPARSABLE = "unchanged-since-unparsable"
PARENT_UNREADABLE = "parent-unreadable"

_NOTHING = FileSites()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersions:
    """One test file before and after a commit; a side that is absent, or no test file, has no sites.

    `changed_lines` gives the line ranges (from 1) of the new version that the commit touched; asked only where it
    matters.
    """

    path: str
    old: FileSites = _NOTHING
    new: FileSites = _NOTHING
    changed_lines: Callable[[], Sequence[range]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSite:
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
    lost = {file.path: _lost(file) for file in files}
    pool = Counter(site.key for sites in lost.values() for site in sites)
    found: list[NewSite] = []
    for file in files:
        lenient = Counter(site.key for site in file.old.sites) if file.old.problem else Counter[str]()
        replaced = _Replaced(lost[file.path])
        for site in _gained(file):
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


def _gained(file: FileVersions) -> tuple[Site, ...]:
    """The copies that the new version has more of; of equal copies those in changed lines first."""
    if file.new.problem:
        return ()
    before = Counter[str]() if file.old.problem else Counter(site.key for site in file.old.sites)
    after = Counter(site.key for site in file.new.sites)
    excess = after - before
    if not excess:
        return ()
    ambiguous = any(after[key] > count for key, count in excess.items())
    changed = file.changed_lines() if ambiguous else ()
    order = sorted(
        (index for index, site in enumerate(file.new.sites) if site.key in excess),
        key=lambda index: (not _touches(file.new.sites[index], changed), index),
    )
    chosen: list[int] = []
    for index in order:
        key = file.new.sites[index].key
        if excess[key] > 0:
            excess[key] -= 1
            chosen.append(index)
    return tuple(file.new.sites[index] for index in sorted(chosen))


def _touches(site: Site, changed: Sequence[range]) -> bool:
    return any(lines.start <= site.end_lineno and site.lineno < lines.stop for lines in changed)


def _lost(file: FileVersions) -> tuple[Site, ...]:
    """The copies that the old version has more of; of equal copies those whose function lost one first."""
    if file.old.problem or file.new.problem:
        return ()
    excess = Counter(site.key for site in file.old.sites) - Counter(site.key for site in file.new.sites)
    if not excess:
        return ()
    local = Counter((site.test_function, site.key) for site in file.old.sites)
    local.subtract((site.test_function, site.key) for site in file.new.sites)
    chosen: list[int] = []
    for index in sorted(
        (index for index, site in enumerate(file.old.sites) if site.key in excess),
        key=lambda index: (local[file.old.sites[index].test_function, file.old.sites[index].key] <= 0, index),
    ):
        key = file.old.sites[index].key
        if excess[key] > 0:
            excess[key] -= 1
            chosen.append(index)
    return tuple(file.old.sites[index] for index in sorted(chosen))


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
