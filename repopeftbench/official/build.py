"""From folders of published data to a dataset folder (io): rows pass in batches, commits repository by repository."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repopeftbench.dataset.build import check_folder
from repopeftbench.dataset.embeddings import DIFF_EMBEDDING, EMBEDDINGS, STATE_EMBEDDING
from repopeftbench.dataset.manifest import LedgerEntry, Manifest, MiningConfig, RepositoryEntry, current_versions
from repopeftbench.dataset.store import DatasetWriter
from repopeftbench.dataset.tables import to_table
from repopeftbench.errors import DatasetError
from repopeftbench.ledger import Ledger
from repopeftbench.official import commits as commit_files
from repopeftbench.official.choice import (
    KEPT,
    NOT_TRAIN,
    OTHER_FILE,
    REASONS,
    SMART_CAP,
    TRIVIAL,
    Chooser,
    Source,
    choose_sources,
    commit_problem,
)
from repopeftbench.official.commits import Commits
from repopeftbench.official.layout import Kind, PublishedFile, Root, Survey, survey
from repopeftbench.official.notes import import_notes
from repopeftbench.official.published import CommitSize, Measured, SizeCheck, check_sizes, claims_to_be_whole
from repopeftbench.official.reading import ReadRow, StaticReader, parquet_rows
from repopeftbench.official.rows import identity, problem_of, reject_of, task_of
from repopeftbench.official.tally import Tally
from repopeftbench.paper.splits import SEED
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track
from repopeftbench.splits.assign import Role

Report = Callable[[str, int, int], None]
"""Called with a file's name, rows done and rows in all."""

_HELD = 512
_MOST_TEXT = 16_000_000
_ROLES = {Split.CR_VAL: Role.CR_VAL, Split.CR_TEST: Role.CR_TEST, Split.OOD_TEST: Role.OOD_TEST}
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+\Z")
_ANCHOR_LEFT = "train.json has the static training tasks"
_REPEATED = "its rows are read from other files"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How published data is imported. `all_rows`: without the smart cap and the first eight of each commit."""

    folder: Path
    all_rows: bool = False
    expect_published: bool = False
    """Compare sizes with the published ones even where the data does not seem to be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The dataset's manifest, what every file was taken for, and the published sizes where they were compared."""

    manifest: Manifest
    files: tuple[PublishedFile, ...]
    checks: tuple[SizeCheck, ...]


def import_published(roots: Sequence[Root], options: ImportOptions, report: Report) -> ImportResult:
    """Writes the dataset of some published folders, in the place of what was in its folder.

    Args:
        roots: the folders.
        options: how.
        report: progress.

    Raises:
        DatasetError: a folder holds nothing known, a file is damaged or of another schema, two files contradict or
            repeat each other, there are tasks but no commits, or the output folder holds something else.
    """
    check_folder(options.folder)
    found = survey(roots)
    sources = choose_sources(found.of(Kind.ROWS))
    static = _static_files(found)
    found = replace(found, files=tuple(_with_reading(file, sources, static) for file in found.files))
    commits = commit_files.read_commits(found.of(Kind.COMMITS))
    if not commits.by_sha and (sources or any(file.kind is Kind.ANCHOR for file in static)):
        raise DatasetError(
            f"{roots[0].folder} has tasks but no commits: name the folder with their commits/*.parquet beside it"
        )
    with DatasetWriter(options.folder) as writer:
        rows = _Rows(writer)
        _add_evolution(rows, [source for source in sources if source.homes], commits, options, report)
        _add_static(rows, static, commits, found, report)
        rows.flush()
        _add_commits(writer, found.of(Kind.COMMITS), commits, rows.tally)
        if not rows.tally.sizes or not any(size.tasks for size in rows.tally.sizes.values()):
            raise DatasetError(f"no row of {roots[0].folder} is a task: import the files as they were published")
        measured = _measured(rows.tally, commits, static, options)
        compared = options.expect_published or claims_to_be_whole(measured)
        checks = check_sizes(measured) if compared else ()
        manifest = Manifest(
            config=_config(rows.tally),
            versions=current_versions(),
            repositories=tuple(_entries(rows.tally, commits, found)),
            origin=", ".join(root.label for root in roots),
            failed_sources={},
            notes=import_notes(found, commits, checks, all_rows=options.all_rows, has_static=bool(static)),
            static=_stored(_total(rows.tally, Track.STATIC)),
            evolution=_stored(_total(rows.tally, Track.EVOLUTION)),
            files=writer.files(),
        )
        writer.finish(manifest)
    return ImportResult(manifest=manifest, files=found.files, checks=checks)


