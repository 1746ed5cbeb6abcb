"""From sites to tasks and rejects of one file or commit: families, duplicates, caps, cuts. Pure.

The split is not known yet: drafts are tasks whose `split` is None.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repopeftbench.mining.history import NewSite
from repopeftbench.mining.sites import FileSites
from repopeftbench.schema import CommitInfo, Event, Family, Reject, Task, Track, content_id
from repopeftbench.tasks.cut import DEFAULT_PREFIX_BYTES, TARGET_UNPARSABLE, cut_site, target_type
from repopeftbench.tasks.layout import Layout
from repopeftbench.tasks.select import Place, cap_reasons

OPTIONAL_FAMILY = "optional-family"
DUPLICATE = "duplicate"
OVERSIZED_PREFIXES = "oversized-prefixes"
MOST_PREFIX_CHARACTERS = 64_000_000
"""How much text the prefixes of one file version may have together. A prefix holds its test function up to the cut,
whatever its budget: those of a generated function of 50,000 assertions would fill 35 GB."""
DEFAULT_FAMILIES = frozenset(Family) - {Family.MOCK}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOptions:
    """What decides about tasks beside the history itself."""

    seed: int = 0
    """Seed of the round robin that caps a commit."""
    families: frozenset[Family] = DEFAULT_FAMILIES
    """Families that may become tasks."""
    prefix_bytes: int | None = DEFAULT_PREFIX_BYTES
    """Most UTF-8 bytes of a prefix (the test function always stays whole); None for no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where drafts come from: repository, commit and track."""

    repo_id: str
    licence: str | None
    track: Track
    commit: CommitInfo
    commit_index: int


def snapshot_sites(path: str, sites: FileSites) -> tuple[NewSite, ...]:
    """All sites of one file of a snapshot, in the form that commits bring them."""
    return tuple(
        NewSite(path=path, site=site, event=Event.SNAPSHOT, old_target=None, reason=site.reason) for site in sites.sites
    )


def with_reasons(sites: Iterable[NewSite], options: DraftOptions) -> list[NewSite]:
    """The sites with the reasons that need no cap: optional family, no expression, a repetition in its function."""
    seen: set[tuple[str, str, str]] = set()
    judged: list[NewSite] = []
    for new in sites:
        reason = new.reason
        place = (new.path, new.site.test_function, new.site.key)
        if reason is None and new.site.family not in options.families:
            reason = OPTIONAL_FAMILY
        if reason is None and target_type(new.site.target or "") is None:
            reason = TARGET_UNPARSABLE
        if reason is None and place in seen:
            reason = DUPLICATE
        if reason is None:
            seen.add(place)
        judged.append(_because(new, reason))
    return judged


def capped(sites: Sequence[NewSite], origin: Origin, options: DraftOptions) -> list[NewSite]:
    """The sites of one commit with the caps applied to those that have no reason yet."""
    open_sites = [index for index, new in enumerate(sites) if new.reason is None]
    places = [Place(test_file=sites[index].path, test_function=sites[index].site.test_function) for index in open_sites]
    decided = list(sites)
    reasons = cap_reasons(places, options.seed, origin.repo_id, origin.commit.sha)
    for index, reason in zip(open_sites, reasons, strict=True):
        decided[index] = _because(sites[index], reason)
    return decided


def draft_task(new: NewSite, layout: Layout, origin: Origin, options: DraftOptions) -> Task:
    """The task of a site without a reason."""
    cut = cut_site(layout, new.site, options.prefix_bytes)
    task_id = content_id(
        origin.repo_id,
        origin.track,
        origin.commit.sha,
        new.path,
        cut.statement_start,
        cut.target_start,
        cut.target_end,
        cut.prefix,
        cut.gap,
        cut.target,
    )
    return Task(
        task_id=task_id,
        repo_id=origin.repo_id,
        track=origin.track,
        split=None,
        commit_sha=origin.commit.sha,
        commit_index=origin.commit_index,
        history_index=origin.commit.history_index,
        committer_time=origin.commit.committer_time,
        test_file=new.path,
        test_function=new.site.test_function,
        lineno=new.site.lineno,
        statement_start_byte=cut.statement_start,
        statement_end_byte=cut.statement_end,
        target_start_byte=cut.target_start,
        target_end_byte=cut.target_end,
        family=new.site.family,
        event=new.event,
        statement=new.site.statement,
        statement_key=new.site.key,
        prefix=cut.prefix,
        gap=cut.gap,
        target=cut.target,
        suffix=cut.suffix,
        old_target=new.old_target,
        target_type=cut.target_type,
        licence=origin.licence,
    )


def draft_reject(new: NewSite, origin: Origin) -> Reject:
    """The reject row of a site that has a reason."""
    if new.reason is None:
        raise ValueError(f"site at line {new.site.lineno} of {new.path} has no reason to be rejected")
    return Reject(
        repo_id=origin.repo_id,
        track=origin.track,
        commit_sha=origin.commit.sha,
        history_index=origin.commit.history_index,
        test_file=new.path,
        test_function=new.site.test_function,
        lineno=new.site.lineno,
        family=new.site.family,
        statement=new.site.statement,
        statement_key=new.site.key,
        reason=new.reason,
    )


def file_reject(path: str, reason: str, origin: Origin) -> Reject:
    """The reject row of a whole test file."""
    return Reject(
        repo_id=origin.repo_id,
        track=origin.track,
        commit_sha=origin.commit.sha,
        history_index=origin.commit.history_index,
        test_file=path,
        test_function=None,
        lineno=None,
        family=None,
        statement=None,
        statement_key=None,
        reason=reason,
    )


def _because(new: NewSite, reason: str | None) -> NewSite:
    if reason == new.reason:
        return new
    return new._replace(reason=reason)
