"""Mines one source in the `paper` protocol to a shard (io): one folder per repository, complete or not there.

Prefixes are whole files, so rows are written as the walk goes and never held.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.copies import open_at, open_newest
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.staging import staging_folder
from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper import tables
from repopeftbench.paper.diffs import production_diff
from repopeftbench.paper.evolution import EvolutionWalk, KeptCommit
from repopeftbench.paper.extract import decode
from repopeftbench.paper.splits import TRAIN, commit_splits
from repopeftbench.paper.static import Snapshot, anchor_snapshot, last_snapshot, separated_texts
from repopeftbench.pool import Report
from repopeftbench.sources import Source, without_credentials
from repopeftbench.splits.assign import is_out_of_distribution

SUMMARY, COMMITS, QNA, STATIC, ANCHOR = "summary.json", "commits.parquet", "qna.parquet", "static.json", "anchor.json"
_BATCH_CHARACTERS = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPlan:
    """What every repository is mined with; `cutoff` is in seconds since the epoch, None for none."""

    staging: Path
    cache: Path
    cutoff: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """A repository to mine, and the folder of its shard."""

    source: Source
    location: str
    revision: str
    """SHA of the last commit to mine."""
    commits: int
    is_ood: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One mined repository; its rows are in `folder`, their splits still empty."""

    folder: Path
    repo_id: str
    location: str
    revision: str
    is_ood: bool
    commits: int
    kept_commits: int
    assertions: int
    static_extracted: int
    static_selected: int
    file_versions: int
    file_versions_dropped: dict[str, int]


def plan_shard(plan: PaperPlan, source: Source, report: Report) -> ShardPlan:
    """Brings a source to this machine and looks how far it is to be mined.

    Raises:
        SourceError: the source cannot be read.
        GitObjectError: its history lacks a commit.
    """
    planned = look_at(plan, source, open_newest(source, plan.cache))
    report(source.repo_id, 0, planned.commits)
    return planned


def look_at(plan: PaperPlan, source: Source, repository: GitRepository) -> ShardPlan:
    """How far a repository is to be mined, and where its shard belongs.

    Raises:
        SourceError: the repository has no such revision.
        GitObjectError: its history lacks a commit.
    """
    history = repository.history(repository.resolve(source.revision))
    is_ood = is_out_of_distribution(source.role, history[0].committer_time, plan.cutoff)
    location = without_credentials(str(source.url or source.path))
    key = ("paper", history[-1].sha, location, str(is_ood), current_versions().model_dump_json())
    return ShardPlan(
        source=source,
        location=location,
        revision=history[-1].sha,
        commits=len(history),
        is_ood=is_ood,
        folder=staging_folder(plan.staging, source.repo_id, *key),
    )


def find_shard(folder: Path) -> Shard | None:
    """The finished shard in a folder, or None."""
    summary = folder / SUMMARY
    return Shard(folder=folder, **json.loads(summary.read_text("utf-8"))) if summary.is_file() else None


def mine_shard(plan: PaperPlan, planned: ShardPlan, folder: Path, report: Report) -> None:
    """Mines a repository to an empty folder.

    Raises:
        SourceError: the source cannot be read.
        GitObjectError: its history lacks a commit or a tree.
    """
    repository, history = open_at(planned.source, plan.cache, planned.revision)
    repo_id = planned.source.repo_id
    texts = separated_texts(repository, planned.revision)
    # The separation of tests never ran on the repositories out of distribution: the path rule alone holds there.
    walk = EvolutionWalk(repository, frozenset() if planned.is_ood else frozenset(texts))
    static = last_snapshot(texts)
    _write_json(folder / STATIC, [tables.static_entry(repo_id, pair) for pair in static.selected])
    walked = walk.kept(history, lambda done, total: report(repo_id, done, total))
    kept, assertions = _write_walk(repository, repo_id, walked, folder)
    _write_json(folder / ANCHOR, _anchor(repository, repo_id, kept))
    shard = Shard(
        folder=folder,
        repo_id=repo_id,
        location=planned.location,
        revision=planned.revision,
        is_ood=planned.is_ood,
        commits=len(history),
        kept_commits=len(kept),
        assertions=assertions,
        static_extracted=static.extracted,
        static_selected=len(static.selected),
        file_versions=walk.ledger.seen,
        file_versions_dropped=dict(walk.ledger.dropped),
    )
    fields = {key: value for key, value in asdict(shard).items() if key != "folder"}
    (folder / SUMMARY).write_text(json.dumps(fields), "utf-8")


def _write_walk(
    repository: GitRepository, repo_id: str, walked: Iterator[KeptCommit], folder: Path
) -> tuple[list[str], int]:
    """Writes the rows of all kept commits; returns the commits' SHAs and the number of assertions."""
    kept: list[str] = []
    assertions = 0
    with (
        pq.ParquetWriter(folder / COMMITS, tables.COMMITS, compression="zstd") as commits,
        pq.ParquetWriter(folder / QNA, tables.QNA, compression="zstd") as qna,
    ):
        commit_rows, qna_rows = _Batch(commits), _Batch(qna)
        for commit in walked:
            diff = production_diff(repository, commit.previous_kept, commit.sha)
            commit_rows.add(tables.commit_row(repo_id, commit, repository.author_date(commit.sha), diff), len(diff))
            for file in commit.files:
                for row in tables.qna_rows(repo_id, commit, file, decode(repository.read(file.blob))):
                    qna_rows.add(row, len(row["prefix"]))
                    assertions += 1
            kept.append(commit.sha)
        commit_rows.flush()
        qna_rows.flush()
    return kept, assertions


class _Batch:
    """Collects rows and writes them as row groups of bounded size."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[tables.Row] = []
        self._characters = 0

    def add(self, row: tables.Row, characters: int) -> None:
        self._rows.append(row)
        self._characters += characters
        if self._characters > _BATCH_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
        self._rows, self._characters = [], 0


def _anchor(repository: GitRepository, repo_id: str, kept: list[str]) -> list[tables.Row]:
    """The anchor's rows: static pairs at the last kept commit of the train part."""
    index = commit_splits(len(kept)).count(TRAIN) - 1
    if index < 0:
        return []
    snapshot: Snapshot = anchor_snapshot(repository, kept[index])
    return tables.anchor_rows(repo_id, kept[index], index, snapshot.selected)


def _write_json(path: Path, value: list[tables.Row]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
