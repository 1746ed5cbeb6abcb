"""Mines many repositories with worker processes; the result does not depend on how many there are.

Workers write harvests to the staging folder and hand back summaries only. A repository that cannot be mined is a
failure with a reason; the others go on.
"""

import logging
import multiprocessing
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.staging import StagedRepository, find_staged, stage, staging_folder
from repopeftbench.errors import RepoBenchError, SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.mine import RepositoryMiner
from repopeftbench.schema import CommitInfo
from repopeftbench.sources import Source, local_copy

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningPlan:
    """What every repository is mined with."""

    options: DraftOptions
    cutoff: int | None
    """Seconds since the epoch from which on nothing is in distribution; None for no cutoff."""
    staging: Path
    cache: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that gave nothing, and why."""

    source: Source
    problem: str


Outcome = StagedRepository | Failure
Report = Callable[[str, int, int], None]
"""Called with repository id, commits done, commits in all."""


def mine_all(
    sources: Sequence[Source], plan: MiningPlan, *, workers: int, report: Report = lambda _id, _done, _total: None
) -> tuple[Outcome, ...]:
    """The outcome of each source, in the sources' order.

    Args:
        sources: what to mine.
        plan: how.
        workers: processes; 1 mines in this process.
        report: progress.
    """
    if workers <= 1 or len(sources) <= 1:
        return tuple(mine_source(source, plan, report) for source in sources)
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    with ProcessPoolExecutor(
        min(workers, len(sources)), mp_context=context, initializer=_connect, initargs=(messages,)
    ) as pool:
        futures: list[Future[Outcome]] = [pool.submit(_mine_in_worker, source, plan) for source in sources]
        pending: set[Future[Outcome]] = set(futures)
        while pending:
            _, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            _drain(messages, report)
    return tuple(future.result() for future in futures)


def mine_source(source: Source, plan: MiningPlan, report: Report) -> Outcome:
    """Mines one source to the staging folder, unless an equal harvest is there already."""
    try:
        repository = GitRepository(local_copy(source, plan.cache))
        tip = repository.resolve(source.revision)
        whole = repository.history(tip)
        is_ood = plan.cutoff is not None and whole[0].committer_time >= plan.cutoff
        history = whole if is_ood else before_cutoff(whole, plan.cutoff)
        folder = staging_folder(
            plan.staging,
            source.repo_id,
            history[-1].sha,
            str(source.licence),
            repr((plan.options.seed, sorted(plan.options.families), plan.options.prefix_bytes)),
            current_versions().model_dump_json(),
        )
        found = find_staged(folder)
        if found is None or found.is_ood != is_ood or found.location != str(source.url or source.path):
            miner = RepositoryMiner(repository, source.repo_id, source.licence, plan.options)
            harvest = miner.mine(history, lambda done, total: report(source.repo_id, done, total))
            found = StagedRepository(
                folder=folder,
                repo_id=source.repo_id,
                location=str(source.url or source.path),
                revision=history[-1].sha,
                licence=source.licence,
                is_ood=is_ood,
                ended_by_cutoff=len(history) < len(whole),
                commits=len(history),
                kept_commits=len(harvest.commits),
                tasks=len(harvest.tasks),
            )
            stage(found, harvest)
    except RepoBenchError as error:
        return Failure(source=source, problem=str(error))
    report(source.repo_id, len(history), len(history))
    return found


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


_messages: Any = None


def _connect(messages: Any) -> None:
    global _messages
    _messages = messages


def _mine_in_worker(source: Source, plan: MiningPlan) -> Outcome:
    return mine_source(source, plan, lambda repo_id, done, total: _messages.put((repo_id, done, total)))


def _drain(messages: Any, report: Report) -> None:
    while True:
        try:
            report(*messages.get_nowait())
        except queue.Empty:
            return
