"""What mining a list in the `paper` protocol would take (io: only reads)."""

from collections.abc import Sequence

from repopeftbench.dataset.estimate import PAPER_COMMITS_PER_CPU_SECOND, Estimate, estimate_sources
from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.build import PaperOptions
from repopeftbench.paper.mine import find_shard, look_at
from repopeftbench.pool import Failure
from repopeftbench.sources import Source


def estimate_paper(sources: Sequence[Source], options: PaperOptions) -> tuple[Estimate | Failure[Source], ...]:
    """What each source would take, in the sources' order.

    Raises:
        ConfigError: the cutoff is no date.
    """
    plan = options.plan()

    def look(source: Source, repository: GitRepository) -> tuple[int, int]:
        planned = look_at(plan, source, repository)
        return planned.commits, 0 if find_shard(planned.folder) is None else planned.commits

    return estimate_sources(sources, options.cache, look, PAPER_COMMITS_PER_CPU_SECOND)
