"""The sites of a piece that is one test function, from the interpreter's own tree: validity, sites and keys in one.

The answer equals that of `assertions.text_sites`. Where the tree does not tell it for certain (it has no parentheses
and no comments, and normalises names), there is no answer, and the grammar is asked.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from repopeftbench.mining.fallback import dotted_callee, import_nodes, last_name
from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.keys import node_key
from repopeftbench.mining.signatures import PYTEST_APPROX, Expected, Signature, call_signature
from repopeftbench.mining.sites import (
    ARGUMENT_NOT_FOUND,
    BOOLEAN_OPERATOR,
    NEGATION,
    NO_EXPECTED_VALUE,
    SEVERAL_ARGUMENTS,
    UNKNOWN_SIGNATURE,
    Site,
)
from repopeftbench.mining.source import syntax_tree
from repopeftbench.schema import Family

_Target = tuple[Family, tuple[int, int] | None, str | None]
_WITHOUT_BLOCKS = (ast.Expr, ast.Assign, ast.Assert, ast.Return, ast.Import, ast.ImportFrom, ast.Pass)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _UncertainError(Exception):
    """The interpreter's tree does not tell."""


@dataclass(frozen=True, slots=True)
class PlainTest:
    """A valid piece that is one test function, and its tree.

    `head` is the number of bytes that were put before the piece, a line; or 0. `line_starts` are offsets of the lines'
    first bytes.
    """

    whole: bytes
    head: int
    function: str
    definition: ast.FunctionDef | ast.AsyncFunctionDef
    line_starts: Sequence[int]

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins, in bytes of the text that was parsed."""
        return self.line_starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Where a node ends."""
        if node.end_lineno is None or node.end_col_offset is None:
            raise _UncertainError
        return self.line_starts[node.end_lineno - 1] + node.end_col_offset


def plain_test(whole: bytes, head: int) -> PlainTest | None:
    """A piece as one test function; None where it is none, is not valid, or is nested too deeply.

    Args:
        whole: the piece, with what was put before it; without a carriage return that ends a line alone.
        head: how many bytes were put before it.
    """
    try:
        body: Sequence[ast.stmt] = syntax_tree(whole.decode("utf-8")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: list[str] = []
    if head and len(body) == 1 and isinstance(body[0], ast.ClassDef):
        names, body = [body[0].name], body[0].body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    names.append(body[0].name)
    if not names[-1].startswith("test") or not all(name.encode("utf-8") in whole for name in names):
        return None
    line_starts = tuple(accumulate(map(len, whole.splitlines(keepends=True)), initial=0))
    return PlainTest(whole, head, ".".join(names), body[0], line_starts)


def plain_sites(test: PlainTest, imports: ImportTable) -> tuple[Site, ...] | None:
    """The sites of a piece, with offsets and lines relative to it; None where its tree does not tell them."""
    try:
        statements = list(_statements(test.definition))
        asserts = [node for node in statements if isinstance(node, ast.Assert)]
        found = [_site(test, node, _assert_target(test, node, imports)) for node in asserts]
        for call in _calls(test, statements, imports):
            signature = _signature(test, call, imports)
            if signature is not None:
                found.append(_site(test, call, _call_target(test, call, signature)))
    except _UncertainError:
        return None
    return tuple(sorted(found, key=lambda site: (site.start, -site.end)))


def plain_imports(test: PlainTest) -> ImportTable:
    """The imports of a piece."""
    found = [node for node in _statements(test.definition) if isinstance(node, ast.Import | ast.ImportFrom)]
    in_order = sorted(found, key=lambda node: (node.lineno, node.col_offset))
    return import_nodes(node for node in in_order if getattr(node, "module", None) != "__future__")


def _statements(definition: ast.stmt) -> Iterator[ast.stmt]:
    """The statements in all blocks of a definition; expressions hold none."""
    pending: list[ast.AST] = [definition]
    while pending:
        block = pending.pop()
        for name in _BLOCKS:
            for inner in getattr(block, name, ()):
                if not isinstance(inner, _WITHOUT_BLOCKS):
                    pending.append(inner)
                if isinstance(inner, ast.stmt):
                    yield inner


def _calls(test: PlainTest, statements: Sequence[ast.stmt], imports: ImportTable) -> Sequence[ast.Call]:
    """The calls that may be assertions, by the last name of their callee.

    Those that are whole statements or begin a `with` block are found without a look at other expressions; these are
    looked at where the text has more such names.
    """
    names = tuple(sorted(name for name in imports.aliases if not name.startswith("assert")))
    words = len(_words(names).findall(test.whole))
    if not words:
        return ()
    found = [call for call in _statement_calls(statements) if _is_candidate(call, imports)]
    if len(found) == words:
        return found
    found = []
    for node in ast.walk(test.definition):
        if isinstance(node, ast.Call) and _is_candidate(node, imports):
            found.append(node)
        elif isinstance(node, ast.JoinedStr) and any(isinstance(inner, ast.Call) for inner in ast.walk(node)):
            # Before Python 3.12, what stands inside an f-string has no true position.
            raise _UncertainError
    return found


def _statement_calls(statements: Sequence[ast.stmt]) -> Iterator[ast.Call]:
    for statement in statements:
        if isinstance(statement, ast.Expr):
            if isinstance(statement.value, ast.Call):
                yield statement.value
        elif isinstance(statement, ast.With | ast.AsyncWith):
            yield from (item.context_expr for item in statement.items if isinstance(item.context_expr, ast.Call))


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Finds, at the least, every name that may be the last one of an assertion's callee."""
    known = ["assert[^\\s(]", "raises", *(rf"{re.escape(name)}(?=[\s()\\#])" for name in names)]
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(known)})".encode())


