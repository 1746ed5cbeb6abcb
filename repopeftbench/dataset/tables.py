"""The parquet schemas of a dataset, and records to rows and back. Compared on read: another schema is refused."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeVar

import pyarrow as pa

from repopeftbench.errors import DatasetError
from repopeftbench.schema import CommitRecord, Event, Family, Reject, Split, TargetType, Task, Track

# What Arrow's own allocator frees stays with it; what this one frees is there for all of the process.
pa.set_memory_pool(pa.system_memory_pool())

_E = TypeVar("_E", bound=StrEnum)
_TEXT = pa.string()
_INDEX = pa.int32()
_OFFSET = pa.int64()


def _schema(**columns: pa.DataType | tuple[pa.DataType, bool]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(name, spec[0], nullable=spec[1])
            if isinstance(spec, tuple)
            else pa.field(name, spec, nullable=False)
            for name, spec in columns.items()
        ]
    )


TASKS = _schema(
    task_id=_TEXT,
    repo_id=_TEXT,
    track=_TEXT,
    split=_TEXT,
    commit_sha=_TEXT,
    commit_index=_INDEX,
    history_index=_INDEX,
    committer_time=_OFFSET,
    test_file=_TEXT,
    test_function=_TEXT,
    lineno=_INDEX,
    statement_start_byte=_OFFSET,
    statement_end_byte=_OFFSET,
    target_start_byte=_OFFSET,
    target_end_byte=_OFFSET,
    family=_TEXT,
    event=_TEXT,
    statement=_TEXT,
    statement_key=_TEXT,
    prefix=_TEXT,
    gap=_TEXT,
    target=_TEXT,
    suffix=_TEXT,
    old_target=(_TEXT, True),
    target_type=_TEXT,
    licence=(_TEXT, True),
)
REJECTS = _schema(
    repo_id=_TEXT,
    track=_TEXT,
    commit_sha=_TEXT,
    history_index=_INDEX,
    test_file=_TEXT,
    test_function=(_TEXT, True),
    lineno=(_INDEX, True),
    family=(_TEXT, True),
    statement=(_TEXT, True),
    statement_key=(_TEXT, True),
    reason=_TEXT,
)
COMMITS = _schema(
    repo_id=_TEXT,
    commit_sha=_TEXT,
    commit_index=_INDEX,
    history_index=_INDEX,
    committer_time=_OFFSET,
    split=_TEXT,
    tasks=_INDEX,
    rejects=_INDEX,
    production_diff=_TEXT,
    production_diff_truncated=pa.bool_(),
)

Record = Task | Reject | CommitRecord
_SCHEMAS: dict[type[Record], pa.Schema] = {Task: TASKS, Reject: REJECTS, CommitRecord: COMMITS}
ENUMS: dict[str, type[StrEnum]] = {
    "track": Track,
    "split": Split,
    "family": Family,
    "event": Event,
    "target_type": TargetType,
}
"""Columns that hold the values of a type, whichever table they are in."""


def schema_of(kind: type[Record], *, drafts: bool = False) -> pa.Schema:
    """The parquet schema of a record type; with `drafts` the split may still be missing."""
    schema = _SCHEMAS[kind]
    if drafts and "split" in schema.names:
        index = schema.get_field_index("split")
        return schema.set(index, schema.field(index).with_nullable(True))
    return schema


def to_table(kind: type[Record], records: Iterable[Record], *, drafts: bool = False) -> pa.Table:
    """The records as a table, in their order."""
    schema = schema_of(kind, drafts=drafts)
    columns = list(zip(*map(attrgetter(*schema.names), records), strict=True)) or [()] * len(schema.names)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def check_schema(kind: type[Record], schema: pa.Schema, *, where: str, drafts: bool = False) -> None:
    """Compares a schema with the one that this version writes.

    Raises:
        DatasetError: it is another one; `where` names the file.
    """
    expected = schema_of(kind, drafts=drafts)
    if not schema.equals(expected, check_metadata=False):
        different = sorted(set(expected.names) ^ set(schema.names)) or ["the type of a column"]
        raise DatasetError(
            f"{where} was written with another schema (differs in {', '.join(different)}): "
            "mine the dataset again with this version"
        )


def from_table(kind: type[Any], table: pa.Table, *, where: str) -> Iterator[Any]:
    """The records of a table.

    Raises:
        DatasetError: the table has another schema or other values than this version writes; `where` names it.
    """
    check_schema(kind, table.schema, where=where)
    names = [field.name for field in fields(kind)]
    for batch in table.to_batches(max_chunksize=4096):
        columns = [batch.column(name).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            row = dict(zip(names, values, strict=True))
            for name, enum in ENUMS.items():
                if row.get(name) is not None:
                    row[name] = member(enum, row[name], f"{where}, column {name}")
            yield kind(**row)


def member(enum: type[_E], value: str, where: str) -> _E:
    """The member of an enum that a table names.

    Raises:
        DatasetError: it has no such member; `where` names file and column.
    """
    try:
        return enum(value)
    except ValueError as error:
        raise DatasetError(f"{value!r} in {where} is none of {', '.join(enum)}: mine the dataset again") from error
