"""A dataset as a training sees it: train and validation tasks of the evolution track, production code, diffs (io).

Texts are read a row group at a time; of a task only prefix, gap and target. It shows no test file and nothing of the
splits that results are reported on.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from code2lora.training.data import TaskPlace, TaskText, TrainingSplit
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.dataset.store import COMMITS_NAME, Dataset, read_records
from repopeftbench.errors import ConfigError, GitObjectError
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import CommitRecord, Split, SymbolRecord, Track
from repopeftbench.views import DatasetViews


class DatasetTrainingData:
    """The `TrainingData` of a dataset folder."""

    def __init__(self, dataset: Dataset) -> None:
        """Describes it; nothing is read yet."""
        self._dataset = dataset

    @property
    def sha256(self) -> str:
        """Hash of the dataset's manifest."""
        return self._dataset.sha256

    def places(self, split: TrainingSplit) -> tuple[TaskPlace, ...]:
        """The tasks of a split of the evolution track, without their texts."""
        columns = ["task_id", "repo_id", "commit_index"]
        places: list[TaskPlace] = []
        for table in self._dataset.task_tables(Track.EVOLUTION, Split(split), columns):
            for task_id, repo_id, commit in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
                places.append(TaskPlace(row=len(places), task_id=task_id, repo_id=repo_id, commit=commit))
        return tuple(places)

    def texts(self, split: TrainingSplit, rows: Sequence[int]) -> Iterator[TaskText]:
        """The texts of some tasks, in order of row."""
        wanted = iter(sorted(rows))
        row, first = next(wanted, None), 0
        for table in self._dataset.task_tables(Track.EVOLUTION, Split(split), ["prefix", "gap", "target"]):
            indices = []
            while row is not None and row < first + table.num_rows:
                indices.append(row - first)
                row = next(wanted, None)
            chosen = table.take(pa.array(indices, pa.int64())).to_pylist()
            for index, text in zip(indices, chosen, strict=True):
                continuation = text["gap"] + text["target"]
                yield TaskText(row=first + index, prefix=text["prefix"], continuation=continuation)
            first += table.num_rows

    def diffs(self, repo_id: str) -> tuple[str, ...]:
        """The production diffs of a repository's kept commits, oldest first."""
        return tuple(commit.production_diff for commit in self._commits(repo_id))

    def files(self, repo_id: str, commit: int) -> Mapping[str, str]:
        """The blob of each production file at a kept commit, by path.

        Raises:
            ConfigError: the dataset was mined without snapshots.
        """
        tree = self._snapshots.tree(repo_id, self._shas[repo_id][commit])
        return {
            path: blob
            for path, blob in sorted(tree.items())
            if file_kind(path) is FileKind.PRODUCTION and not self._snapshots.is_test(blob)
        }

    def read(self, blob: str) -> str:
        """The text of a blob; empty where it has none."""
        try:
            return self._snapshots.read(blob)
        except GitObjectError:
            return ""

    def symbols(self, repo_id: str, commit: int) -> Sequence[SymbolRecord]:
        """What the production code at a kept commit defines.

        Raises:
            ConfigError: the dataset was mined without snapshots.
        """
        self._require_snapshots()
        return self._views.view(repo_id, self._shas[repo_id][commit]).symbols()

    @cached_property
    def _views(self) -> DatasetViews:
        return DatasetViews(self._dataset.manifest, self._dataset.folder, folder=self._dataset.folder)

    @cached_property
    def _snapshots(self) -> SnapshotStore:
        self._require_snapshots()
        return SnapshotStore(self._dataset.folder)

    def _require_snapshots(self) -> None:
        if not has_snapshots(self._dataset.folder):
            raise ConfigError(
                f"{self._dataset.folder} holds no snapshots, which this method learns from: mine without --no-snapshots"
            )

    @cached_property
    def _shas(self) -> dict[str, list[str]]:
        """The kept commits of each repository, oldest first."""
        shas: dict[str, list[str]] = {}
        for table in self._dataset.commit_tables(["repo_id", "commit_sha"]):
            for repo_id, sha in zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True):
                shas.setdefault(repo_id, []).append(sha)
        return shas

    def _commits(self, repo_id: str) -> Iterator[CommitRecord]:
        return read_records(CommitRecord, self._dataset.folder / COMMITS_NAME, pc.field("repo_id") == repo_id)
