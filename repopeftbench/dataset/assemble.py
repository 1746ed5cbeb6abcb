"""From the staged harvests of all repositories to a dataset: roles, splits, leaks out, tables, manifest.

One repository is in memory at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from repopeftbench.dataset.manifest import (
    LedgerEntry,
    Manifest,
    MiningConfig,
    RepositoryEntry,
    current_versions,
)
from repopeftbench.dataset.staging import StagedRepository
from repopeftbench.dataset.store import DatasetWriter
from repopeftbench.ledger import Ledger
from repopeftbench.mining.harvest import Harvest, ledger_of
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track
from repopeftbench.splits.assign import (
    FEWEST_FOR_CROSS_REPO,
    Role,
    assign_repositories,
    commit_split,
    split_commits,
    split_files,
)
from repopeftbench.splits.leakage import train_keys, without_leaks

_WHOLE = {Role.CR_VAL: Split.CR_VAL, Role.CR_TEST: Split.CR_TEST, Role.OOD_TEST: Split.OOD_TEST}


def assemble(
    staged: Sequence[StagedRepository], failed: Mapping[str, str], config: MiningConfig, folder: Path
) -> Manifest:
    """Writes the dataset of all staged repositories to `folder` and returns its manifest.

    Args:
        staged: the repositories, in any order; the dataset has them by id.
        failed: entries of the list that gave nothing, with the reason.
        config: what the repositories were mined with.
        folder: the dataset folder.
    """
    ordered = sorted(staged, key=lambda repository: repository.repo_id)
    roles = _roles(ordered, config.seed)
    entries: list[RepositoryEntry] = []
    totals = dict.fromkeys(Track, Ledger())
    with DatasetWriter(folder) as writer:
        for repository in ordered:
            harvest = split_harvest(repository.load(), roles[repository.repo_id])
            writer.add(harvest.tasks, harvest.rejects, harvest.commits)
            ledgers = {track: ledger_of(harvest, track) for track in Track}
            for track, ledger in ledgers.items():
                if not ledger.balanced:
                    raise AssertionError(f"{repository.repo_id}: the {track} ledger does not add up: {ledger}")
                totals[track] += ledger
            entries.append(_entry(repository, roles[repository.repo_id], ledgers))
        manifest = Manifest(
            config=config,
            versions=current_versions(),
            repositories=tuple(entries),
            failed_sources=dict(sorted(failed.items())),
            notes=tuple(_notes(ordered, roles)),
            static=_stored(totals[Track.STATIC]),
            evolution=_stored(totals[Track.EVOLUTION]),
            files=writer.files(),
        )
        writer.finish(manifest)
    return manifest


def _roles(ordered: Sequence[StagedRepository], seed: int) -> dict[str, Role]:
    """The role of each repository; two revisions of one repository have the same."""
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for repository in ordered:
        if not repository.is_ood:
            name = names.setdefault(repository.identity, repository.repo_id)
            sizes[name] = sizes.get(name, 0) + repository.tasks
    roles = assign_repositories(sizes, seed)
    return {r.repo_id: Role.OOD_TEST if r.is_ood else roles[names[r.identity]] for r in ordered}


def split_harvest(harvest: Harvest, role: Role) -> Harvest:
    """A repository's rows with their splits; statements of the train part are out of val and test."""
    if role in _WHOLE:
        whole = _WHOLE[role]
        return replace(
            harvest,
            tasks=tuple(replace(task, split=whole) for task in harvest.tasks),
            commits=tuple(replace(commit, split=whole) for commit in harvest.commits),
        )
    evolution = sorted({task.history_index for task in harvest.tasks if task.track is Track.EVOLUTION})
    starts = split_commits(evolution)
    files = split_files(_files_by_change(harvest))

    def split_of(row: Task | Reject) -> Split:
        if row.track is Track.STATIC:
            return files.get(row.test_file, Split.IR_TRAIN)
        return commit_split(row.history_index, starts)

    drafts = [replace(task, split=split_of(task)) for task in harvest.tasks]
    keys = train_keys(drafts, ((reject.statement_key, split_of(reject)) for reject in harvest.rejects))
    tasks, leaked = without_leaks(drafts, keys)
    return replace(
        harvest,
        tasks=tuple(tasks),
        rejects=(*harvest.rejects, *leaked),
        commits=tuple(_recounted(harvest.commits, tasks, leaked, starts)),
    )


def _recounted(
    commits: Sequence[CommitRecord], tasks: Sequence[Task], leaked: Sequence[Reject], starts: tuple[int, int]
) -> list[CommitRecord]:
    lost: dict[int, int] = {}
    for reject in leaked:
        if reject.track is Track.EVOLUTION:
            lost[reject.history_index] = lost.get(reject.history_index, 0) + 1
    return [
        replace(
            commit,
            split=commit_split(commit.history_index, starts),
            tasks=commit.tasks - lost.get(commit.history_index, 0),
            rejects=commit.rejects + lost.get(commit.history_index, 0),
        )
        for commit in commits
    ]


def _files_by_change(harvest: Harvest) -> list[str]:
    """The snapshot's test files that have tasks; those that got a new assertion last come last and become test.

    Any order would do for the static track alone. This one leaves the most val and test tasks on both tracks once
    statements of the train part are out: late commits mostly add to the files that are then not in train.
    """
    with_tasks = {task.test_file for task in harvest.tasks if task.track is Track.STATIC}
    return sorted(with_tasks, key=lambda path: (harvest.last_new.get(path, 0), path))


def _entry(repository: StagedRepository, role: Role, ledgers: Mapping[Track, Ledger]) -> RepositoryEntry:
    return RepositoryEntry(
        repo_id=repository.repo_id,
        location=repository.location,
        revision=repository.revision,
        licence=repository.licence,
        role=role.value,
        commits=repository.commits,
        kept_commits=repository.kept_commits,
        ended_by_cutoff=repository.ended_by_cutoff,
        static=_stored(ledgers[Track.STATIC]),
        evolution=_stored(ledgers[Track.EVOLUTION]),
    )


def _notes(ordered: Sequence[StagedRepository], roles: Mapping[str, Role]) -> list[str]:
    inside = [repository for repository in ordered if not repository.is_ood]
    notes: list[str] = []
    count = len({repository.identity for repository in inside})
    if count < FEWEST_FOR_CROSS_REPO:
        notes.append(f"No cross-repo suite: {count} in-distribution repositories, {FEWEST_FOR_CROSS_REPO} are needed.")
    ended = [repository.repo_id for repository in inside if repository.ended_by_cutoff]
    if ended:
        notes.append(
            f"The cutoff ends {len(ended)} histories before their last commit; the static track is the last commit "
            f"before it: {', '.join(ended)}."
        )
    without = [repository.repo_id for repository in ordered if repository.tasks == 0]
    if without:
        notes.append(f"Mined, but without a single task: {', '.join(without)}.")
    return notes


def _stored(ledger: Ledger) -> LedgerEntry:
    return LedgerEntry(seen=ledger.seen, kept=ledger.kept, dropped=dict(ledger.dropped))
