"""The published commits: what rows of tasks need of each, and repository by repository what the dataset stores (io).

Several files may describe one commit, since some published sets hold its diff, others its embeddings; each column comes
from the first file that has it. They must agree on its index and split.
"""

import datetime as dt
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa

from repopeftbench.dataset.embeddings import DIFF_EMBEDDING, EMBEDDING, STATE_EMBEDDING
from repopeftbench.errors import DatasetError
from repopeftbench.official.columns import COMMIT_COLUMNS, LIGHT_ROWS, TEXT_ROWS, batches
from repopeftbench.official.layout import PublishedFile
from repopeftbench.schema import CommitInfo, Split

DIFF = "production_code_diff"
_IN_REPO = {"train": Split.IR_TRAIN, "val": Split.IR_VAL, "test": Split.IR_TEST}
_WHOLE = {"cr_val": Split.CR_VAL, "cr_test": Split.CR_TEST, "ood_test": Split.OOD_TEST}
_TRAIN_REPOSITORY = "train"

_STORED = pa.schema(
    [
        ("repo_id", pa.string()),
        ("commit_sha", pa.string()),
        ("commit_index", pa.int32()),
        (DIFF, pa.large_string()),
        (DIFF_EMBEDDING, EMBEDDING),
        (STATE_EMBEDDING, EMBEDDING),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCommit:
    """A kept commit; `info.history_index` is its index among kept commits, `info.committer_time` its author's date."""

    info: CommitInfo
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """All published commits by repository and SHA; `undated` had no date that can be read, their time is 0."""

    by_sha: Mapping[tuple[str, str], PublishedCommit]
    undated: int
    ranks: Mapping[str, int]
    """The place of each repository in an order that all files keep."""

    def last(self) -> dict[str, PublishedCommit]:
        """The last kept commit of each repository."""
        last: dict[str, PublishedCommit] = {}
        for (repo_id, _), commit in self.by_sha.items():
            known = last.get(repo_id)
            if known is None or known.info.history_index < commit.info.history_index:
                last[repo_id] = commit
        return last


def split_of(cross_repo: str | None, in_repo: str | None, *, where: str) -> Split:
    """The split that the two columns of a row say; inside a training repository `in_repo_split` decides, always.

    Raises:
        DatasetError: a value is unknown; `where` names the file.
    """
    split = _IN_REPO.get(in_repo or "") if cross_repo == _TRAIN_REPOSITORY else _WHOLE.get(cross_repo or "")
    if split is None:
        raise DatasetError(
            f"{where}: cross_repo_split {cross_repo!r} with in_repo_split {in_repo!r} is no known split: "
            "import the file as it was published"
        )
    return split


def read_commits(files: Sequence[PublishedFile]) -> Commits:
    """What the task rows need of every commit.

    Raises:
        DatasetError: a file is damaged, has an unknown split, says of a commit what another one contradicts, or has
            its repositories in another order.
    """
    found: dict[tuple[str, str], PublishedCommit] = {}
    undated: set[tuple[str, str]] = set()
    orders: list[list[str]] = []
    for file in files:
        orders.append([])
        for batch in batches(file.path, COMMIT_COLUMNS, LIGHT_ROWS):
            columns = (batch.column(name).to_pylist() for name in COMMIT_COLUMNS)
            for repo_id, cross_repo, index, sha, timestamp, in_repo in zip(*columns, strict=True):
                split = split_of(cross_repo, in_repo, where=str(file.path))
                if orders[-1][-1:] != [repo_id]:
                    orders[-1].append(repo_id)
                time = author_time(timestamp)
                if time is None:
                    undated.add((repo_id, sha))
                info = CommitInfo(sha=sha, history_index=index, committer_time=time or 0)
                commit = PublishedCommit(info=info, split=split)
                known = found.setdefault((repo_id, sha), commit)
                if (known.info.history_index, known.split) != (index, split):
                    raise DatasetError(
                        f"{file.path} says of {repo_id} at {sha}: index {index}, {split}; another file says index "
                        f"{known.info.history_index}, {known.split}: import one published set at a time"
                    )
    return Commits(by_sha=found, undated=len(undated), ranks=_ranks(orders))


def _ranks(orders: Sequence[Sequence[str]]) -> dict[str, int]:
    """The place of each repository in an order that agrees with all the given ones, by id where they leave it open.

    Published files have one order, which need not be that of the ids; not every file has every repository.
    """
    graph: TopologicalSorter[str] = TopologicalSorter()
    for order in orders:
        for before, repo_id in pairwise(order):
            graph.add(repo_id, before)
        for repo_id in order[:1]:
            graph.add(repo_id)
    try:
        graph.prepare()
    except CycleError as error:
        raise DatasetError(
            f"commits of {error.args[1][0]} and {error.args[1][1]} are mixed, or stand in another order in another "
            "file: import one published set at a time"
        ) from error
    ranks: dict[str, int] = {}
    ready = sorted(graph.get_ready())
    while ready:
        repo_id = heapq.heappop(ready)
        ranks[repo_id] = len(ranks)
        graph.done(repo_id)
        for following in graph.get_ready():
            heapq.heappush(ready, following)
    return ranks


def author_time(timestamp: str | None) -> int | None:
    """Seconds since the epoch of an ISO 8601 date, one without an offset taken for UTC; None for anything else."""
    try:
        moment = dt.datetime.fromisoformat(timestamp or "")
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())


def repositories(files: Sequence[PublishedFile], ranks: Mapping[str, int]) -> Iterator[pa.Table]:
    """The stored columns of one repository's commits after the other, each in history order.

    Diffs are null where no file has them, embeddings also where they are zero throughout.

    Args:
        files: the files.
        ranks: the place of each repository, see `Commits`.

    Raises:
        DatasetError: a file is damaged, or an embedding is not 2048 numbers long.
    """
    runs = heapq.merge(*(_runs(file) for file in files), key=lambda run: ranks[run[0]])
    for _, group in groupby(runs, key=lambda run: run[0]):
        yield _merged(pa.concat_tables([table for _, table in group]))


def _runs(file: PublishedFile) -> Iterator[tuple[str, pa.Table]]:
    """The rows of a file, in pieces of one repository each."""
    columns = [name for name in _STORED.names if name in file.columns]
    for batch in batches(file.path, columns, TEXT_ROWS):
        table = _stored(pa.Table.from_batches([batch]), file)
        names = table.column("repo_id").to_pylist()
        start = 0
        for repo_id, group in groupby(names):
            count = len(list(group))
            yield repo_id, table.slice(start, count)
            start += count


def _stored(table: pa.Table, file: PublishedFile) -> pa.Table:
    columns = []
    for field in _STORED:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if field.type == EMBEDDING:
            column = _embeddings(column, field.name, file)
        columns.append(column.cast(field.type))
    return pa.table(columns, schema=_STORED)


def _embeddings(column: pa.ChunkedArray, name: str, file: PublishedFile) -> pa.Array:
    """The vectors, null where all of one is zero."""
    try:
        vectors = column.combine_chunks().cast(EMBEDDING)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DatasetError(f"{file.path}: column {name} holds vectors that are not 2048 numbers long") from error
    present = vectors.is_valid().to_numpy(zero_copy_only=False)
    numbers = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, EMBEDDING.list_size)
    present[np.flatnonzero(present)] = numbers.any(axis=1)
    places = [place if there else None for place, there in enumerate(present.tolist())]
    return vectors.take(pa.array(places, pa.int64()))


def _merged(table: pa.Table) -> pa.Table:
    """One row per commit, in history order; each column from the first row of the commit that has it."""
    rows: dict[str, list[int]] = {}
    for row, sha in enumerate(table.column("commit_sha").to_pylist()):
        rows.setdefault(sha, []).append(row)
    indices = table.column("commit_index").to_pylist()
    ordered = sorted(rows, key=lambda sha: (indices[rows[sha][0]], sha))
    columns = []
    for name in table.schema.names:
        there = table.column(name).is_valid().to_pylist()
        chosen = [next((row for row in rows[sha] if there[row]), rows[sha][0]) for sha in ordered]
        columns.append(table.column(name).combine_chunks().take(pa.array(chosen, pa.int64())))
    return pa.table(columns, schema=table.schema)
