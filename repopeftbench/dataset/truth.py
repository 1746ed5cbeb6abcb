"""What is known of tasks of a controlled benchmark: stratum, fact, value, best possible scores; written and read (io).

`truth.parquet` stands in the dataset folder beside the tables that it is about, and goes when they do. Nothing that
answers tasks may read it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.tables import member
from repopeftbench.errors import DatasetError
from repopeftbench.schema import Split, Track

TRUTH_NAME = "truth.parquet"
ROWS_PER_TRUTH_GROUP = 16_384


class Stratum(StrEnum):
    """What the answer to a task is to be had from, and from nothing less."""

    COPY = "copy"
    DOMAIN = "domain"
    PRIVATE_DIRECT = "private-direct"
    PRIVATE_COMPOSED = "private-composed"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTruth:
    """What is known of one task; best scores are of exact match, in [0, 1].

    Attributes:
        task_id: the task.
        repo_id: its repository.
        track: its track.
        split: its split.
        history_index: its commit, counted from 0.
        stratum: what the answer is to be had from.
        domain: the subject matter of the repository.
        fact: dotted name of what is asked for, below the package: `limits.PARCEL_QUOTA`.
        kind: what defines it (the values of `SymbolKind`), or `argument` where the prefix itself does.
        form: `direct`, or how it is composed: `product`, `sum`, `inherited`, `alias`, `default`, `through`.
        sources: dotted names of the definitions that hold its value; none where production code holds none.
        value: the answer at this commit, as source text; the task's target.
        choices: how many values it is drawn from.
        changes: how often the value had changed up to this commit.
        in_parent: whether the production code of the kept commit before says the same value already.
        best_prefix: for a method that sees the prefix and knows how often each value is right in all domains together.
        best_domain: for one that also knows what is typical of the domain.
        best_repository: for one that also sees the production code at the task's commit.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split
    history_index: int
    stratum: Stratum
    domain: str
    fact: str
    kind: str
    form: str
    sources: tuple[str, ...]
    value: str
    choices: int
    changes: int
    in_parent: bool
    best_prefix: float
    best_domain: float
    best_repository: float


_TYPES = {
    "sources": pa.list_(pa.field("item", pa.string(), nullable=False)),
    "history_index": pa.int32(),
    "choices": pa.int32(),
    "changes": pa.int32(),
    "in_parent": pa.bool_(),
    "best_prefix": pa.float64(),
    "best_domain": pa.float64(),
    "best_repository": pa.float64(),
}
_ENUMS: Mapping[str, type[Track] | type[Split] | type[Stratum]] = {"track": Track, "split": Split, "stratum": Stratum}
TRUTH = pa.schema([pa.field(f.name, _TYPES.get(f.name, pa.string()), nullable=False) for f in fields(TaskTruth)])
"""The columns of `truth.parquet`; enumerations by their values."""


def write_truth(folder: Path, truths: Iterable[TaskTruth], recipe: Mapping[str, str]) -> None:
    """Writes the truth of a dataset into its folder, atomically.

    Args:
        folder: the dataset folder.
        truths: of every task, in any order; the file has them by repository, track and task.
        recipe: how the benchmark was made, kept as metadata of the file.
    """
    ordered = sorted(truths, key=lambda truth: (truth.repo_id, truth.track, truth.history_index, truth.task_id))
    columns = [[getattr(truth, name) for truth in ordered] for name in TRUTH.names]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, TRUTH, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=TRUTH.with_metadata(dict(recipe)))
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=ROWS_PER_TRUTH_GROUP)
    write_atomically(folder / TRUTH_NAME, buffer.getvalue())


def has_truth(folder: Path) -> bool:
    """Whether a dataset folder says what is known of its tasks."""
    return (folder / TRUTH_NAME).is_file()


def read_truth(folder: Path) -> Iterator[TaskTruth]:
    """What is known of every task of a controlled benchmark, a row group in memory at a time.

    Args:
        folder: the dataset folder.

    Raises:
        DatasetError: the dataset has no truth, or it is damaged or of another schema.
    """
    path = folder / TRUTH_NAME
    for group in _groups(path):
        for row in group.to_pylist():
            enums = {name: member(kind, row[name], f"{path}, column {name}") for name, kind in _ENUMS.items()}
            yield TaskTruth(**{**row, **enums, "sources": tuple(row["sources"])})


def read_recipe(folder: Path) -> dict[str, str]:
    """How a controlled benchmark was made: `generator`, `repos`, `seed`, `templates` and `role`.

    Raises:
        DatasetError: the dataset has no truth, or it is damaged.
    """
    with _opened(folder / TRUTH_NAME) as file:
        kept = file.schema_arrow.metadata or {}
        return {key.decode(): value.decode() for key, value in sorted(kept.items()) if not key.startswith(b"ARROW:")}


def _groups(path: Path) -> Iterator[pa.Table]:
    with _opened(path) as file:
        for index in range(file.num_row_groups):
            try:
                yield file.read_row_group(index, use_threads=False)
            except (OSError, ValueError) as error:
                raise DatasetError(f"{path} cannot be read: {error}: make the benchmark again") from error


def _opened(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise DatasetError(
            f"{path} does not exist: what is known of tasks comes with benchmarks of repobench synth --repos N -o DATA"
        )
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}: make the benchmark again") from error
    if not file.schema_arrow.equals(TRUTH):
        file.close()
        raise DatasetError(f"{path} has other columns than this version writes: make the benchmark again")
    return file
