"""`repobench check`: what is wrong with a dataset, and what its tasks are like."""

import json
from pathlib import Path

from rich.table import Table
from rich.text import Text

from harness.commands.folders import DATA_FOLDER
from harness.console import Tracker, record, say, show
from repopeftbench.audit.checks import Check, explained, run_check
from repopeftbench.audit.findings import Findings, Severity, combined
from repopeftbench.audit.leakage import LEAKAGE_CHECKS
from repopeftbench.audit.markdown import verdict
from repopeftbench.audit.quality import quality
from repopeftbench.audit.report import AuditReport, make_report, to_json, write_audit
from repopeftbench.audit.structure import STRUCTURE_CHECKS
from repopeftbench.audit.summary import SummaryTable, summarised
from repopeftbench.audit.values import VALUES_CHECK
from repopeftbench.dataset.licences import licences
from repopeftbench.dataset.store import AUDIT_MARKDOWN, Dataset
from repopeftbench.tombstones import tombstones

CONTENT_CHECKS: tuple[Check, ...] = (quality, *LEAKAGE_CHECKS, licences, tombstones)
BASELINES = "trivial-baselines"
HAS_ERRORS = 1


def check(data: Path = DATA_FOLDER, /, *, baselines: bool = True) -> int:
    """Audit a dataset: structure, quality, leakage, trivial baselines; 1 where there are errors.

    Writes audit.json and audit.md into the dataset.

    Args:
        data: Folder of the dataset.
        baselines: Answer val and test with the trivial baselines, which takes most of the time.
    """
    dataset = Dataset(data)
    with Tracker("checks") as tracker:
        findings = _checked(dataset, "structure", STRUCTURE_CHECKS, tracker)
        readable = not any(problem.check == VALUES_CHECK for problem in findings.problems)
        if readable:
            findings = combined([findings, _checked(dataset, "content", CONTENT_CHECKS, tracker)])
    if baselines and readable:
        findings = combined([findings, _baselines(dataset)])
    if not readable:
        say("quality, leakage and baselines are left out: there are values that no record can hold")
    report = make_report(explained(findings), dataset_sha256=dataset.sha256)
    _show(report, data)
    record(**json.loads(to_json(report)))
    write_audit(report, data)
    say(f"written to {data / AUDIT_MARKDOWN}")
    return HAS_ERRORS if report.count(Severity.ERROR) else 0


def _checked(dataset: Dataset, name: str, checks: tuple[Check, ...], tracker: Tracker) -> Findings:
    found: list[Findings] = []
    for index, one in enumerate(checks):
        tracker.update(name, index, len(checks))
        found.append(run_check(one.__name__.replace("_", "-"), one, dataset))
    tracker.update(name, len(checks), len(checks))
    return combined(found)


def _baselines(dataset: Dataset) -> Findings:
    from harness.audit_baselines import trivial_baselines

    with Tracker("tasks") as tracker:
        return run_check(
            BASELINES,
            lambda opened: trivial_baselines(opened, lambda done, total: tracker.update(BASELINES, done, total)),
            dataset,
        )


def _show(report: AuditReport, data: Path) -> None:
    if report.problems:
        table = Table(title=f"What is wrong with {data}", title_justify="left")
        for name in ("severity", "check", "where", "what", "what to do"):
            table.add_column(name, overflow="fold")
        for problem in report.problems:
            cells = (problem.severity, problem.check, problem.where, problem.message, problem.fix)
            table.add_row(*map(Text, cells))
        show(table)
    occurring = {measure.name for measure in report.measures if measure.count}
    for summary in summarised(measure for measure in report.measures if measure.name in occurring):
        show(_summary(summary))
    if report.measures:
        show(f"What is 0 everywhere is left out here; {AUDIT_MARKDOWN} has it, and the same by repository.")
    show(verdict(report.problems))


def _summary(summary: SummaryTable) -> Table:
    title = f"Track {summary.track}" if summary.track else "Both tracks"
    table = Table(title=f"{title}, count and share of tasks" if summary.track else title, title_justify="left")
    table.add_column("measure")
    for split in summary.splits:
        table.add_column(split, justify="right")
    for name, cells in summary.rows:
        table.add_row(Text(name), *("" if cell is None else str(cell) for cell in cells))
    return table
