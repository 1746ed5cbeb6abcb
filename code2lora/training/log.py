"""`run.log` of a training: a JSON line for every step that counts, with the seconds that it took (io).

A training that is gone on with does some steps again. Their lines are written anew, so that a step has one line however
often a kill came between, and `seconds` goes on from the last line that still counts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from code2lora.training.nano_recipe import TrainingProgress
from repopeftbench.atomic import write_atomically

Line: TypeAlias = Mapping[str, str | int | float]
"""`name` of what is trained, `step`, `loss`, `learning_rate`, `target_tokens`, `seconds`; `validation_loss` where a
validation came after the step."""


class LogReader(Protocol):
    """Somebody who is told what the log says, such as a dashboard."""

    def begin(self, name: str, lines: list[Line]) -> None:
        """The lines of what is trained that are there already; what was told of it before no longer counts."""
        ...

    def add(self, line: Line) -> None:
        """The next line."""
        ...


class TrainingLog:
    """The log of one training."""

    def __init__(self, path: Path, reader: LogReader | None = None) -> None:
        """Describes it; nothing is read yet.

        Args:
            path: The file; its folder is there.
            reader: Is told everything.
        """
        self._path = path
        self._reader = reader
        self._seconds: dict[str, float] = {}

    def add(self, name: str, progress: TrainingProgress) -> None:
        """Adds a step; the first one of this process says from where on older lines no longer count."""
        if name not in self._seconds:
            self._seconds[name] = self._go_on(name, progress.step)
        line: dict[str, str | int | float] = {
            "name": name,
            "step": progress.step,
            "loss": round(progress.loss, 4),
            "learning_rate": progress.learning_rate,
            "target_tokens": progress.tokens,
            "seconds": round(self._seconds[name] + progress.seconds, 2),
        }
        if progress.validation_loss is not None:
            line["validation_loss"] = round(progress.validation_loss, 4)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_text(line))
        if self._reader is not None:
            self._reader.add(line)

    def _go_on(self, name: str, step: int) -> float:
        """Takes out the lines from a step on; the seconds of those that stay."""
        kept = [line for line in read_log(self._path) if line["name"] != name or int(line["step"]) < step]
        if self._path.is_file():
            write_atomically(self._path, "".join(map(_text, kept)).encode())
        own = [line for line in kept if line["name"] == name]
        if self._reader is not None:
            self._reader.begin(name, own)
        return float(own[-1]["seconds"]) if own else 0.0


def read_log(path: Path) -> list[Line]:
    """The lines of a log, in order; a line that a kill cut off is left out, and a log that is not there has none."""
    lines: list[Line] = []
    for text in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"name", "step", "seconds"} <= line.keys():
            lines.append(line)
    return lines


def tell(reader: LogReader, path: Path) -> None:
    """Tells somebody a log that has ended."""
    lines = read_log(path)
    for name in dict.fromkeys(str(line["name"]) for line in lines):
        reader.begin(name, [line for line in lines if line["name"] == name])


def seconds_of(path: Path) -> float | None:
    """How long the training of a log took, over all that it trained; None where it says nothing."""
    last = {str(line["name"]): float(line["seconds"]) for line in read_log(path)}
    return round(sum(last.values()), 2) if last else None


def _text(line: Line) -> str:
    return json.dumps(line) + "\n"
