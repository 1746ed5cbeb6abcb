"""What prefixes need to know of one piece of a file: its statements, and the way down to each test in it.

Made from a syntax tree once per piece and kept; offsets are bytes and rows (from 0) of the piece. The target of a task
plays no part here.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tree_sitter import Node

from repopeftbench.mining.source import SourceText
from repopeftbench.syntax import nodes_at, operands, walk

_TEST = re.compile(rb"([ \t]*)(?:@[^\n]*\n\1)*(?:async[ \t]+)?def[ \t]+test[^\n]*\n?")
_DEFINITIONS = frozenset({"function_definition", "class_definition", "decorated_definition"})
_NAMES = frozenset({"identifier", "pattern_list", "tuple_pattern", "list_pattern"})
_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})


class Priority(IntEnum):
    """The order in which blocks leave a prefix that is over its budget: the lowest first, `KEEP` never."""

    HELPER = 0
    NAMED_HELPER = 1
    ATTRIBUTE = 2
    IMPORT = 3
    KEEP = 4


class Lines(NamedTuple):
    """A run of whole lines: bytes (half-open, the last line end included) and rows (inclusive)."""

    start: int
    end: int
    first_row: int
    last_row: int

    def shifted(self, offset: int, rows: int) -> "Lines":
        """The lines where they stand when the piece begins at `offset` and at row `rows`."""
        return Lines(self.start + offset, self.end + offset, self.first_row + rows, self.last_row + rows)


class Statement(NamedTuple):
    """A statement that may go into prefixes; `priority` is the one it has when the test does not name it."""

    start: int
    end: int
    lines: Lines
    priority: Priority
    defines: frozenset[bytes]

    def shifted(self, offset: int, rows: int) -> "Statement":
        """The statement where it stands when the piece begins at `offset` and at row `rows`."""
        lines = self.lines.shifted(offset, rows)
        return Statement(self.start + offset, self.end + offset, lines, self.priority, self.defines)


@dataclass(frozen=True, slots=True)
class Level:
    """A block on the way down to a test: its usable statements, and the span of the one that holds the test."""

    statements: tuple[Statement, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TestPlace:
    """An outermost test definition, decorators included.

    `line_start` and `row` are where its first line begins; `top` is the span of the statement of the piece that holds
    it; `steps` lead from there to it: headers (`Lines`) and blocks (`Level`).
    """

    __test__ = False

    start: int
    end: int
    line_start: int
    row: int
    top: tuple[int, int]
    steps: tuple["Lines | Level", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A piece as prefixes see it.

    `statements` are those of the module, or, in a piece of a class, those of the class body; `headers` (the lines of
    decorators and of the class) and `name` are there in the beginning of a class only. `end` is where the class ends.
    """

    statements: tuple[Statement, ...]
    tests: tuple[TestPlace, ...]
    headers: tuple[Lines, ...] = ()
    name: bytes = b""
    end: int = 0


UNKNOWN = Outline(statements=(), tests=())


def module_outline(source: SourceText, root: Node) -> Outline:
    """The outline of a piece that is a run of top-level statements."""
    return _outline(source, root, [root], _Frame(source, 0, 0, len(source.utf8)))


def class_outline(source: SourceText, root: Node, head: int, tail: int) -> Outline:
    """The outline of a piece of a class; `UNKNOWN` where the grammar, unlike the interpreter, sees no class.

    Args:
        source: the piece with what stands before and behind it.
        root: its tree; its first definition is the class.
        head: bytes that were put before the piece: a line, or nothing.
        tail: bytes that were put behind it.
    """
    chain = [root]
    while chain[-1].type != "class_definition":
        inner = next((node for node in operands(chain[-1]) if node.type in _DEFINITIONS), None)
        if inner is None:
            return UNKNOWN
        chain.append(inner)
    body = chain[-1].child_by_field_name("body")
    if body is None:
        return UNKNOWN
    frame = _Frame(source, head, 1 if head else 0, len(source.utf8) - tail)
    return _outline(source, root, [*chain, body], frame)


def test_outline(piece: bytes) -> Outline | None:
    """The outline of a valid piece that is seen without a tree to be one test function; None where it is not seen.

    Behind decorators of one line each stands the definition, and every line below is indented more. The function is
    taken to end where the piece does: there is no other statement behind it.
    """
    found = _TEST.match(piece)
    if found is None or _beside(found.group(1)).search(piece, found.end()):
        return None
    start, end = found.end(1), len(piece)
    place = TestPlace(start=start, end=end, line_start=0, row=0, top=(start, end), steps=())
    return Outline(statements=(), tests=(place,), end=end)


@lru_cache(maxsize=64)
def _beside(indent: bytes) -> re.Pattern[bytes]:
    """Finds lines that may begin beside a block's header: indented as little as it is, or with a form feed."""
    return re.compile(rb"^(?!" + indent + rb"[ \t])[^\S\n]*[^\s#]|\f", re.MULTILINE)


