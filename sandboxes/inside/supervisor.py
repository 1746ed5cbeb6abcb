"""The first process of a box: forks one process per execution, watches it from outside, and tells what it saw.

It talks with the harness over its standard input and output, in lines of JSON:

    supervisor   {"hello": ...}               who and what it is, once
    harness      {"order": ...}               one execution
    supervisor   {"started": true}
                 ... the test runs ...
    supervisor   {"ended": true}              every process of the test is dead
    harness      {"seal": "NONCE"}            so no process of the test can ever have seen it
    supervisor   {"seal": "NONCE", "seen": ...}

As PID 1 of a container no signal from inside reaches it, orphans become its children, and when it ends, all end. It has
pytest imported already, so that a fork is all that a fresh process costs; it runs nothing else of the environment: the
interpreter is the image's, `-S` keeps start-up files of packages away, and the forked process catches up on them. When
its input ends, it ends.

It cannot know whether what the plugin says is true: it saw the exit status, and the harness compares.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from .chain import Chain
from .cleanup import contained, empty_places, end_processes, oom_kills
from .namespaces import close_user_namespaces
from .testprocess import run_test, set_dumpable, site_folders

_CHANNEL_BYTES = 4 * 1024 * 1024
_TAIL_BYTES = 4096
_READ = 65536
_ASKING_SECONDS = 0.02


def main() -> None:
    """Serves until the input ends, or, in a forked process, returns with the status of its test."""
    set_dumpable(False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # PID 1 ignores what it has no handler for
    conversation = _Conversation(0, 1)
    python = sys.argv[1]
    problem = _interpreter_problem(python)
    preloaded = [] if problem else _preload(python)
    gc.freeze()  # what is there already is no garbage of a test: forked processes do not go through it
    conversation.say({"hello": _hello(problem)})
    while (line := conversation.hear()) is not None:
        order = json.loads(line)["order"]
        order["python"], order["preloaded"] = python, preloaded
        execution = _Execution(order, conversation)
        conversation.say({"started": True})
        status = execution.start()
        if status is not None:
            sys.exit(status)
        seen = execution.watch()
        conversation.say({"ended": True})
        seal = conversation.hear()
        if seal is None:
            return
        conversation.say({"seal": json.loads(seal)["seal"], "seen": seen})


def _interpreter_problem(python: str) -> str:
    """Why the environment's interpreter cannot be what this process stands in for; empty if it can."""
    try:
        wanted = Path(python).resolve(strict=True)
        wanted.stat()
    except OSError as error:
        return str(error)
    ours = Path(sys.executable).resolve()
    return "" if wanted == ours else f"it is {wanted}, not the image's {ours}"


def _preload(python: str) -> list[str]:
    """Imports pytest as the environment has it, if it does; the names of all modules that came with it."""
    del sys.path[0]  # where our own modules are
    before, path = set(sys.modules), list(sys.path)
    sys.path += [folder for folder in site_folders(python) if folder not in sys.path]
    try:
        import pytest  # noqa: F401
        from _pytest.config import default_plugins

        for name in default_plugins:  # what every start of pytest imports
            importlib.import_module(f"_pytest.{name}")
        importlib.import_module("pdb")  # and what every start configures
    except ImportError:
        pass  # the forked process tries again, with start-up files, and tells
    finally:
        sys.path[:] = path  # the forked process makes its own, start-up files included
    standard: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
    new = set(sys.modules) - before
    return sorted(name for name in new if name.partition(".")[0] not in standard)


def _hello(problem: str) -> dict[str, Any]:
    """What the harness compares with the policy: how this process sees itself."""
    status = {}
    with contextlib.suppress(OSError):
        text = Path("/proc/self/status").read_text()
        status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return {
        "problem": problem,
        "pid": os.getpid(),
        "uid": os.getuid(),
        "capabilities": status.get("CapBnd", ""),
        "no_new_privileges": status.get("NoNewPrivs", ""),
        "seccomp": status.get("Seccomp", ""),
        "user_namespaces": contained() and not close_user_namespaces(),
        "interfaces": sorted(name for _, name in socket.if_nameindex()) if contained() else [],
    }


