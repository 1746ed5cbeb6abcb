"""What an execution means: pure rules over what was seen from outside, from inside and of the files.

Four kinds of evidence must agree before a test has passed: the signed reports of the plugin, the status that pytest
returned, the status that the process ended with, and the ids that were collected. Printed text is none of them. Where
they do not agree the verdict is `contradiction`, which is never a pass and never a plain failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandboxes.spec import CaseReport, Verdict

# Statuses of pytest: https://docs.pytest.org/en/stable/reference/exit-codes.html
_ALL_PASSED, _SOME_FAILED, _INTERRUPTED, _USAGE, _NOTHING_COLLECTED = 0, 1, 2, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One execution as the supervisor saw it.

    Attributes:
        ending: `ended` by itself, or why it was ended: `timeout`, `output`, `channel`.
        status: of the process; negative for a signal.
        collected: ids that pytest said it would run; None if it never said.
        reports: of every phase.
        uncollected: messages about files that could not be collected.
        finished: the status that pytest returned; None if it did not return.
        no_pytest: why pytest could not be imported; empty if it could.
        sound: every message was signed as it should be and known.
        oom_kills: processes that the kernel ended for memory.
        clean: the box is as it was before.
        changed: files whose content is not what it was before.
        seconds: wall time.
        output: the end of what was printed.
    """

    ending: str
    status: int
    collected: tuple[str, ...] | None
    reports: tuple[CaseReport, ...]
    uncollected: tuple[str, ...]
    finished: int | None
    no_pytest: str
    sound: bool
    oom_kills: int
    clean: bool
    seconds: float
    output: str
    changed: tuple[str, ...] = ()


def read_seen(seen: Mapping[str, Any]) -> Seen:
    """The supervisor's document as a record; a message twice, or of an unknown kind, makes it unsound."""
    events: Sequence[Mapping[str, Any]] = [event for event in seen["events"] if isinstance(event, dict)]
    of_kind = {kind: [event for event in events if event.get("kind") == kind] for kind in _READERS}
    known = sum(map(len, of_kind.values())) == len(seen["events"])
    once = all(len(of_kind[kind]) <= 1 for kind in ("collected", "finished"))
    try:
        read = {kind: tuple(_READERS[kind](event) for event in of_kind[kind]) for kind in _READERS}
    except (KeyError, TypeError, ValueError):
        read, known = dict.fromkeys(_READERS, ()), False
    return Seen(
        ending=str(seen["ending"]),
        status=int(seen["status"]),
        collected=next(iter(read["collected"]), None),
        reports=read["report"],
        uncollected=read["uncollected"],
        finished=next(iter(read["finished"]), None),
        no_pytest=next(iter(read["no-pytest"]), ""),
        sound=bool(seen["sound"]) and known and once,
        oom_kills=int(seen["oom_kills"]),
        clean=bool(seen["clean"]),
        seconds=float(seen["seconds"]),
        output=str(seen["output"]),
    )


def _read_report(event: Mapping[str, Any]) -> CaseReport:
    return CaseReport(
        test=str(event["test"]),
        when=str(event["when"]),
        outcome=str(event["outcome"]),
        expected_to_fail=bool(event["expected_to_fail"]),
        error_type=str(event["error_type"]),
        error=str(event["error"]),
    )


_READERS: Mapping[str, Any] = {
    "begun": lambda event: True,
    "collected": lambda event: tuple(map(str, event["tests"])),
    "report": _read_report,
    "uncollected": lambda event: str(event["error"]),
    "finished": lambda event: int(event["status"]),
    "no-pytest": lambda event: str(event["error"]),
}


def decide(test: str, seen: Seen) -> tuple[Verdict, str]:
    """The verdict on the test of this id, and one sentence on why."""
    if seen.changed:
        return Verdict.CONTRADICTION, f"{', '.join(seen.changed)} changed while the test ran"
    if not seen.sound:
        return Verdict.CONTRADICTION, "the plugin's channel holds something that the plugin did not say"
    return _ended_early(seen) or _uncollected(test, seen) or _outcome(seen)


