"""Columns with a fixed set of values, such as track, split and family, hold no others."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import shown, task_splits
from repopeftbench.dataset.store import COMMITS_NAME, REJECTS_NAME, TASKS_NAME, Dataset
from repopeftbench.dataset.tables import ENUMS, schema_of
from repopeftbench.schema import CommitRecord, Reject, Task

VALUES_CHECK = "values"


def known_values(dataset: Dataset) -> Findings:
    """Values that no record can hold, by table and column."""
    problems: list[Problem] = []
    for track, split in task_splits(dataset):
        columns = _columns(schema_of(Task))
        problems += _unknown(f"{TASKS_NAME}/{track}/{split}.parquet", dataset.task_tables(track, split, columns))
    problems += _unknown(COMMITS_NAME, dataset.commit_tables(_columns(schema_of(CommitRecord))))
    problems += _unknown(REJECTS_NAME, dataset.reject_tables(_columns(schema_of(Reject))))
    return Findings(problems=tuple(problems))


def _columns(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name in ENUMS]


def _unknown(where: str, tables: Iterable[pa.Table]) -> Iterator[Problem]:
    found: dict[str, set[str]] = {}
    for table in tables:
        for name in table.column_names:
            found.setdefault(name, set()).update(filter(None, table.column(name).unique().to_pylist()))
    for name, values in sorted(found.items()):
        unknown = sorted(values - {member.value for member in ENUMS[name]})
        if unknown:
            yield Problem(
                check=VALUES_CHECK,
                severity=Severity.ERROR,
                where=where,
                message=f"column {name} holds {', '.join(shown(value) for value in unknown[:5])}, "
                f"which is none of {', '.join(ENUMS[name])}",
                fix="mine the dataset again with this version",
            )
