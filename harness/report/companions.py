"""What other commands leave beside a run, for its report (io): a diagnosis, and the outcomes of executions.

Both are optional. A file that is there and cannot be read is a remark of the report, never its end.

* diagnosis.json: {"similarity": {"labels": [...], "cosine": [[...], ...]},
  "controls": [{"control": "own", "em_strict": 0.1, "low": 0.0, "high": 0.2}, ...]}; both parts may be absent, other
  fields are passed over
* execution.parquet, in the run or in its folder `probe`: `task_id` and `outcome`, other columns are passed over
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

DIAGNOSIS = "diagnosis.json"
EXECUTION = "execution.parquet"
_EXECUTION_PLACES = (EXECUTION, f"probe/{EXECUTION}")


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Similarity(_Tolerant):
    """The cosine of every two adapters, in [-1, 1]."""

    labels: tuple[str, ...]
    cosine: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _is_square(self) -> "Similarity":
        if any(len(row) != len(self.labels) for row in (self.cosine, *self.cosine)):
            raise ValueError(f"cosine is no square of {len(self.labels)} labels")
        return self


class Control(_Tolerant):
    """Exact match, in [0, 1], with an adapter that is not the repository's own, or with it (`own`)."""

    control: str
    em_strict: float
    low: float | None = None
    high: float | None = None


class Diagnosis(_Tolerant):
    """Whether a run's conditioning is real."""

    similarity: Similarity | None = None
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """What was found beside a run; `outcomes` are of executions, by task; `remarks` name what could not be read."""

    diagnosis: Diagnosis | None
    outcomes: Mapping[str, str]
    remarks: tuple[str, ...]


def read_companions(run: Path) -> Companions:
    """What lies beside the run in `run`."""
    diagnosis, outcomes, remarks = None, {}, []
    path = run / DIAGNOSIS
    if path.is_file():
        try:
            diagnosis = Diagnosis.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            remarks.append(f"The {DIAGNOSIS} of {run.name} is not shown: {where}: {first['msg']}.")
    for place in _EXECUTION_PLACES:
        path = run / place
        if path.is_file():
            try:
                outcomes = _outcomes(path)
            except (pa.ArrowException, OSError, KeyError) as error:
                remarks.append(f"The {EXECUTION} of {run.name} is not shown: {error}.")
            break
    return Companions(diagnosis=diagnosis, outcomes=outcomes, remarks=tuple(remarks))


def _outcomes(path: Path) -> dict[str, str]:
    with pq.ParquetFile(path) as file:
        table = file.read(columns=["task_id", "outcome"])
    task_ids, outcomes = (table.column(name).to_pylist() for name in ("task_id", "outcome"))
    return {str(task_id): str(outcome) for task_id, outcome in zip(task_ids, outcomes, strict=True)}
