"""The list of tasks as the page holds it: columns of numbers and short texts, small enough for 50,000 tasks. Pure."""

from collections.abc import Sequence
from typing import Any

from harness.records import Score
from harness.report.sections import shortened
from harness.slices import position

ID_CHARACTERS = 12
"""Of a task id in the list: enough to tell hundreds of thousands of tasks apart."""
_MOST_CHARACTERS = 72

NOT_ANSWERED, WRONG, EXACT, SAME_TREE, PAPER_ONLY, FAILED = "-", "0", "1", "2", "3", "x"
"""What a run's answer to a task comes to, in the order of the columns `verdicts`: one character per task."""


def verdict_of(score: Score) -> str:
    """The best that can be said of an answer."""
    if score.failed:
        return FAILED
    if score.em_strict:
        return EXACT
    if score.em_ast is True:
        return SAME_TREE
    return PAPER_ONLY if score.em_paper else WRONG


class _Coded:
    """A column of texts that repeat, as numbers and the texts they stand for."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._codes: dict[str, int] = {}

    def add(self, text: str) -> None:
        self.numbers.append(self._codes.setdefault(text, len(self._codes)))

    def packed(self) -> dict[str, Any]:
        return {"texts": list(self._codes), "numbers": self.numbers}


class TaskIndex:
    """Grows by one task at a time."""

    def __init__(self, runs: int) -> None:
        """Starts empty; `runs` is the number of runs whose verdicts it holds."""
        self._coded = {name: _Coded() for name in ("repository", "family", "event", "type", "file", "function")}
        self._tables: list[int] = []
        self._ids: list[str] = []
        self._targets: list[str] = []
        self._positions: list[int] = []
        self._lines: list[int] = []
        self._verdicts: list[list[str]] = [[] for _ in range(runs)]

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, table: int, answers: Sequence[Score | None], *, file: str, function: str, line: int) -> None:
        """Adds a task of the table with this number.

        Args:
            table: number of its table in the page.
            answers: of every run, None where it did not answer; at least one is there.
            file: path of the test file; empty where no dataset tells it.
            function: name of the test; empty likewise.
            line: of the statement, 0 likewise.
        """
        score = next(answer for answer in answers if answer is not None)
        self._tables.append(table)
        self._ids.append(score.task_id[:ID_CHARACTERS])
        self._targets.append(shortened(score.target, _MOST_CHARACTERS))
        self._positions.append(round(100 * position(score)))
        self._lines.append(line)
        for verdicts, answer in zip(self._verdicts, answers, strict=True):
            verdicts.append(NOT_ANSWERED if answer is None else verdict_of(answer))
        texts = {
            "repository": score.repo_id,
            "family": score.family.value,
            "event": score.event.value,
            "type": score.target_type.value,
            "file": file,
            "function": function,
        }
        for name, text in texts.items():
            self._coded[name].add(text)

    def columns(self) -> dict[str, Any]:
        """All columns, ready for JSON."""
        return {
            "count": len(self),
            "table": self._tables,
            "id": self._ids,
            "target": self._targets,
            "position": self._positions,
            "line": self._lines,
            "verdicts": ["".join(verdicts) for verdicts in self._verdicts],
            **{name: column.packed() for name, column in self._coded.items()},
        }
