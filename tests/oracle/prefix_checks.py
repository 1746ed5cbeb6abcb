"""Prefixes against the file they come from, with `ast`: real lines, the imports, and no other test's body."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from oracle import reference
from oracle.comparison import Mined, Row
from oracle.history import Git

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LINE_END = re.compile(r"\r\n|\r|\n")


class TestFile:
    """The lines of a test file, its imports at the top level, and its outermost test functions."""

    __test__ = False

    def __init__(self, raw: bytes) -> None:
        tree = reference.parse(raw)
        assert tree is not None
        self.lines = LINE_END.split(reference.decoded(raw))
        self.known = {line.strip() for line in self.lines}
        self.imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        self.tests = list(_outermost_tests(tree))

    def text(self, first: int, last: int) -> str:
        return "\n".join(self.lines[first - 1 : last])

    def opening(self, function: ast.AST) -> str:
        """The lines of a function from its `def` to the end of its first statement."""
        assert isinstance(function, FUNCTIONS)
        return self.text(function.lineno, function.body[0].end_lineno or function.lineno)


def _outermost_tests(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS) and child.name.startswith("test"):
            yield child
        else:
            yield from _outermost_tests(child)


def _span(function: ast.AST) -> range:
    assert isinstance(function, FUNCTIONS)
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return range(first, (function.end_lineno or first) + 1)


def check_prefixes(git: Git, mined: Mined, budget: int = 16_384) -> list[str]:
    """Whether every prefix is made of the file's own lines, has its imports, and shows no other test."""
    parsed = lru_cache(maxsize=None)(TestFile)
    trees: dict[str, dict[str, str]] = {}
    for row in mined.tasks:
        if row["commit_sha"] not in trees:
            trees[row["commit_sha"]] = git.files(row["commit_sha"])
    blobs = git.load({trees[row["commit_sha"]][row["test_file"]] for row in mined.tasks})
    problems = []
    for row in mined.tasks:
        file = parsed(blobs[trees[row["commit_sha"]][row["test_file"]]])
        where = f"{row['track']} {row['commit_sha'][:8]} {row['test_file']}:{row['lineno']}"
        problems += [f"{where}: {problem}" for problem in _prefix_problems(row, file, budget)]
    return problems


def _prefix_problems(row: Row, file: TestFile, budget: int) -> Iterator[str]:
    prefix = "\n".join(LINE_END.split(row["prefix"]))
    *whole, _ = prefix.split("\n")
    for line in whole:
        if line.strip() not in file.known:
            yield f"the prefix has a line that the file has not: {line!r}"
    own = [function for function in file.tests if row["lineno"] in _span(function)]
    if not own:
        yield "the site lies in no test function"
        return
    (function,) = own
    start = _span(function).start
    head = row["target_start_byte"] - row["statement_start_byte"]
    tail = file.text(start, row["lineno"] - 1)
    if tail and tail not in prefix:
        yield f"the test function is not whole before the assertion (cut {head} bytes into it)"
    for other in file.tests:
        opening = file.opening(other)
        if other is not function and f"{opening}\n" in prefix and opening != file.opening(function):
            yield f"another test's body: {opening!r}"
    if len(row["prefix"].encode()) <= budget // 2:
        for node in file.imports:
            if node.lineno < start and file.text(node.lineno, node.end_lineno or node.lineno) not in prefix:
                yield f"an import is missing: line {node.lineno}"
