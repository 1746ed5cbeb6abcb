"""The assertion statements of a test file with the standard library alone, as fast as plain `ast` code gets.

All peers share it, so that they differ in how they get at the history and in nothing else. In favour of the peers: only
the bodies of test functions are walked in full, statements are compared as source text, and only those whose text is
new are brought to a normal form.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import decode_source
from itertools import accumulate

MEMO_VERSIONS = 512
"""How many file versions a peer remembers: the old side of a change is mostly the new side of an earlier one."""

_TEST_FOLDERS = frozenset({"tests", "test", "testing"})
_ASSERTION_NAME = re.compile(r"assert(?:_|[A-Z])")
_ASSERT = re.compile(r"assert\b")
_LIBRARIES = frozenset(
    {"numpy.testing", "pandas.testing", "pandas._testing", "pandas.util.testing", "nose.tools"},
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def is_test_file(path: str) -> bool:
    """Whether a path is a test: `test_*.py`, `*_test.py`, or a `.py` file below `tests`, `test` or `testing`."""
    if not path.endswith(".py"):
        return False
    *folders, name = path.split("/")
    return name.startswith("test_") or name.endswith("_test.py") or not _TEST_FOLDERS.isdisjoint(folders)


def is_production_file(path: str) -> bool:
    """Whether a path is a `.py` file and no test."""
    return path.endswith(".py") and not is_test_file(path)


def statement_texts(source: bytes) -> Counter[str] | None:
    """The assertion statements inside the test functions of a file, as they are written; None if it does not parse.

    A statement is an `assert`, or a call (without the `with` or `await` around it) of something named `assert_x` or
    `assertX`, of `pytest.raises`, or of a testing library's assertion imported under another name.
    """
    try:
        text = decode_source(source)
    except (SyntaxError, ValueError):
        return None
    found = _statements(text)
    return None if found is None else _slices(text, found)


def statement_forms(text: str) -> Counter[str] | None:
    """The same statements in normal form, the plain way: each one is written anew by `ast.unparse`."""
    found = _statements(text)
    return None if found is None else Counter(_unparsed(node, text) for node in found)


def _unparsed(node: ast.Assert | ast.Call, text: str) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return " ".join((ast.get_source_segment(text, node) or "").split())


def _statements(text: str) -> list[ast.Assert | ast.Call] | None:
    try:
        tree = _quietly(partial(ast.parse, text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = _Names()
    tests: list[ast.AST] = []
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test"):
            tests.append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.bind(node)
        else:
            for block in _BLOCKS:
                inner = getattr(node, block, None)
                if isinstance(inner, list):
                    pending.extend(inner)
    asserts, calls = _candidates(tests, names)
    return [*asserts, *(call for call in calls if names.asserts(call.func))]


def new_statements(before: Counter[str] | None, after: Counter[str]) -> Counter[str]:
    """The multiset of normal forms that `after` holds more of than `before`.

    Args:
        before: the texts of the old version; None where there is none, or where it does not parse.
        after: those of the new version.
    """
    gained = after if before is None else after - before
    if not gained or before is None:
        return _normal_forms(gained)
    # Equal texts have equal normal forms: cancelling them first leaves the difference as it is.
    return _normal_forms(gained) - _normal_forms(before - after)


def normal_form(statement: str) -> str:
    """A statement without the accidents of its layout, as `ast.unparse` writes it.

    Before Python 3.12 `ast.unparse` cannot write some nested f-strings, and very deep expressions overflow it: such a
    statement keeps its words.
    """
    # A call is parsed inside parentheses, since its lines may be indented in any way.
    source = statement if _ASSERT.match(statement) else f"(\n{statement}\n)"
    try:
        return ast.unparse(_quietly(partial(ast.parse, source)))
    except (ValueError, RecursionError):
        return " ".join(statement.split())


def _normal_forms(texts: Counter[str]) -> Counter[str]:
    forms: Counter[str] = Counter()
    for text, count in texts.items():
        forms[normal_form(text)] += count
    return forms


def _quietly(parse: partial[ast.Module]) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes of other people's code
        return parse()


def _candidates(tests: list[ast.AST], names: "_Names") -> tuple[list[ast.Assert], list[ast.Call]]:
    """The `assert` statements and all calls of test functions; imports inside them go to `names`."""
    asserts: list[ast.Assert] = []
    calls: list[ast.Call] = []
    for test in tests:
        for node in _descendants(test):
            kind = node.__class__
            if kind is ast.Call:
                calls.append(node)  # type: ignore[arg-type]
            elif kind is ast.Assert:
                asserts.append(node)  # type: ignore[arg-type]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names.bind(node)
    return asserts, calls


def _descendants(root: ast.AST) -> Iterator[ast.AST]:
    """As `ast.walk` in another order, without the `Load` and `Store` leaves: about twice as fast."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        for name in node._fields:
            if name == "ctx":
                continue
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                pending.append(value)
            elif isinstance(value, list):
                pending.extend(item for item in value if isinstance(item, ast.AST))


def _slices(text: str, spans: list[ast.Assert | ast.Call]) -> Counter[str]:
    # `ast` counts columns in bytes. `ast.get_source_segment` splits the file anew for each node.
    if not spans:
        return Counter()
    data = text.encode()
    starts = [0, *accumulate(len(line) + 1 for line in data.split(b"\n"))]
    return Counter(
        data[starts[node.lineno - 1] + node.col_offset : starts[node.end_lineno - 1] + node.end_col_offset].decode()  # type: ignore[operator]
        for node in spans
    )


@dataclass(slots=True)
class _Names:
    """What the imports of a file, wherever they stand, make of its names."""

    aliases: dict[str, str] = field(default_factory=dict)
    starred: set[str] = field(default_factory=set)

    def bind(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for item in node.names:
                head = item.name.partition(".")[0]
                self.aliases[item.asname or head] = item.name if item.asname else head
        elif node.module and not node.level:
            for item in node.names:
                if item.name == "*":
                    self.starred.add(node.module)
                else:
                    self.aliases[item.asname or item.name] = f"{node.module}.{item.name}"

    def asserts(self, callee: ast.expr) -> bool:
        """Whether a call of this is an assertion."""
        if isinstance(callee, ast.Attribute):
            name = callee.attr
        elif isinstance(callee, ast.Name):
            name = callee.id
        else:
            return False
        if _ASSERTION_NAME.match(name):
            return True
        if name != "raises" and name not in self.aliases:
            return False
        full = self._full_name(callee)
        module, _, member = full.rpartition(".")
        return (
            full == "pytest.raises"
            or (full == "raises" and "pytest" in self.starred)
            or (module in _LIBRARIES and bool(_ASSERTION_NAME.match(member)))
        )

    def _full_name(self, callee: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(callee, ast.Attribute):
            parts.append(callee.attr)
            callee = callee.value
        if not isinstance(callee, ast.Name):
            return ""
        parts.append(self.aliases.get(callee.id, callee.id))
        return ".".join(reversed(parts))
