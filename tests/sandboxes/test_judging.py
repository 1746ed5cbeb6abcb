"""A pass is believed only if the same prediction fails where it must."""

from pathlib import Path

import pytest

from sandboxes.cheats import Cheat
from sandboxes.judging import Judgement, judge
from sandboxes.scripted import ScriptedSandbox
from sandboxes.spec import CaseReport, ExecRequest, ExecResult, Verdict
from sandboxes.splice import ALL_NUMBERS, ALWAYS_EQUAL, SOUND, Place, tripwire

SOURCE = b"def test_a():\n    assert f(x) == TARGET\n"
START = SOURCE.index(b"TARGET")
PLACE = Place(source=SOURCE, start=START, end=START + 6)
REQUEST = ExecRequest(source=Path("tree"), source_key="a", test="tests/test_a.py::test_a")


def sandbox_with(control, error=""):
    """Passes the prediction; its tripwire ends with the verdict `control`."""

    def answer(request):
        if b"lambda value" not in request.patch.content:
            return ExecResult(verdict=Verdict.PASSED, reason="1 passed")
        report = CaseReport(test=REQUEST.test, when="call", outcome="failed", error=error)
        return ExecResult(verdict=control, reason="so it is", reports=(report,))

    return ScriptedSandbox(answer)


def test_refused_text_is_not_executed():
    sandbox = sandbox_with(Verdict.FAILED)
    assert judge(sandbox, REQUEST, PLACE, "1 or True").judgement is Judgement.REFUSED
    assert sandbox.requests == []


def test_failure_needs_no_second_execution():
    sandbox = ScriptedSandbox(lambda request: ExecResult(verdict=Verdict.TIMEOUT, reason="ended after 30 s"))
    judged = judge(sandbox, REQUEST, PLACE, "1")
    assert (judged.judgement, judged.reason, len(sandbox.requests)) == (
        Judgement.FAILED,
        "timeout: ended after 30 s",
        1,
    )


def test_pass_is_a_pass_when_its_tripwire_fails():
    error = f"KeyError: '{tripwire(PLACE, '1')[1]}:{SOUND}'"
    sandbox = sandbox_with(Verdict.FAILED, error)
    judged = judge(sandbox, REQUEST, PLACE, "1")
    assert (judged.judgement, len(judged.results)) == (Judgement.PASSED, 2)
    assert sandbox.requests[0].patch.content == SOURCE.replace(b"TARGET", b"1")
    assert sandbox.requests[0].patch.path == "tests/test_a.py"


@pytest.mark.parametrize("control", [Verdict.PASSED, Verdict.SKIPPED, Verdict.CONTRADICTION, Verdict.TIMEOUT])
def test_pass_whose_tripwire_does_not_fail_is_unproven(control):
    judged = judge(sandbox_with(control), REQUEST, PLACE, "1")
    assert (judged.judgement, len(judged.results)) == (Judgement.UNPROVEN, 2)


@pytest.mark.parametrize(
    ("word", "cheat"), [(ALWAYS_EQUAL, Cheat.ALWAYS_EQUAL), (ALL_NUMBERS, Cheat.INFINITE_TOLERANCE)]
)
def test_value_that_equals_everything_is_a_cheat_whatever_it_is_called(word, cheat):
    error = f"KeyError: '{tripwire(PLACE, 'x')[1]}:{word}'"
    judged = judge(sandbox_with(Verdict.FAILED, error), REQUEST, PLACE, "x")
    assert (judged.judgement, judged.cheats) == (Judgement.CHEATED, (cheat,))


def test_named_cheat_is_no_pass_and_needs_no_tripwire():
    judged = judge(sandbox_with(Verdict.FAILED), REQUEST, PLACE, "f(x)")
    assert (judged.judgement, judged.cheats) == (Judgement.CHEATED, (Cheat.SAME_AS_OTHER_SIDE,))
    assert len(judged.results) == 1
