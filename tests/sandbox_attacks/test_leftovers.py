"""Nothing is left: not after an orderly end, not after SIGKILL, not of harnesses that ended long ago."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sandboxes.owners import Owner, started_at
from sandboxes.spec import Verdict

pytestmark = pytest.mark.docker
ENDLESS = """
import sys
from dataclasses import replace
from pathlib import Path
from sandboxes.docker import DockerSandbox
from sandboxes.spec import ExecRequest

with DockerSandbox(sys.argv[2]) as sandbox:
    print("open", flush=True)
    sandbox.execute(ExecRequest(source=Path(sys.argv[1]), source_key="a", test="tests/test_attack.py::test_attack"))
"""


def containers(owner):
    from sandboxes.docker import LABEL, connect

    client = connect()
    found = client.containers(all=True, filters={"label": f"{LABEL}={owner}"})
    client.close()
    return found


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.1)


def test_nothing_is_left_after_a_sandbox_is_closed(docker_image, tree):
    from sandboxes.docker import DockerSandbox

    def mine():
        return {found["Id"] for found in containers(Owner.me())}

    before = mine()
    with DockerSandbox(docker_image) as sandbox:
        assert sandbox.execute(tree("\n    pass\n")).verdict is Verdict.PASSED
        (made,) = mine() - before
    wait_until(lambda: made not in mine())


def test_nothing_is_left_when_the_harness_is_killed_in_the_middle(docker_image, tree):
    request = tree("\n    while True:\n        pass\n")
    harness = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(request.source), docker_image], stdout=subprocess.PIPE, text=True
    )
    with harness:
        assert harness.stdout.readline() == "open\n"
        mine = Owner.me()
        started = Owner(mine.machine, mine.boot, mine.namespace, str(harness.pid), started_at(harness.pid))
        wait_until(lambda: any(found["State"] == "running" for found in containers(started)))
        time.sleep(0.5)
        os.kill(harness.pid, signal.SIGKILL)
    wait_until(lambda: not containers(started))


def test_leftovers_of_a_dead_process_are_swept_and_those_of_a_living_one_stay(docker_image):
    from sandboxes.docker import LABEL, connect, sweep

    client = connect()
    me = Owner.me()
    dead = Owner(me.machine, me.boot, me.namespace, me.pid, "1")
    stranger = Owner("elsewhere", me.boot, me.namespace, me.pid, "1")
    made = [
        client.create_container(docker_image, "true", labels={LABEL: str(owner)})["Id"]
        for owner in (me, dead, stranger)
    ]
    try:
        assert sweep(client) >= 1
        left = [found["Id"] for owner in (me, dead, stranger) for found in containers(owner)]
        assert made[0] in left and made[1] not in left and made[2] in left
    finally:
        for container in (made[0], made[2]):
            client.remove_container(container, force=True)
        client.close()


def test_policy_is_checked_on_the_container_that_the_engine_made(docker_image, monkeypatch, tree):
    from sandboxes import policy
    from sandboxes.docker import DockerSandbox, _Containers
    from sandboxes.errors import PolicyError

    honest = _Containers._create

    def careless(self, kind, wanted):
        return honest(self, kind, {**wanted, "NetworkMode": "bridge", "ReadonlyRootfs": False})

    monkeypatch.setattr(_Containers, "_create", careless)
    with DockerSandbox(docker_image) as sandbox, pytest.raises(PolicyError, match=r"NetworkMode is 'bridge'.*Readonly"):
        sandbox.execute(tree("\n    pass\n"))
    assert policy.USER != "0:0"
