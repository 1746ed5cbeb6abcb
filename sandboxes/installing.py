"""What runs inside a build container, as its first process: installs with uv, or looks whether pytest starts.

It is copied into the container alone, so it imports the standard library, nothing else of this project, and stays
within what Python 3.8 understands. One line of JSON comes in, the plan; one goes out, what became of it. When the input
ends, because the harness has, everything here ends.

What it starts itself is uv and the image's own interpreter without start-up files. Code of packages runs only where uv
builds one from its source, and where pytest is tried.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

_SECONDS_OF_OPTIONS = 120.0  # for all that may be left out
_TAIL_LINES = 40
_LINE = 400
_TEST = "import pytest\n\n\n@pytest.mark.parametrize('a', [1, 2])\ndef test_it(a, tmp_path):\n    assert a == a + 0\n"


def main() -> None:
    """Serves one plan."""
    plan = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    done = {"describe": _describe, "install": _install, "verify": _verify}[plan["do"]](plan)
    sys.stdout.write(json.dumps(done) + "\n")
    sys.stdout.flush()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.kill(-1, signal.SIGKILL)
    os._exit(1)


def _run(command: list[str], seconds: float = threading.TIMEOUT_MAX, **more: Any) -> tuple[int, str]:
    """The status of a command and the end of what it said; it and its children are ended after so many seconds."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **more,
    )
    assert process.stdout is not None
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        while line := process.stdout.readline(65536):
            tail.append(line.decode("utf-8", "replace").rstrip()[:_LINE])
        return process.wait(), "\n".join(tail)
    finally:
        timer.cancel()


def _describe(plan: dict[str, Any]) -> dict[str, Any]:
    """The image's Python."""
    return {"failed": "", "python": list(sys.version_info[:3])}


def _install(plan: dict[str, Any]) -> dict[str, Any]:
    """A virtual environment with what is wanted; `failed` is empty if it came to be."""
    uv, venv = plan["uv"], plan["venv"]
    status, said = _run([uv, "venv", "--quiet", "--no-project", "--python", plan["python"], venv])
    if status:
        return {"failed": said}
    site = next(Path(venv, "lib").glob("python*")) / "site-packages"
    status, said = _packages(plan, plan["requirements"], builds=plan["builds"])
    if status:
        return {"failed": said}
    missed = _one_by_one(plan, plan["optional"], builds=plan["builds"])
    missed += _guesses(plan, site)
    status, frozen = _run([uv, "pip", "freeze", "--python", venv + "/bin/python"])
    installed = [line for line in frozen.splitlines() if "==" in line or " @ " in line]
    (site / "repobench-own.pth").write_text(f"import site; site.addsitedir({plan['own']!r})\n")
    compileall = [plan["python"], "-I", "-S", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode"]
    _run([*compileall, "unchecked-hash", str(site)])
    return {"failed": "", "installed": sorted(installed), "missed": missed}


def _packages(
    plan: dict[str, Any], requirements: list[str], *, builds: bool, seconds: float = threading.TIMEOUT_MAX
) -> tuple[int, str]:
    listed = Path("/tmp/requirements.txt")
    listed.write_text("\n".join(requirements) + "\n")
    command = [plan["uv"], "pip", "install", "--quiet", "--python", plan["venv"] + "/bin/python", "-r", str(listed)]
    if plan["as_of"]:
        command += ["--exclude-newer", plan["as_of"]]
    return _run(command if builds else [*command, "--no-build"], seconds)


def _guesses(plan: dict[str, Any], site: Path) -> list[str]:
    """Installs the guesses whose module is not there, all or one by one, from wheels; returns what could not be had."""

    def missing() -> list[str]:
        return [row["requirement"] for row in plan["guesses"] if not _is_there(site, row["module"])]

    wanted = missing()
    together = [*plan["requirements"], *wanted]
    if not wanted or _packages(plan, together, builds=False, seconds=_SECONDS_OF_OPTIONS)[0] == 0:
        return []
    return _one_by_one(plan, wanted, builds=False)


def _one_by_one(plan: dict[str, Any], wanted: list[str], *, builds: bool) -> list[str]:
    """Installs each that can be had beside what is required, in the time for it; returns those that cannot."""
    deadline = time.monotonic() + _SECONDS_OF_OPTIONS
    missed = []
    for each in wanted:
        left = max(0.0, deadline - time.monotonic())
        if _packages(plan, [*plan["requirements"], each], builds=builds, seconds=left)[0]:
            missed.append(each)
    return missed


def _is_there(site: Path, module: str) -> bool:
    if not module:
        return False
    return (site / module).is_dir() or any(site.glob(module + ".*"))


def _verify(plan: dict[str, Any]) -> dict[str, Any]:
    """Whether pytest starts in the environment and passes a test that cannot fail."""
    folder = Path("/tmp/verify")
    folder.mkdir()
    (folder / "test_it.py").write_text(_TEST)
    command = [
        plan["venv"] + "/bin/python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "test_it.py",
    ]
    status, said = _run(command, cwd=str(folder))
    return {"failed": said if status else ""}


if __name__ == "__main__":
    main()
