"""Mines many repositories with worker processes; the result does not depend on how many there are.

Workers write harvests to the staging folder and hand back summaries only. A repository that cannot be mined is a
failure with a reason; the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.staging import StagedRepository, find_staged, stage, staging_folder
from repopeftbench.errors import SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.mine import RepositoryMiner
from repopeftbench.pool import Failure, Report, for_all
from repopeftbench.schema import CommitInfo
from repopeftbench.sources import Source, local_copy, without_credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningPlan:
    """What every repository is mined with."""

    options: DraftOptions
    cutoff: int | None
    """Seconds since the epoch from which on nothing is in distribution; None for no cutoff."""
    staging: Path
    cache: Path


def mine_all(
    sources: Sequence[Source], plan: MiningPlan, *, workers: int, report: Report = lambda _id, _done, _total: None
) -> tuple[StagedRepository | Failure, ...]:
    """The outcome of each source, in the sources' order.

    Args:
        sources: what to mine.
        plan: how.
        workers: processes; 1 mines in this process.
        report: progress.
    """
    return for_all(sources, partial(mine_source, plan), workers=workers, report=report)


def mine_source(plan: MiningPlan, source: Source, report: Report) -> StagedRepository:
    """Mines one source to the staging folder, unless an equal harvest is there already.

    Raises:
        RepoBenchError: the source cannot be mined.
    """
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
    location = without_credentials(str(source.url or source.path))
    if found is None or found.is_ood != is_ood or found.location != location:
        miner = RepositoryMiner(repository, source.repo_id, source.licence, plan.options)
        harvest = miner.mine(history, lambda done, total: report(source.repo_id, done, total))
        found = StagedRepository(
            folder=folder,
            repo_id=source.repo_id,
            location=location,
            identity=repository.identity,
            revision=history[-1].sha,
            licence=source.licence,
            is_ood=is_ood,
            ended_by_cutoff=len(history) < len(whole),
            commits=len(history),
            kept_commits=len(harvest.commits),
            tasks=len(harvest.tasks),
        )
        stage(found, harvest)
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
