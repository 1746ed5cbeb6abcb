"""Boxes that stay warm: one is opened when none is free, used for one execution at a time, thrown away when damaged.

Knows neither Docker nor processes: an `Opener` opens, what it opened has a conversation, a stage and an end.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

from sandboxes import policy
from sandboxes.conversation import Conversation, LineEndedError
from sandboxes.errors import SandboxUnavailableError
from sandboxes.spec import Environment, ExecRequest, ExecResult, Limits, Verdict
from sandboxes.stage import Stage
from sandboxes.verdict import Seen, decide, read_seen

_MOST_EXECUTIONS = 1000  # then a box is replaced, whatever its state
_MOST_SECONDS = 3000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxKind:
    """What a box cannot change once it is open."""

    environment: Environment
    limits: Limits
    hash_seed: int

    @classmethod
    def of(cls, request: ExecRequest) -> "BoxKind":
        """The kind that the request needs: time and output are limits of an execution, not of a box."""
        defaults = Limits()
        limits = replace(request.limits, wall_seconds=defaults.wall_seconds, output_bytes=defaults.output_bytes)
        return cls(environment=request.environment, limits=limits, hash_seed=request.hash_seed)


class Box(Protocol):
    """Something that is open; used by one thread at a time."""

    conversation: Conversation
    stage: Stage

    def order(self, request: ExecRequest) -> Mapping[str, Any]:
        """The places and variables that are the box's own affair."""
        ...

    def close(self) -> None:
        """Ends it and all that runs in it; does nothing to a box that is gone or closed already."""
        ...


class Opener(Protocol):
    """Opens boxes and says what its results are stamped with."""

    def open(self, kind: BoxKind) -> Box:
        """A new box whose supervisor has said hello, with the policy checked."""
        ...

    def stamp(self, result: ExecResult, limits: Limits) -> ExecResult:
        """The result with the driver's name and what contained it."""
        ...

    def close(self) -> None:
        """Lets go of what all boxes shared; none is open any more."""
        ...


@dataclass(slots=True)
class _Used:
    box: Box
    kind: BoxKind
    since: float
    executions: int = 0


class WarmBoxes:
    """A `Sandbox` over any opener; close it, or use it in a `with` statement."""

    def __init__(self, opener: Opener, *, most: int = 8) -> None:
        """Keeps at most `most` boxes waiting; as many are in use as there are callers."""
        self._opener = opener
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[BoxKind, list[_Used]] = defaultdict(list)
        self._in_use = 0
        self._closed = False

    def execute(self, request: ExecRequest) -> ExecResult:
        """Runs the request in a warm box of its kind.

        Raises:
            SandboxError: nothing could be executed.
        """
        policy.check_limits(request.limits)
        kind = BoxKind.of(request)
        self._enter()
        used, healthy = None, False
        try:
            used = self._take(kind)
            digests = self._begin(used, request)
            result, healthy = self._finish(used, request, digests)
        finally:
            self._leave(used, healthy)
        return self._opener.stamp(replace(result, replaced=not healthy), request.limits)

    def _begin(self, used: _Used, request: ExecRequest) -> Mapping[str, str]:
        """Starts the execution and returns the digests of the test's files; a box that was lost is replaced once."""
        for attempt in (1, 2):
            used.box.stage.place(request)
            digests = used.box.stage.digests(request.test)
            try:
                used.box.conversation.begin(used.box.order(request))
                return digests
            except (LineEndedError, TimeoutError) as error:
                if attempt == 2:
                    raise SandboxUnavailableError(f"Two boxes in a row took no order: {error}.") from error
            used.box.close()
            used.box, used.since, used.executions = self._opener.open(used.kind), time.monotonic(), 0
        raise AssertionError("unreachable")

    def _finish(self, used: _Used, request: ExecRequest, before: Mapping[str, str]) -> tuple[ExecResult, bool]:
        """The result, and whether the box may be used again."""
        used.executions += 1
        try:
            document = used.box.conversation.finish(request.limits.wall_seconds)
            seen = read_seen(document)
        except TimeoutError:
            reason = f"the box did not answer within {request.limits.wall_seconds} s and some grace"
            return ExecResult(verdict=Verdict.TIMEOUT, reason=reason, seconds=request.limits.wall_seconds), False
        except (LineEndedError, KeyError, TypeError, ValueError) as error:
            return ExecResult(verdict=Verdict.DAMAGED, reason=f"the box was lost while the test ran: {error}"), False
        after = used.box.stage.digests(request.test)
        changed = tuple(sorted(path for path in {**before, **after} if before.get(path) != after.get(path)))
        seen = replace(seen, changed=changed)
        verdict, reason = decide(request.test, seen)
        return _result(verdict, reason, seen), seen.clean and not seen.oom_kills

    def _enter(self) -> None:
        with self._lock:
            if self._closed:
                raise SandboxUnavailableError("The sandbox is closed: make a new one.")
            self._in_use += 1

    def _take(self, kind: BoxKind) -> _Used:
        with self._lock:
            if self._waiting[kind]:
                return self._waiting[kind].pop()
        return _Used(self._opener.open(kind), kind, time.monotonic())

    def _leave(self, used: _Used | None, healthy: bool) -> None:
        """Puts the box back or ends it, and what then is one too many; the last one out closes the opener."""
        ending = [] if used is None else [used]
        with self._lock:
            if used is not None and healthy and not self._closed and not _is_worn(used):
                self._waiting[used.kind].append(used)
                ending = []
                waiting = [box for kind in self._waiting.values() for box in kind]
                if len(waiting) > self._most:
                    ending = [min(waiting, key=lambda box: box.since)]
                    self._waiting[ending[0].kind].remove(ending[0])
        for box in ending:
            box.box.close()
        with self._lock:
            self._in_use -= 1
            last = self._closed and self._in_use == 0
        if last:
            self._opener.close()

    def close(self) -> None:
        """Ends all waiting boxes; those in use end when their execution does."""
        with self._lock:
            first, self._closed = not self._closed, True
            boxes = [box for kind in self._waiting.values() for box in kind]
            self._waiting.clear()
            last = first and self._in_use == 0
        for used in boxes:
            used.box.close()
        if last:
            self._opener.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        self.close()


def _is_worn(used: _Used) -> bool:
    return used.executions >= _MOST_EXECUTIONS or time.monotonic() - used.since > _MOST_SECONDS


def make_order(request: ExecRequest, *, tree: str, work: str, variables: Mapping[str, str]) -> Mapping[str, Any]:
    """The order of a request; `tree` and `work` are paths as the box sees them."""
    return {
        "tree": tree,
        "work": work,
        "variables": dict(variables),
        "test": request.test,
        "arguments": list(request.arguments),
        "import_paths": list(dict.fromkeys((*request.environment.import_paths, *request.import_paths))),
        "backwards": request.backwards,
        "wall_seconds": request.limits.wall_seconds,
        "output_bytes": request.limits.output_bytes,
        "file_bytes": request.limits.file_bytes,
        "open_files": request.limits.open_files,
    }


def _result(verdict: Verdict, reason: str, seen: Seen) -> ExecResult:
    return ExecResult(verdict=verdict, reason=reason, reports=seen.reports, seconds=seen.seconds, output=seen.output)