class _Conversation:
    """Lines in and out; the input is also watched while a test runs, because its end ends everything."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self._sink = sink
        self._pending = b""

    def say(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._sink, data) :]

    def hear(self) -> bytes | None:
        while b"\n" not in self._pending:
            data = os.read(self.source, _READ)
            if not data:
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line


class _Execution:
    """One forked process and what is seen of it."""

    def __init__(self, order: dict[str, Any], conversation: _Conversation) -> None:
        self._order = order
        self._conversation = conversation
        self._secret = os.urandom(32)
        self._output = bytearray()
        self._printed = 0
        self._channel = bytearray()

    def start(self) -> int | None:
        """Forks. In the forked process: runs the test and returns its status. Here: None."""
        self._read_output, write_output = os.pipe()
        ours, theirs = socket.socketpair()
        Path(self._order["variables"]["HOME"]).mkdir(exist_ok=True)
        self._oom_kills = oom_kills()
        self._began = time.monotonic()
        self._child = os.fork()
        if self._child == 0:
            return run_test(self._order, write_output, theirs.fileno(), self._take_secret)
        os.close(write_output)
        theirs.close()
        self._socket = ours
        return None

    def _take_secret(self) -> bytes:
        """The secret, which this copy of the process forgets."""
        secret, self._secret = self._secret, b""
        return secret

    def watch(self) -> dict[str, Any]:
        """Waits for the end, or makes it; then removes every trace and tells what was seen."""
        ending = self._until_the_end()
        seconds = time.monotonic() - self._began
        status = self._collect()
        gone = end_processes(self._child)
        self._drain()
        os.close(self._read_output)
        self._socket.close()
        events, sound = self._events()
        return {
            "ending": ending,
            "status": status,
            "events": events,
            "sound": sound,
            "seconds": seconds,
            "oom_kills": oom_kills() - self._oom_kills,
            "clean": gone and empty_places(self._order["work"]),
            "output": self._output.decode("utf-8", "replace"),
        }

    def _until_the_end(self) -> str:
        """`ended`, or why the test was ended: `timeout`, `output`, `channel`."""
        deadline = self._began + self._order["wall_seconds"]
        handle = _handle_of(self._child)
        patience = float("inf") if handle is not None else _ASKING_SECONDS
        os.set_blocking(self._read_output, False)
        self._socket.setblocking(False)
        with selectors.DefaultSelector() as selector:
            for source in (handle, self._read_output, self._socket, self._conversation.source):
                if source is not None:
                    selector.register(source, selectors.EVENT_READ)
            try:
                while (left := deadline - time.monotonic()) > 0:
                    ready = {key.fd for key, _ in selector.select(min(left, patience))}
                    if self._conversation.source in ready:  # nothing is said now, so this is the end of the input
                        end_processes(self._child)
                        sys.exit(1)
                    for fd, read in ((self._read_output, self._read_some), (self._socket.fileno(), self._hear_some)):
                        if fd in ready and not read():
                            selector.unregister(fd)
                    if self._printed > self._order["output_bytes"]:
                        return "output"
                    if len(self._channel) > _CHANNEL_BYTES:
                        return "channel"
                    if handle in ready or (handle is None and _has_ended(self._child)):
                        return "ended"
                return "timeout"
            finally:
                if handle is not None:
                    os.close(handle)

    def _collect(self) -> int:
        """Ends the test's own process if it still runs; its status as `waitpid` tells it: negative for a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])

    def _read_some(self) -> bool:
        data = _read_or_nothing(lambda: os.read(self._read_output, _READ))
        if data:
            self._printed += len(data)
            self._output = (self._output + data)[-_TAIL_BYTES:]
        return data != b""

    def _hear_some(self) -> bool:
        data = _read_or_nothing(lambda: self._socket.recv(_READ))
        self._channel += data or b""
        return data != b""

    def _drain(self) -> None:
        """Takes what the dead have left in the pipes."""
        for read in (self._read_some, self._hear_some):
            before = -1
            while before != self._printed + len(self._channel) <= _CHANNEL_BYTES + self._order["output_bytes"]:
                before = self._printed + len(self._channel)
                read()

    def _events(self) -> tuple[list[Any], bool]:
        """The messages of the plugin up to the first that is not signed as it should be, and whether all are."""
        chain = Chain(self._secret)
        events: list[Any] = []
        *lines, rest = bytes(self._channel).split(b"\n")
        for line in lines:
            signature, _, payload = line.partition(b" ")
            if not chain.accepts(payload, signature.decode("ascii", "replace")):
                return events, False
            try:
                event = json.loads(payload)
                json.dumps(event)
            except (ValueError, RecursionError):  # who has stolen the key may nest what he likes
                return events, False
            events.append(event)
        return events, not rest


def _handle_of(child: int) -> int | None:
    """A descriptor that can be read once the process has ended; None where the kernel has none (gVisor)."""
    try:
        return os.pidfd_open(child)
    except OSError:
        return None


def _has_ended(child: int) -> bool:
    """Asks, and leaves the status to who collects it."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read_or_nothing(read: Any) -> bytes | None:
    """What `read` gives; b"" at the end, None when there is nothing at the moment."""
    try:
        return bytes(read())
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""
