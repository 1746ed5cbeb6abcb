"""The kept commits of a dataset's repositories, read back: their order, their splits, and one diff at a time (io).

Shas and splits are read once, which is little. Diffs stay on the disk: the row groups used last are kept.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from repopeftbench.dataset.snapshot_tables import read_group
from repopeftbench.dataset.tables import check_schema, member
from repopeftbench.errors import DatasetError
from repopeftbench.schema import CommitRecord, KeptCommit, Split

_COMMITS_NAME = "commits.parquet"  # the store's, which imports git to write datasets: reading needs none
_CACHED_GROUPS = 2
"""A repository's commits are neighbours: a walk needs one row group, and the next."""


class CommitHistories:
    """What came before each commit of a dataset; nothing is opened before something is asked."""

    def __init__(self, folder: Path, revisions: Mapping[str, str]) -> None:
        """Describes the histories of a dataset folder.

        Args:
            folder: the dataset's folder.
            revisions: of each repository the last commit of the mined history, kept or not.
        """
        self._folder = folder
        self._path = folder / _COMMITS_NAME
        self._revisions = revisions
        self._groups: OrderedDict[int, list[str]] = OrderedDict()

    def until(self, repo_id: str, commit_sha: str) -> tuple[KeptCommit, ...]:
        """The kept commits of a repository up to and including one commit, oldest first.

        Args:
            repo_id: the repository.
            commit_sha: a kept commit, or the last one of the mined history, which need not be kept.

        Raises:
            DatasetError: the dataset does not know the commit, or cannot be read.
        """
        commits_of, places = self._read
        commits, place = commits_of.get(repo_id, ()), places.get((repo_id, commit_sha))
        if place is not None:
            return commits[: place[0] + 1]
        if self._revisions.get(repo_id) == commit_sha:
            return commits
        raise DatasetError(
            f"{self._folder} has no kept commit {commit_sha} of {repo_id}, so what came before it is not known: "
            "mine the dataset again"
        )

    def production_diff(self, repo_id: str, commit_sha: str) -> str:
        """What a kept commit changed in production code since the kept commit before.

        Raises:
            DatasetError: the dataset does not know the commit, or cannot be read.
        """
        place = self._read[1].get((repo_id, commit_sha))
        if place is None:
            raise DatasetError(f"{self._folder} has no kept commit {commit_sha} of {repo_id}: mine the dataset again")
        _, group, row = place
        if group not in self._groups:
            table = read_group(self._file, self._path, group, ["production_diff"])
            self._groups[group] = table.column("production_diff").to_pylist()
        self._groups.move_to_end(group)
        if len(self._groups) > _CACHED_GROUPS:
            self._groups.popitem(last=False)
        return self._groups[group][row]

    @cached_property
    def _file(self) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(self._path)
        except (OSError, ValueError) as error:
            raise DatasetError(f"{self._path} cannot be read: {error}: mine the dataset again") from error
        check_schema(CommitRecord, file.schema_arrow, where=str(self._path))
        return file

    @cached_property
    def _read(self) -> tuple[dict[str, tuple[KeptCommit, ...]], dict[tuple[str, str], tuple[int, int, int]]]:
        """The commits of each repository; of each commit its number there, its row group, and its row in that."""
        commits: dict[str, list[KeptCommit]] = {}
        places: dict[tuple[str, str], tuple[int, int, int]] = {}
        for group in range(self._file.metadata.num_row_groups):
            table = read_group(self._file, self._path, group, ["repo_id", "commit_sha", "split"])
            for row, (repo_id, sha, split) in enumerate(zip(*(c.to_pylist() for c in table.columns), strict=True)):
                known = commits.setdefault(repo_id, [])
                places[repo_id, sha] = (len(known), group, row)
                known.append(KeptCommit(commit_sha=sha, split=member(Split, split, f"{self._path}, column split")))
        return {repo_id: tuple(known) for repo_id, known in commits.items()}, places
