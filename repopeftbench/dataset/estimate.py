"""What mining a list would take: what is cloned, how many commits, how much disk and time (io: only reads).

Of a repository whose copy is there, commits and disk are exact; of one that has to be cloned first they are typical
values. Time is commits over a measured rate, so it is an estimate always.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from repopeftbench.dataset.build import STAGING, BuildOptions
from repopeftbench.dataset.staging import find_part
from repopeftbench.errors import RepoBenchError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.engine import look_at, part_plans
from repopeftbench.pool import Failure
from repopeftbench.sources import Source, cached_clone

# Of a repository that is not there yet. Commits: the median of the eleven repositories that the rates and the tests on
# real repositories use. Disk: the median of the pool of 1,000 repositories that the published benchmark chose from.
TYPICAL_COMMITS = 837
TYPICAL_DISK_BYTES = 4_000_000
# CPU time of `repobench mine REPOSITORY --cutoff none --workers 1`, start-up included; medians of attrs, click and
# networkx on one core of a busy server, 24 November 2026: 365, 179 and 164 commits per second, and without snapshots
# 759, 626 and 381; in the paper protocol 163, 191 and 138 (measured earlier).
COMMITS_PER_CPU_SECOND = 179.0
COMMITS_PER_CPU_SECOND_WITHOUT_SNAPSHOTS = 626.0
PAPER_COMMITS_PER_CPU_SECOND = 163.0

Look = Callable[[Source, GitRepository], tuple[int, int]]
"""How many commits of a repository are to be mined, and how many of these are mined already."""


class Step(StrEnum):
    """What happens to a repository before it is mined."""

    READ = "read"
    UPDATE = "update"
    CLONE = "clone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one source would take."""

    source: Source
    copy: Path
    """Where its repository is, or would be."""
    step: Step
    exact: bool
    """Whether commits and disk are counted; typical values otherwise."""
    commits: int
    staged: int
    """Commits that are mined already and would be reused."""
    disk_bytes: int
    """Size of the git objects."""
    cpu_seconds: float


def estimate_mining(sources: Sequence[Source], options: BuildOptions) -> tuple[Estimate | Failure[Source], ...]:
    """What each source would take in the `clean` protocol, in the sources' order.

    Raises:
        ConfigError: the cutoff is no date.
    """
    plan, staging = options.plan(), options.folder / STAGING

    def look(source: Source, repository: GitRepository) -> tuple[int, int]:
        opened = look_at(plan, source, repository)
        parts = part_plans(opened, plan, staging)
        return opened.commits, sum(part.end - part.first for part in parts if find_part(part.folder) is not None)

    rate = COMMITS_PER_CPU_SECOND if plan.snapshots else COMMITS_PER_CPU_SECOND_WITHOUT_SNAPSHOTS
    return estimate_sources(sources, options.cache, look, rate)


def estimate_sources(
    sources: Sequence[Source], cache: Path, look: Look, commits_per_cpu_second: float
) -> tuple[Estimate | Failure[Source], ...]:
    """What each source would take, in the sources' order; a copy that cannot be read is a failure.

    Args:
        sources: the sources.
        cache: folder of the clones.
        look: looks at a repository that is there.
        commits_per_cpu_second: the rate of mining.
    """
    return tuple(_estimate(source, cache, look, commits_per_cpu_second) for source in sources)


def _estimate(source: Source, cache: Path, look: Look, rate: float) -> Estimate | Failure[Source]:
    copy = source.path if source.url is None else cached_clone(source.url, cache)
    assert copy is not None
    step = Step.READ if source.url is None else Step.UPDATE if copy.exists() else Step.CLONE
    exact, commits, staged, disk = False, TYPICAL_COMMITS, 0, TYPICAL_DISK_BYTES
    if step is not Step.CLONE:
        try:
            repository = GitRepository(copy)
            commits, staged = look(source, repository)
            exact, disk = True, _bytes_of_objects(repository)
        except RepoBenchError as error:
            # An update may bring what a clone lacks; a local repository stays as it is.
            if step is Step.READ:
                return Failure(item=source, problem=str(error))
    return Estimate(
        source=source,
        copy=copy,
        step=step,
        exact=exact,
        commits=commits,
        staged=staged,
        disk_bytes=disk,
        cpu_seconds=(commits - staged) / rate,
    )


def _bytes_of_objects(repository: GitRepository) -> int:
    objects = Path(repository.identity) / "objects"
    return sum((Path(folder) / name).stat().st_size for folder, _, names in os.walk(objects) for name in names)
