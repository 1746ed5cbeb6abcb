"""`audit.json` and `audit.md` of a dataset folder: what an audit found, for programs and for people (io).

Both depend on the dataset and on the version of the tool alone: no clock, no path of the machine.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import repopeftbench
from repopeftbench.atomic import write_atomically
from repopeftbench.audit.findings import Findings, Measure, Problem, Severity
from repopeftbench.audit.markdown import to_markdown
from repopeftbench.dataset.manifest import MANIFEST_NAME, file_sha256
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN
from repopeftbench.errors import DatasetError

_SEVERITIES = tuple(Severity)


class AuditReport(BaseModel):
    """What one audit found in one dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset_sha256: str
    """Hash of the audited dataset's manifest."""
    repobench: str
    """Version that audited."""
    problems: tuple[Problem, ...]
    """Errors first, then warnings, then notes; within a severity in the order of the checks."""
    measures: tuple[Measure, ...]

    def count(self, severity: Severity) -> int:
        """How many problems are that severe."""
        return sum(problem.severity is severity for problem in self.problems)


def make_report(findings: Findings, *, dataset_sha256: str) -> AuditReport:
    """The report on a dataset, given what all checks found."""
    ordered = sorted(findings.problems, key=lambda problem: _SEVERITIES.index(problem.severity))
    return AuditReport(
        dataset_sha256=dataset_sha256,
        repobench=repopeftbench.__version__,
        problems=tuple(ordered),
        measures=findings.measures,
    )


def to_json(report: AuditReport) -> str:
    """The text of `audit.json`."""
    return report.model_dump_json(indent=2) + "\n"


def write_audit(report: AuditReport, folder: Path) -> None:
    """Puts `audit.json` and `audit.md` into a dataset folder, in the place of earlier ones.

    Raises:
        DatasetError: the folder cannot be written.
    """
    try:
        write_atomically(folder / AUDIT_MARKDOWN, to_markdown(report.problems, report.measures).encode())
        write_atomically(folder / AUDIT_JSON, to_json(report).encode())
    except OSError as error:
        raise DatasetError(
            f"the audit cannot be written to {folder} ({error.strerror}): check a copy where you may write"
        ) from error


def read_audit(folder: Path) -> AuditReport | None:
    """The report that lies in a dataset folder; None where it was not audited.

    Raises:
        DatasetError: the report is damaged, of another version, or on another dataset than the one in the folder.
    """
    path = folder / AUDIT_JSON
    if not path.is_file():
        return None
    again = "run repobench check again"
    try:
        report = AuditReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise DatasetError(f"{path} is no audit that this version reads ({place}: {first['msg']}): {again}") from error
    if report.dataset_sha256 != file_sha256(folder / MANIFEST_NAME):
        raise DatasetError(f"{path} is stale, the dataset was written or changed after it was audited: {again}")
    return report
