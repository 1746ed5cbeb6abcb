"""Mines many repositories in two rounds: open each one, then mine it part by part. Where the work is done is no matter.

A part (a range of the history, or the snapshot) needs nothing of another one, so the parts of a long history go to
different processes. They are of one size, whatever the number of processes: the result does not depend on it, and a
part that is there already is not mined again. A repository that cannot be mined is a failure with a reason; the others
go on.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from repopeftbench.copies import open_at, open_newest
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.snapshot_parts import SnapshotPartWriter
from repopeftbench.dataset.staging import Part, PartSummary, end_part, find_part, staging_folder, write_rows
from repopeftbench.dataset.symbol_parts import SymbolPartWriter
from repopeftbench.errors import DatasetError, SourceError
from repopeftbench.garbage import rare_collections
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.harvest import Harvest
from repopeftbench.mining.mine import RepositoryMiner
from repopeftbench.mining.snapshots import SnapshotRecorder
from repopeftbench.pool import Engine, Failure, Report
from repopeftbench.schema import CommitInfo
from repopeftbench.sources import Source, without_credentials
from repopeftbench.splits.assign import is_out_of_distribution

COMMITS_PER_PART = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningPlan:
    """What every repository is mined with."""

    options: DraftOptions
    cutoff: int | None
    """Seconds since the epoch from which on nothing is in distribution; None for no cutoff."""
    cache: Path
    commits_per_part: int = COMMITS_PER_PART
    snapshots: bool = True
    """Whether files, trees and symbols of the kept commits go into the dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRepository:
    """A source that is there to be mined, and how far."""

    source: Source
    location: str
    identity: str
    """Where the git repository really is, whatever it is called in the list."""
    revision: str
    """SHA of the last commit to mine."""
    commits: int
    is_ood: bool
    ended_by_cutoff: bool
    ends: tuple[str, ...]
    """SHAs of the last commits of all whole parts of the history."""

    @property
    def repo_id(self) -> str:
        """The repository's id."""
        return self.source.repo_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """A part to mine: the history from `first` to before `end`, or, where these are equal, the snapshot."""

    repository: OpenedRepository
    first: int
    end: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedRepository:
    """A repository and its parts, in history order, the snapshot last."""

    opened: OpenedRepository
    parts: tuple[Part, ...]

    @property
    def repo_id(self) -> str:
        """The repository's id."""
        return self.opened.repo_id

    @property
    def tasks(self) -> int:
        """How many tasks it gave."""
        return sum(part.summary.tasks for part in self.parts)

    @property
    def kept_commits(self) -> int:
        """How many of its commits are kept."""
        return sum(part.summary.kept_commits for part in self.parts)


def mine_all(
    sources: Sequence[Source], plan: MiningPlan, staging: Path, *, engine: Engine, report: Report
) -> tuple[MinedRepository | Failure[Source], ...]:
    """The outcome of each source, in the sources' order.

    Args:
        sources: what to mine.
        plan: how.
        staging: folder of the parts.
        engine: what does the work.
        report: progress, called with repository id, commits done and commits in all.
    """
    opened = engine.map(sources, partial(open_source, plan), report)
    plans = {one.repo_id: part_plans(one, plan, staging) for one in opened if isinstance(one, OpenedRepository)}
    progress = _Progress(plans, report)
    missing = [part for parts in plans.values() for part in parts if not _is_done(part)]
    failures = engine.fill(missing, partial(mine_part, plan), progress.update)
    _forget_miner()
    problems = {one.item.repository.repo_id: one.problem for one in failures}
    return tuple(
        one if isinstance(one, Failure) else _collected(one, plans[one.repo_id], problems.get(one.repo_id))
        for one in opened
    )


def _is_done(part: PartPlan) -> bool:
    """Whether a part need not be mined; one of a copy that lacked something is mined again, it may be repaired."""
    found = find_part(part.folder)
    return found is not None and found.summary.is_whole


def open_source(plan: MiningPlan, source: Source, report: Report) -> OpenedRepository:
    """Brings a source to this machine and looks how far it is to be mined.

    Raises:
        RepoBenchError: it cannot be opened, or nothing of it is to be mined.
    """
    opened = look_at(plan, source, open_newest(source, plan.cache))
    report(source.repo_id, 0, opened.commits)
    return opened


def look_at(plan: MiningPlan, source: Source, repository: GitRepository) -> OpenedRepository:
    """How far a repository is to be mined.

    Raises:
        RepoBenchError: nothing of it is to be mined.
    """
    whole = repository.history(repository.resolve(source.revision))
    is_ood = is_out_of_distribution(source.role, whole[0].committer_time, plan.cutoff)
    history = whole if is_ood else before_cutoff(whole, plan.cutoff)
    return OpenedRepository(
        source=source,
        location=without_credentials(str(source.url or source.path)),
        identity=repository.identity,
        revision=history[-1].sha,
        commits=len(history),
        is_ood=is_ood,
        ended_by_cutoff=len(history) < len(whole),
        ends=tuple(commit.sha for commit in history[plan.commits_per_part - 1 :: plan.commits_per_part]),
    )


def part_plans(opened: OpenedRepository, plan: MiningPlan, staging: Path) -> tuple[PartPlan, ...]:
    """The parts of a repository, in history order, the snapshot last."""
    starts = range(0, opened.commits, plan.commits_per_part)
    spans = [(first, min(first + plan.commits_per_part, opened.commits)) for first in starts]
    # A part that is not the last one is what it is, whatever came after it.
    tips = dict(zip(spans, opened.ends, strict=False))
    key = (
        str(opened.source.licence),
        repr((plan.options.seed, sorted(plan.options.families), plan.options.prefix_bytes, plan.snapshots, "symbols")),
        current_versions().model_dump_json(),
    )
    return tuple(
        PartPlan(
            repository=opened,
            first=first,
            end=end,
            folder=staging_folder(staging, opened.repo_id, tips.get((first, end), opened.revision), *key, first, end),
        )
        for first, end in (*spans, (opened.commits, opened.commits))
    )


