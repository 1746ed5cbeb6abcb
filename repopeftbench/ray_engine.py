"""The engine on a Ray cluster (io): the only module that imports ray, and only once it is asked for.

Workers need no file system in common with this process: what they write comes back as bytes and is put into its folder
here. A worker that is lost is replaced and its work done again. Nothing here protects from the loss of the head node or
of this process: both end the run, and the same command goes on from the parts that are there.
"""

import os
import platform
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from repopeftbench.atomic import fill_atomically
from repopeftbench.dataset.manifest import Versions, current_versions
from repopeftbench.dataset.versions import differences
from repopeftbench.errors import ConfigError, SourceError
from repopeftbench.pool import Failure, HasFolder, Report, Work, Write, guarded

RETRIES = 3
"""How often the work of a lost worker is begun again."""
_PER_CPU = 2
"""Pieces of work under way or done and not fetched, per CPU: enough to keep workers busy, and few to hold."""
_CONNECT_SECONDS = 5.0

_I = TypeVar("_I")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=HasFolder)


@contextmanager
def ray_engine(address: str | None, workers: int) -> Iterator["RayEngine"]:
    """An engine on a cluster while the context lasts: the one at `address`, one that runs here, or one of our own.

    Our own cluster has `workers` CPUs and no dashboard, and ends with the context.

    Args:
        address: `host:port` of the head node, `ray://host:port`, or None for RAY_ADDRESS or a cluster of this machine.
        workers: CPUs of a cluster that has to be started.

    Raises:
        ConfigError: Ray is not installed, or no cluster that we can use is at the address.
    """
    # Read when ray is imported; it concerns only what is started here.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError("Ray is not installed: pip install 'repopeftbench[ray]'") from error
    _connect(ray, address or os.environ.get("RAY_ADDRESS"), workers)
    try:
        yield RayEngine(current_versions())
    finally:
        with redirect_stdout(sys.stderr):
            ray.shutdown()


