"""What a source tree runs with: the seam between whoever executes tests and whoever builds environments.

An environment is provided for a block, because it must not be evicted while it is used:

    with environments.provide(tree) as environment:
        sandbox.execute(ExecRequest(source=tree.folder, environment=environment, ...))

A box that stays warm after the block keeps its environment on the disk too: the engine is asked what is mounted.
`ImageEnvironments` is the fake: everything runs with the image's own interpreter. `builder` has the real one.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from sandboxes.spec import Environment

# What `EnvironmentFailedError.code` can be.
FAILED = "env-failed"  # nothing that could be installed satisfies it
PYTHON = "env-failed: python"  # it asks for another Python than the image's
COMPILED = "env-failed: compiled"  # its own package has parts that must be compiled
TIMEOUT = "env-failed: timeout"  # installing took too long
DISK = "env-failed: disk"  # it does not fit into the disk budget
FAILURES = (FAILED, PYTHON, COMPILED, TIMEOUT, DISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """The full tree of one commit, in a folder that nobody writes to.

    Attributes:
        folder: holds what the commit holds; no `.git` is needed.
        repository: its name. The disk used is told by it; it changes nothing of what is built.
        committed: the day of the commit; packages that came much later are not installed. None: the newest are.
    """

    folder: Path
    repository: str = ""
    committed: date | None = None


class EnvironmentProvider(Protocol):
    """Anything that has environments for source trees. Safe to call from several threads."""

    def provide(self, tree: SourceTree) -> AbstractContextManager[Environment]:
        """The environment that the tree asks for; it stays for the block at least.

        Raises:
            EnvironmentFailedError: on entering, where the tree cannot have one; `code` is `env-failed`, or
                `env-failed: python` and the like, `reason` one sentence.
            SandboxError: this machine cannot build any.
        """
        ...


class ImageEnvironments:
    """An `EnvironmentProvider` that builds nothing: the image's interpreter and pytest, whatever the tree asks for."""

    def __init__(self, environment: Environment | None = None) -> None:
        """Provides `environment`, or the image's own."""
        self._environment = environment or Environment()

    @contextmanager
    def provide(self, tree: SourceTree) -> Iterator[Environment]:
        """The one environment."""
        yield self._environment
