"""`embeddings.parquet` of an imported dataset: the published embeddings of its commits, read row group by row group.

They are kept as published (float16) and never computed here. In the published files a vector that is zero throughout
stands for a missing one and for that of an empty diff; here it is null.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from repopeftbench.dataset.snapshot_tables import open_table, read_group
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
    path = folder / EMBEDDINGS_NAME
    if not path.is_file():
        raise DatasetError(f"{folder} has no {EMBEDDINGS_NAME}: import published data that holds embeddings")
    file = open_table(path, EMBEDDINGS)
    for group in range(file.metadata.num_row_groups):
        yield read_group(file, path, group, list(columns))
    file.close()
