"""From a repository list to a dataset folder: sources, mining, assembly, and what the user must be told."""

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from repopeftbench.atomic import waiting_name
from repopeftbench.dataset.assemble import assemble
from repopeftbench.dataset.manifest import MANIFEST_NAME, Manifest, MiningConfig, is_dataset
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN, CONTENTS, HUB, NEW
from repopeftbench.dataset.truth import TRUTH_NAME
from repopeftbench.errors import ConfigError, DatasetError, RepositoryListError
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.engine import COMMITS_PER_PART, MinedRepository, MiningPlan, mine_all
from repopeftbench.pool import Engine, Failure, LocalEngine
from repopeftbench.sources import RepositoryList, without_credentials

DEFAULT_CUTOFF = "2025-04-01"
NO_CUTOFF = "none"
STAGING = ".staging"


def default_cache() -> Path:
    """The folder of clones in the user's cache folder."""
    return platformdirs.user_cache_path("repobench") / "clones"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How a dataset is made, beside the list."""

    folder: Path
    draft: DraftOptions = field(default_factory=DraftOptions)
    cutoff: str = DEFAULT_CUTOFF
    engine: Engine = field(default_factory=LocalEngine)
    """What does the work; the dataset does not depend on it."""
    cache: Path = field(default_factory=default_cache)
    snapshots: bool = True
    """Whether files, trees and symbols of the kept commits go into the dataset."""
    commits_per_part: int = COMMITS_PER_PART
    """How long the parts are that histories are mined in; the dataset does not depend on it."""

    def plan(self) -> MiningPlan:
        """What every repository is mined with.

        Raises:
            ConfigError: the cutoff is no date.
        """
        cutoff = parse_cutoff(self.cutoff)
        return MiningPlan(
            options=self.draft,
            cutoff=None if cutoff is None else int(cutoff.timestamp()),
            cache=self.cache,
            commits_per_part=self.commits_per_part,
            snapshots=self.snapshots,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """The dataset's manifest, and the list's entries that failed with the reason; not those that were taken down."""

    manifest: Manifest
    failed: dict[str, str]


def build_dataset(
    repositories: RepositoryList, options: BuildOptions, report: Callable[[str, int, int], None]
) -> BuildResult:
    """Mines a list and writes the dataset; sources that fail are left out and named.

    Args:
        repositories: the parsed list.
        options: how.
        report: progress, called with repository id, commits done and commits in all.

    Raises:
        ConfigError: the cutoff is no date.
        DatasetError: the folder holds something that is no dataset.
        RepositoryListError: no source gave a single assertion; the message has every reason.
    """
    plan = options.plan()
    check_folder(options.folder)
    failed = {without_credentials(bad.text): without_credentials(bad.problem) for bad in repositories.bad}
    if not repositories.sources:
        raise RepositoryListError(_nothing_mined([], failed))
    options.folder.mkdir(parents=True, exist_ok=True)
    staging = options.folder / STAGING
    outcomes = mine_all(repositories.sources, plan, staging, engine=options.engine, report=report)
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            failed[without_credentials(outcome.item.text)] = without_credentials(outcome.problem)
    mined = _distinct([outcome for outcome in outcomes if isinstance(outcome, MinedRepository)], failed)
    left_out = failed | {entry.text: entry.problem for entry in repositories.taken_down}
    if not any(repository.tasks for repository in mined):
        shutil.rmtree(staging, ignore_errors=True)
        raise RepositoryListError(_nothing_mined(mined, left_out))
    cutoff = parse_cutoff(options.cutoff)
    config = MiningConfig(
        seed=options.draft.seed,
        cutoff=None if cutoff is None else cutoff.isoformat(),
        families=tuple(sorted(options.draft.families)),
        prefix_bytes=options.draft.prefix_bytes,
        snapshots=options.snapshots,
    )
    manifest = assemble(mined, left_out, config, options.folder)
    if not failed:
        shutil.rmtree(staging)
    return BuildResult(manifest=manifest, failed=failed)


def parse_cutoff(text: str) -> dt.datetime | None:
    """The first instant (UTC) beyond the in-distribution histories: a day's start or a moment; None for `none`.

    Raises:
        ConfigError: the text is neither.
    """
    if text == NO_CUTOFF:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"cutoff {text!r} is no date: write YYYY-MM-DD, or {NO_CUTOFF}") from error
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def check_folder(folder: Path) -> None:
    """Refuses a folder that a dataset must not be written to.

    Raises:
        DatasetError: it is a file, or holds something that is no dataset.
    """
    if folder.is_file():
        raise DatasetError(f"{folder} is a file: name a folder with -o")
    known = {NEW, STAGING, waiting_name(MANIFEST_NAME), waiting_name(TRUTH_NAME)}
    if is_dataset(folder) or (folder / NEW).is_dir():
        known |= {MANIFEST_NAME, HUB, *CONTENTS}
        known |= {name for audit in (AUDIT_JSON, AUDIT_MARKDOWN) for name in (audit, waiting_name(audit))}
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in known) if folder.is_dir() else []
    if strangers:
        raise DatasetError(f"{folder} holds other things ({strangers[0]}): name an empty folder with -o")


def _distinct(mined: list[MinedRepository], failed: dict[str, str]) -> list[MinedRepository]:
    """The repositories without those that are the very same commit of the same copy as an earlier one."""
    first: dict[tuple[str, str], MinedRepository] = {}
    for repository in mined:
        same = first.setdefault((repository.opened.identity, repository.opened.revision), repository)
        if same is not repository:
            failed[repository.repo_id] = f"the same commit of the same repository as {same.repo_id}: list it once"
    return list(first.values())


def _nothing_mined(mined: list[MinedRepository], failed: dict[str, str]) -> str:
    reasons = list(failed.values())
    reasons += [f"{repository.repo_id} has no assertion with a target in a test file" for repository in mined]
    return f"nothing was mined: {'; '.join(reasons)}"
