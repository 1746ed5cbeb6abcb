"""A Python file cut at its definitions: functions, classes and plain assignments of the module, and of its classes.

Pure: text in, records out. The grammar decides what a definition is, so files that the interpreter refuses still have
those that can be read. Definitions inside `if`, `try` and `with` of the module count; those inside functions do not.
It does not know which names matter to whom, nor how imports lead to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tree_sitter import Node

from repopeftbench.mining.source import parse_copy
from repopeftbench.mining.validity import quickly_read
from repopeftbench.syntax import operands, parse

MOST_CHARACTERS = 1_000_000
"""A longer file is taken to be data, and has no definitions."""
_HOLDERS = frozenset(
    {
        "if_statement", "elif_clause", "else_clause", "try_statement", "except_clause", "finally_clause",
        "with_statement", "block", "ERROR",
    }
)  # fmt: skip


class DefinitionKind(StrEnum):
    """What is defined."""

    FUNCTION = "function"
    CLASS = "class"
    ASSIGNMENT = "assignment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One definition of a file, in whole lines as they stand.

    Attributes:
        kind: What it is.
        name: The name that it binds, in its module or class.
        first_row: Its first line, from 0, decorators included.
        last_row: Its last line.
        text: Those lines, without the last line's end.
        signature: The lines up to the colon of its header, decorators included; of an assignment its text.
        docstring: The first line of its docstring that says something, stripped; empty without one.
        members: Of a class the definitions in its body, in order; those of inner classes have none.
    """

    kind: DefinitionKind
    name: str
    first_row: int
    last_row: int
    text: str
    signature: str
    docstring: str = ""
    members: tuple["Definition", ...] = ()


def definitions_of(source: str) -> tuple[Definition, ...]:
    """The definitions of a file's module, in order; no two share a line."""
    if len(source) > MOST_CHARACTERS:
        return ()
    text = "\n".join(lines_of(quickly_read(source))).encode("utf-8", "replace")
    lines = text.decode("utf-8").split("\n")
    return tuple(_apart(_definitions(parse(parse_copy(text)).root_node, lines, with_members=True)))


def lines_of(source: str) -> list[str]:
    """The lines that the rows of definitions count, without their ends."""
    # As the grammar ends lines: a lone carriage return ends one, too.
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _apart(found: Iterator[Definition]) -> Iterator[Definition]:
    """Without those that begin on a line of the one before (`a = 1; b = 2`)."""
    reached = -1
    for definition in found:
        if definition.first_row > reached:
            reached = definition.last_row
            yield definition


def _definitions(block: Node, lines: list[str], *, with_members: bool) -> Iterator[Definition]:
    waiting = operands(block)[::-1]
    while waiting:
        node = waiting.pop()
        made = _definition(node, lines, with_members=with_members)
        if made is not None:
            yield made
        elif node.type in _HOLDERS:
            waiting.extend(operands(node)[::-1])


def _definition(node: Node, lines: list[str], *, with_members: bool) -> Definition | None:
    first, last = node.start_point.row, _last_row(node)
    text = "\n".join(lines[first : last + 1])
    inner = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
    if inner is None or inner.type not in ("function_definition", "class_definition"):
        name = _assigned_name(node)
        if name is None:
            return None
        return Definition(
            kind=DefinitionKind.ASSIGNMENT, name=name, first_row=first, last_row=last, text=text, signature=text
        )
    name_node, body = inner.child_by_field_name("name"), inner.child_by_field_name("body")
    if name_node is None:
        return None
    is_class = inner.type == "class_definition"
    return Definition(
        kind=DefinitionKind.CLASS if is_class else DefinitionKind.FUNCTION,
        name=_text(name_node),
        first_row=first,
        last_row=last,
        text=text,
        signature="\n".join(lines[first : _header_end(inner, lines) + 1]),
        docstring=_docstring(body),
        members=tuple(_apart(_definitions(body, lines, with_members=False)))
        if is_class and with_members and body is not None
        else (),
    )


def _last_row(node: Node) -> int:
    """The last line that holds something of a node: blocks may end at the beginning of the line behind them."""
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point.row else row


def _header_end(definition: Node, lines: list[str]) -> int:
    """The row of the colon that ends a header; that of the first line where none is read."""
    colon = next((child for child in definition.children if child.type == ":"), None)
    return definition.start_point.row if colon is None else min(colon.start_point.row, len(lines) - 1)


def _assigned_name(node: Node) -> str | None:
    """The one name that a plain or annotated assignment binds, or a `type` statement does."""
    if node.type == "type_alias_statement":
        left = node.child_by_field_name("left")
        return None if left is None else _text(left).partition("[")[0].strip()
    if node.type != "expression_statement" or not operands(node) or operands(node)[0].type != "assignment":
        return None
    left = operands(node)[0].child_by_field_name("left")
    return _text(left) if left is not None and left.type == "identifier" else None


def _docstring(body: Node | None) -> str:
    first = operands(body)[:1] if body is not None else []
    if not first or first[0].type != "expression_statement" or not operands(first[0]):
        return ""
    string = operands(first[0])[0]
    if string.type != "string":
        return ""
    content = (_text(child) for child in string.named_children if child.type == "string_content")
    return next((line.strip() for text in content for line in text.split("\n") if line.strip()), "")


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
