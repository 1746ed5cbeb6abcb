"""The exceptions of `sandboxes`: every failure a caller may want to tell apart, and no other.

SandboxError                    anything expected to go wrong; the message is meant for the user
├── SandboxUnavailableError     no engine answers, or an image is missing: nothing can be executed on this machine
├── PolicyError                 a limit is out of bounds, or a box does not have the policy that it was asked to have
├── RequestError                a request cannot be executed as it is
├── EnvironmentUnusableError    the environment has no interpreter or no pytest that starts
└── EnvironmentFailedError      a source tree cannot have the environment that it asks for

A verdict is never an exception, and an exception never is a verdict: what a test does to its box ends in a result, what
is wrong with the machine ends here.
"""


class SandboxError(Exception):
    """An expected failure whose message is written for the user."""


class SandboxUnavailableError(SandboxError):
    """No engine answers, or an image is missing: nothing can be executed on this machine."""


class PolicyError(SandboxError):
    """A limit is out of bounds, or a box does not have the policy that it was asked to have."""


class RequestError(SandboxError):
    """A request cannot be executed as it is: a path that leaves the tree, a file that is not there."""


class EnvironmentUnusableError(SandboxError):
    """The environment has no interpreter or no pytest that starts."""


class EnvironmentFailedError(SandboxError):
    """A source tree cannot have the environment that it asks for; `code` says in which way, `reason` why."""

    def __init__(self, code: str, reason: str) -> None:
        """`code` is one of `environments.FAILURES`; `reason` one sentence."""
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
