"""A file laid out for prefixes: the outlines of its pieces where they stand, joined so that no cut shows.

One file of one commit at a time; the tasks of a file share its layout.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from repopeftbench.mining.source import SourceText
from repopeftbench.syntax import parse
from repopeftbench.tasks.outline import Level, Lines, Outline, Priority, Statement, TestPlace, module_outline


@dataclass(frozen=True, slots=True)
class PlacedOutline:
    """The outline of a piece, the byte and the row at which the piece begins, and the section that it is part of."""

    outline: Outline
    start: int
    row: int
    section: int


@dataclass(frozen=True, slots=True)
class Descent:
    """The way from the module down to a test: `steps` in the file's bytes and rows, and where the test begins."""

    steps: tuple[Lines | Level, ...]
    line_start: int
    row: int


@dataclass(frozen=True)
class Layout:
    """A file's source and the outlines of its pieces, in file order; pieces of one section stand together."""

    source: SourceText
    pieces: Sequence[PlacedOutline]

    def descent(self, position: int) -> Descent:
        """The way to the outermost test that contains a byte.

        Raises:
            ValueError: no test does.
        """
        placed = self.pieces[bisect_right(self._starts, position) - 1]
        offset, rows = placed.start, placed.row
        test = next((test for test in placed.outline.tests if test.start <= position - offset < test.end), None)
        if test is None:
            raise ValueError(f"byte {position} lies in no test")
        steps = (
            *self._base(placed, test),
            *(_shifted(step, offset, rows) for step in test.steps),
        )
        return Descent(steps, test.line_start + offset, test.row + rows)

    def _base(self, placed: PlacedOutline, test: TestPlace) -> Iterator[Lines | Level]:
        """The steps above the piece: the module and, in a class that was cut into pieces, the class."""
        top = (test.top[0] + placed.start, test.top[1] + placed.start)
        section = self._sections[placed.section]
        if len(section) == 1:
            yield Level(self._module, *top)
            return
        yield Level(self._module, section[0].start, _class_end(section))
        yield from (lines.shifted(section[0].start, section[0].row) for lines in section[0].outline.headers)
        yield Level(tuple(_placed_statements(section)), *top)

    @cached_property
    def _starts(self) -> list[int]:
        return [placed.start for placed in self.pieces]

    @cached_property
    def _sections(self) -> dict[int, list[PlacedOutline]]:
        sections: dict[int, list[PlacedOutline]] = {}
        for placed in self.pieces:
            sections.setdefault(placed.section, []).append(placed)
        return sections

    @cached_property
    def _module(self) -> tuple[Statement, ...]:
        """The usable top-level statements of the file."""
        found: list[Statement] = []
        for section in self._sections.values():
            if len(section) == 1:
                found.extend(_placed_statements(section))
            elif not any(placed.outline.tests for placed in section):
                found.append(_whole_class(section, self.source))
        return tuple(found)


def whole_layout(source: SourceText) -> Layout:
    """The layout of a file that is read as one piece."""
    outline = module_outline(source, parse(source.parsed).root_node)
    return Layout(source, (PlacedOutline(outline, 0, 0, 0),))


def _placed_statements(section: Sequence[PlacedOutline]) -> Iterator[Statement]:
    return (
        statement.shifted(placed.start, placed.row) for placed in section for statement in placed.outline.statements
    )


def _whole_class(section: Sequence[PlacedOutline], source: SourceText) -> Statement:
    """A class that was cut into pieces, as one statement of the module."""
    first, end = section[0], _class_end(section)
    row, last_row = first.row, section[-1].row + source.utf8.count(b"\n", section[-1].start, end - 1)
    line_end = source.utf8.find(b"\n", end - 1) + 1 or len(source.utf8)
    lines = Lines(first.start, line_end, row, last_row)
    return Statement(first.start, end, lines, Priority.HELPER, frozenset((first.outline.name,)))


def _class_end(section: Sequence[PlacedOutline]) -> int:
    return section[-1].start + section[-1].outline.end


def _shifted(step: Lines | Level, offset: int, rows: int) -> Lines | Level:
    if isinstance(step, Lines):
        return step.shifted(offset, rows)
    statements = tuple(statement.shifted(offset, rows) for statement in step.statements)
    return Level(statements, step.start + offset, step.end + offset)
