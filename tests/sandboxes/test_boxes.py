"""Warm boxes: reused when healthy, replaced when not, never lost, and not believed."""

import json
from pathlib import Path

import pytest

from sandboxes.boxes import WarmBoxes, make_order
from sandboxes.conversation import Conversation, LineEndedError
from sandboxes.errors import RequestError, SandboxUnavailableError
from sandboxes.spec import ExecRequest, Limits, Verdict

TEST = "tests/test_a.py::test_a"
SEEN = {"ending": "ended", "status": 0, "sound": True, "oom_kills": 0, "clean": True, "seconds": 0.1, "output": ""}
SEEN["events"] = [
    {"kind": "collected", "tests": [TEST]},
    *(
        {"kind": "report", "test": TEST, "when": when, "outcome": "passed", "expected_to_fail": False}
        | {"error_type": "", "error": ""}
        for when in ("setup", "call", "teardown")
    ),
    {"kind": "finished", "status": 0},
]


class Line:
    """Plays a supervisor that answers as `script` says; a missing answer is the end."""

    def __init__(self, script):
        self.script = dict(script)
        self.answers = [json.dumps(self.script.get("hello", {"hello": {}}))]
        self.deaf = False

    def write(self, data):
        if self.deaf:
            raise BrokenPipeError
        message = json.loads(data)
        if "order" in message:
            self.answers += [json.dumps({"started": True}), json.dumps({"ended": True})] * self.script.get(
                "alive", True
            )
        else:
            seal = self.script.get("seal", message["seal"])
            self.answers.append(json.dumps({"seal": seal, "seen": self.script.get("seen", SEEN)}))

    def read(self, seconds):
        if not self.answers:
            return b""
        answer = self.answers.pop(0)
        if answer == "late":
            raise TimeoutError
        return answer.encode() + b"\n"


class Stage:
    def place(self, request):
        if request.source == Path("bad"):
            raise RequestError("no such tree")

    def digests(self, test):
        return {}


class Box:
    def __init__(self, script):
        self.line = Line(script)
        self.conversation = Conversation(self.line)
        self.conversation.hello()
        self.stage = Stage()
        self.closed = 0

    def order(self, request):
        return make_order(request, tree="/tree", work="/work", variables={})

    def close(self):
        self.closed += 1


class Opener:
    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.boxes = []
        self.closed = 0

    def open(self, kind):
        self.boxes.append(Box(self.scripts.pop(0) if self.scripts else {}))
        return self.boxes[-1]

    def stamp(self, result, limits):
        return result

    def close(self):
        self.closed += 1


def request_of(**changes):
    return ExecRequest(**{"source": Path("good"), "source_key": "a", "test": TEST, **changes})


def test_healthy_box_is_used_again():
    opener = Opener()
    with WarmBoxes(opener) as sandbox:
        assert [sandbox.execute(request_of()).verdict for _ in range(3)] == [Verdict.PASSED] * 3
        assert len(opener.boxes) == 1
    assert (opener.boxes[0].closed, opener.closed) == (1, 1)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"limits": Limits(wall_seconds=3.0, output_bytes=5000)}, True),
        ({"source_key": "b"}, True),
        ({"limits": Limits(cpus=2.0)}, False),
        ({"hash_seed": 1}, False),
    ],
)
def test_box_is_shared_by_what_need_not_tell_boxes_apart(change, same):
    opener = Opener()
    with WarmBoxes(opener) as sandbox:
        sandbox.execute(request_of())
        sandbox.execute(request_of(**change))
    assert len(opener.boxes) == (1 if same else 2)


@pytest.mark.parametrize("seen", [{"clean": False}, {"oom_kills": 1}])
def test_damaged_box_is_thrown_away(seen):
    opener = Opener({"seen": SEEN | seen})
    with WarmBoxes(opener) as sandbox:
        assert sandbox.execute(request_of()).replaced
        assert opener.boxes[0].closed == 1
        assert not sandbox.execute(request_of()).replaced


@pytest.mark.parametrize(
    "script", [{"seal": "another"}, {"seen": "passed"}, {"seen": {}}, {"seen": SEEN | {"status": "x"}}]
)
def test_document_without_its_seal_or_sense_is_damage_and_no_verdict(script):
    opener = Opener(script)
    with WarmBoxes(opener) as sandbox:
        result = sandbox.execute(request_of())
    assert (result.verdict, result.replaced, opener.boxes[0].closed) == (Verdict.DAMAGED, True, 1)


def test_box_that_was_lost_while_it_waited_is_replaced_unnoticed():
    opener = Opener()
    with WarmBoxes(opener) as sandbox:
        sandbox.execute(request_of())
        opener.boxes[0].line.deaf = True
        assert sandbox.execute(request_of()).verdict is Verdict.PASSED
    assert [box.closed for box in opener.boxes] == [1, 1]


def test_two_lost_boxes_in_a_row_are_the_machine_s_fault():
    opener = Opener({"alive": False}, {"alive": False})
    with WarmBoxes(opener) as sandbox, pytest.raises(SandboxUnavailableError, match="Two boxes in a row"):
        sandbox.execute(request_of())
    assert [box.closed for box in opener.boxes] == [1, 1]


def test_box_that_never_answers_is_a_timeout_and_is_thrown_away():
    opener = Opener()
    with WarmBoxes(opener) as sandbox:
        sandbox.execute(request_of())
        line = opener.boxes[0].line
        line.write = lambda data: line.answers.extend([json.dumps({"started": True}), "late"])
        result = sandbox.execute(request_of())
    assert (result.verdict, result.replaced) == (Verdict.TIMEOUT, True)


def test_bad_request_leaks_no_box():
    opener = Opener()
    with WarmBoxes(opener) as sandbox:
        with pytest.raises(RequestError):
            sandbox.execute(request_of(source=Path("bad")))
        assert sandbox.execute(request_of()).verdict is Verdict.PASSED
    assert all(box.closed == 1 for box in opener.boxes)


def test_no_more_boxes_wait_than_allowed():
    opener = Opener()
    with WarmBoxes(opener, most=2) as sandbox:
        for seed in range(4):
            sandbox.execute(request_of(hash_seed=seed))
        assert [box.closed for box in opener.boxes] == [1, 1, 0, 0]


def test_closing_twice_closes_once():
    opener = Opener()
    sandbox = WarmBoxes(opener)
    sandbox.close()
    sandbox.close()
    assert opener.closed == 1


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"bye": true}', ""])
def test_first_word_that_is_no_hello_ends_the_talk(text):
    line = Line({})
    line.answers = [text]
    with pytest.raises(LineEndedError):
        Conversation(line).hello()
