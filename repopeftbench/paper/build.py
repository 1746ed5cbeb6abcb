"""From a repository list to a rebuilt dataset folder, or to the comparison of its protocols (io)."""

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from repopeftbench.dataset.build import DEFAULT_CUTOFF, default_cache, parse_cutoff
from repopeftbench.errors import DatasetError, RepositoryListError
from repopeftbench.paper.compare import Comparison, compare_source
from repopeftbench.paper.manifest import MANIFEST_NAME, PaperManifest
from repopeftbench.paper.mine import PaperPlan, Shard, mine_source
from repopeftbench.paper.selection import FEWEST_PER_REPOSITORY
from repopeftbench.paper.store import NEW, PARTS, write_dataset
from repopeftbench.pool import Failure, LocalEngine
from repopeftbench.sources import RepositoryList, without_credentials

_STAGING = ".staging"

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOptions:
    """How a dataset is rebuilt; there is nothing to choose about its content but the cutoff.

    `cutoff` tells which repositories are out of distribution (their first commit is not before it); histories are
    not cut off, whatever the paper says.
    """

    folder: Path
    cutoff: str = DEFAULT_CUTOFF
    workers: int = 1
    cache: Path = field(default_factory=default_cache)


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
    cutoff = parse_cutoff(options.cutoff)
    _check_folder(options.folder)
    plan = PaperPlan(
        staging=options.folder / _STAGING, cache=options.cache, cutoff=None if cutoff is None else _seconds(cutoff)
    )
    work = partial(mine_source, plan=plan)
    outcomes = LocalEngine(options.workers).map(repositories.sources, work, report)
    left_out = _failed(repositories, outcomes)
    failed = len(left_out)
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
    manifest = write_dataset(shards, left_out, None if cutoff is None else cutoff.isoformat(), options.folder)
    if not failed:
        shutil.rmtree(options.folder / _STAGING)
    return manifest


def compare_protocols(
    repositories: RepositoryList, *, workers: int, cache: Path, report: Report
) -> tuple[list[Comparison], dict[str, str]]:
    """The comparisons in the list's order, and the entries that gave none with the reason."""
    work = partial(compare_source, cache=cache)
    outcomes = LocalEngine(workers).map(repositories.sources, work, report)
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
    known = {MANIFEST_NAME, *PARTS, NEW, _STAGING}
    if folder.is_file():
        raise DatasetError(f"{folder} is a file: name a folder with -o")
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in known) if folder.is_dir() else []
    if strangers:
        raise DatasetError(f"{folder} holds other things ({strangers[0]}): name an empty folder with -o")


def _seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())
