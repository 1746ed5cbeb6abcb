"""The rules, one by one: what is a pass needs every kind of evidence."""

from dataclasses import replace

import pytest

from sandboxes.spec import CaseReport, Verdict
from sandboxes.verdict import Seen, decide, is_case_of, read_seen

PHASES = ("setup", "call", "teardown")
TEST = "tests/test_a.py::test_b"


def reports(case=TEST, **outcomes):
    return tuple(CaseReport(test=case, when=when, outcome=outcomes.get(when, "passed")) for when in PHASES)


PASS = Seen(
    ending="ended",
    status=0,
    collected=(TEST,),
    reports=reports(),
    uncollected=(),
    finished=0,
    no_pytest="",
    sound=True,
    oom_kills=0,
    clean=True,
    seconds=0.1,
    output="",
)
FAIL = replace(PASS, status=1, finished=1, reports=reports(call="failed"))


def test_pass_is_a_pass_and_a_failure_a_failure():
    assert decide(TEST, PASS)[0] is Verdict.PASSED
    assert decide(TEST, FAIL)[0] is Verdict.FAILED


@pytest.mark.parametrize(
    "change",
    [
        {"sound": False},
        {"changed": ("tests/conftest.py",)},
        {"ending": "channel"},
        {"finished": None},
        {"finished": 1},
        {"status": 1},
        {"status": 1, "finished": 1},
        {"status": 3, "finished": 3},
        {"collected": None},
        {"collected": ()},
        {"collected": ("tests/test_a.py::test_c",), "reports": reports("tests/test_a.py::test_c")},
        {"collected": (TEST, "tests/test_a.py::test_c"), "reports": reports() + reports("tests/test_a.py::test_c")},
        {"collected": (TEST, TEST)},
        {"reports": ()},
        {"reports": reports()[:2]},
        {"reports": reports()[::2]},
        {"reports": reports() + reports()},
        {"reports": reports() + reports()[1:2]},
        {"reports": reports(call="failed")},
        {"reports": reports(call="rerun")},
        {"reports": reports("tests/test_a.py::test_c")},
        {"uncollected": ("E   ImportError",)},
        {"collected": (TEST + "[1]", TEST + "[2]"), "reports": reports(TEST + "[1]")},
    ],
)
def test_evidence_that_does_not_agree_is_a_contradiction(change):
    assert decide(TEST, replace(PASS, **change))[0] is Verdict.CONTRADICTION


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"ending": "timeout", "status": -9, "finished": None}, Verdict.TIMEOUT),
        ({"ending": "output", "status": -9, "finished": None}, Verdict.OUTPUT),
        ({"oom_kills": 1}, Verdict.MEMORY),
        ({"oom_kills": 1, "ending": "timeout", "status": -9}, Verdict.MEMORY),
        ({"status": -11, "finished": None}, Verdict.CRASHED),
        ({"no_pytest": "No module named 'pytest'", "finished": None, "status": 70}, Verdict.ERROR),
        ({"status": 4, "finished": 4, "collected": (), "reports": ()}, Verdict.NOT_COLLECTED),
        ({"status": 5, "finished": 5, "collected": None, "reports": ()}, Verdict.NOT_COLLECTED),
        ({"status": 2, "finished": 2, "collected": None, "reports": (), "uncollected": ("E x",)}, Verdict.ERROR),
        ({"status": 3, "finished": 3, "collected": None, "reports": ()}, Verdict.ERROR),
        ({"reports": reports(call="skipped")}, Verdict.SKIPPED),
        ({"reports": tuple(replace(report, expected_to_fail=True) for report in reports())}, Verdict.SKIPPED),
        ({"status": 1, "finished": 1, "reports": reports(setup="failed")[::2]}, Verdict.ERROR),
        ({"status": 1, "finished": 1, "reports": reports(teardown="failed")}, Verdict.ERROR),
    ],
)
def test_every_other_end_has_its_own_verdict(change, verdict):
    assert decide(TEST, replace(PASS, **change))[0] is verdict


def test_parametrised_test_passes_only_if_all_of_its_cases_pass():
    cases = (TEST + "[1]", TEST + "[2]")
    both = replace(PASS, collected=cases, reports=reports(cases[0]) + reports(cases[1]))
    assert decide(TEST, both)[0] is Verdict.PASSED
    one = replace(FAIL, collected=cases, reports=reports(cases[0]) + reports(cases[1], call="failed"))
    assert decide(TEST, one)[0] is Verdict.FAILED
    mixed = replace(both, reports=reports(cases[0]) + reports(cases[1], call="skipped"))
    assert decide(TEST, mixed)[0] is Verdict.SKIPPED


def test_sub_tests_are_further_calls_between_set_up_and_teardown():
    setup, call, teardown = reports()
    assert decide(TEST, replace(PASS, reports=(setup, call, call, call, teardown)))[0] is Verdict.PASSED
    failed = replace(call, outcome="failed")
    assert decide(TEST, replace(FAIL, reports=(setup, failed, call, teardown)))[0] is Verdict.FAILED
    for order in ((setup, call, teardown, call), (call, setup, teardown), (setup, call, setup, call, teardown)):
        assert decide(TEST, replace(PASS, reports=order))[0] is Verdict.CONTRADICTION


def test_case_belongs_to_its_own_test_alone():
    assert is_case_of(TEST, TEST) and is_case_of(TEST + "[a[b]]", TEST)
    assert not is_case_of(TEST + "c", TEST) and not is_case_of(TEST + "c[1]", TEST) and not is_case_of(TEST + "[", TEST)


def document(*events, **changes):
    base = {"ending": "ended", "status": 0, "sound": True, "oom_kills": 0, "clean": True, "seconds": 0.1, "output": ""}
    return base | {"events": list(events)} | changes


REPORT = {"kind": "report", "test": TEST, "when": "call", "outcome": "passed", "error_type": "", "error": ""}
REPORT |= {"expected_to_fail": False}
COLLECTED, FINISHED = {"kind": "collected", "tests": [TEST]}, {"kind": "finished", "status": 0}


def test_document_of_the_supervisor_is_read():
    seen = read_seen(document({"kind": "begun"}, COLLECTED, REPORT, FINISHED))
    assert (seen.collected, seen.finished, seen.sound, len(seen.reports)) == ((TEST,), 0, True, 1)


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "applause"},
        {},
        ["report"],
        None,
        COLLECTED,
        FINISHED,
        {"kind": "report"},
        {"kind": "finished", "status": "many"},
        {"kind": "collected", "tests": 3},
    ],
)
def test_message_that_the_plugin_never_sends_makes_the_channel_unsound(event):
    assert not read_seen(document(COLLECTED, REPORT, FINISHED, event)).sound