def mine_part(plan: MiningPlan, part: PartPlan, folder: Path, report: Report) -> None:
    """Mines one part to an empty folder.

    Raises:
        RepoBenchError: the repository cannot be read.
    """
    miner, history = _miner(plan, part)
    with rare_collections():
        if part.first < part.end:
            harvests = _reported(miner.walk(history, part.first, part.end), part, report)
        else:
            harvests = miner.snapshot(history[-1])
        if plan.snapshots:
            summary = _write_with_snapshots(harvests, part, miner, history, folder)
        else:
            summary = write_rows(folder, harvests)
        end_part(folder, replace(summary, is_whole=not miner.repository.lacks_objects))


def _reported(harvests: Iterable[Harvest], part: PartPlan, report: Report) -> Iterator[Harvest]:
    name, total = f"{part.repository.repo_id} {part.first}", part.end - part.first
    for harvest in harvests:
        report(name, harvest.history_index - part.first, total)
        yield harvest
    report(name, total, total)


def _write_with_snapshots(
    harvests: Iterable[Harvest], part: PartPlan, miner: RepositoryMiner, history: Sequence[CommitInfo], folder: Path
) -> PartSummary:
    """Writes the rows of a part, and what its kept commits changed in the tree and its symbols.

    Beside the snapshot that is the tree of the last commit, the static track's, if it is not a kept one.
    """
    repo_id, recorder = part.repository.repo_id, SnapshotRecorder(miner.repository)
    with SnapshotPartWriter(folder, repo_id) as trees, SymbolPartWriter(folder, repo_id, miner.repository) as symbols:

        def record(commit_sha: str, previous_sha: str | None, history_index: int) -> None:
            recorded = recorder.record(commit_sha, previous_sha)
            trees.add(recorded, history_index)
            symbols.add(recorded, history_index)

        def recorded_harvests() -> Iterator[Harvest]:
            for harvest in harvests:
                if harvest.commit is not None:
                    record(harvest.commit.commit_sha, harvest.previous_kept, harvest.history_index)
                yield harvest

        summary = write_rows(folder, recorded_harvests())
        if part.first == part.end:
            tip, last_kept = history[-1], miner.last_kept(history, len(history))
            if tip.sha != last_kept:
                record(tip.sha, last_kept, tip.history_index)
    return summary


_last: tuple[str, int, RepositoryMiner, tuple[CommitInfo, ...]] | None = None
"""What this process mined last, up to where, with which miner and of which history: the next part profits from what
that remembers. So it is with one worker; several take the parts of a history in turn."""


def _miner(plan: MiningPlan, part: PartPlan) -> tuple[RepositoryMiner, tuple[CommitInfo, ...]]:
    """A miner for a part, and the history: the one that mined the part before it in this process, or a fresh one."""
    global _last
    key = repr((part.repository, plan))
    if _last is not None and _last[:2] == (key, part.first):
        miner, history = _last[2:]
    else:
        source = part.repository.source
        repository, history = open_at(source, plan.cache, part.repository.revision)
        miner = RepositoryMiner(repository, source.repo_id, source.licence, plan.options)
    _last = (key, part.end, miner, history)
    return miner, history


def _forget_miner() -> None:
    """Lets go of the memory of the last miner: there is no next part."""
    global _last
    _last = None
    gc.collect()


def before_cutoff(history: Sequence[CommitInfo], cutoff: int | None) -> tuple[CommitInfo, ...]:
    """The history up to the commit before the first one that is not before the cutoff.

    Raises:
        SourceError: nothing is left.
    """
    if cutoff is None:
        return tuple(history)
    end = next((index for index, commit in enumerate(history) if commit.committer_time >= cutoff), len(history))
    if end == 0:
        raise SourceError("no commit lies before the cutoff")
    return tuple(history[:end])


def _collected(
    opened: OpenedRepository, plans: Sequence[PartPlan], problem: str | None
) -> MinedRepository | Failure[Source]:
    if problem is not None:
        return Failure(item=opened.source, problem=problem)
    parts = [find_part(part.folder) for part in plans]
    found = tuple(part for part in parts if part is not None)
    if len(found) < len(parts):
        raise DatasetError(f"parts of {opened.repo_id} are gone from {plans[0].folder.parent}: mine again")
    return MinedRepository(opened=opened, parts=found)


class _Progress:
    """Adds the progress of parts up to that of their repositories."""

    def __init__(self, plans: dict[str, tuple[PartPlan, ...]], report: Report) -> None:
        self._totals = {repo_id: parts[0].repository.commits for repo_id, parts in plans.items()}
        self._done: dict[str, dict[str, int]] = {repo_id: {} for repo_id in plans}
        self._report = report
        for repo_id, parts in plans.items():
            for part in parts:
                if _is_done(part):
                    self._done[repo_id][str(part.first)] = part.end - part.first

    def update(self, name: str, done: int, _total: int) -> None:
        """Takes the report of one part, named by repository and first commit."""
        repo_id, _, first = name.rpartition(" ")
        self._done[repo_id][first] = done
        self._report(repo_id, sum(self._done[repo_id].values()), self._totals[repo_id])
