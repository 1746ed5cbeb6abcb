"""The static track's structured prefix: chosen lines of the file in file order, at most 600, then the cut line.

Source: `build_structured_prefix` of `create_qnas_v2.py`, defects included: lines are `str.splitlines`' while numbers
are `ast`'s; the cut line is sliced at the target's column even where the target stands on another line; lines of the
class below the assertion may come before it; an empty line stands before the cut line even where no line is missing.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence

from repopeftbench.paper.parsed import Function

MOST_LINES = 600
SETUP_METHODS = frozenset("setUp setUpClass tearDown tearDownClass setup_method teardown_method setup teardown".split())
_MODULE_STATEMENTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
_Located = ast.stmt | ast.expr


class FileOutline:
    """What every prefix of one file shares: the module's first statements and its helpers."""

    def __init__(self, tree: ast.Module) -> None:
        """Reads the top level of `tree`."""
        self._module = frozenset(_module_lines(tree))
        self._functions = [node for node in tree.body if isinstance(node, Function)]

    def chosen(self, lineno: int, function: Function, around: ast.ClassDef | None) -> list[int]:
        """Indices (from 0) of the lines above a cut in line `lineno` of a function and, maybe, a class; ascending."""
        chosen = set(self._module)
        for helper in self._functions:
            if _last(helper) < lineno and not helper.name.startswith("test_"):
                chosen.update(_rows(helper))
        if around is not None:
            chosen.update(_class_lines(around, lineno, function.name))
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        chosen.update(range(first - 1, lineno - 1))
        return sorted(chosen)


def structured_prefix(lines: Sequence[str], chosen: Sequence[int], lineno: int, column: int) -> str:
    """The prefix, without a newline at its end.

    Args:
        lines: the file's lines without ends.
        chosen: what `FileOutline.chosen` gave.
        lineno: line of the cut, from 1.
        column: column of the target; counts bytes and cuts characters, as published.
    """
    result: list[str] = []
    before: int | None = None
    for index in chosen:
        if index >= len(lines):
            continue
        if before is not None and index > before + 1:
            result.append("")
        result.append(lines[index])
        before = index
    if before is not None and before < lineno - 1:
        result.append("")
    result.append(lines[lineno - 1][:column] if lineno <= len(lines) else "")
    return "\n".join(result[-MOST_LINES:])


def _module_lines(tree: ast.Module) -> Iterator[int]:
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            return
        if isinstance(node, _MODULE_STATEMENTS) and not _is_string(node):
            yield from _rows(node)


def _class_lines(around: ast.ClassDef, lineno: int, function_name: str) -> Iterator[int]:
    yield around.lineno - 1
    for item in around.body:
        if isinstance(item, ast.Assign | ast.AnnAssign):
            yield from _rows(item)
        elif isinstance(item, Function):
            is_helper = _last(item) < lineno and (not item.name.startswith("test_") or item.name == function_name)
            if item.name in SETUP_METHODS or is_helper:
                yield from _rows(item)


def _is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _rows(node: _Located) -> Iterable[int]:
    return range(node.lineno - 1, _last(node))


def _last(node: _Located) -> int:
    return node.end_lineno or node.lineno
