"""Does one piece of work per item, in this process or in several; results come in the items' order.

Work either gives a value (`map`) or fills a folder (`fill`); a folder is whole or not there. An item that cannot be
worked on is a `Failure` with its reason; the others go on. An interrupt ends the workers at once.
"""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from repopeftbench.atomic import fill_atomically
from repopeftbench.errors import RepoBenchError, SourceError

_POLL_SECONDS = 0.2
_COUNTS_PER_MESSAGE = 25


class HasFolder(Protocol):
    """An item whose work goes to a folder of its own."""

    @property
    def folder(self) -> Path:
        """The folder, on the machine that asks for the work."""
        ...


_I = TypeVar("_I")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=HasFolder)

Report = Callable[[str, int, int], None]
"""Called with a name, how much of it is done, and how much there is in all."""
Work = Callable[[_I, Report], _T]
Write = Callable[[_F, Path, Report], None]
"""Fills the folder it is given, an empty one, with what belongs to the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Generic[_I]):
    """An item that gave nothing, and why."""

    item: _I
    problem: str


class Engine(Protocol):
    """What does the work: processes of this machine, or a cluster."""

    def map(self, items: Sequence[_I], work: Work[_I, _T], report: Report) -> tuple[_T | Failure[_I], ...]:
        """What `work` makes of each item, in the items' order; its RepoBenchError becomes a `Failure`."""
        ...

    def fill(self, items: Sequence[_F], write: Write[_F], report: Report) -> tuple[Failure[_F], ...]:
        """Lets `write` fill each item's folder, which appears whole or not at all; what failed, in the items' order."""
        ...


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Worker processes of this machine; with one, the work is done in this process."""

    workers: int = 1

    def map(self, items: Sequence[_I], work: Work[_I, _T], report: Report) -> tuple[_T | Failure[_I], ...]:
        """What `work` (picklable where there is more than one worker) makes of each item.

        Raises:
            SourceError: a worker process was killed.
        """
        if self.workers <= 1 or len(items) <= 1:
            return tuple(guarded(item, work, report) for item in items)
        return _in_processes(items, work, min(self.workers, len(items)), report)

    def fill(self, items: Sequence[_F], write: Write[_F], report: Report) -> tuple[Failure[_F], ...]:
        """Lets `write` (picklable where there is more than one worker) fill each item's folder.

        Raises:
            SourceError: a worker process was killed.
        """
        outcomes = self.map(items, partial(_fill, write), report)
        return tuple(outcome for outcome in outcomes if outcome is not None)


def guarded(item: _I, work: Work[_I, _T], report: Report) -> _T | Failure[_I]:
    """What `work` makes of one item, or the failure."""
    try:
        return work(item, report)
    except RepoBenchError as error:
        return Failure(item=item, problem=str(error))


def _fill(write: Write[_F], item: _F, report: Report) -> None:
    fill_atomically(item.folder, lambda folder: write(item, folder, report))


def _in_processes(
    items: Sequence[_I], work: Work[_I, _T], workers: int, report: Report
) -> tuple[_T | Failure[_I], ...]:
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_connect, initargs=(messages,))
    try:
        with _interrupts_blocked():
            futures: list[Future[_T | Failure[_I]]] = [pool.submit(_in_worker, item, work) for item in items]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            _drain(messages, report)
            for future in done:
                future.result()  # what is no expected failure ends everything at once
        outcomes = tuple(future.result() for future in futures)
    except BaseException as error:
        # A worker that dies while another one starts shows as any error of starting.
        broken = isinstance(error, Exception) and _is_broken(pool)
        # Do not wait for what the workers still have to do, but for their end: one that starts would read from a
        # parent that is gone.
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        if broken:
            raise SourceError(
                "a mining process was killed, perhaps for want of memory: mine again with fewer --workers"
            ) from error
        raise
    pool.shutdown()
    return outcomes


def _is_broken(pool: ProcessPoolExecutor) -> bool:
    """Whether a worker of the pool was killed; the only public way to know is to ask for more work."""
    try:
        pool.submit(int).cancel()
    except BrokenProcessPool:
        return True
    except (OSError, RuntimeError, ValueError):
        return False
    return False


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes that are started in this context get no interrupt, not even while they start: it is for the parent.

    The parent acts on one that came meanwhile at the end: another thread may take the signal in spite of the mask, and
    a process that is half started would read from a parent that is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


_messages: Any = None


def _connect(messages: Any) -> None:
    # No worker waits for its messages to be read, and none outlives its parent.
    messages.cancel_join_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _messages
    _messages = messages


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_any([parent.sentinel])
        os._exit(1)


def _in_worker(item: _I, work: Work[_I, _T]) -> _T | Failure[_I]:
    def send(name: str, done: int, total: int) -> None:
        if done % _COUNTS_PER_MESSAGE == 0 or done == total:
            _messages.put((name, done, total))

    return guarded(item, work, send)


def _drain(messages: Any, report: Report) -> None:
    while True:
        try:
            report(*messages.get_nowait())
        except queue.Empty:
            return
