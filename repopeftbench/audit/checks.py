"""One check on one dataset; where a file it needs cannot be read, a note says that it was left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError

Check: TypeAlias = Callable[[Dataset], Findings]
"""Finds and counts one kind of thing; raises DatasetError where the dataset cannot be read."""
_LEFT_OUT = "left out: "


def run_check(name: str, check: Check, dataset: Dataset) -> Findings:
    """What a check finds, or a note that it could not look."""
    try:
        return check(dataset)
    except DatasetError as error:
        reason = str(error)
    except UnicodeDecodeError as error:
        # Tables are read without looking at their texts: bytes that are none show when they are used.
        reason = f"a column of text holds other bytes ({error.reason})"
    note = Problem(
        check=name,
        severity=Severity.NOTE,
        where="dataset",
        message=f"{_LEFT_OUT}{reason.replace(f'{dataset.folder}/', '')}",
        fix="mend what the errors say, then check again",
    )
    return Findings(problems=(note,))


def explained(findings: Findings) -> Findings:
    """The findings of all checks; that one was left out is an error itself where there is no error that says why."""
    if any(problem.severity is Severity.ERROR for problem in findings.problems):
        return findings
    problems = tuple(
        replace(problem, severity=Severity.ERROR, fix="mine the dataset again, or report this where it is new")
        if problem.message.startswith(_LEFT_OUT)
        else problem
        for problem in findings.problems
    )
    return replace(findings, problems=problems)
