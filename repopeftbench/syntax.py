"""Python source as a tree-sitter tree: one parser per process, cursor walks, no recursion.

Callers take byte offsets from trees and keep few of them. The grammar accepts more than Python does (print
statements, for one), so whether a file is valid is asked of `mining/validity.py`, not of this module.
"""

from collections.abc import Iterable, Iterator
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


def parse(source: bytes) -> Tree:
    """The tree of `source` (UTF-8 bytes); always a tree, with ERROR nodes where the text is not Python."""
    return _parser().parse(source)


def kind_id(kind: str, *, named: bool = True) -> int:
    """The number of a kind of nodes, named or not (such as `.`), which is cheaper to ask of a node than its name.

    Raises:
        ValueError: the grammar has no such kind.
    """
    number = _language().id_for_node_kind(kind, named)
    if number is None:
        raise ValueError(f"the grammar has no nodes of kind {kind!r}")
    return number


def nodes_at(source: bytes, words: Iterable[bytes], root: Node) -> list[Node]:
    """The leaves of a tree that begin with one of the words, in document order.

    To look for a word is much cheaper than to visit every node. A word inside a longer one, a string or a comment
    gives no node, or one whose type tells.

    Args:
        source: the text that was parsed.
        words: beginnings of identifiers or keywords.
        root: the root of its tree.
    """
    found: dict[int, Node] = {}
    for word in words:
        position = source.find(word)
        while position >= 0:
            node = None if position in found else root.descendant_for_byte_range(position, position + 1)
            if node is not None and node.start_byte == position:
                found[position] = node
            position = source.find(word, position + 1)
    return [found[position] for position in sorted(found)]


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


def captured(pattern: str, root: Node) -> dict[str, list[Node]]:
    """The nodes at and below `root` that a query's captures match, by capture, in document order.

    Raises:
        ValueError: the pattern is no query over this grammar.
    """
    return QueryCursor(_query(pattern)).captures(root)


@cache
def _query(pattern: str) -> Query:
    return Query(_language(), pattern)


def is_deeper(root: Node, levels: int) -> bool:
    """Whether a node lies more than `levels` below `root`."""
    level = [root]
    for _ in range(levels + 1):
        level = [child for node in level for child in node.children]
        if not level:
            return False
    return True


def operands(node: Node) -> list[Node]:
    """The named children that mean something: comments and backslash-newlines are nodes of this grammar too."""
    return [child for child in node.named_children if child.type not in _EXTRAS]


def unparenthesised(node: Node) -> Node:
    """The expression inside any redundant parentheses."""
    while node.type == "parenthesized_expression" and len(operands(node)) == 1:
        node = operands(node)[0]
    return node
