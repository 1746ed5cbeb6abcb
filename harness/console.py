"""The terminal: results on stdout, progress and remarks on stderr; where it is asked for, one JSON document on stdout.

A command says the same thing twice: `show` is for people, `record` for programs. Which of the two reaches stdout is
decided here, so no command knows of `--json`.
"""

import json as json_text
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_OUT = Console(highlight=False, soft_wrap=True)
if not _OUT.is_terminal:
    # A file or a pipe has no width to fit into.
    _OUT.width = 200
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)
SECONDS_BETWEEN_LINES = 10.0
"""Least time between two lines of progress where stderr is no terminal, and before the first of them."""


@dataclass(slots=True, kw_only=True)
class _Session:
    """How one command line is answered."""

    as_json: bool = False
    quiet: bool = False
    document: dict[str, Any] = field(default_factory=dict)


_session = _Session()


@contextmanager
def session(*, as_json: bool = False, quiet: bool = False) -> Iterator[dict[str, Any]]:
    """Decides for one command what reaches stdout, and gives the document that `record` fills.

    Args:
        as_json: what `show` is given goes to stderr, so that the caller can print the document alone to stdout.
        quiet: no progress is shown.
    """
    global _session
    before, _session = _session, _Session(as_json=as_json, quiet=quiet)
    try:
        yield _session.document
    finally:
        _session = before


def show(result: RenderableType) -> None:
    """Prints a result for people, to stdout unless that is kept for JSON; text is taken literally, without markup."""
    (_ERR if _session.as_json else _OUT).print(result, markup=False)


def record(**fields: Any) -> None:
    """Adds to the command's JSON document; values are what JSON knows, or anything with a text (paths, enums)."""
    _session.document.update(fields)


def print_document(document: dict[str, Any]) -> None:
    """Prints one JSON document to stdout."""
    # Not through rich, which would turn tabs into spaces.
    _OUT.file.write(json_text.dumps(_plain(document), indent=2, ensure_ascii=False, default=str) + "\n")


def _plain(value: Any) -> Any:
    """Keys as text: JSON has no others, and `default` is not asked about them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def say(remark: str) -> None:
    """Prints a remark to stderr."""
    _ERR.print(remark, markup=False)


def duration(seconds: float) -> str:
    """A span of time for people, in one unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def repository_count(count: int) -> str:
    """A number of repositories for people."""
    return f"{count:,} {'repository' if count == 1 else 'repositories'}"


@dataclass(slots=True, kw_only=True)
class _Bar:
    """Progress of one name: where it began, where it is, how long it was worked on, and its bar on the screen.

    While it is full nothing is done for it: such time is not counted, should more come.
    """

    unit: str
    begun_at: int
    task: TaskID
    done: int
    total: int
    last: float
    seconds: float = 0.0

    def move(self, done: int, total: int, now: float) -> None:
        """Sets it."""
        if not self.is_full:
            self.seconds += now - self.last
        self.done, self.total, self.last = done, total, now

    @property
    def is_full(self) -> bool:
        """Whether all that is known of is done."""
        return self.done >= self.total

    @property
    def rate(self) -> float | None:
        """Items per second since the first update; what an earlier start did is not counted."""
        items = self.done - self.begun_at
        return items / self.seconds if items > 0 and self.seconds > 0 else None

    @property
    def figures(self) -> str:
        """Rate and time that is left, empty while nothing is known of them."""
        rate = self.rate
        if rate is None:
            return ""
        left = "" if self.is_full else f", {duration((self.total - self.done) / rate)} left"
        return f"{_rate(rate)}{left}"


@dataclass(slots=True, kw_only=True)
class _Work:
    """All bars of one unit: how many are not full, and how long it was worked on any."""

    last: float
    open: int = 0
    seconds: float = 0.0

    def move(self, now: float, *, opened: int) -> None:
        """Counts the time since the last update, and so many bars that are no longer full."""
        if self.open:
            self.seconds += now - self.last
        self.last, self.open = now, self.open + opened


class Tracker:
    """Progress by name on stderr: bars where someone watches, else a line now and then, and a sum at the end.

    Work that ends before the first line would be due leaves no trace in a log.
    """

    def __init__(self, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepares bars that count `unit`; `clock` gives seconds."""
        self._unit, self._clock = unit, clock
        self._bars: dict[str, _Bar] = {}
        self._works: dict[str, _Work] = {}
        self._begun = self._last_line = clock()
        self._is_watched = _ERR.is_terminal and not _session.quiet
        self._has_spoken = False
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}  {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=_ERR,
            transient=True,
            disable=not self._is_watched,
        )

    def __enter__(self) -> "Tracker":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()
        if error is None and self._bars and (self._is_watched or self._has_spoken):
            say(self._sum())

    def update(self, name: str, done: int, total: int, remark: str = "", *, unit: str | None = None) -> None:
        """Sets the bar of `name` to `done` of `total`; a full bar leaves the screen when others are there.

        Args:
            name: what is worked on: a repository, a method, a step.
            done: how many items are done, those of an earlier start too.
            total: how many there are.
            remark: what is to be said beside the name.
            unit: what the items are, if not what the tracker counts.
        """
        now = self._clock()
        bar = self._bars.get(name)
        if bar is None:
            counted = unit or self._unit
            task = self._progress.add_task(name, total=total, unit=counted, rate="")
            bar = self._bars[name] = _Bar(unit=counted, begun_at=done, task=task, done=done, total=done, last=now)
        work = self._works.setdefault(bar.unit, _Work(last=now))
        work.move(now, opened=(done < total) - (not bar.is_full))
        bar.move(done, total, now)
        if self._is_watched:
            rate = bar.rate
            self._progress.update(
                bar.task,
                description=f"{name}  {remark}".rstrip(),
                completed=done,
                total=total,
                visible=not bar.is_full,
                rate="" if rate is None else _rate(rate),
            )
        elif not _session.quiet and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line, self._has_spoken = now, True
            parts = (f"{done:,} of {total:,} {bar.unit}", bar.figures, remark, self._others(bar.unit))
            say(f"{name}: {', '.join(part for part in parts if part)}")

    def encoding(self, repo_id: str, done: int, total: int) -> None:
        """Sets the bar of a repository whose texts are encoded (`EncodingProgress`)."""
        self.update(f"encoding {repo_id}", done, total, unit="texts")

    def _others(self, unit: str) -> str:
        finished = [bar.is_full for bar in self._bars.values() if bar.unit == unit]
        return f"{sum(finished)} of {len(finished)} begun are finished" if len(finished) > 1 else ""

    def _sum(self) -> str:
        counts: dict[str, int] = {}
        for bar in self._bars.values():
            counts[bar.unit] = counts.get(bar.unit, 0) + bar.done - bar.begun_at
        items = []
        for unit, count in counts.items():
            seconds = self._works[unit].seconds
            items.append(f"{count:,} {unit}" + (f" ({_rate(count / seconds)})" if count and seconds > 0 else ""))
        return f"{', '.join(items)} in {duration(self._clock() - self._begun)}"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.2g}/s"
