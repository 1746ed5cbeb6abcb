"""Does one piece of work per source, in this process or in several; results come in the sources' order.

A source that cannot be worked on is a `Failure` with its reason; the others go on. An interrupt ends the workers at
once.
"""

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from repopeftbench.errors import RepoBenchError, SourceError
from repopeftbench.sources import Source

_POLL_SECONDS = 0.2
_COMMITS_PER_MESSAGE = 25

_T = TypeVar("_T")

Report = Callable[[str, int, int], None]
"""Called with repository id, commits done, commits in all."""
Work = Callable[[Source, Report], _T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that gave nothing, and why."""

    source: Source
    problem: str


def for_all(sources: Sequence[Source], work: Work[_T], *, workers: int, report: Report) -> tuple[_T | Failure, ...]:
    """What `work` makes of each source.

    Args:
        sources: the sources.
        work: picklable where there is more than one worker; its RepoBenchError becomes a `Failure`.
        workers: processes; 1 works in this process.
        report: progress.

    Raises:
        SourceError: a worker process was killed.
    """
    if workers <= 1 or len(sources) <= 1:
        return tuple(_guarded(source, work, report) for source in sources)
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(sources)), mp_context=context, initializer=_connect, initargs=(messages,)
    )
    try:
        futures: list[Future[_T | Failure]] = [pool.submit(_in_worker, source, work) for source in sources]
        pending: set[Future[_T | Failure]] = set(futures)
        while pending:
            _, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            _drain(messages, report)
        outcomes = tuple(future.result() for future in futures)
    except BaseException as error:
        # Do not wait for what the workers still have to do.
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        if isinstance(error, BrokenProcessPool):
            raise SourceError(
                "a mining process was killed, perhaps for want of memory: mine again with fewer --workers"
            ) from error
        raise
    pool.shutdown()
    return outcomes


_messages: Any = None


def _connect(messages: Any) -> None:
    # An interrupt concerns the parent, which ends the workers; and no worker waits for its messages to be read.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    messages.cancel_join_thread()
    global _messages
    _messages = messages


def _in_worker(source: Source, work: Work[_T]) -> _T | Failure:
    def send(repo_id: str, done: int, total: int) -> None:
        if done % _COMMITS_PER_MESSAGE == 0 or done == total:
            _messages.put((repo_id, done, total))

    return _guarded(source, work, send)


def _guarded(source: Source, work: Work[_T], report: Report) -> _T | Failure:
    try:
        return work(source, report)
    except RepoBenchError as error:
        return Failure(source=source, problem=str(error))


def _drain(messages: Any, report: Report) -> None:
    while True:
        try:
            report(*messages.get_nowait())
        except queue.Empty:
            return
