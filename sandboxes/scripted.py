"""A sandbox that answers what it was told to: for tests of what stands above one."""

from collections.abc import Callable

from sandboxes.spec import ExecRequest, ExecResult


class ScriptedSandbox:
    """A `Sandbox` that executes nothing; `requests` keeps what it was asked, in order."""

    def __init__(self, answer: Callable[[ExecRequest], ExecResult]) -> None:
        """Answers every request with `answer(request)`."""
        self._answer = answer
        self.requests: list[ExecRequest] = []

    def execute(self, request: ExecRequest) -> ExecResult:
        """The scripted answer."""
        self.requests.append(request)
        return self._answer(request)
