"""A source file as the authors' extractors see it: `ast`'s tree, source segments, and the innermost definition.

Knows nothing of assertions. Positions are `ast`'s: lines from 1, columns in UTF-8 bytes. Source of the rules: the
functions `get_source_segment`, `_find_enclosing_test` and `_find_enclosing` of `create_qnas.py`, `create_qnas_v2.py`.
"""

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef
_N = TypeVar("_N", bound=Function | ast.ClassDef)


class ParsedFile:
    """One parsed file with its nodes in breadth-first order (`ast.walk`), the order of published rows."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        """Indexes `tree`, the tree of `text`."""
        self.text = text
        self.tree = tree
        self.nodes: tuple[ast.AST, ...] = tuple(ast.walk(tree))
        self._lines: list[bytes] = _LINE.findall(text.encode("utf-8"))

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The source of a node, empty where it has none; equals `ast.get_source_segment` without splitting again."""
        if node.end_lineno is None or node.end_col_offset is None:
            return ""
        first, last = node.lineno - 1, node.end_lineno - 1
        if first == last:
            return self._lines[first][node.col_offset : node.end_col_offset].decode("utf-8")
        middle = self._lines[first + 1 : last]
        parts = (self._lines[first][node.col_offset :], *middle, self._lines[last][: node.end_col_offset])
        return b"".join(parts).decode("utf-8")

    def functions(self) -> list[Function]:
        """Every function, breadth first."""
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def classes(self) -> list[ast.ClassDef]:
        """Every class, breadth first."""
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]


class Innermost(Generic[_N]):
    """Finds, among definitions, the one that begins last of those around some lines. Decorators are outside."""

    def __init__(self, definitions: Sequence[_N]) -> None:
        """Indexes the definitions; their line ranges nest."""
        spans = [(node.lineno, node.end_lineno or node.lineno, node) for node in definitions]
        self._found = sorted(spans, key=lambda span: span[0])
        self._parents: list[int] = []
        open_: list[int] = []
        for index, (start, _, _) in enumerate(self._found):
            while open_ and self._found[open_[-1]][1] < start:
                open_.pop()
            self._parents.append(open_[-1] if open_ else -1)
            open_.append(index)
        self._starts = [start for start, _, _ in self._found]

    def around(self, first: int, last: int) -> _N | None:
        """The definition around lines `first` to `last`, or None."""
        index = bisect_right(self._starts, first) - 1
        while index >= 0 and self._found[index][1] < last:
            index = self._parents[index]
        return self._found[index][2] if index >= 0 else None


def parse(text: str) -> ParsedFile | None:
    """The parsed file, or None where the running interpreter cannot parse the text.

    A byte-order mark at the front is an error to `ast` here, as it was to the authors: such files yield nothing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ParsedFile(text, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
