"""The records that go into a sandbox and come out of it, and the one verb.

Knows no engine and no rule: `policy` has the bounds of `Limits`, `verdict` decides what an execution means.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one execution may use at most. `policy.check_limits` holds the bounds; nothing lifts them.

    Attributes:
        wall_seconds: from the start of the test's process to its end.
        memory_bytes: of all processes and of the work area together; there is no swap.
        processes: and threads, at one time.
        cpus: processor seconds per second.
        open_files: per process.
        file_bytes: size of any one file.
        work_bytes: size of the work area, which is memory.
        output_bytes: what the test may write to standard output and standard error together.
    """

    wall_seconds: float = 30.0
    memory_bytes: int = 1024 * MEBIBYTE
    processes: int = 128
    cpus: float = 1.0
    open_files: int = 512
    file_bytes: int = 64 * MEBIBYTE
    work_bytes: int = 256 * MEBIBYTE
    output_bytes: int = MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder of this machine, `host`, that is seen read-only at the absolute path `inside`."""

    host: Path
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The whole new content of one file, by its path in the tree (`tests/test_a.py`)."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An interpreter that has pytest, and what must be mounted for it to start.

    Attributes:
        key: names the content; two environments with one key are the same and share boxes.
        python: absolute path of the interpreter, inside the box.
        mounts: a virtual environment is mounted at the path that it was made at.
        import_paths: folders of the tree that come before those of the request on `sys.path` (`src`).
        files: that a build of the tree would write; a tree's own file of that path is kept.
    """

    key: str = "image"
    python: str = "/usr/bin/python3"
    mounts: tuple[Mount, ...] = ()
    import_paths: tuple[str, ...] = ()
    files: tuple[Patch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """One test function of one source tree to be run once, in a fresh process.

    Attributes:
        source: a folder with the tree of one commit; it is copied, never mounted, and `.git` is left behind.
        source_key: names the content of `source` (a commit's SHA): a box that has this tree already does not copy it.
        test: pytest's id relative to the tree, `tests/test_a.py::TestA::test_b`, without the case of a parametrised
            test: all its cases run, and all must pass.
        patch: the file that differs from `source`, if one does.
        environment: what it runs with.
        limits: what it may use.
        import_paths: folders of the tree that come first on `sys.path`.
        arguments: more arguments for pytest.
        hash_seed: `PYTHONHASHSEED`, from 0 to 4294967295.
        backwards: the last case of a parametrised test runs first.
    """

    source: Path
    source_key: str
    test: str
    patch: Patch | None = None
    environment: Environment = field(default_factory=Environment)
    limits: Limits = field(default_factory=Limits)
    import_paths: tuple[str, ...] = (".",)
    arguments: tuple[str, ...] = ()
    hash_seed: int = 0
    backwards: bool = False


class Verdict(StrEnum):
    """What an execution showed; `verdict` has the rule of each."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # set-up, teardown or collection failed
    SKIPPED = "skipped"  # skipped, or expected to fail
    NOT_COLLECTED = "not-collected"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # more output than allowed
    CRASHED = "crashed"  # the process was ended by a signal
    DAMAGED = "damaged"  # the box did not survive the test
    CONTRADICTION = "contradiction"  # the kinds of evidence do not agree


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """One phase of one collected case, as the plugin told it; texts are cut at 500 characters.

    `when` is `setup`, `call` or `teardown`; `error_type` and `error` are empty unless it failed.
    """

    test: str
    when: str
    outcome: str
    expected_to_fail: bool = False
    error_type: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """One execution and its verdict.

    Attributes:
        verdict: the one word.
        reason: one sentence on why.
        reports: what the plugin told, in order.
        seconds: wall time of the test's process.
        output: the end of what was printed. Nothing is ever decided by it.
        contained: False where the driver isolates nothing.
        replaced: the box was thrown away afterwards.
        driver: `docker` or `local`.
        image: digest of the image; empty without one.
        policy: digest of the policy and the limits.
    """

    verdict: Verdict
    reason: str
    reports: tuple[CaseReport, ...] = ()
    seconds: float = 0.0
    output: str = ""
    contained: bool = True
    replaced: bool = False
    driver: str = ""
    image: str = ""
    policy: str = ""


class Sandbox(Protocol):
    """Anything that executes requests. Safe to call from several threads."""

    def execute(self, request: ExecRequest) -> ExecResult:
        """Runs the request once and says what it showed.

        Raises:
            SandboxError: nothing could be executed; this says nothing about the test.
        """
        ...