def cluster_has_gpus() -> bool:
    """Whether a node of the cluster that this process is connected to has a GPU."""
    import ray

    return float(ray.cluster_resources().get("GPU", 0)) >= 1


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Tasks of a Ray cluster that this process is connected to; see `ray_engine`.

    `versions` are those that every worker must have: others may parse differently, and the bytes would differ.
    """

    versions: Versions

    def map(self, items: Sequence[_I], work: Work[_I, _T], report: Report) -> tuple[_T | Failure[_I], ...]:
        """What `work` (picklable, importable on the workers) makes of each item, in the items' order.

        Progress is reported as items are done.

        Raises:
            ConfigError: a worker has other versions, or lacks this package.
            SourceError: a worker was lost too often, or its machine failed.
        """
        outcomes: dict[int, _T | Failure[_I]] = dict(self._outcomes(items, work, report))
        return tuple(outcomes[index] for index in range(len(items)))

    def fill(self, items: Sequence[_F], write: Write[_F], report: Report) -> tuple[Failure[_F], ...]:
        """Lets `write` fill a folder per item on the workers, and puts what it wrote into the items' folders here.

        One filled folder at a time is in this process's memory.

        Raises:
            ConfigError: a worker has other versions, or lacks this package.
            SourceError: a worker was lost too often, or its machine failed.
        """
        failures: dict[int, Failure[_F]] = {}
        for index, outcome in self._outcomes(items, partial(_filled, write), report):
            if isinstance(outcome, Failure):
                failures[index] = outcome
            else:
                fill_atomically(items[index].folder, partial(_write_files, outcome))
        return tuple(failures[index] for index in sorted(failures))

    def _outcomes(
        self, items: Sequence[_I], work: Work[_I, _T], report: Report
    ) -> Iterator[tuple[int, _T | Failure[_I]]]:
        """The place of each item and what became of it, as they are done."""
        import ray

        # Only lost workers are retried: what the work itself raises, it would raise again.
        remote = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_at_worker)
        waiting = iter(enumerate(items))
        running: dict[Any, int] = {}
        # Ray prints what it has to say about lost workers, and stdout is for results. After an interrupt nothing is
        # cancelled: Ray ends a job's work when its driver leaves, and ray.cancel(force=True) of a task that is done at
        # that moment ends the driver ("Tried to complete task that was not pending", Ray 2.60).
        with redirect_stdout(sys.stderr):
            while True:
                # Asked each time: nodes come and go.
                most = max(1, int(_PER_CPU * ray.cluster_resources().get("CPU", 1)))
                for index, item in islice(waiting, max(0, most - len(running))):
                    running[remote.remote(item, work, self.versions)] = index
                if not running:
                    return
                done, _ = ray.wait(list(running), num_returns=1)
                index = running.pop(done[0])
                answer: _Answer[_I, _T] = fetched(done.pop())
                for name, (count, total) in answer.reports.items():
                    report(name, count, total)
                yield index, answer.outcome


@dataclass(frozen=True, slots=True)
class _Answer(Generic[_I, _T]):
    """What a worker has to say about an item, and its last report by name."""

    outcome: _T | Failure[_I]
    reports: Mapping[str, tuple[int, int]]


def different_worker(versions: Versions) -> ConfigError | None:
    """At a worker: why it may not work for a process of `versions`; None if it may."""
    different = differences(versions, current_versions())
    if not different:
        return None
    return ConfigError(
        f"the Ray worker on {platform.node()} has other versions than this process ({'; '.join(different)}): "
        "they decide how source is parsed, so install the same ones on every node"
    )


def _at_worker(item: _I, work: Work[_I, _T], versions: Versions) -> "_Answer[_I, _T] | ConfigError":
    refusal = different_worker(versions)
    if refusal is not None:
        return refusal
    reports: dict[str, tuple[int, int]] = {}

    def remember(name: str, done: int, total: int) -> None:
        reports[name] = (done, total)

    return _Answer(guarded(item, work, remember), reports)


def fetched(reference: Any) -> Any:
    """What a worker made, by its reference.

    Raises:
        ConfigError: the worker refused, or lacks a module.
        SourceError: it could not read or write, or was lost too often over the same work.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        outcome = ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, OSError):
            raise SourceError(
                f"a Ray worker failed: {error.cause}: look at its disk and run the command again"
            ) from error
        # Ray has no type for it, neither for work nor for an item that cannot be unpickled.
        absent = re.search(r"No module named '([\w.]+)'", str(error))
        if absent is not None:
            raise ConfigError(
                f"a Ray worker has no module {absent[1]}: install the same repopeftbench on every node"
            ) from error
        raise
    except RayError as error:
        reason = str(error).strip().splitlines()[0]
        raise SourceError(
            f"a Ray worker was lost {RETRIES + 1} times over the same work, perhaps for want of memory: {reason}"
        ) from error
    if isinstance(outcome, ConfigError):
        raise outcome
    return outcome


def _filled(write: Write[_F], item: _F, report: Report) -> dict[str, bytes]:
    """What `write` puts into a folder, by path in it."""
    with TemporaryDirectory(prefix="repobench-") as name:
        folder = Path(name)
        write(item, folder, report)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _write_files(files: Mapping[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _connect(ray: Any, address: str | None, workers: int) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address is not None:
        _check_reachable(address)
    try:
        try:
            ray.init(address or "auto", **quiet)
        except ConnectionError:
            if address is not None:
                raise
            ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        where = "of this machine" if address is None else f"at {address}"
        raise ConfigError(f"the Ray cluster {where} cannot be used: {' '.join(str(error).split())}") from error


def _check_reachable(address: str) -> None:
    """Knocks at the address: Ray itself goes on trying for minutes.

    Raises:
        ConfigError: it is no address, or nothing answers there.
    """
    if address in ("auto", "local"):
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise ConfigError(f"{address!r} is no address of a Ray cluster: write HOST:PORT, of the head node")
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): check the address, or start one with "
            "`ray start --head`"
        ) from error
