"""`embeddings.parquet` of an imported dataset: the published embeddings of its commits, read row group by row group.

They are kept as published (float16) and never computed here. In the published files a vector that is zero throughout
stands for a missing one and for that of an empty diff; here it is null.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.snapshot_tables import open_table, read_group, read_groups
from repopeftbench.errors import DatasetError

EMBEDDINGS_NAME = "embeddings.parquet"
WIDTH = 2_048
ROWS_PER_EMBEDDING_GROUP = 1_024
EMBEDDING = pa.list_(pa.float16(), WIDTH)
DIFF_EMBEDDING = "diff_embedding"
"""Of the production diff since the kept commit before: [max ; mean] over chunks of 512 tokens, not normalised."""
STATE_EMBEDDING = "repo_state_embedding"
"""Of every `.py` file at the commit, tests included: [mean ; max] over files, of length 1."""

EMBEDDINGS = pa.schema(
    [
        pa.field("repo_id", pa.string(), nullable=False),
        pa.field("commit_sha", pa.string(), nullable=False),
        pa.field(DIFF_EMBEDDING, EMBEDDING),
        pa.field(STATE_EMBEDDING, EMBEDDING),
    ]
)


def has_embeddings(folder: Path) -> bool:
    """Whether a dataset folder holds published embeddings."""
    return (folder / EMBEDDINGS_NAME).is_file()


def embedding_tables(folder: Path, columns: Sequence[str] = tuple(EMBEDDINGS.names)) -> Iterator[pa.Table]:
    """Some columns of a dataset's embeddings, a row group at a time, in the order of its commits.

    Args:
        folder: the dataset folder.
        columns: `repo_id`, `commit_sha`, `diff_embedding` [2048] and `repo_state_embedding` [2048], both nullable.

    Raises:
        DatasetError: the dataset has none, or the file is damaged or of another schema.
    """
    yield from read_groups(_path_in(folder), EMBEDDINGS, columns)


class PublishedEmbeddings:
    """The embeddings of a dataset, one at a time; the row group used last is kept."""

    def __init__(self, folder: Path) -> None:
        """Describes them.

        Raises:
            DatasetError: the dataset has none.
        """
        self._path = _path_in(folder)
        self._last: tuple[tuple[int, str], npt.NDArray[np.float32], list[bool]] | None = None

    def vector(self, column: str, repo_id: str, commit_sha: str) -> npt.NDArray[np.float32] | None:
        """One embedding (2048); None where the published one is zero throughout.

        Args:
            column: `DIFF_EMBEDDING` or `STATE_EMBEDDING`.
            repo_id: the repository.
            commit_sha: a kept commit.

        Raises:
            DatasetError: there is none of this commit, or the file is damaged.
        """
        place = self._places.get((repo_id, commit_sha))
        if place is None:
            raise DatasetError(f"{self._path} has no embedding of {repo_id} at {commit_sha}: use an encoder")
        group, row = place
        if self._last is None or self._last[0] != (group, column):
            values = read_group(self._file, self._path, group, [column]).column(column).combine_chunks()
            flat = values.fill_null([0.0] * WIDTH).flatten().to_numpy(zero_copy_only=False)
            self._last = (group, column), flat.reshape(-1, WIDTH).astype(np.float32), values.is_valid().to_pylist()
        _, vectors, valid = self._last
        return vectors[row].copy() if valid[row] else None

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return open_table(self._path, EMBEDDINGS)

    @cached_property
    def _places(self) -> dict[tuple[str, str], tuple[int, int]]:
        """The row group of each commit, and its row in that."""
        places = {}
        for group in range(self._file.metadata.num_row_groups):
            table = read_group(self._file, self._path, group, ["repo_id", "commit_sha"])
            for row, commit in enumerate(zip(*(column.to_pylist() for column in table.columns), strict=True)):
                places[commit[0], commit[1]] = (group, row)
        return places


def _path_in(folder: Path) -> Path:
    if not has_embeddings(folder):
        raise DatasetError(f"{folder} has no {EMBEDDINGS_NAME}: import published data that holds embeddings")
    return folder / EMBEDDINGS_NAME
