"""Statements of tasks, found again in any text by one line each: texts are read once, however many tasks. Pure.

A statement is looked for by its longest whole line, and is there if all of it is, white space aside. Statements whose
longest line is short are not looked for: `assert x == 1` stands in any text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from repopeftbench.audit.tally import Group, digest

FEWEST_CHARACTERS = 20

# How a statement's line may begin and end in a text: in a document, behind `with`, before a comment.
_BEGINNINGS = (">>> ", "... ", "# ", "with ", "async with ")
_LEFT = re.compile(r"^(?:(?:>>>|\.\.\.|#)\s+)?(?:(?:async\s+)?with\s+)?")
_RIGHT = re.compile(r"\s+#\s.*$|(?<=\))(?:\s+as\s+\w+)?:.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A statement that stands in a text, by its number, with the tasks it is of: group and commit of each."""

    number: int
    repo_id: str
    tasks: tuple[tuple[Group, str], ...]


class StatementIndex:
    """The statements of many repositories, by line. A statement of two repositories is two statements."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lines: dict[str, list[int]] = {}
        self._numbers: dict[int, int] = {}
        self._texts: list[str] = []
        self._tasks: list[list[tuple[Group, str]]] = []
        self._places: dict[tuple[Group, str], tuple[Group, str]] = {}

    def add(self, group: Group, commit_sha: str, statement: str) -> bool:
        """Takes a task, and says whether its statement can be looked for."""
        line = _longest_line(statement)
        if line is None:
            return False
        number = self._numbers.setdefault(digest(group.repo_id, statement), len(self._texts))
        if number == len(self._texts):
            self._texts.append(statement)
            self._tasks.append([])
            self._lines.setdefault(line, []).append(number)
        place = group, commit_sha
        self._tasks[number].append(self._places.setdefault(place, place))
        return True

    def found_in(self, text: str) -> Iterator[Hit]:
        """The statements of any repository that stand in a text, in the order in which they came."""
        lines = set(map(str.strip, text.split("\n")))
        decorated = [line for line in lines if " # " in line or line.startswith(_BEGINNINGS)]
        lines.update(_RIGHT.sub("", _LEFT.sub("", line)) for line in decorated)
        hits = sorted(number for line in self._lines.keys() & lines for number in self._lines[line])
        flat = " ".join(text.split()) if hits else ""
        for number in hits:
            statement = self._texts[number]
            if "\n" not in statement or " ".join(statement.split()) in flat:
                tasks = self._tasks[number]
                yield Hit(number=number, repo_id=tasks[0][0].repo_id, tasks=tuple(tasks))


def _longest_line(statement: str) -> str | None:
    """The line that the statement is looked for by; never the last of several, behind which its file may go on."""
    lines = [line.strip() for line in statement.split("\n")]
    line = max(lines[:-1] or lines, key=len)
    return line if len(line) >= FEWEST_CHARACTERS else None
