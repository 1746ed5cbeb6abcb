"""Executions and runnable tasks as parquet bytes and back; schemas are explicit and compared on reading. Pure."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import ProbeError
from harness.probing.records import Execution, Outcome, Reason, Runnability, Site
from repopeftbench.schema import Split, Track

VERSION = 1
"""Of `exec_pass`: what counts as runnable and as a pass."""
_ROWS_PER_GROUP = 16_384


def _present(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string(), nullable=False) for name in names]


EXECUTIONS = pa.schema(
    [
        *_present("task_id", "repo_id", "track", "split", "outcome"),
        pa.field("reason", pa.string()),
        *_present("detail"),
        pa.field("cheats", pa.list_(pa.string()), nullable=False),
        pa.field("exec_pass", pa.bool_()),
        pa.field("exec_pass_version", pa.int32(), nullable=False),
    ]
)
"""One row per task of a run; `exec_pass` is null exactly where the task is not runnable, or was not drawn."""

RUNNABLE = pa.schema(
    [
        *_present("task_id", "repo_id", "track", "split", "commit_sha", "test", "reason", "detail"),
        pa.field("mutants", pa.int32(), nullable=False),
    ]
)
"""One row per task of a dataset that was looked at."""


def executions_to_parquet(executions: Sequence[Execution]) -> bytes:
    """The executions as a parquet file, in their order."""
    rows = [
        {
            "task_id": one.task_id,
            "repo_id": one.repo_id,
            "track": one.track,
            "split": one.split,
            "outcome": one.outcome,
            "reason": one.reason,
            "detail": one.detail,
            "cheats": list(one.cheats),
            "exec_pass": one.outcome is Outcome.PASSED if one.outcome.counts else None,
            "exec_pass_version": VERSION,
        }
        for one in executions
    ]
    return _to_parquet(rows, EXECUTIONS)


def executions_from_parquet(data: bytes, where: Path) -> tuple[Execution, ...]:
    """The executions of a parquet file; `where` it was read from is for messages only.

    Raises:
        ProbeError: it is no parquet file, or has another schema.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise ProbeError(f"{where} cannot be read as parquet ({error}): probe the run again.") from error
    if not table.schema.equals(EXECUTIONS):
        raise ProbeError(f"{where} has another schema than this version writes: probe the run again.")
    return tuple(
        Execution(
            task_id=row["task_id"],
            repo_id=row["repo_id"],
            track=Track(row["track"]),
            split=Split(row["split"]),
            outcome=Outcome(row["outcome"]),
            reason=None if row["reason"] is None else Reason(row["reason"]),
            detail=row["detail"],
            cheats=tuple(row["cheats"]),
        )
        for row in table.to_pylist()
    )


def runnable_to_parquet(sites: Iterable[Site], runnable: Mapping[str, Runnability]) -> bytes:
    """Whether each task is runnable, in the order of `sites`."""
    rows = [
        {
            "task_id": site.task_id,
            "repo_id": site.repo_id,
            "track": site.track,
            "split": site.split,
            "commit_sha": site.commit_sha,
            "test": site.test,
            "reason": runnable[site.task_id].reason,
            "detail": runnable[site.task_id].detail,
            "mutants": runnable[site.task_id].mutants,
        }
        for site in sites
    ]
    return _to_parquet(rows, RUNNABLE)


def _to_parquet(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist([{**row} for row in rows], schema=schema)
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROWS_PER_GROUP)
    return sink.getvalue()
