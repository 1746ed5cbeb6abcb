"""One check on one dataset; where a file it needs cannot be read, a note says that it was left out."""

from collections.abc import Callable
from typing import TypeAlias

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError

Check: TypeAlias = Callable[[Dataset], Findings]
"""Finds and counts one kind of thing; raises DatasetError where the dataset cannot be read."""


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
        message=f"left out: {reason.replace(f'{dataset.folder}/', '')}",
        fix="mend what the errors say, then check again",
    )
    return Findings(problems=(note,))
