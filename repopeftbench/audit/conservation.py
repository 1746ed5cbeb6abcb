"""Nothing is lost: seen = kept + dropped in every ledger, and ledgers, commits and tables say the same."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows, shard_tables, task_splits
from repopeftbench.dataset.manifest import MANIFEST_NAME, LedgerEntry
from repopeftbench.dataset.snapshot_tables import FILES, FILES_NAME
from repopeftbench.dataset.store import COMMITS_NAME, REJECTS_NAME, Dataset
from repopeftbench.ledger import Ledger
from repopeftbench.schema import Track

LEDGER_CHECK = "ledger"
COMMITS_CHECK = "commit-counts"
_FIX = "mine the dataset again: rows were lost or added after it was written"

_COMMIT_COLUMNS = ("repo_id", "commit_sha", "track", "history_index")
_Ledgers = dict[Track, Ledger]


def ledgers(dataset: Dataset) -> Findings:
    """Ledgers that do not add up, or that say something else than the tables, per repository and track and in all."""
    manifest = dataset.manifest
    found = _counted(dataset)
    problems: list[Problem] = []
    totals = dict.fromkeys(Track, Ledger())
    for entry in manifest.repositories:
        counted = found.pop(entry.repo_id, dict.fromkeys(Track, Ledger()))
        for track, stored in _tracks(entry.static, entry.evolution):
            where = f"{entry.repo_id}, {track}"
            problems += _ledger(where, stored)
            problems += _against_tables(where, stored, counted[track])
            totals[track] += _ledger_of(stored)
    for repo_id, counted in sorted(found.items()):
        kept = sum(ledger.kept for ledger in counted.values())
        what = f"has {kept:,} tasks, but the manifest does not name the repository"
        problems.append(_error(LEDGER_CHECK, repo_id, what))
    for track, stored in _tracks(manifest.static, manifest.evolution):
        if _ledger_of(stored) != totals[track]:
            what = "the ledger of the whole dataset is not the sum of its repositories' ledgers"
            problems.append(_error(LEDGER_CHECK, f"{MANIFEST_NAME}, {track}", what))
    return Findings(problems=tuple(problems))


def snapshot_ledger(dataset: Dataset) -> Findings:
    """The ledger of snapshot files against the files: kept are those with text, dropped those with a reason."""
    stored = dataset.manifest.blobs
    if stored is None:
        return Findings()
    counts: Counter[str | None] = Counter()
    for table in shard_tables(dataset.folder / FILES_NAME, FILES, ["problem"]):
        counts.update(table.column("problem").to_pylist())
    dropped = {reason: count for reason, count in sorted(counts.items(), key=str) if reason is not None}
    counted = Ledger(seen=counts.total(), kept=counts[None], dropped=dropped)
    problems = [*_ledger(FILES_NAME, stored), *_against_tables(FILES_NAME, stored, counted)]
    return Findings(problems=tuple(problems))


def commit_counts(dataset: Dataset) -> Findings:
    """Kept commits that count other tasks and rejects than the tables hold, or that are not all there and in order.

    Published data may name rows of commits that it lacks (rejects with a negative index), and lack commits in between.
    """
    is_mined = dataset.manifest.config.protocol == "clean"
    splits = dataset.splits(Track.EVOLUTION)
    tasks = _by_commit(dataset.task_tables(Track.EVOLUTION, split, _COMMIT_COLUMNS) for split in splits)
    rejects = _by_commit([dataset.reject_tables(_COMMIT_COLUMNS)])
    kept = {entry.repo_id: entry.kept_commits for entry in dataset.manifest.repositories}
    wrong: dict[str, list[str]] = {}
    seen: Counter[str] = Counter()
    last: dict[str, int] = {}
    columns = ("repo_id", "commit_sha", "commit_index", "history_index", "tasks", "rejects")
    for repo_id, sha, index, history_index, count, left in rows(dataset.commit_tables(columns), columns):
        own = tasks.pop((repo_id, sha), 0), rejects.pop((repo_id, sha), 0)
        if own != (count, left):
            what = f"{sha} has {own[0]:,} tasks and {own[1]:,} rejects, and counts {count:,} and {left:,}"
            wrong.setdefault(repo_id, []).append(what)
        if (is_mined and index != seen[repo_id]) or history_index <= last.get(repo_id, -1):
            what = f"{sha} is out of order: commit index {index}, history index {history_index}"
            wrong.setdefault(repo_id, []).append(what)
        seen[repo_id] += 1
        last[repo_id] = history_index
    for repo_id, sha in dict.fromkeys([*tasks, *rejects]):
        wrong.setdefault(repo_id, []).append(f"{sha} has tasks or rejects, and is no kept commit")
    for repo_id in sorted(kept.keys() | seen.keys()):
        if seen[repo_id] != kept.get(repo_id, 0):
            what = f"{seen[repo_id]:,} kept commits are there, the manifest says {kept.get(repo_id, 0):,}"
            wrong.setdefault(repo_id, []).append(what)
    problems = [
        _error(COMMITS_CHECK, f"{repo_id}, {COMMITS_NAME}", _first_of(whats))
        for repo_id, whats in sorted(wrong.items())
    ]
    return Findings(problems=tuple(problems))


def _counted(dataset: Dataset) -> dict[str, _Ledgers]:
    """By repository and track, what the tables hold: tasks, and rejects by reason."""
    kept: Counter[tuple[str, str]] = Counter()
    for track, split in task_splits(dataset):
        for table in dataset.task_tables(track, split, ("repo_id",)):
            kept.update((repo_id, track.value) for repo_id in table.column("repo_id").to_pylist())
    columns = ("repo_id", "track", "reason")
    dropped = Counter(rows(dataset.reject_tables(columns), columns))
    reasons: dict[tuple[str, str], dict[str, int]] = {}
    for (repo_id, name, reason), count in sorted(dropped.items()):
        reasons.setdefault((repo_id, name), {})[reason] = count
    found: dict[str, _Ledgers] = {}
    for repo_id, name in sorted({*kept, *reasons}):
        own = found.setdefault(repo_id, dict.fromkeys(Track, Ledger()))
        lost = reasons.get((repo_id, name), {})
        count = kept[repo_id, name]
        # Of a track that does not exist `known_values` tells.
        if name in own:
            own[Track(name)] = Ledger(seen=count + sum(lost.values()), kept=count, dropped=lost)
    return found


def _by_commit(files: Iterable[Iterable[pa.Table]]) -> Counter[tuple[str, str]]:
    """How many rows of the evolution track each commit has; rows of unknown commits are left out."""
    found: Counter[tuple[str, str]] = Counter()
    for tables in files:
        for repo_id, sha, track, history_index in rows(tables, _COMMIT_COLUMNS):
            if track == Track.EVOLUTION and history_index >= 0:
                found[repo_id, sha] += 1
    return found


def _ledger(where: str, stored: LedgerEntry) -> Iterator[Problem]:
    ledger = _ledger_of(stored)
    if not ledger.balanced:
        lost = sum(ledger.dropped.values())
        what = f"the ledger does not add up: {ledger.seen:,} seen, {ledger.kept:,} kept + {lost:,} dropped"
        yield _error(LEDGER_CHECK, where, what)


def _against_tables(where: str, stored: LedgerEntry, counted: Ledger) -> Iterator[Problem]:
    if stored.kept != counted.kept:
        yield _error(LEDGER_CHECK, where, f"{counted.kept:,} rows are there, the manifest says {stored.kept:,} kept")
    different = [
        f"{reason} {counted.dropped.get(reason, 0):,} instead of {stored.dropped.get(reason, 0):,}"
        for reason in sorted({*stored.dropped, *counted.dropped})
        if stored.dropped.get(reason, 0) != counted.dropped.get(reason, 0)
    ]
    if different:
        what = f"{REJECTS_NAME if where != FILES_NAME else where} has other counts than the manifest"
        yield _error(LEDGER_CHECK, where, f"{what}: {', '.join(different)}")


def _ledger_of(stored: LedgerEntry) -> Ledger:
    dropped = {reason: count for reason, count in sorted(stored.dropped.items()) if count}
    return Ledger(seen=stored.seen, kept=stored.kept, dropped=dropped)


def _tracks(static: LedgerEntry, evolution: LedgerEntry) -> tuple[tuple[Track, LedgerEntry], ...]:
    return (Track.STATIC, static), (Track.EVOLUTION, evolution)


def _first_of(whats: list[str]) -> str:
    return whats[0] if len(whats) == 1 else f"{len(whats):,} things do not agree, the first: {whats[0]}"


def _error(check: str, where: str, message: str) -> Problem:
    return Problem(check=check, severity=Severity.ERROR, where=where, message=message, fix=_FIX)