class _Rows:
    """Takes rows one by one, counts them, and hands tasks and rejects on in tables of bounded size."""

    def __init__(self, writer: DatasetWriter) -> None:
        self.tally = Tally()
        self._writer = writer
        self._tasks: dict[tuple[Track, Split], list[Task]] = {}
        self._rejects: list[Reject] = []
        self._held = self._text = 0
        self._same: Counter[int] = Counter()

    def add(self, read: ReadRow, reason: str) -> None:
        """Takes a row, with the reason why it is no task or an empty one."""
        row = read.row
        reason = reason or problem_of(row.prefix, row.target) or ""
        self.tally.see(row.track, row.split, row.repo_id, is_read=reason not in (NOT_TRAIN, OTHER_FILE))
        if reason:
            reject = reject_of(row, read.commit.history_index, reason)
            self.tally.drop(reject)
            self._rejects.append(reject)
        else:
            task = task_of(row, read.commit, self._occurrence(read))
            self.tally.keep(task)
            self._tasks.setdefault((row.track, row.split), []).append(task)
            self._text += len(task.prefix)
        self._held += 1
        if self._held >= _HELD or self._text > _MOST_TEXT:
            self.flush()

    def flush(self) -> None:
        """Hands on what is held."""
        for (track, split), tasks in self._tasks.items():
            self._writer.add_tasks(track, split, to_table(Task, tasks))
        self._writer.add_rejects(to_table(Reject, self._rejects))
        self._tasks, self._rejects, self._held, self._text = {}, [], 0, 0

    def _occurrence(self, read: ReadRow) -> int:
        """How many tasks of rows equal to this one there are already."""
        # A number takes a third of the memory of the id's text.
        same = int(identity(read.row), 16)
        self._same[same] += 1
        return self._same[same] - 1


def _add_evolution(
    rows: _Rows, sources: Sequence[Source], commits: Commits, options: ImportOptions, report: Report
) -> None:
    chooser = Chooser(commits, all_rows=options.all_rows)
    for source in sources:
        codes = chooser.codes(source)
        for done, (read, code) in enumerate(zip(parquet_rows(source.file, commits), codes, strict=True), start=1):
            rows.add(read, "" if code == KEPT else REASONS[code])
            if done % _HELD == 0 or done == len(codes):
                report(source.file.name, done, len(codes))


def _add_static(rows: _Rows, files: Sequence[PublishedFile], commits: Commits, found: Survey, report: Report) -> None:
    revisions = {entry.repo_id: entry.revision for manifest in found.rebuilt for entry in manifest.repositories}
    reader = StaticReader(commits, revisions)
    for file in files:
        is_anchor = file.kind is Kind.ANCHOR
        count = 0
        for read in parquet_rows(file, commits) if is_anchor else reader.rows(file):
            row = read.row
            rows.add(read, commit_problem(commits, row.split, row.repo_id, row.commit_sha) if is_anchor else "")
            count += 1
        report(file.name, count, count)


def _static_files(found: Survey) -> tuple[PublishedFile, ...]:
    """The files of the static track that are read: its JSON, and the anchor where there is no train.json."""
    json = found.of(Kind.STATIC)
    anchors = found.of(Kind.ANCHOR)
    names = [file.path.stem for file in json]
    used = json if "train" in names else (*anchors, *json)
    for file in used:
        others = [other for other in used if other is not file and _holds_same(file, other)]
        if others:
            raise DatasetError(
                f"{file.path} and {others[0].path} hold the same part of the static track: import one of them at a time"
            )
    return used


def _holds_same(one: PublishedFile, other: PublishedFile) -> bool:
    return one.kind is other.kind and (one.kind is Kind.ANCHOR or one.path.stem == other.path.stem)


def _with_reading(file: PublishedFile, sources: Sequence[Source], static: Sequence[PublishedFile]) -> PublishedFile:
    """The file, marked as left if nothing is read from it after all."""
    if file.kind is Kind.ROWS and any(source.file is file and not source.homes for source in sources):
        return replace(file, kind=Kind.LEFT, reason=_REPEATED)
    if file.kind is Kind.ANCHOR and file not in static:
        return replace(file, kind=Kind.LEFT, reason=_ANCHOR_LEFT)
    return file