def _ended_early(seen: Seen) -> tuple[Verdict, str] | None:
    if seen.ending == "channel":
        return Verdict.CONTRADICTION, "the plugin's channel holds more than any plugin says"
    if seen.oom_kills:
        return Verdict.MEMORY, f"the kernel ended {seen.oom_kills} of its processes for memory"
    if seen.ending == "timeout":
        return Verdict.TIMEOUT, f"ended after {seen.seconds:.1f} s"
    if seen.ending == "output":
        return Verdict.OUTPUT, "it printed more than the limit allows"
    if seen.status < 0:
        return Verdict.CRASHED, f"the process was ended by signal {-seen.status}"
    if seen.no_pytest:
        return Verdict.ERROR, f"the environment has no pytest: {seen.no_pytest}"
    if seen.finished is None:
        return Verdict.CONTRADICTION, f"the process ended with status {seen.status} before pytest did"
    if seen.finished != seen.status:
        return Verdict.CONTRADICTION, f"pytest returned {seen.finished}, the process ended with {seen.status}"
    return None


def _uncollected(test: str, seen: Seen) -> tuple[Verdict, str] | None:
    if seen.uncollected:
        if seen.status in (_INTERRUPTED, _USAGE, _SOME_FAILED) and not seen.reports:
            return Verdict.ERROR, f"not collected: {seen.uncollected[0].strip().splitlines()[-1][:200]}"
        return Verdict.CONTRADICTION, f"a file was not collected, yet pytest returned {seen.status}"
    if not seen.collected:
        if seen.status in (_USAGE, _NOTHING_COLLECTED) and not seen.reports:
            return Verdict.NOT_COLLECTED, f"pytest found no test {test}"
        if seen.status not in (_ALL_PASSED, _SOME_FAILED) and not seen.reports:
            return Verdict.ERROR, f"pytest returned {seen.status} before it collected anything"
        return Verdict.CONTRADICTION, f"nothing was collected, yet pytest returned {seen.status}"
    strangers = sorted(found for found in set(seen.collected) if not is_case_of(found, test))
    if strangers or len(set(seen.collected)) != len(seen.collected):
        return Verdict.CONTRADICTION, f"asked for {test}, collected {', '.join(strangers) or 'one of its cases twice'}"
    return None


def is_case_of(found: str, test: str) -> bool:
    """Whether `found` is the test of this id, or one of its cases."""
    return found == test or (found.startswith(test + "[") and found.endswith("]"))


def _outcome(seen: Seen) -> tuple[Verdict, str]:
    """Of a test that was collected and whose process ended by itself."""
    if strangers := sorted({report.test for report in seen.reports}.difference(seen.collected or ())):
        return Verdict.CONTRADICTION, f"reports of what was not collected: {', '.join(strangers)}"
    failed = [report for report in seen.reports if report.outcome == "failed"]
    if failed:
        if seen.status != _SOME_FAILED:
            return Verdict.CONTRADICTION, f"a case failed, yet pytest returned {seen.status}"
        first = failed[0]
        verdict = Verdict.FAILED if any(report.when == "call" for report in failed) else Verdict.ERROR
        return verdict, f"{first.test} failed in {first.when}: {first.error.splitlines()[0] if first.error else '?'}"
    if seen.status != _ALL_PASSED:
        return Verdict.CONTRADICTION, f"no case failed, yet pytest returned {seen.status}"
    skipped = [report for report in seen.reports if report.outcome == "skipped" or report.expected_to_fail]
    if skipped:
        why = "is expected to fail" if skipped[0].expected_to_fail else "was skipped"
        return Verdict.SKIPPED, f"{skipped[0].test} {why}"
    for case in seen.collected or ():
        phases = [report.when for report in seen.reports if report.test == case]
        before, *calls, after = phases if len(phases) > 1 else ("", "")
        whole = (before, set(calls), after) == ("setup", {"call"}, "teardown")  # sub-tests are further calls
        if not whole or any(report.outcome != "passed" for report in seen.reports):
            return Verdict.CONTRADICTION, f"{case} passed, yet its phases were {', '.join(phases) or 'none'}"
    return Verdict.PASSED, f"{len(seen.collected or ())} passed"