def _is_candidate(call: ast.Call, imports: ImportTable) -> bool:
    name = last_name(call.func)
    return name is not None and (name.startswith("assert") or name == "raises" or name in imports.aliases)


def _signature(test: PlainTest, call: ast.Call, imports: ImportTable) -> Signature | None:
    name, dotted = last_name(call.func), _dotted(test, call)
    if name is None:
        raise _UncertainError
    return call_signature(dotted, name, imports)


def _dotted(test: PlainTest, call: ast.Call) -> str | None:
    """The callee's dotted name; it must be written just so."""
    dotted = dotted_callee(call.func)
    written = test.whole[test.start(call) : test.end(call.func)]
    if dotted is not None:
        if written != dotted.encode("utf-8"):
            raise _UncertainError
    elif not written.endswith((last_name(call.func) or "").encode("utf-8")):
        raise _UncertainError
    return dotted


def _assert_target(test: PlainTest, node: ast.Assert, imports: ImportTable) -> _Target:
    condition = node.test
    if not isinstance(condition, ast.Compare):
        if isinstance(condition, ast.BoolOp):
            return Family.ASSERT, None, BOOLEAN_OPERATOR
        is_negation = isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not)
        return Family.ASSERT, None, NEGATION if is_negation else NO_EXPECTED_VALUE
    target = condition.comparators[-1]
    start, end = test.start(target), test.end(condition)
    if test.end(target) != end:
        # In parentheses, which belong to the target: the first one behind the operator opens them.
        before = (condition.left, *condition.comparators)[-2]
        between = test.whole[test.end(before) : start]
        if b"#" in between or b"(" not in between:
            raise _UncertainError
        start = test.end(before) + between.index(b"(")
    family = Family.APPROX if _is_approx(test, target, imports) else Family.ASSERT
    return family, (start, end), None


def _is_approx(test: PlainTest, node: ast.expr, imports: ImportTable) -> bool:
    if not isinstance(node, ast.Call):
        return False
    dotted = dotted_callee(node.func)
    full = imports.resolve(dotted) if dotted is not None else ""
    is_approx = full == PYTEST_APPROX or (dotted == full == "approx" and "pytest" in imports.starred)
    return is_approx and _dotted(test, node) is not None


def _call_target(test: PlainTest, call: ast.Call, signature: Signature) -> _Target:
    family = signature.family
    if not signature.known:
        return family, None, UNKNOWN_SIGNATURE
    if signature.expected is None:
        return family, None, NO_EXPECTED_VALUE
    arguments: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    if len(arguments) == 1 and isinstance(arguments[0], ast.GeneratorExp) and test.end(arguments[0]) == test.end(call):
        return family, None, ARGUMENT_NOT_FOUND
    if signature.lone_argument and len(arguments) != 1:
        return family, None, SEVERAL_ARGUMENTS if arguments else NO_EXPECTED_VALUE
    if call.args and call.keywords:
        arguments.sort(key=lambda argument: (argument.lineno, argument.col_offset))
    found = _argument(arguments, signature.expected)
    if found is None:
        return family, None, ARGUMENT_NOT_FOUND
    return family, _bare_span(test, call, arguments, found), None


def _argument(arguments: Sequence[ast.expr | ast.keyword], expected: Expected) -> int | None:
    """The index of the expected value among all arguments; see `targets`."""
    position = 0
    for index, argument in enumerate(arguments):
        if isinstance(argument, ast.keyword) and argument.arg is not None:
            if argument.arg in expected.names:
                return index
        elif isinstance(argument, ast.keyword | ast.Starred):
            position = expected.index + 1
        else:
            if position == expected.index:
                return index
            position += 1
    return None


def _bare_span(
    test: PlainTest, call: ast.Call, arguments: Sequence[ast.expr | ast.keyword], index: int
) -> tuple[int, int]:
    """The span of an argument's value that stands in no parentheses of its own."""
    argument = arguments[index]
    if isinstance(argument, ast.keyword):
        value, before, opening = argument.value, test.line_starts[argument.lineno - 1] + argument.col_offset, b"="
    else:
        value, opening = argument, b"," if index else b"("
        last = arguments[index - 1] if index else call.func
        before = test.end(last.value if isinstance(last, ast.keyword) else last)
    start = test.start(value)
    between = test.whole[before:start]
    # A parenthesis, or a comment, may stand before it otherwise.
    if b"#" in between or not between.rstrip(b" \t\n\r").endswith(opening) or (not index and between.count(b"(") > 1):
        raise _UncertainError
    return start, test.end(value)


def _site(test: PlainTest, node: ast.Assert | ast.Call, target: _Target) -> Site:
    family, span, reason = target
    whole, head = test.whole, test.head
    start, end = test.start(node), test.end(node)
    statement = whole[start:end].decode("utf-8")
    rows = 1 if head else 0
    return Site(
        family,
        start - head,
        end - head,
        node.lineno - rows,
        (node.end_lineno or node.lineno) - rows,
        test.function,
        statement,
        node_key(node, statement),
        None if span is None else span[0] - head,
        None if span is None else span[1] - head,
        None if span is None else whole[span[0] : span[1]].decode("utf-8"),
        reason,
    )
