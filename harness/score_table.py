"""Scores as parquet bytes and back; the schema is explicit and compared on reading. Pure: bytes in, bytes out."""

import io
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RunError
from harness.records import Score, Unscored
from repopeftbench.schema import Event, Family, Split, TargetType, Track

ROWS_PER_GROUP = 4_096

_ENUMS: dict[str, type[StrEnum]] = {
    "track": Track,
    "split": Split,
    "family": Family,
    "event": Event,
    "target_type": TargetType,
}
MEASURES = (
    "em_ast",
    "edit_similarity",
    "edit_similarity_paper",
    "codebleu",
    "codebleu_ngram",
    "codebleu_weighted",
    "codebleu_syntax",
    "codebleu_dataflow",
    "codebleu_paper",
    "codebleu_paper_ngram",
    "codebleu_paper_weighted",
    "codebleu_paper_syntax",
    "codebleu_paper_dataflow",
)
"""The fields of a score that can be `Unscored`."""

_VERSIONED = (
    "em_strict",
    "em_ast",
    "em_paper",
    "edit_similarity",
    "edit_similarity_paper",
    "codebleu",
    "codebleu_paper",
)
_UNSCORED = "unscored"


def _present(kind: pa.DataType, *names: str) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name in names]


SCHEMA = pa.schema(
    [
        *_present(pa.string(), "task_id", "repo_id", "track", "split", "family", "event", "target_type"),
        *_present(pa.int32(), "target_characters", "prefix_characters"),
        *_present(pa.bool_(), "target_in_prefix"),
        *_present(pa.int32(), "history_index", "repository_commits"),
        *_present(pa.bool_(), "em_strict"),
        pa.field("em_ast", pa.bool_()),
        *_present(pa.bool_(), "em_paper"),
        *(pa.field(name, pa.float64()) for name in MEASURES[1:]),
        *_present(pa.list_(pa.string()), "codebleu_degenerate"),
        *_present(pa.map_(pa.string(), pa.string()), _UNSCORED),
        *_present(pa.int32(), *(f"{name}_version" for name in _VERSIONED)),
        *_present(pa.bool_(), "complete", "failed"),
        *_present(pa.string(), "target", "prediction"),
    ]
)
"""One row per task. A measure is null exactly where `unscored` gives, under its name, the reason."""

_FIELDS = tuple(name for name in SCHEMA.names if name != _UNSCORED and not name.endswith("_version"))


def scores_to_parquet(scores: Sequence[Score], metric_versions: Mapping[str, int]) -> bytes:
    """The scores as a parquet file, in their order; `metric_versions` are of the metrics that made them."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(scores), ROWS_PER_GROUP):
            writer.write_table(_table(scores[start : start + ROWS_PER_GROUP], metric_versions))
    return sink.getvalue()


def scores_from_parquet(data: bytes, where: Path) -> tuple[Score, ...]:
    """The scores of a parquet file; `where` it was read from is for messages only.

    Raises:
        RunError: it is no parquet file, or has another schema.
    """
    try:
        with pq.ParquetFile(io.BytesIO(data)) as file:
            if not file.schema_arrow.equals(SCHEMA):
                raise RunError(f"{where} has another schema than this version writes: score the run again.")
            groups = (file.read_row_group(group, use_threads=False) for group in range(file.num_row_groups))
            return tuple(score for group in groups for score in _scores(group))
    except (pa.ArrowInvalid, OSError) as error:
        raise RunError(f"{where} cannot be read as parquet ({error}): score the run again.") from error


def _table(scores: Sequence[Score], metric_versions: Mapping[str, int]) -> pa.Table:
    columns: dict[str, list[Any]] = {}
    for name in _FIELDS:
        values = list(map(attrgetter(name), scores))
        columns[name] = [None if isinstance(value, Unscored) else value for value in values]
    columns[_UNSCORED] = [list(_reasons(score)) for score in scores]
    for name in _VERSIONED:
        columns[f"{name}_version"] = [metric_versions[name]] * len(scores)
    return pa.Table.from_arrays([pa.array(columns[field.name], type=field.type) for field in SCHEMA], schema=SCHEMA)


def _reasons(score: Score) -> Iterator[tuple[str, str]]:
    for name in MEASURES:
        value = getattr(score, name)
        if isinstance(value, Unscored):
            yield name, value.reason


def _scores(table: pa.Table) -> Iterator[Score]:
    columns = [table.column(name).to_pylist() for name in _FIELDS]
    for values, unscored in zip(zip(*columns, strict=True), table.column(_UNSCORED).to_pylist(), strict=True):
        fields: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
        for name, kind in _ENUMS.items():
            fields[name] = kind(fields[name])
        for name, reason in unscored:
            fields[name] = Unscored(reason=reason)
        fields["codebleu_degenerate"] = tuple(fields["codebleu_degenerate"])
        yield Score(**fields)
