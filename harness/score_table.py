"""Scores as parquet bytes and back; the schema is explicit and compared on reading. Pure: bytes in, bytes out."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RunError
from harness.records import Score, Unscored
from repopeftbench.schema import Family, Split, Track

SCHEMA = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("repo_id", pa.string(), nullable=False),
        pa.field("track", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("em_strict", pa.bool_(), nullable=False),
        pa.field("em_strict_version", pa.int32(), nullable=False),
        pa.field("edit_similarity", pa.float64()),
        pa.field("edit_similarity_version", pa.int32(), nullable=False),
        pa.field("unscored", pa.string()),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("failed", pa.bool_(), nullable=False),
    ]
)
"""One row per task. `edit_similarity` is null exactly where `unscored` gives the reason."""


def scores_to_parquet(scores: Sequence[Score], metric_versions: Mapping[str, int]) -> bytes:
    """The scores as a parquet file, in their order; `metric_versions` are of the metrics that made them."""
    rows = [
        {
            "task_id": score.task_id,
            "repo_id": score.repo_id,
            "track": score.track.value,
            "split": score.split.value,
            "family": score.family.value,
            "em_strict": score.em_strict,
            "em_strict_version": metric_versions["em_strict"],
            "edit_similarity": None if isinstance(score.edit_similarity, Unscored) else score.edit_similarity,
            "edit_similarity_version": metric_versions["edit_similarity"],
            "unscored": score.edit_similarity.reason if isinstance(score.edit_similarity, Unscored) else None,
            "complete": score.complete,
            "failed": score.failed,
        }
        for score in scores
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def scores_from_parquet(data: bytes, where: Path) -> tuple[Score, ...]:
    """The scores of a parquet file; `where` it was read from is for messages only.

    Raises:
        RunError: it is no parquet file, or has another schema.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise RunError(f"{where} cannot be read as parquet ({error}): score the run again.") from error
    if not table.schema.equals(SCHEMA):
        raise RunError(f"{where} has another schema than this version writes: score the run again.")
    return tuple(
        Score(
            task_id=row["task_id"],
            repo_id=row["repo_id"],
            track=Track(row["track"]),
            split=Split(row["split"]),
            family=Family(row["family"]),
            em_strict=row["em_strict"],
            edit_similarity=(
                Unscored(reason=row["unscored"]) if row["edit_similarity"] is None else row["edit_similarity"]
            ),
            complete=row["complete"],
            failed=row["failed"],
        )
        for row in table.to_pylist()
    )
