"""The harness's end of the talk with a supervisor (`inside/supervisor.py` shows both ends).

Knows lines of JSON and deadlines, not what carries them: a `Line` may be a container's attached streams or a pipe.
"""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Protocol

_MOST_BYTES = 32 * 1024 * 1024
STARTING_SECONDS = 60.0
_GRACE_SECONDS = 20.0  # the supervisor's own deadline, cleaning up, and a busy machine


class LineEndedError(Exception):
    """The other end is gone, or says what the protocol does not have: the box is lost."""


class Line(Protocol):
    """Bytes in both directions."""

    def write(self, data: bytes) -> None:
        """Sends all of `data`; raises OSError where nobody listens."""
        ...

    def read(self, seconds: float) -> bytes:
        """What came in; b"" at the end. Raises TimeoutError when nothing comes within `seconds`."""
        ...


class Conversation:
    """One supervisor, from its first word."""

    def __init__(self, line: Line) -> None:
        """Talks over `line`; the caller opens and closes it."""
        self._line = line
        self._pending = b""

    def hello(self) -> Mapping[str, Any]:
        """Who and what the supervisor is.

        Raises:
            LineEndedError: it did not start.
        """
        return self._expect("hello", time.monotonic() + STARTING_SECONDS)

    def begin(self, order: Mapping[str, Any]) -> None:
        """Gives an order and waits until it is taken; nothing of the test has run before that.

        Raises:
            LineEndedError: the box was lost before.
        """
        try:
            self._line.write(json.dumps({"order": order}).encode() + b"\n")
        except OSError as error:
            raise LineEndedError(str(error)) from error
        self._expect("started", time.monotonic() + STARTING_SECONDS)

    def finish(self, wall_seconds: float) -> Mapping[str, Any]:
        """What the supervisor saw of the execution that has begun.

        The nonce is made when every process of the test is dead, so no test can have seen it.

        Raises:
            LineEndedError: the box was lost, or something else than the supervisor answered.
            TimeoutError: it took much longer than `wall_seconds`.
        """
        deadline = time.monotonic() + wall_seconds + _GRACE_SECONDS
        self._expect("ended", deadline)
        nonce = secrets.token_hex(16)
        try:
            self._line.write(json.dumps({"seal": nonce}).encode() + b"\n")
        except OSError as error:
            raise LineEndedError(str(error)) from error
        document = self._hear(deadline)
        seen = document.get("seen")
        if document.get("seal") != nonce or not isinstance(seen, dict):
            raise LineEndedError("the document has not the seal that was asked for")
        return seen

    def _expect(self, word: str, deadline: float) -> Mapping[str, Any]:
        message = self._hear(deadline)
        if word not in message:
            raise LineEndedError(f"expected {word!r}, heard {sorted(message)}")
        found = message[word]
        return found if isinstance(found, dict) else {}

    def _hear(self, deadline: float) -> Mapping[str, Any]:
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                data = self._line.read(left)
            except TimeoutError:
                raise
            except OSError as error:
                raise LineEndedError(str(error)) from error
            if not data:
                raise LineEndedError("the supervisor ended")
            self._pending += data
            if len(self._pending) > _MOST_BYTES:
                raise LineEndedError("a message without end")
        text, _, self._pending = self._pending.partition(b"\n")
        try:
            message = json.loads(text)
        except ValueError as error:
            raise LineEndedError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise LineEndedError("a message that is no object")
        return message
