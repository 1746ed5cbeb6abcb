"""How the first process of a box waits for a test, with the kernel's handle of it and without (gVisor has none)."""

import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from sandboxes.inside.supervisor import _Execution


@pytest.fixture(params=[True, False], ids=["with-a-handle", "without"])
def execution(request, monkeypatch):
    """An execution of a process that is given as the code of a script."""
    if not request.param:
        monkeypatch.setattr(os, "pidfd_open", unknown)
    ends = [os.pipe(), os.pipe()]
    ours, theirs = socket.socketpair()
    children = []

    def start(code, *, seconds=20.0):
        waited = _Execution(
            {"wall_seconds": seconds, "output_bytes": 1000}, SimpleNamespace(source=ends[0][0], hear=None)
        )
        children.append(subprocess.Popen([sys.executable, "-S", "-c", code], stdout=ends[1][1]))
        waited._read_output, waited._socket, waited._child = ends[1][0], ours, children[0].pid
        waited._began = time.monotonic()
        return waited

    yield start
    for child in children:
        child.kill()
        child.wait()
    for descriptor in (*ends[0], *ends[1]):
        os.close(descriptor)
    ours.close()
    theirs.close()


def unknown(pid):
    raise OSError(38, "Function not implemented")


def test_end_of_the_process_is_seen_and_its_status_kept(execution):
    waited = execution("raise SystemExit(7)")
    assert waited._until_the_end() == "ended"
    assert os.waitpid(waited._child, 0)[1] == 7 << 8


def test_process_that_does_not_end_runs_out_of_time(execution):
    assert execution("import time; time.sleep(60)", seconds=0.3)._until_the_end() == "timeout"


def test_flood_ends_the_waiting(execution):
    waited = execution("print('x' * 5000, flush=True); import time; time.sleep(60)")
    assert waited._until_the_end() == "output"
