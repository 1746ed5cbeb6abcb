import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from code2lora.published_vectors import PublishedVectors
from harness.predictors.scripted import MemoryView
from repopeftbench.dataset.embeddings import (
    DIFF_EMBEDDING,
    EMBEDDINGS,
    EMBEDDINGS_NAME,
    STATE_EMBEDDING,
    WIDTH,
    PublishedEmbeddings,
)


def test_published_vectors_take_an_encoders_place(tmp_path):
    state, diff = (np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float16) for seed in (0, 1))
    rows = {
        "repo_id": ["a/a", "a/a"],
        "commit_sha": ["1", "2"],
        DIFF_EMBEDDING: [diff, None],
        STATE_EMBEDDING: [state, state],
    }
    pq.write_table(pa.table(rows, schema=EMBEDDINGS), tmp_path / EMBEDDINGS_NAME)
    vectors = PublishedVectors(PublishedEmbeddings(tmp_path))
    view = MemoryView(repo_id="a/a", commit_sha="2", diffs={"1": "", "2": ""})
    assert vectors.width == WIDTH
    assert np.array_equal(vectors.state(view).numpy(), state.astype(np.float32))
    filled, empty = vectors.diffs(view, ["1", "2"])
    assert np.array_equal(filled.numpy(), diff.astype(np.float32))
    assert not empty.any()
    assert not vectors.state(MemoryView(repo_id="a/a", commit_sha="")).any()  # nothing is shown yet
