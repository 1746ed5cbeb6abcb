"""Turns a forked process into the one that runs a test: own session, own descriptors, own environment, then pytest.

The process keeps nothing of the supervisor but the descriptor of its channel and one secret, which the first message
uses up; descriptors of the conversation with the outside are closed before any foreign code runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import resource
import signal
import site
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .pytest_plugin import Reporter

_PR_SET_DUMPABLE = 4
_INPUT, _OUTPUT, _ERRORS, _CHANNEL = 0, 1, 2, 3
_UNSTARTED = 70  # EX_SOFTWARE: pytest itself did not come up


def set_dumpable(value: bool) -> None:
    """Allows or forbids other processes of the same user to look into this one; Linux only, elsewhere nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, int(value), 0, 0, 0)


def site_folders(python: str) -> list[str]:
    """Where the packages of the interpreter `python` are; files that run code at start-up are not looked at."""
    prefix = Path(python).parent.parent
    version = ".".join(map(str, sys.version_info[:2]))
    own = str(prefix / "lib" / f"python{version}" / "site-packages")
    return [own] if (prefix / "pyvenv.cfg").exists() else [own, *site.getsitepackages()]


def run_test(order: dict[str, Any], output: int, channel: int, take_secret: Callable[[], bytes]) -> int:
    """Runs the test that `order` names and returns the exit status; call it in a process made for it alone.

    `take_secret` gives the secret once, so that it stands in no frame and no object when foreign code begins.
    """
    _take_descriptors(output, channel)
    _take_limits(order)
    set_dumpable(True)
    os.environ.clear()
    os.environ.update(order["variables"])
    os.chdir(order["tree"])
    reporter = Reporter(_CHANNEL, take_secret(), order["tree"], backwards=order["backwards"])
    _forget_shadowed(order)
    sys.executable = order["python"]  # where `site` finds the virtual environment
    site.main()
    sys.path[:0] = [str(Path(order["tree"], folder)) for folder in order["import_paths"]]
    sys.argv = ["pytest"]
    try:
        import pytest
    except ImportError as error:
        reporter.send({"kind": "no-pytest", "error": str(error)})
        return _UNSTARTED
    status = int(pytest.main(_arguments(order), plugins=[reporter]))
    reporter.send({"kind": "finished", "status": status})
    return status


def _arguments(order: dict[str, Any]) -> list[str]:
    """What comes after the options of the tree's own configuration.

    The cache goes elsewhere, workers are not used, and coverage is not measured: its files would go into the tree.
    """
    arguments = ["-q", "--tb=short", "--color=no", "-o", "cache_dir=" + str(Path(order["work"], "cache"))]
    if importlib.util.find_spec("xdist") is not None:
        arguments.append("-n0")
    if importlib.util.find_spec("pytest_cov") is not None:
        arguments += ["--no-cov", "-W", "ignore:Coverage disabled"]
    return [*arguments, *order["arguments"], order["test"]]


def _take_descriptors(output: int, channel: int) -> None:
    """Leaves the process with nothing on standard input, `output` twice, and `channel`."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    # Both may stand in each other's way: move them out of it first.
    output, channel = _moved(output), _moved(channel)
    nothing = _moved(os.open(os.devnull, os.O_RDONLY))
    for source, place in ((nothing, _INPUT), (output, _OUTPUT), (output, _ERRORS), (channel, _CHANNEL)):
        os.dup2(source, place, inheritable=place != _CHANNEL)
    os.closerange(_CHANNEL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _moved(descriptor: int) -> int:
    """A copy of `descriptor` above all that are wanted."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 16)


def _take_limits(order: dict[str, Any]) -> None:
    """Sets what a process sets for itself; the engine has set the same and more."""
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, order["file_bytes"]),
        (resource.RLIMIT_NOFILE, order["open_files"]),
    ):
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))
    with contextlib.suppress(OSError):  # out of memory: this process goes first, not the supervisor
        Path("/proc/self/oom_score_adj").write_text("1000")


def _forget_shadowed(order: dict[str, Any]) -> None:
    """Drops preloaded modules if the tree has its own of one of them (the repository of pluggy does)."""
    preloaded = order["preloaded"]
    tops = {name.partition(".")[0] for name in preloaded}
    places = [Path(order["tree"], folder, top) for folder in order["import_paths"] for top in tops]
    if any(place.exists() or place.with_suffix(".py").exists() for place in places):
        for name in preloaded:
            sys.modules.pop(name, None)
