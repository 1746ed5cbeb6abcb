"""What a command costs as a fresh process: CPU of it and all its children, wall time, peak memory.

CPU is what the kernel accounts to the process and to every child that was waited for, so a contender must wait for its
git processes; one that leaves some behind is no result. Memory is the peak of resident pages of a single process
(mapped pack files count), polled from `/proc`; where there is no `/proc`, or a process ends at once, it is unknown. It
is not taken from the kernel's accounting, because a child inherits there the peak of the process it was forked from.
"""

import os
import signal
import subprocess  # measuring processes is what this module is for
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_POLL_SECONDS = 0.02
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run. Seconds and megabytes (10^6 bytes); `problem` says why it is no result, `timed_out` that time ran out.

    `child_mb` is the peak of the largest child that lived long enough to be seen twice (0.04 s), 0 if none did.
    """

    cpu: float
    wall: float
    own_mb: float | None
    child_mb: float | None
    problem: str | None = None
    timed_out: bool = False


def measure(command: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Sample:
    """Runs a command to its end, or for `timeout` seconds of wall time; its output goes nowhere."""
    with tempfile.TemporaryFile() as errors:
        start = monotonic()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        deadline = _Deadline(process.pid, timeout)
        memory = _MemoryWatch(process.pid)
        try:
            deadline.start()
            memory.start()
            _, status, usage = os.wait4(process.pid, 0)
            wall = monotonic() - start
        finally:
            deadline.cancel()
            memory.stop()
            left_behind = _kill_group(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip().splitlines()
    problem = None
    if process.returncode:
        problem = f"exit code {process.returncode}: {words[-1] if words else 'no message'}"
    elif left_behind:
        problem = "it left processes behind, so its CPU time is not whole"
    return Sample(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        own_mb=memory.own_mb,
        child_mb=memory.child_mb,
        problem=None if deadline.passed else problem,
        timed_out=deadline.passed,
    )


def _kill_group(leader: int) -> bool:
    """Ends what is left of a process group; whether there was anything."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
        return True
    return False


class _Deadline(threading.Timer):
    """Ends a process group when its time is over."""

    def __init__(self, leader: int, seconds: float) -> None:
        super().__init__(seconds, self._pass)
        self.daemon = True
        self.passed = False
        self._leader = leader

    def _pass(self) -> None:
        self.passed = True
        _kill_group(self._leader)


class _MemoryWatch:
    """Polls the peak of a process and of its descendants from a thread of its own."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._known = _PROC.is_dir()
        self._own = 0
        self._child = 0

    @property
    def own_mb(self) -> float | None:
        return self._own / 1e6 or None

    @property
    def child_mb(self) -> float | None:
        return self._child / 1e6 if self._known else None

    def start(self) -> None:
        if self._known:
            self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._known:
            self._thread.join()

    def _poll(self) -> None:
        before: set[int] = set()
        ended = False
        while not ended:
            self._own = max(self._own, _peak_bytes(self._pid))
            children = set(_descendants(self._pid))
            # At first sight a child may still be a copy of its parent, about to start its own program.
            self._child = max([self._child, *map(_peak_bytes, children & before)])
            before = children
            ended = self._ended.wait(_POLL_SECONDS)


def _peak_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                yield int(child)
                yield from _descendants(int(child))
