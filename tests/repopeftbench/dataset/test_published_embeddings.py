import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repopeftbench.dataset.embeddings import (
    DIFF_EMBEDDING,
    EMBEDDINGS,
    EMBEDDINGS_NAME,
    STATE_EMBEDDING,
    WIDTH,
    PublishedEmbeddings,
)
from repopeftbench.errors import DatasetError

COMMITS = [("a/a", "1"), ("a/a", "2"), ("b/b", "1"), ("b/b", "3")]


def vector(seed):
    return np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float16)


@pytest.fixture
def embeddings(tmp_path):
    """Four commits in row groups of two; the second one's diff is empty."""
    diffs = [None if n == 1 else vector(n) for n in range(4)]
    rows = {
        "repo_id": [repo for repo, _ in COMMITS],
        "commit_sha": [sha for _, sha in COMMITS],
        DIFF_EMBEDDING: diffs,
        STATE_EMBEDDING: [vector(10 + n) for n in range(4)],
    }
    pq.write_table(pa.table(rows, schema=EMBEDDINGS), tmp_path / EMBEDDINGS_NAME, row_group_size=2)
    return PublishedEmbeddings(tmp_path)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 2, 1)])
def test_every_commit_has_its_own_vectors_in_any_order(embeddings, order):
    for number in order:
        found = embeddings.vector(STATE_EMBEDDING, *COMMITS[number])
        assert found.dtype == np.float32
        assert np.array_equal(found, vector(10 + number).astype(np.float32))
        diff = embeddings.vector(DIFF_EMBEDDING, *COMMITS[number])
        assert (diff is None) == (number == 1)
        assert diff is None or np.array_equal(diff, vector(number).astype(np.float32))


def test_vectors_are_the_callers_own(embeddings):
    embeddings.vector(STATE_EMBEDDING, "a/a", "1")[:] = 0
    assert np.array_equal(embeddings.vector(STATE_EMBEDDING, "a/a", "1"), vector(10).astype(np.float32))


def test_unknown_commits_and_missing_files_are_one_sentence(embeddings, tmp_path):
    with pytest.raises(DatasetError, match=r"has no embedding of a/a at 3: use an encoder"):
        embeddings.vector(STATE_EMBEDDING, "a/a", "3")
    with pytest.raises(DatasetError, match=r"has no embeddings\.parquet: import published data"):
        PublishedEmbeddings(tmp_path / "nowhere")
