"""The filter takes user namespaces from a process and nothing else that a test needs."""

import os
import subprocess
import sys

import pytest

from sandboxes.inside import namespaces

CHILD = """
import ctypes, os, subprocess, sys, threading
from sandboxes.inside.namespaces import close_user_namespaces
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, as boxes have it
assert close_user_namespaces()
clone, clone3 = {"x86_64": (56, 435), "aarch64": (220, 435)}[os.uname().machine]
for flags in (0x10000000, 0x10020000):
    assert (libc.unshare(flags), ctypes.get_errno()) == (-1, 1)
    assert (libc.syscall(clone, ctypes.c_long(flags | 17), None, None, None, None), ctypes.get_errno()) == (-1, 1)
assert (libc.syscall(clone3, None, 0), ctypes.get_errno()) == (-1, 38)
thread = threading.Thread(target=print, args=("a thread runs",))
thread.start()
thread.join()
if os.fork() == 0:
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-S", "-c", "print('a program runs')"], check=True)
"""


@pytest.mark.skipif(os.uname().machine not in namespaces._CALLS, reason="the filter does not know this machine")
def test_user_namespaces_are_closed_and_threads_processes_and_programs_run():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:2] == ["a thread runs", "a program runs"]


def test_machine_that_the_filter_does_not_know_is_asked_all_the_same(monkeypatch):
    asked = []
    monkeypatch.setattr(namespaces, "_CALLS", {})
    monkeypatch.setattr(namespaces.ctypes, "CDLL", lambda *_, **__: Kernel(asked))
    assert not namespaces.close_user_namespaces()
    assert asked == [namespaces._NEW_USER]


class Kernel:
    """One that makes every namespace."""

    def __init__(self, asked):
        self.asked = asked

    def unshare(self, flags):
        self.asked.append(flags)
        return 0
