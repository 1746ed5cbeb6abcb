"""Tells over a private channel what pytest collected and how each phase of each case ended.

Writes nothing to standard output and reads nothing from the environment. It lives in the process of the test, so code
of the test that looks for it finds it: docs/security.md says what then still protects a verdict.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .chain import Chain

_TEXT = 500


class Reporter:
    """A pytest plugin; `channel` is a file descriptor that nobody else writes to."""

    def __init__(self, channel: int, secret: bytes, tree: str, *, backwards: bool = False) -> None:
        """Signs with `secret`; paths are told relative to `tree`, whatever pytest takes for its root folder.

        `backwards` has the last case run first.
        """
        chain = Chain(secret)

        # Closures, not attributes: an instance that is found does not hand over the channel or the key by name.
        def send(message: dict[str, Any]) -> None:
            payload = json.dumps(message).encode()
            line = chain.sign(payload).encode() + b" " + payload + b"\n"
            while line:
                line = line[os.write(channel, line) :]

        def relative(path: str) -> str:
            return Path(os.path.relpath(path, tree)).as_posix()

        self.send = send
        self._relative = relative
        self._ids: dict[str, str] = {}
        self._backwards = backwards
        send({"kind": "begun"})

    def pytest_collectreport(self, report: Any) -> None:
        """Tells that a file or a class could not be collected."""
        if report.failed:
            self.send({"kind": "uncollected", "error": str(report.longrepr)[-_TEXT:]})

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Turns the order of the cases round, if that was asked for."""
        if self._backwards:
            items.reverse()

    def pytest_collection_finish(self, session: Any) -> None:
        """Tells the ids of what is about to run."""
        for item in session.items:
            _, _, rest = item.nodeid.partition("::")
            path = getattr(item, "path", None) or item.fspath
            self._ids[item.nodeid] = self._relative(str(path)) + "::" + rest
        self.send({"kind": "collected", "tests": [self._ids[item.nodeid] for item in session.items]})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Tells how a phase of a case ended."""
        crash = getattr(report.longrepr, "reprcrash", None) if report.failed else None
        text = str(crash.message) if crash is not None else ""
        self.send(
            {
                "kind": "report",
                "test": self._ids.get(report.nodeid, report.nodeid),
                "when": str(report.when),
                "outcome": str(report.outcome),
                "expected_to_fail": hasattr(report, "wasxfail"),
                "error_type": text.partition(":")[0][:_TEXT],
                "error": text[:_TEXT],
            }
        )
