"""What a run cost, read from its log (io): the only file of a run that has clock times."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.run_store import LOG

_STARTS = re.compile(r"^(\S+) .* starts with (\d+) of \d+ tasks answered$")
_ANSWERED = re.compile(r"^(\S+) (\d+) of \d+ tasks are answered$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """Seconds between the start and the last answer, over all starts of a run, and the tasks answered in them.

    Loading a model is not in it, nor what a kill threw away.
    """

    seconds: float
    tasks: int

    @property
    def seconds_per_task(self) -> float | None:
        """The mean; None of no task."""
        return self.seconds / self.tasks if self.tasks else None


def read_cost(run: Path) -> RunCost | None:
    """What the run in `run` cost; None where its log is missing or tells nothing."""
    path = run / LOG
    if not path.is_file():
        return None
    return parse_cost(path.read_text("utf-8", errors="replace"))


def parse_cost(log: str) -> RunCost | None:
    """The cost that the text of a log tells of; None where it tells of no answer."""
    seconds, tasks = 0.0, 0
    begun: datetime | None = None
    first = last = 0
    latest: datetime | None = None
    for line in [*log.splitlines(), "end"]:
        start, answered = _STARTS.match(line), _ANSWERED.match(line)
        if begun is not None and latest is not None and (start or line == "end"):
            seconds += max(0.0, (latest - begun).total_seconds())
            tasks += max(0, last - first)
        if start and (time := _time(start[1])):
            begun, latest, first, last = time, None, int(start[2]), int(start[2])
        elif answered and (time := _time(answered[1])):
            latest, last = time, int(answered[2])
    return RunCost(seconds=round(seconds, 3), tasks=tasks) if tasks else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
