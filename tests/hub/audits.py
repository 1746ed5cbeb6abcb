"""Audits as a test wants them; what `repobench check` finds has tests of its own."""

from repopeftbench.audit.findings import Findings
from repopeftbench.audit.report import make_report, write_audit


def with_audit(dataset, *problems):
    """Writes an audit into a dataset's folder, as if it had found `problems`; the dataset."""
    findings = Findings(problems=problems)
    write_audit(make_report(findings, dataset_sha256=dataset.sha256), dataset.folder)
    return dataset
