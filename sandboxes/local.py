"""Boxes that are ordinary processes of this machine (io). They contain nothing.

For tests of the machinery and for code that is one's own: the test runs with all the rights of the user, can read and
delete the user's files, talk to the network, and outlive its limits by leaving its process group. Opening one without
saying so is refused, and results say `contained=False`.
"""

import contextlib
import itertools
import os
import select
import shutil
import subprocess  # a local box is a process
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from sandboxes import policy
from sandboxes.boxes import BoxKind, WarmBoxes, make_order
from sandboxes.conversation import Conversation, LineEndedError
from sandboxes.errors import EnvironmentUnusableError, PolicyError
from sandboxes.owners import Owner, make_folder, remove_folder, sweep_folders
from sandboxes.spec import Environment, ExecRequest, ExecResult, Limits
from sandboxes.stage import Stage

_ENDING_SECONDS = 5.0


def this_interpreter() -> Environment:
    """The environment that this process runs in; it must have pytest."""
    return Environment(key=f"local:{sys.executable}", python=sys.executable)


class LocalSandbox(WarmBoxes):
    """A `Sandbox` that isolates nothing."""

    def __init__(self, *, unsafe: bool, most: int = 8) -> None:
        """Runs tests as this user.

        Raises:
            PolicyError: `unsafe` is not True.
        """
        if unsafe is not True:
            raise PolicyError(
                "The local sandbox contains nothing: tests run with all your rights. Use Docker, or say "
                "--unsafe-local if all of the code is yours."
            )
        sweep_folders()
        super().__init__(_Processes(), most=most)


class _Processes:
    """Opens boxes that are processes."""

    def __init__(self) -> None:
        self._folder = make_folder(Owner.me())
        self._numbers = itertools.count()

    def open(self, kind: BoxKind) -> "_Process":
        folder = self._folder / str(next(self._numbers))
        (folder / "work").mkdir(parents=True)
        try:
            return self._start(kind, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _start(self, kind: BoxKind, folder: Path) -> "_Process":
        if kind.environment.mounts:
            raise EnvironmentUnusableError("The local sandbox mounts nothing: name an interpreter of this machine.")
        command = [kind.environment.python, "-S", "-s", str(self._folder / "code" / "start.py")]
        command.append(kind.environment.python)
        variables = policy.variables(kind.environment.python, kind.hash_seed)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentUnusableError(f"{kind.environment.python} does not start: {error}") from error
        box = _Process(process, folder)
        try:
            box.conversation.hello()
        except (LineEndedError, TimeoutError) as error:
            box.close()
            raise EnvironmentUnusableError(f"{kind.environment.python} does not start: {error}") from error
        return box

    def stamp(self, result: ExecResult, limits: Limits) -> ExecResult:
        return replace(result, driver="local", contained=False, policy=policy.digest(limits, "") + "-unsafe")

    def close(self) -> None:
        remove_folder(self._folder)


class _Process:
    """One running supervisor."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.conversation = Conversation(_Pipes(process.stdin, process.stdout))
        self.stage = Stage(folder)
        self._process = process
        self._folder = folder

    def order(self, request: ExecRequest) -> Mapping[str, Any]:
        work = str(self._folder / "work")
        variables = policy.variables(request.environment.python, request.hash_seed)
        own = {"HOME": f"{work}/home", "TMPDIR": work}
        return make_order(request, tree=str(self.stage.tree), work=work, variables=variables | own)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Pipes:
    """Both standard streams of a process."""

    def __init__(self, sink: IO[bytes], source: IO[bytes]) -> None:
        self._sink = sink
        self._source = source

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._sink.flush()

    def read(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        if not select.select([self._source], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        return os.read(self._source.fileno(), 65536)
