"""What answers cost, kept in the log of a run, the only file of it that has clock times (io).

Predictors count while a run goes on, and a line of the log has their sums; how long answers took is told by the times
of the log's other lines.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.run_store import LOG, reopen_run

_LINE = re.compile(r"^\S+ costs (\{.*\})$")
_STARTS = re.compile(r"^(\S+) .* starts with (\d+) of \d+ tasks answered$")
_ANSWERED = re.compile(r"^(\S+) (\d+) of \d+ tasks are answered$")


@dataclass(slots=True, kw_only=True)
class Costs:
    """Sums over answers; what a method does not have stays 0.

    Attributes:
        tasks: Tasks that a backbone was asked for.
        prompt_tokens: Tokens that it was given for them, context included, after truncation.
        adapters: Adapters that were made of repositories.
        adapter_seconds: The seconds that this took, reading and encoding included.
        training_seconds: The seconds that the weights took to train; 0 where nobody knows.
    """

    tasks: int = 0
    prompt_tokens: int = 0
    adapters: int = 0
    adapter_seconds: float = 0.0
    training_seconds: float = 0.0

    def add_prompts(self, prompt_tokens: Iterable[int]) -> None:
        """Counts prompts, each of one task."""
        for tokens in prompt_tokens:
            self.tasks += 1
            self.prompt_tokens += tokens

    @property
    def tokens_per_task(self) -> float | None:
        """Tokens of a prompt; None of no task."""
        return self.prompt_tokens / self.tasks if self.tasks else None

    @property
    def milliseconds_per_adapter(self) -> float | None:
        """The mean; None of no adapter."""
        return 1000 * self.adapter_seconds / self.adapters if self.adapters else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between the start and the last answer, over all starts of a run, and the tasks answered in them.

    Loading a model is not in it, nor what a kill threw away.
    """

    seconds: float
    tasks: int


@runtime_checkable
class HasCosts(Protocol):
    """A predictor that counts what its answers cost."""

    @property
    def costs(self) -> Costs:
        """What they cost so far; the same record all along."""
        ...


def costs_of(predictor: object) -> Costs:
    """The record that a predictor counts in; an empty one where it counts nothing."""
    return predictor.costs if isinstance(predictor, HasCosts) else Costs()


def note_costs(folder: Path, costs: Costs) -> None:
    """Adds what this start of a run cost to its log; nothing where no task was asked for.

    Raises:
        RunError: there is no run in `folder`, or another process holds it.
    """
    if costs.tasks:
        rounded = asdict(costs) | {"adapter_seconds": round(costs.adapter_seconds, 4)}
        with reopen_run(folder) as run:
            run.note(f"costs {json.dumps(rounded, sort_keys=True)}")


def read_costs(folder: Path) -> tuple[Costs | None, Pace | None]:
    """What a run counted and how long it took, over all of its starts; None where its log says nothing of that."""
    path = folder / LOG
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    return _counted(lines), _pace(lines)


def _counted(lines: Iterable[str]) -> Costs | None:
    total, known = Costs(), {field.name for field in fields(Costs)}
    for line in lines:
        if not (match := _LINE.match(line)):
            continue
        try:
            found = {name: value for name, value in json.loads(match[1]).items() if name in known}
        except ValueError:
            continue
        for name, value in found.items():
            added = 0 if name == "training_seconds" else getattr(total, name)
            setattr(total, name, added + value)
    return None if total == Costs() else total


def _pace(lines: Iterable[str]) -> Pace | None:
    seconds, tasks = 0.0, 0
    latest: tuple[datetime, int] | None = None
    for line in lines:
        start = _STARTS.match(line)
        match = start or _ANSWERED.match(line)
        if match is None or (time := _time(match[1])) is None:
            continue
        answered = int(match[2])
        if start is None and latest is not None:
            seconds += max(0.0, (time - latest[0]).total_seconds())
            tasks += max(0, answered - latest[1])
        if start is not None or latest is not None:
            latest = time, answered
    return Pace(seconds=round(seconds, 3), tasks=tasks) if tasks else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
