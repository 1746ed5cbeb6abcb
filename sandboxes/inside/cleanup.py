"""Makes a box as it was before a test: ends every process, empties every place that can be written to.

What it cannot restore it reports, and the box is thrown away. As PID 1 of a container nothing it looks at belongs to
anybody else; elsewhere it touches the test's own process group and the work folder, nothing more.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Any

_REAPING_SECONDS = 10.0
_SHARED = ("/dev/shm", "/dev/mqueue")
_SHM_INFO, _SEM_INFO, _MSG_INFO = 14, 19, 12  # shmctl(2), semctl(2), msgctl(2): how many there are
# Of both generations of control groups, as they are seen from inside a container.
_OOM_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


def contained() -> bool:
    """Whether this process is the first of its own world: only then may it end all the others."""
    return os.getpid() == 1


def count_others() -> int:
    """How many other processes there are; 0 where they are not ours to count."""
    if not contained():
        return 0
    return sum(entry.name.isdigit() and entry.name != "1" for entry in Path("/proc").iterdir())


def end_processes(child: int) -> bool:
    """Ends the test's process and everything that it started; False if something is still there."""
    deadline = time.monotonic() + _REAPING_SECONDS
    while time.monotonic() < deadline:
        try:
            # -1 is every process but this one and PID 1, in one step that a fork bomb does not outrun.
            os.kill(-1, signal.SIGKILL) if contained() else os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            return False
        if _reap() and count_others() == 0:
            return True
        time.sleep(0.002)
    return False


def _reap() -> bool:
    """Collects what has ended; True when there are no children left."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return False
        except ChildProcessError:
            return True


def empty_places(work: str) -> bool:
    """Removes all that the test has left in the places it may write to; False if something stays."""
    places = (work, *_SHARED) if contained() else (work,)
    for place in places:
        _empty(place)
    return not any(_holds_something(Path(place)) for place in places) and not _kernel_objects()


def _holds_something(place: Path) -> bool:
    return place.is_dir() and any(place.iterdir())


def _empty(place: str) -> None:
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, onerror=_open_and_retry)
            else:
                Path(entry.path).unlink()
        except (OSError, RecursionError):
            continue


def _open_and_retry(remove: Any, path: str, _: Any) -> None:
    """Gives a folder back the permissions that a test took from it, and removes it after all."""
    place = Path(path)
    place.parent.chmod(stat.S_IRWXU)
    if place.is_dir() and not place.is_symlink():
        place.chmod(stat.S_IRWXU)
        shutil.rmtree(path)
    else:
        remove(path)


def _kernel_objects() -> bool:
    """Whether a shared memory segment, semaphore or message queue outlived the processes, or that cannot be told."""
    if not contained():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_int * 64)()

    def holds_some(status: int, place: int) -> bool:
        return status == -1 or found[place] > 0

    return (
        holds_some(libc.shmctl(0, _SHM_INFO, found), 0)  # used_ids of struct shm_info
        or holds_some(libc.semctl(0, 0, _SEM_INFO, found), 7)  # semusz of struct seminfo
        or holds_some(libc.msgctl(0, _MSG_INFO, found), 0)  # msgpool of struct msginfo
    )


def oom_kills() -> int:
    """How often the kernel has ended a process of this box for memory; 0 where that cannot be read."""
    if not contained():
        return 0
    for path in _OOM_COUNTERS:
        for line in _lines(path):
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
