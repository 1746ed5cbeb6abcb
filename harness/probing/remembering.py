"""Executes nothing twice (io): results are kept by everything that they depend on, in one SQLite file.

Equal predictions, the original that many tasks share, and whatever an interrupted start had executed cost nothing. A
kill at any moment loses the executions that were under way. Clock values (how long a test took) are in here alone.

What ran out of time is known until the process ends and no longer: on a machine that was busy it says nothing of the
test, and no clock tells a busy machine from a slow test.
"""

import hashlib
import json
import sqlite3
import threading
import zlib
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import ProbeError
from sandboxes import inside, policy, verdict
from sandboxes.spec import CaseReport, ExecRequest, ExecResult, Sandbox, Verdict

_VERSION = 2  # 1 kept what had run out of time
_STRIPES = 64


class ExecutionStore:
    """Results by key. Safe to use from several threads and processes; close it, or use it in a `with` statement."""

    def __init__(self, file: Path) -> None:
        """Opens `file`, made where it is missing.

        Raises:
            ProbeError: it is no store of this version, or cannot be written.
        """
        self._lock = threading.Lock()
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS executions (key TEXT PRIMARY KEY, result BLOB NOT NULL)")
        except OSError as error:
            raise ProbeError(f"{file} cannot hold executions: {error.strerror}: name another --store") from error
        except sqlite3.Error as error:
            raise ProbeError(f"{file} cannot hold executions: {error}: delete it, or name another --store") from error

    def get(self, key: str) -> ExecResult | None:
        """The result under `key`, if it is there.

        Raises:
            ProbeError: the file is damaged.
        """
        try:
            with self._lock:
                row = self._database.execute("SELECT result FROM executions WHERE key = ?", (key,)).fetchone()
            return None if row is None else _read(row[0])
        except (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def put(self, key: str, result: ExecResult) -> None:
        """Keeps a result; once this returns a kill does not lose it. One that is there stays.

        Raises:
            ProbeError: the file cannot be written.
        """
        data = zlib.compress(json.dumps(asdict(result)).encode())
        try:
            with self._lock:
                self._database.execute("INSERT OR IGNORE INTO executions VALUES (?, ?)", (key, data))
        except sqlite3.Error as error:
            raise ProbeError(f"{self._file} cannot be written: {error}: make room, or name another --store") from error

    def __len__(self) -> int:
        """The number of results."""
        with self._lock:
            return int(self._database.execute("SELECT COUNT(*) FROM executions").fetchone()[0])

    def recent_seconds(self, driver: str, most: int) -> list[float]:
        """Seconds that the tests of the last `most` results took in their processes, those of another driver left out.

        Raises:
            ProbeError: the file is damaged.
        """
        try:
            with self._lock:
                rows = self._database.execute(
                    "SELECT result FROM executions ORDER BY rowid DESC LIMIT ?", (most,)
                ).fetchall()
            results = [_read(row[0]) for row in rows]
        except (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        return [result.seconds for result in results if result.driver == driver]

    def _damaged(self, error: Exception) -> ProbeError:
        return ProbeError(f"{self._file} is damaged: {error}: delete it, or name another --store")

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        self.close()


def _read(data: bytes) -> ExecResult:
    fields = json.loads(zlib.decompress(data))
    fields["verdict"] = Verdict(fields["verdict"])
    fields["reports"] = tuple(CaseReport(**report) for report in fields["reports"])
    return ExecResult(**fields)


class RememberingSandbox:
    """A `Sandbox` that asks another one only what the store does not know.

    `executed` and `remembered` count the requests.
    """

    def __init__(self, sandbox: Sandbox, store: ExecutionStore, identity: str, runtime: str = "") -> None:
        """Stands before `sandbox`.

        Args:
            sandbox: what executes.
            store: what is known.
            identity: names the driver and the image: results of another one are other results.
            runtime: of the containers.
        """
        self._sandbox = sandbox
        self._store = store
        self._identity = identity
        self._runtime = runtime
        # The same request from two threads is executed once: the second waits for the first.
        self._stripes = tuple(threading.Lock() for _ in range(_STRIPES))
        self._rules = _digest_of_the_rules()
        self._out_of_time: dict[str, ExecResult] = {}
        self._counting = threading.Lock()
        self.executed = 0
        self.remembered = 0

    def execute(self, request: ExecRequest) -> ExecResult:
        """The result, known or new.

        Raises:
            SandboxError: nothing could be executed.
        """
        key = self.key(request)
        with self._stripes[int(key[:8], 16) % _STRIPES]:
            known = self._out_of_time.get(key) or self._store.get(key)
            result = known or self._sandbox.execute(request)
            if known is None:
                self._keep(key, result)
        with self._counting:
            self.executed += known is None
            self.remembered += known is not None
        return result

    def _keep(self, key: str, result: ExecResult) -> None:
        if result.verdict is Verdict.TIMEOUT:
            self._out_of_time[key] = result
        elif result.verdict is not Verdict.DAMAGED:  # that says nothing about the test
            self._store.put(key, result)

    def key(self, request: ExecRequest) -> str:
        """The name of all that the result depends on. A patch that changes nothing is none."""
        parts = [
            _VERSION,
            self._rules,
            self._identity,
            policy.digest(request.limits, self._runtime),
            request.environment.key,
            request.environment.python,
            request.source_key,
            request.test,
            _patch_digest(request),
            request.import_paths,
            request.arguments,
            request.hash_seed,
            request.backwards,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest_of_the_rules() -> str:
    """Names the code that runs in boxes, and the rules of verdicts: what they say may change with them."""
    files = [*sorted(Path(inside.__file__).parent.glob("*.py")), Path(verdict.__file__)]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _patch_digest(request: ExecRequest) -> str:
    if request.patch is None:
        return ""
    file = request.source / request.patch.path
    if file.is_file() and file.read_bytes() == request.patch.content:
        return ""
    return request.patch.path + " " + hashlib.sha256(request.patch.content).hexdigest()