def _add_commits(writer: DatasetWriter, files: Sequence[PublishedFile], commits: Commits, tally: Tally) -> None:
    for table in commit_files.repositories(files, commits.ranks):
        (repo_id,) = set(table.column("repo_id").to_pylist())
        records: list[CommitRecord] = []
        shas, diffs = table.column("commit_sha").to_pylist(), table.column(commit_files.DIFF).to_pylist()
        for sha, diff in zip(shas, diffs, strict=True):
            commit = commits.by_sha[repo_id, sha]
            records.append(
                CommitRecord(
                    repo_id=repo_id,
                    commit_sha=sha,
                    commit_index=commit.info.history_index,
                    history_index=commit.info.history_index,
                    committer_time=commit.info.committer_time,
                    split=commit.split,
                    tasks=tally.tasks[repo_id, sha],
                    rejects=tally.rejects[repo_id, sha],
                    production_diff=diff or "",
                    production_diff_truncated=False,
                )
            )
        writer.add_commits(to_table(CommitRecord, records))
        if any({DIFF_EMBEDDING, STATE_EMBEDDING} & file.columns for file in files):
            writer.add_embeddings(table.select(EMBEDDINGS.names))


def _measured(tally: Tally, commits: Commits, static: Sequence[PublishedFile], options: ImportOptions) -> Measured:
    counts: dict[Split, Counter[str]] = {}
    for (repo_id, _), commit in commits.by_sha.items():
        counts.setdefault(commit.split, Counter())[repo_id] += 1
    capped = sum(reasons[TRIVIAL] + reasons[SMART_CAP] for reasons in tally.dropped.values())
    return Measured(
        sizes=tally.sizes,
        commits={split: CommitSize(repositories=len(found), commits=found.total()) for split, found in counts.items()},
        has_json=any(file.kind is Kind.STATIC for file in static),
        has_anchor=any(file.kind is Kind.ANCHOR for file in static),
        is_capped=not options.all_rows,
        raw_train=capped > 0,
    )


def _config(tally: Tally) -> MiningConfig:
    return MiningConfig(
        protocol="paper", seed=SEED, families=tuple(sorted(tally.families)), prefix_bytes=None, snapshots=False
    )


def _entries(tally: Tally, commits: Commits, found: Survey) -> Iterable[RepositoryEntry]:
    rebuilt = {entry.repo_id: entry for manifest in found.rebuilt for entry in manifest.repositories}
    last = commits.last()
    counts = Counter(repo_id for repo_id, _ in commits.by_sha)
    splits = {repo_id: commit.split for repo_id, commit in last.items()}
    for (track, split), size in tally.sizes.items():
        if track is Track.STATIC:
            splits = dict.fromkeys(size.tasks, split) | splits
    for repo_id in sorted({*tally.repositories(), *counts}):
        recorded = rebuilt.get(repo_id)
        newest = last.get(repo_id)
        yield RepositoryEntry(
            repo_id=repo_id,
            location=recorded.location if recorded is not None else github_url(repo_id),
            revision=recorded.revision if recorded is not None else newest.info.sha if newest is not None else "",
            licence=None,
            role=_ROLES.get(splits.get(repo_id, Split.IR_TRAIN), Role.TRAIN).value,
            commits=recorded.commits if recorded is not None else counts[repo_id],
            kept_commits=counts[repo_id],
            ended_by_cutoff=False,
            static=_stored(tally.ledger(Track.STATIC, repo_id)),
            evolution=_stored(tally.ledger(Track.EVOLUTION, repo_id)),
        )


def github_url(repo_id: str) -> str:
    """The URL of `owner/name` on GitHub; any other id as it is."""
    return f"https://github.com/{repo_id}.git" if _GITHUB.match(repo_id) else repo_id


def _total(tally: Tally, track: Track) -> Ledger:
    total = sum((tally.ledger(track, repo_id) for repo_id in tally.repositories()), Ledger())
    if not total.balanced:
        raise AssertionError(f"the {track} ledger does not add up: {total}")
    return total


def _stored(ledger: Ledger) -> LedgerEntry:
    return LedgerEntry(seen=ledger.seen, kept=ledger.kept, dropped=dict(ledger.dropped))
