"""Python source as a tree-sitter tree: one parser per process, cursor walks, no recursion.

Trees are never kept: callers take byte offsets from them. The grammar accepts more than Python does (print
statements, for one), so whether a file is valid is asked of `ast`, not of this module.
"""

from collections.abc import Iterator
from functools import cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

_EXTRAS = frozenset({"comment", "line_continuation"})


@cache
def _language() -> Language:
    return Language(tree_sitter_python.language())


@cache
def _parser() -> Parser:
    return Parser(_language())


@cache
def _compiled(query: str) -> Query:
    return Query(_language(), query)


def parse(source: bytes) -> Tree:
    """The tree of `source` (UTF-8 bytes); always a tree, with ERROR nodes where the text is not Python."""
    return _parser().parse(source)


def captures(query: str, root: Node) -> dict[str, list[Node]]:
    """The nodes below `root` that a tree-sitter query captures, by capture name, in no particular order."""
    return QueryCursor(_compiled(query)).captures(root)


def walk(root: Node) -> Iterator[Node]:
    """Every node from `root` down, in document order; by cursor, so that deep nesting cannot overflow the stack."""
    cursor = root.walk()
    while True:
        node = cursor.node
        if node is not None:
            yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def operands(node: Node) -> list[Node]:
    """The named children that mean something: comments and backslash-newlines are nodes of this grammar too."""
    return [child for child in node.named_children if child.type not in _EXTRAS]


def unparenthesised(node: Node) -> Node:
    """The expression inside any redundant parentheses."""
    while node.type == "parenthesized_expression" and len(operands(node)) == 1:
        node = operands(node)[0]
    return node