def ends_in_class_body(root: Node) -> bool:
    """Whether the last statement of a text belongs to the body of a top-level class itself, and to nothing deeper."""
    last = operands(root)[-1:]
    if root.has_error or not last:
        return False
    definition = last[0].child_by_field_name("definition") or last[0]
    body = definition.child_by_field_name("body") if definition.type == "class_definition" else None
    return body is not None and operands(body)[-1].type == "pass_statement"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a piece lies in the text that was parsed."""

    source: SourceText
    head: int
    head_rows: int
    limit: int

    def lines(self, first_row: int, last_row: int) -> Lines:
        start, end = self.source.lines(first_row, last_row)
        end = min(end, self.limit)
        return Lines(start - self.head, end - self.head, first_row - self.head_rows, last_row - self.head_rows)


def _outline(source: SourceText, root: Node, chain: Sequence[Node], frame: _Frame) -> Outline:
    base = chain[-1]
    tests = _test_functions(source, root)
    starts = [node.start_byte for node in tests]
    known: dict[int, tuple[Statement, ...]] = {}

    def statements(block: Node) -> tuple[Statement, ...]:
        if block.id not in known:
            known[block.id] = tuple(_statements(block, starts, frame))
        return known[block.id]

    places: list[TestPlace] = []
    reached = -1
    for node in tests:
        if node.start_byte < reached:
            continue
        definition = _with_decorators(node)
        reached = definition.end_byte
        path = _path(definition, base)
        if not path:
            continue
        row = source.row(definition.start_byte)
        places.append(
            TestPlace(
                start=definition.start_byte - frame.head,
                end=definition.end_byte - frame.head,
                line_start=source.line_starts[row] - frame.head,
                row=row - frame.head_rows,
                top=(path[1].start_byte - frame.head, path[1].end_byte - frame.head),
                steps=tuple(_steps(path[1:], statements, frame)),
            )
        )
    is_class = len(chain) > 1
    container = chain[-2] if is_class else root
    name = container.child_by_field_name("name") if is_class and not frame.head else None
    return Outline(
        statements=statements(base),
        tests=tuple(places),
        headers=tuple(lines for pair in pairwise(chain[1:]) for lines in _header(*pair, frame)) if name else (),
        name=(name.text or b"") if name else b"",
        end=min(container.end_byte, frame.limit) - frame.head,
    )


def _path(definition: Node, base: Node) -> list[Node]:
    """The nodes from `base` down to `definition`; empty where the one is not below the other (misread text)."""
    path = [definition]
    while path[-1].id != base.id:
        parent = path[-1].parent
        if parent is None:
            return []
        path.append(parent)
    return path[::-1]


def _steps(
    path: Sequence[Node], statements: Callable[[Node], tuple[Statement, ...]], frame: _Frame
) -> Iterator[Lines | Level]:
    for outer, inner in pairwise(path):
        if outer.type in ("module", "block"):
            yield Level(statements(outer), inner.start_byte - frame.head, inner.end_byte - frame.head)
        else:
            yield from _header(outer, inner, frame)


def _header(outer: Node, inner: Node, frame: _Frame) -> Iterator[Lines]:
    """The lines of a compound statement or of decorators, up to the colon or to what they belong to, if any."""
    row = frame.source.row
    first = row(outer.start_byte)
    colon = next((child for child in outer.children if child.type == ":"), None)
    last = row(inner.start_byte) - 1 if colon is None else row(colon.start_byte)
    if last >= first:
        yield frame.lines(first, last)


def _statements(block: Node, test_starts: Sequence[int], frame: _Frame) -> Iterator[Statement]:
    """The statements of a block but comments, docstrings and whatever holds a test."""
    row = frame.source.row
    for node in operands(block):
        if node.start_byte >= frame.limit:
            break
        first_test = bisect_left(test_starts, node.start_byte)
        holds_test = first_test < len(test_starts) and test_starts[first_test] < node.end_byte
        if holds_test or _is_docstring(node):
            continue
        yield Statement(
            start=node.start_byte - frame.head,
            end=min(node.end_byte, frame.limit) - frame.head,
            lines=frame.lines(row(node.start_byte), row(max(node.start_byte, node.end_byte - 1))),
            priority=_priority(node),
            defines=_defined_names(node),
        )


def _test_functions(source: SourceText, root: Node) -> list[Node]:
    """The functions whose name starts with `test`, in file order."""
    names = (node for node in nodes_at(source.parsed, (b"test",), root) if node.type == "identifier")
    functions = ((name, name.parent) for name in names)
    return [
        function
        for name, function in functions
        if function is not None
        and function.type == "function_definition"
        and function.child_by_field_name("name") == name
    ]


def _with_decorators(node: Node) -> Node:
    parent = node.parent
    return parent if parent is not None and parent.type == "decorated_definition" else node


def _priority(statement: Node) -> Priority:
    if statement.type in _IMPORTS:
        return Priority.IMPORT
    if statement.type in ("try_statement", "if_statement") and any(node.type in _IMPORTS for node in walk(statement)):
        return Priority.IMPORT
    return Priority.HELPER if statement.type in _DEFINITIONS else Priority.ATTRIBUTE


def _is_docstring(statement: Node) -> bool:
    return (
        statement.type == "expression_statement"
        and len(operands(statement)) == 1
        and operands(statement)[0].type in ("string", "concatenated_string")
    )


def _defined_names(statement: Node) -> frozenset[bytes]:
    """The names that a definition or a plain assignment binds; none for other statements."""
    if statement.type in _DEFINITIONS:
        inner = statement.child_by_field_name("definition") or statement
        bound = inner.child_by_field_name("name")
    elif statement.type == "expression_statement" and operands(statement)[0].type == "assignment":
        bound = operands(statement)[0].child_by_field_name("left")
    else:
        bound = None
    if bound is None or bound.type not in _NAMES:
        return frozenset()
    return frozenset(node.text or b"" for node in walk(bound) if node.type == "identifier")
