"""The structured prefix of a task: real text of the file that leads up to a site; the target is never looked at.

Imports, wherever they stand; the headers and attributes of what encloses the test; fixtures and helpers above the
test, and those below it that the visible part of the test names; then the test function up to the cut. Other tests
never. The same for both tracks.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise

from tree_sitter import Node, Tree

from repopeftbench.mining.source import SourceText
from repopeftbench.syntax import captures, operands, parse, walk

_IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
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


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines (rows from 0, inclusive) of the file."""

    first_row: int
    last_row: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement of a block that may go into prefixes; `priority` is the one it has when the test does not name it."""

    start: int
    end: int
    first_row: int
    last_row: int
    priority: Priority
    defines: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is needed of a file to build the prefixes of all its sites; the tree lives only as long as the cache."""

    tree: Tree
    source: SourceText
    test_starts: tuple[int, ...]
    statements: dict[int, tuple[_Statement, ...]]

    def of(self, block: Node) -> tuple[_Statement, ...]:
        """The usable statements of a module or block node, read once per file."""
        if block.id not in self.statements:
            self.statements[block.id] = tuple(_statements(block, self.source, self.test_starts))
        return self.statements[block.id]


def structured_prefix(source: SourceText, site_start: int, cut: int, budget: int | None) -> str:
    """The prefix of the site that starts at byte `site_start`, up to byte `cut` (both in the UTF-8 text).

    Args:
        source: the file.
        site_start: where the assertion starts.
        cut: where the prefix ends.
        budget: most bytes of UTF-8 that the prefix may have; None for no limit. Whole helper blocks go first, then
            attributes and imports; the enclosing headers and the test function stay even when they alone exceed it.
    """
    layout = _layout(source)
    chain = _chain(layout.tree.root_node, site_start)
    test_index = next(index for index, node in enumerate(chain) if _is_test_definition(node))
    test_row = source.row(chain[test_index].start_byte)
    test_start = source.line_starts[test_row]
    body = source.utf8[test_start:cut]
    names = frozenset(_IDENTIFIER.findall(body))
    blocks = tuple(_blocks(chain[: test_index + 1], layout, names))
    newline = "\r\n" if source.utf8[: source.utf8.find(b"\n") + 1].endswith(b"\r\n") else "\n"
    kept = blocks if budget is None else _within(blocks, source, budget - len(body), len(newline))
    return _join(kept, source, newline, test_row) + body.decode("utf-8")


@lru_cache(maxsize=2)
def _layout(source: SourceText) -> _Layout:
    tree = parse(source.parsed)
    functions = captures("(function_definition) @function", tree.root_node).get("function", [])
    tests = tuple(sorted(node.start_byte for node in functions if _is_test_function(node)))
    return _Layout(tree=tree, source=source, test_starts=tests, statements={})


def _is_test_function(node: Node) -> bool:
    if node.type != "function_definition":
        return False
    name = node.child_by_field_name("name")
    return name is not None and (name.text or b"").startswith(b"test")


def _is_test_definition(node: Node) -> bool:
    definition = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
    return definition is not None and _is_test_function(definition)


def _chain(root: Node, position: int) -> list[Node]:
    """The nodes that contain a byte, from the root inwards."""
    chain = [root]
    cursor = root.walk()
    while cursor.goto_first_child_for_byte(position) is not None:
        node = cursor.node
        if node is None or node.start_byte > position or node.end_byte <= position:
            break
        chain.append(node)
    return chain


def _blocks(chain: Sequence[Node], layout: _Layout, names: frozenset[bytes]) -> Iterator[Block]:
    """The blocks in prefix order; `chain` runs from the root to the test's definition."""
    for outer, inner in pairwise(chain):
        if outer.type not in ("module", "block"):
            colon = next((child for child in outer.children if child.type == ":"), None)
            row = layout.source.row
            last = row(inner.start_byte) - 1 if colon is None else row(colon.start_byte)
            if last >= row(outer.start_byte):
                yield Block(row(outer.start_byte), last, Priority.KEEP)
            continue
        for statement in layout.of(outer):
            if statement.end <= inner.start_byte:
                named = statement.priority is Priority.HELPER and not statement.defines.isdisjoint(names)
                yield _block(statement, Priority.NAMED_HELPER if named else statement.priority)
        for statement in layout.of(outer):
            if statement.start >= inner.end_byte:
                if statement.priority is Priority.IMPORT:
                    yield _block(statement, Priority.IMPORT)
                elif not statement.defines.isdisjoint(names):
                    yield _block(statement, Priority.NAMED_HELPER)


def _block(statement: _Statement, priority: Priority) -> Block:
    return Block(statement.first_row, statement.last_row, priority)


def _statements(block: Node, source: SourceText, test_starts: tuple[int, ...]) -> Iterator[_Statement]:
    """The statements of a block but comments, docstrings and whatever holds a test."""
    for node in operands(block):
        first_test = bisect_left(test_starts, node.start_byte)
        holds_test = first_test < len(test_starts) and test_starts[first_test] < node.end_byte
        if holds_test or _is_docstring(node):
            continue
        yield _Statement(
            start=node.start_byte,
            end=node.end_byte,
            first_row=source.row(node.start_byte),
            last_row=source.row(max(node.start_byte, node.end_byte - 1)),
            priority=_priority(node),
            defines=_defined_names(node),
        )


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


def _within(blocks: tuple[Block, ...], source: SourceText, budget: int, joint: int) -> tuple[Block, ...]:
    def size(block: Block) -> int:
        start, end = source.lines(block.first_row, block.last_row)
        return end - start + joint

    total = sum(map(size, blocks))
    dropped: set[int] = set()
    for index in sorted(range(len(blocks)), key=lambda index: (blocks[index].priority, index)):
        if total <= budget or blocks[index].priority is Priority.KEEP:
            break
        dropped.add(index)
        total -= size(blocks[index])
    return tuple(block for index, block in enumerate(blocks) if index not in dropped)


def _join(blocks: tuple[Block, ...], source: SourceText, newline: str, test_row: int) -> str:
    out: list[str] = []
    previous: Block | None = None
    seen: set[int] = set()
    for block in blocks:
        if block.first_row in seen:
            continue  # two statements on one line
        seen.update(range(block.first_row, block.last_row + 1))
        if previous is not None and block.first_row != previous.last_row + 1:
            out.append(newline)
        text = source.slice(*source.lines(block.first_row, block.last_row))
        out.append(text if text.endswith(("\n", "\r")) else text + newline)
        previous = block
    if previous is not None and test_row != previous.last_row + 1:
        out.append(newline)
    return "".join(out)
