"""From the mined parts of all repositories to a dataset: roles, splits, leaks out, tables, manifest.

Rows pass through as tables, a batch at a time; of a whole repository only the columns that decide about splits are in
memory, and the rejects that tasks become because train knows their statements.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from repopeftbench.dataset.division import Division, Place, divide_repository
from repopeftbench.dataset.manifest import (
    LedgerEntry,
    Manifest,
    MiningConfig,
    RepositoryEntry,
    current_versions,
)
from repopeftbench.dataset.staging import Part
from repopeftbench.dataset.store import DatasetWriter
from repopeftbench.dataset.tables import schema_of
from repopeftbench.errors import RepositoryListError
from repopeftbench.ledger import Ledger
from repopeftbench.mining.engine import MinedRepository
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track
from repopeftbench.splits.assign import FEWEST_FOR_CROSS_REPO, Role, assign_repositories
from repopeftbench.splits.leakage import LEAKED

_TRACKS = {track.value: track for track in Track}


def assemble(
    mined: Sequence[MinedRepository], failed: Mapping[str, str], config: MiningConfig, folder: Path
) -> Manifest:
    """Writes the dataset of all mined repositories to `folder` and returns its manifest.

    Args:
        mined: the repositories, in any order; the dataset has them by id.
        failed: entries of the list that gave nothing, with the reason.
        config: what the repositories were mined with.
        folder: the dataset folder.
    """
    ordered = sorted(mined, key=lambda repository: repository.repo_id)
    roles = _roles(ordered, config.seed)
    entries: list[RepositoryEntry] = []
    totals = dict.fromkeys(Track, Ledger())
    with DatasetWriter(folder) as writer:
        for repository in ordered:
            ledgers = _add_repository(writer, repository, roles[repository.repo_id])
            for track, ledger in ledgers.items():
                if not ledger.balanced:
                    raise AssertionError(f"{repository.repo_id}: the {track} ledger does not add up: {ledger}")
                totals[track] += ledger
            entries.append(_entry(repository, roles[repository.repo_id], ledgers))
        parts = [part.folder for repository in ordered for part in repository.parts]
        blobs = writer.add_snapshots(parts).files if config.snapshots else None
        manifest = Manifest(
            config=config,
            versions=current_versions(),
            repositories=tuple(entries),
            failed_sources=dict(sorted(failed.items())),
            notes=tuple(_notes(ordered, roles)),
            static=_stored(totals[Track.STATIC]),
            evolution=_stored(totals[Track.EVOLUTION]),
            blobs=None if blobs is None else _stored(blobs),
            files=writer.files(),
        )
        writer.finish(manifest)
    return manifest


def _roles(ordered: Sequence[MinedRepository], seed: int) -> dict[str, Role]:
    """The role of each repository, as the list says or as drawn; two revisions of one repository have the same."""
    listed = _listed_roles(ordered)
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for repository in ordered:
        if not repository.opened.is_ood and repository.opened.identity not in listed:
            name = names.setdefault(repository.opened.identity, repository.repo_id)
            sizes[name] = sizes.get(name, 0) + repository.tasks
    roles = assign_repositories(sizes, seed)
    drawn = {identity: roles[name] for identity, name in names.items()}
    return {r.repo_id: (listed | drawn).get(r.opened.identity, Role.OOD_TEST) for r in ordered}


def _listed_roles(ordered: Sequence[MinedRepository]) -> dict[str, Role]:
    """By identity of a repository, the role that the list gives it."""
    listed: dict[str, Role] = {}
    for repository in ordered:
        role = repository.opened.source.role
        if role is not None and listed.setdefault(repository.opened.identity, role) is not role:
            raise RepositoryListError(
                f"the list gives {repository.repo_id} the role {role}, and {listed[repository.opened.identity]} to "
                "another revision of the same repository: give both the same"
            )
    return listed


def _add_repository(writer: DatasetWriter, repository: MinedRepository, role: Role) -> dict[Track, Ledger]:
    """Adds one repository's rows, part by part; returns its ledgers."""
    places = {kind: [place for part in repository.parts for place in _places(part, kind)] for kind in (Task, Reject)}
    renames = [rename for part in repository.parts for rename in part.summary.renames]
    division = divide_repository(role, places[Task], places[Reject], renames)
    kept = dict.fromkeys(Track, 0)
    dropped = {track: Counter[str]() for track in Track}
    left: list[pa.Table] = []
    offset = 0
    for part in repository.parts:
        for rows in part.tables(Task):
            rows, leaked = _without_leaks(_counted_on(rows, offset, repository), division)
            for (track, split), chosen in _by_split(rows, division):
                writer.add_tasks(track, split, chosen)
                kept[track] += chosen.num_rows
            left.append(leaked)
        for rows in part.tables(Reject):
            writer.add_rejects(rows)
            _count_reasons(dropped, rows)
        offset += part.summary.kept_commits
    lost = Counter(index for rows in left for index in _evolution_indices(rows))
    for rows in left:
        writer.add_rejects(rows)
        _count_reasons(dropped, rows)
    offset = 0
    for part in repository.parts:
        for rows in part.tables(CommitRecord):
            writer.add_commits(_finished_commits(rows, offset, division, lost))
        offset += part.summary.kept_commits
    seen = {track: sum(part.summary.seen[track] for part in repository.parts) for track in Track}
    return {
        track: Ledger(seen=seen[track], kept=kept[track], dropped=dict(sorted(dropped[track].items())))
        for track in Track
    }


