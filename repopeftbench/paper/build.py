"""From a repository list to a rebuilt dataset folder, or to the comparison of its protocols (io)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from repopeftbench.atomic import waiting_name
from repopeftbench.dataset.build import DEFAULT_CUTOFF, STAGING, default_cache, parse_cutoff
from repopeftbench.errors import DatasetError, RepositoryListError
from repopeftbench.paper.compare import Comparison, compare_source
from repopeftbench.paper.manifest import MANIFEST_NAME, PaperManifest
from repopeftbench.paper.mine import PaperPlan, Shard, ShardPlan, find_shard, mine_shard, plan_shard
from repopeftbench.paper.selection import FEWEST_PER_REPOSITORY
from repopeftbench.paper.store import NEW, PARTS, write_dataset
from repopeftbench.pool import Engine, Failure, LocalEngine, Report
from repopeftbench.sources import RepositoryList, Source, without_credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOptions:
    """How a dataset is rebuilt; there is nothing to choose about its content but the cutoff.

    `cutoff` tells which repositories are out of distribution (their first commit is not before it); histories are
    not cut off, whatever the paper says.
    """

    folder: Path
    cutoff: str = DEFAULT_CUTOFF
    engine: Engine = field(default_factory=LocalEngine)
    """What does the work; the dataset does not depend on it."""
    cache: Path = field(default_factory=default_cache)

    def plan(self) -> PaperPlan:
        """What every repository is mined with.

        Raises:
            ConfigError: the cutoff is no date.
        """
        cutoff = parse_cutoff(self.cutoff)
        return PaperPlan(
            staging=self.folder / STAGING,
            cache=self.cache,
            cutoff=None if cutoff is None else int(cutoff.timestamp()),
        )


def build_paper_dataset(repositories: RepositoryList, options: PaperOptions, report: Report) -> PaperManifest:
    """Mines a list in the `paper` protocol and writes the dataset; returns its manifest.

    What fails or is too small stands in the manifest under `left_out`.

    Args:
        repositories: the parsed list.
        options: how.
        report: progress, called with repository id, commits done and commits in all.

    Raises:
        ConfigError: the cutoff is no date.
        DatasetError: the folder holds something else.
        RepositoryListError: no repository is left; the message has every reason.
    """
    plan = options.plan()
    _check_folder(options.folder)
    outcomes = _mine_all(repositories.sources, plan, options.engine, report)
    left_out = _failed(repositories, outcomes)
    failed = len(left_out)
    left_out |= {entry.text: entry.problem for entry in repositories.taken_down}
    shards: list[Shard] = []
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            continue
        problem = _too_small(outcome)
        if problem is None:
            shards.append(outcome)
        else:
            left_out[outcome.repo_id] = problem
    if not shards:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in left_out.items())
        raise RepositoryListError(f"nothing was mined: {reasons}")
    cutoff = parse_cutoff(options.cutoff)
    listed = {source.repo_id: source.role.value for source in repositories.sources if source.role is not None}
    ends = None if cutoff is None else cutoff.isoformat()
    manifest = write_dataset(shards, left_out, ends, options.folder, listed)
    if not failed:
        shutil.rmtree(options.folder / STAGING)
    return manifest


def _mine_all(
    sources: Sequence[Source], plan: PaperPlan, engine: Engine, report: Report
) -> tuple[Shard | Failure[Source], ...]:
    """The outcome of each source, in the sources' order; a shard that is there already is not mined again."""
    planned = engine.map(sources, partial(plan_shard, plan), report)
    missing = [one for one in planned if isinstance(one, ShardPlan) and find_shard(one.folder) is None]
    for one in planned:
        if isinstance(one, ShardPlan) and one not in missing:
            report(one.source.repo_id, one.commits, one.commits)
    failures = engine.fill(missing, partial(mine_shard, plan), report)
    problems = {failure.item.source.repo_id: failure.problem for failure in failures}
    return tuple(one if isinstance(one, Failure) else _collected(one, problems) for one in planned)


def _collected(planned: ShardPlan, problems: Mapping[str, str]) -> Shard | Failure[Source]:
    if planned.source.repo_id in problems:
        return Failure(item=planned.source, problem=problems[planned.source.repo_id])
    shard = find_shard(planned.folder)
    if shard is None:
        raise DatasetError(f"{planned.folder} is gone: mine again")
    return shard


def compare_protocols(
    repositories: RepositoryList, *, engine: Engine, cache: Path, report: Report
) -> tuple[list[Comparison], dict[str, str]]:
    """The comparisons in the list's order, and the entries that gave none with the reason."""
    work = partial(compare_source, cache=cache)
    outcomes = engine.map(repositories.sources, work, report)
    return [outcome for outcome in outcomes if isinstance(outcome, Comparison)], _failed(repositories, outcomes)


def _failed(repositories: RepositoryList, outcomes: Sequence[object]) -> dict[str, str]:
    """Entry of the list to reason, of those that gave nothing; without user names and passwords of URLs."""
    pairs = [(bad.text, bad.problem) for bad in repositories.bad]
    pairs += [(outcome.item.text, outcome.problem) for outcome in outcomes if isinstance(outcome, Failure)]
    return {without_credentials(text): without_credentials(problem) for text, problem in pairs}


def _too_small(shard: Shard) -> str | None:
    if shard.is_ood:
        return None if shard.kept_commits else "no commit adds an assertion"
    if shard.static_selected < FEWEST_PER_REPOSITORY:
        return f"{shard.static_selected} selected static pairs, the published benchmark wants {FEWEST_PER_REPOSITORY}"
    return None


def _check_folder(folder: Path) -> None:
    known = {MANIFEST_NAME, waiting_name(MANIFEST_NAME), *PARTS, NEW, STAGING}
    if folder.is_file():
        raise DatasetError(f"{folder} is a file: name a folder with -o")
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in known) if folder.is_dir() else []
    if strangers:
        raise DatasetError(f"{folder} holds other things ({strangers[0]}): name an empty folder with -o")
