"""`repobench doctor`: what works on this machine, and the command that mends what does not."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from harness.console import record, show
from harness.examination import Finding, State, is_broken

BROKEN = 1
_MARKS = {State.OK: "ok", State.ABSENT: "--", State.BROKEN: "BROKEN"}


def doctor(*, offline: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Examine this machine: what works, and the command that mends what does not.

    Ends with 1 where something that every command needs is broken; what only some commands need may be absent.

    Args:
        offline: Do not ask whether the Hub answers.
    """
    from harness.doctor import examine

    findings = list(examine(offline=offline))
    show(_table(findings))
    unmended = [finding for finding in findings if finding.fix]
    broken = is_broken(findings)
    if not unmended:
        show("Everything works.")
    else:
        show("What is not there, and the command that mends it:")
        for fix in dict.fromkeys(finding.fix for finding in unmended):
            mended = [f"{finding.area} {finding.name}" for finding in unmended if finding.fix == fix]
            show(f"  {fix}    ({', '.join(mended)})")
        show("Something that every command needs is broken." if broken else "What every command needs is there.")
    record(healthy=not broken, findings=[asdict(finding) for finding in findings])
    return BROKEN if broken else 0


def _table(findings: list[Finding]) -> Table:
    table = Table(title="This machine", title_justify="left")
    for heading in ("", "what", "found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(*map(Text, (_MARKS[finding.state], f"{finding.area} {finding.name}", finding.detail)))
    return table