def _places(part: Part, kind: type[Task] | type[Reject]) -> Iterator[Place]:
    for rows in part.tables(kind, columns=["track", "history_index", "test_file", "statement_key"]):
        yield from _places_of(rows)


def _places_of(rows: pa.Table) -> Iterator[Place]:
    names = ("track", "history_index", "test_file", "statement_key")
    for track, index, path, key in zip(*(rows.column(name).to_pylist() for name in names), strict=True):
        yield Place(_TRACKS[track], index, path, key)


def _counted_on(rows: pa.Table, offset: int, repository: MinedRepository) -> pa.Table:
    """Tasks with the index of their commit among all kept ones; those of the snapshot have that of the last one."""
    last = max(repository.kept_commits - 1, 0)
    indices = [
        last if track == Track.STATIC else index + offset
        for track, index in zip(rows.column("track").to_pylist(), rows.column("commit_index").to_pylist(), strict=True)
    ]
    return _with_column(rows, "commit_index", indices)


def _without_leaks(rows: pa.Table, division: Division) -> tuple[pa.Table, pa.Table]:
    """The tasks that stay, and reject rows for the others."""
    leaks = [division.leaks(place) for place in _places_of(rows)]
    if not any(leaks):
        return rows, schema_of(Reject).empty_table()
    leaked = rows.filter(pa.array(leaks))
    reasons = pa.array([LEAKED] * leaked.num_rows, pa.string())
    rejects = leaked.select([name for name in schema_of(Reject).names if name != "reason"])
    return rows.filter(pa.array([not leak for leak in leaks])), rejects.append_column("reason", reasons)


def _by_split(rows: pa.Table, division: Division) -> Iterator[tuple[tuple[Track, Split], pa.Table]]:
    """The tasks by track and split, in their order."""
    homes = [(place.track, division.split(place)) for place in _places_of(rows)]
    with_splits = _with_column(rows, "split", [split for _, split in homes])
    for home in dict.fromkeys(homes):
        yield home, with_splits.filter(pa.array([other == home for other in homes]))


def _finished_commits(rows: pa.Table, offset: int, division: Division, lost: Mapping[int, int]) -> pa.Table:
    """Commits with their splits, their index among all kept ones, and without the tasks that had to leave."""
    history = rows.column("history_index").to_pylist()
    gone = [lost.get(index, 0) for index in history]
    columns = {
        "commit_index": [index + offset for index in rows.column("commit_index").to_pylist()],
        "split": [division.commit(index) for index in history],
        "tasks": [count - less for count, less in zip(rows.column("tasks").to_pylist(), gone, strict=True)],
        "rejects": [count + more for count, more in zip(rows.column("rejects").to_pylist(), gone, strict=True)],
    }
    for name, values in columns.items():
        rows = _with_column(rows, name, values)
    return rows


def _with_column(rows: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, rows.schema.field(index), pa.array(values, rows.schema.field(index).type))


def _count_reasons(dropped: Mapping[Track, Counter[str]], rows: pa.Table) -> None:
    for track, reason in zip(rows.column("track").to_pylist(), rows.column("reason").to_pylist(), strict=True):
        dropped[_TRACKS[track]][reason] += 1


def _evolution_indices(rows: pa.Table) -> list[int]:
    pairs = zip(rows.column("track").to_pylist(), rows.column("history_index").to_pylist(), strict=True)
    return [index for track, index in pairs if track == Track.EVOLUTION]


def _entry(repository: MinedRepository, role: Role, ledgers: Mapping[Track, Ledger]) -> RepositoryEntry:
    return RepositoryEntry(
        repo_id=repository.repo_id,
        location=repository.opened.location,
        revision=repository.opened.revision,
        licence=repository.opened.source.licence,
        role=role.value,
        commits=repository.opened.commits,
        kept_commits=repository.kept_commits,
        ended_by_cutoff=repository.opened.ended_by_cutoff,
        static=_stored(ledgers[Track.STATIC]),
        evolution=_stored(ledgers[Track.EVOLUTION]),
    )


def _notes(ordered: Sequence[MinedRepository], roles: Mapping[str, Role]) -> list[str]:
    inside = [repository for repository in ordered if not repository.opened.is_ood]
    notes: list[str] = []
    count = len({repository.opened.identity for repository in inside})
    if count < FEWEST_FOR_CROSS_REPO and not {Role.CR_VAL, Role.CR_TEST} & set(roles.values()):
        notes.append(f"No cross-repo suite: {count} in-distribution repositories, {FEWEST_FOR_CROSS_REPO} are needed.")
    ended = [repository.repo_id for repository in inside if repository.opened.ended_by_cutoff]
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
