"""Executes a prediction and asks for the evidence that a pass needs.

A pass is claimed by the process in which the prediction itself ran. So it is believed only if the same test, with the
same prediction in the same place, fails when evaluating the target fails: a second execution, of the tripwire
(`splice.tripwire`). Whoever makes pytest report a pass, by whatever means, passes there too, and is found out, unless
he goes to the length of telling the two executions apart.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from sandboxes.cheats import Cheat, find_cheats
from sandboxes.spec import ExecRequest, ExecResult, Patch, Sandbox, Verdict
from sandboxes.splice import ALL_NUMBERS, ALWAYS_EQUAL, Place, Refusal, splice, tripwire


class Judgement(StrEnum):
    """What a prediction is worth by execution."""

    PASSED = "passed"
    FAILED = "failed"  # by any verdict but a pass
    REFUSED = "refused"  # it is no single expression: nothing was executed
    CHEATED = "cheated"  # the test passes, and the prediction is no answer
    UNPROVEN = "unproven"  # the test passes, and would whatever the target is


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A prediction's judgement, one sentence on why, and the executions that it rests on."""

    judgement: Judgement
    reason: str
    cheats: tuple[Cheat, ...] = ()
    results: tuple[ExecResult, ...] = ()


def judge(sandbox: Sandbox, request: ExecRequest, place: Place, text: str) -> Judged:
    """Executes `text` in `place`; the patch of `request`, if it has one, names the file, else that is the test's own.

    Raises:
        SandboxError: nothing could be executed.
    """
    spliced = splice(place, text)
    if isinstance(spliced, Refusal):
        return Judged(judgement=Judgement.REFUSED, reason=spliced.reason)
    result = sandbox.execute(_patched(request, spliced))
    if result.verdict is not Verdict.PASSED:
        reason = f"{result.verdict}: {result.reason}"
        return Judged(judgement=Judgement.FAILED, reason=reason, results=(result,))
    if cheats := find_cheats(place, text):
        reason = f"it passes by {', '.join(cheats)}"
        return Judged(judgement=Judgement.CHEATED, reason=reason, cheats=cheats, results=(result,))
    return _confirm(sandbox, request, place, text, result)


def _confirm(sandbox: Sandbox, request: ExecRequest, place: Place, text: str, passed: ExecResult) -> Judged:
    """What the tripwire says to a pass."""
    wire, token = tripwire(place, text)
    spliced = splice(place, wire)
    if isinstance(spliced, Refusal):
        return Judged(judgement=Judgement.UNPROVEN, reason=f"its tripwire: {spliced.reason}", results=(passed,))
    control = sandbox.execute(_patched(request, spliced))
    results = (passed, control)
    if control.verdict not in (Verdict.FAILED, Verdict.ERROR):
        reason = f"with a target that cannot be evaluated the test does not fail: {control.verdict}, {control.reason}"
        return Judged(judgement=Judgement.UNPROVEN, reason=reason, results=results)
    errors = " ".join(report.error for report in control.reports)
    for word, cheat in ((ALWAYS_EQUAL, Cheat.ALWAYS_EQUAL), (ALL_NUMBERS, Cheat.INFINITE_TOLERANCE)):
        if f"{token}:{word}" in errors:
            reason = f"its value is {cheat}"
            return Judged(judgement=Judgement.CHEATED, reason=reason, cheats=(cheat,), results=results)
    return Judged(judgement=Judgement.PASSED, reason=passed.reason, results=results)


def _patched(request: ExecRequest, content: bytes) -> ExecRequest:
    path = request.test.partition("::")[0] if request.patch is None else request.patch.path
    return replace(request, patch=Patch(path=path, content=content))
