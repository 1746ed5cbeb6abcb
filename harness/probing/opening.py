"""Opens what executing needs (io): a driver, environments, and the folders of trees and results.

The library of the container engine is imported only where containers are asked for.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from harness.probing.prober import Prober
from harness.probing.remembering import ExecutionStore, RememberingSandbox
from harness.probing.trees import TreeStore
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.views import clone_of
from sandboxes.environments import EnvironmentProvider, ImageEnvironments
from sandboxes.spec import Sandbox

TREES, ENVIRONMENTS, EXECUTIONS = "trees", "environments", "executions.sqlite"
_TREES_SHARE = 10
"""One part in so many of the disk budget is for trees, the rest for environments."""
_BOXES_PER_WORKER = 6
"""That stay warm: one per hash seed, of this environment and the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What executes, and where what it needs is kept.

    Attributes:
        driver: containers, or processes of this machine.
        unsafe: whether the local driver may run with all of the user's rights.
        runtime: of the containers.
        workers: executions at one time.
        budget: bytes of disk for trees and environments.
        retry: whether environments that could not be built are tried once more.
        store: folder of trees, environments and results.
        cache: folder of the clones of URLs.
    """

    driver: Literal["docker", "local"]
    unsafe: bool
    runtime: str
    workers: int
    budget: int
    retry: bool
    store: Path
    cache: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A prober that is ready, what its results are stamped with, and the sandbox that counts what it was asked."""

    prober: Prober
    image: str
    sandbox: RememberingSandbox


@contextmanager
def open_prober(machine: Machine, manifest: Manifest) -> Iterator[Opened]:
    """A prober of a dataset's tasks, open for the block.

    Raises:
        SandboxError: nothing can be executed on this machine.
        ProbeError: the store cannot be used.
    """
    with ExitStack() as held:
        sandbox, environments, image = _driver(held, machine)
        store = held.enter_context(ExecutionStore(machine.store / EXECUTIONS))
        remembering = RememberingSandbox(sandbox, store, f"{machine.driver} {image}", machine.runtime)
        prober = Prober(
            remembering,
            environments,
            TreeStore(machine.store / TREES, machine.budget // _TREES_SHARE),
            {entry.repo_id: clone_of(entry, machine.cache) for entry in manifest.repositories},
            workers=machine.workers,
        )
        yield Opened(prober=prober, image=image, sandbox=remembering)


def _driver(held: ExitStack, machine: Machine) -> tuple[Sandbox, EnvironmentProvider, str]:
    """What executes, what it runs with, and the name of the image."""
    most = machine.workers * _BOXES_PER_WORKER
    if machine.driver == "local":
        from sandboxes.local import LocalSandbox, this_interpreter

        local = held.enter_context(LocalSandbox(unsafe=machine.unsafe, most=most))
        return local, ImageEnvironments(this_interpreter()), _installed()
    from sandboxes.builder import BuiltEnvironments
    from sandboxes.docker import DockerSandbox

    budget = machine.budget - machine.budget // _TREES_SHARE
    folder = machine.store / ENVIRONMENTS
    environments = held.enter_context(BuiltEnvironments(folder, budget=budget, retry=machine.retry))
    contained = held.enter_context(DockerSandbox(runtime=machine.runtime, most=most))
    return contained, environments, environments.image


def _installed() -> str:
    """Names this interpreter and the packages that it has."""
    packages = sorted(f"{one.name}=={one.version}" for one in distributions())
    return hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()
