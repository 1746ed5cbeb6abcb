"""Hostile tests and predictions against real containers. What each shows is listed in docs/security.md."""

from dataclasses import replace

import pytest
from attacks import ANSWER, CONTAINED, HEAD, PREDICTIONS, TEST, VERDICTS

from sandboxes.judging import judge
from sandboxes.spec import Patch, Verdict
from sandboxes.splice import Place

pytestmark = pytest.mark.docker
# What the next test in the same box may expect: nothing of the last one is there.
UNHARMED = """
def test_attack():
    assert sorted(os.listdir("/tmp")) == ["home"] and not os.listdir("/tmp/home")
    places = [place for place in ("/dev/shm", "/dev/mqueue") if os.path.isdir(place)]  # gVisor has one of them
    assert places and not any(map(os.listdir, places))
    assert sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) == [1, os.getpid()]
    if os.path.isdir("/proc/sysvipc"):
        assert [len(open(f"/proc/sysvipc/{kind}").readlines()) for kind in ("shm", "sem", "msg")] == [1, 1, 1]
    assert "PYTHONPATH" not in os.environ and os.getuid() == 65534
    assert 1 + 1 == 2
"""


def check_next_execution(sandbox, request):
    """Another test, in a tree of its own without a conftest, finds the box empty and gets its verdict."""
    (request.source / "tests" / "conftest.py").write_bytes(b"")
    patch = Patch(path=TEST.partition("::")[0], content=(HEAD + UNHARMED).encode())
    limits = replace(request.limits, wall_seconds=20.0)
    result = sandbox.execute(replace(request, source_key=request.source_key + "-next", patch=patch, limits=limits))
    assert (result.verdict, result.replaced) == (Verdict.PASSED, False), f"{result.reason}\n{result.output}"


@pytest.mark.parametrize("attack", [*CONTAINED, *VERDICTS], ids=lambda attack: attack.name)
def test_attack_is_contained_judged_right_and_harms_nobody(attack, sandbox, tree):
    request = tree(attack.body, head=attack.head, conftest=attack.conftest, limits=attack.limits)
    result = sandbox.execute(request)
    assert result.verdict in attack.verdicts, f"{result.verdict}: {result.reason}\n{result.output}"
    assert result.contained
    assert result.seconds < request.limits.wall_seconds + 5
    assert len(result.output) <= 4096
    check_next_execution(sandbox, request)


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda prediction: prediction.name)
def test_prediction_gets_its_judgement(prediction, sandbox, tree):
    request = tree(
        "\n    assert answer() == TARGET\n", head=prediction.head, conftest=prediction.conftest, answer=ANSWER
    )
    source = (request.source / "tests" / "test_attack.py").read_bytes()
    start = source.rindex(b"TARGET")
    judged = judge(sandbox, request, Place(source=source, start=start, end=start + len(b"TARGET")), prediction.text)
    assert judged.judgement is prediction.judgement, f"{judged.reason}: {[r.reason for r in judged.results]}"
    check_next_execution(sandbox, request)


@pytest.mark.parametrize("name", ["kernel-objects-left-behind", "folders-without-end", "memory-bomb"])
def test_damaged_box_is_replaced(name, sandbox, tree):
    attack = next(attack for attack in (*CONTAINED, *VERDICTS) if attack.name == name)
    request = tree(attack.body, limits=attack.limits)
    assert sandbox.execute(request).replaced
    check_next_execution(sandbox, request)
