"""The diagnosis that may lie beside a run, for its report (io).

A file that is there and cannot be read is a remark of the report, never its end.

diagnosis.json: {"similarity": {"labels": [...], "cosine": [[...], ...]},
"controls": [{"control": "own", "em_strict": 0.1, "low": 0.0, "high": 0.2}, ...]}; both parts may be absent, other
fields are passed over.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

DIAGNOSIS = "diagnosis.json"


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
    """What was found beside a run; `remarks` name what could not be read."""

    diagnosis: Diagnosis | None
    remarks: tuple[str, ...]


def read_companions(run: Path) -> Companions:
    """What lies beside the run in `run`."""
    diagnosis, remarks = None, []
    path = run / DIAGNOSIS
    if path.is_file():
        try:
            diagnosis = Diagnosis.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            remarks.append(f"The {DIAGNOSIS} of {run.name} is not shown: {where}: {first['msg']}.")
    return Companions(diagnosis=diagnosis, remarks=tuple(remarks))
