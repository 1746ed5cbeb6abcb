"""What the specification calls an assertion, read with the standard library's `ast` and nothing of the miner.

Two questions are answered: which assertions stand inside the test functions of a source, and which of them a commit
brought into a test file. It shares no code with `repopeftbench`, so that a disagreement means something.
It parses with the running interpreter: a file that this Python does not parse has no answer here (`None`).
"""

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

ASSERTION_NAME = re.compile(r"assert(_|[A-Z])")
TEST_FOLDERS = frozenset({"tests", "test", "testing"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NUMERIC_TESTING = ("numpy.testing", "pandas.testing")


@dataclass(frozen=True, slots=True, order=True)
class Assertion:
    """One assertion: the line of its first token, and its text as `ast.unparse` writes it."""

    lineno: int
    text: str


def is_test_file(path: str) -> bool:
    """Whether the path rule of the specification makes this a test file."""
    *folders, name = path.split("/")
    if not name.endswith(".py"):
        return False
    return name.startswith("test_") or name.endswith("_test.py") or not TEST_FOLDERS.isdisjoint(folders)


def parse(source: bytes) -> ast.Module | None:
    """The tree of a source file, or None where Python itself refuses it (encoding, syntax, null bytes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decoded(source)  # `ast.parse` looks past bytes in comments that the import of a file refuses
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def decoded(source: bytes) -> str:
    """The text as Python reads it (PEP 263), line ends kept; a byte order mark is no part of it.

    Raises:
        SyntaxError: the coding cookie is wrong.
        UnicodeDecodeError: the bytes are not of the named encoding.
    """
    return source.decode(tokenize.detect_encoding(io.BytesIO(source).readline)[0])


def encoding_of(source: bytes) -> str:
    """The encoding of any span of a source file; a byte order mark stays a character of its own."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return "utf-8" if encoding == "utf-8-sig" else encoding


@lru_cache(maxsize=1_024)
def assertions(source: bytes) -> tuple[Assertion, ...] | None:
    """Every assertion inside the test functions of a source, in file order; None where it does not parse."""
    tree = parse(source)
    if tree is None:
        return None
    names = _Names.of(tree)
    found = {
        id(node): Assertion(node.lineno, unparsed(node))
        for function in ast.walk(tree)
        if isinstance(function, FUNCTIONS) and function.name.startswith("test")
        for node in ast.walk(function)
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and names.asserts(node.func))
    }
    return tuple(sorted(found.values()))


def texts(source: bytes) -> Counter[str] | None:
    """The multiset of assertion texts of a source; None where it does not parse."""
    found = assertions(source)
    return None if found is None else Counter(assertion.text for assertion in found)


def new_texts(old: bytes | None, new: bytes) -> Counter[str] | None:
    """The multiset of texts that a commit brought into a file; None where the new version does not parse.

    Args:
        old: the parent's version; None where there is none. One that does not parse counts as empty.
        new: the commit's version.
    """
    after = texts(new)
    before = None if old is None else texts(old)
    return None if after is None else after - (before or Counter())


def unparsed(node: ast.AST) -> str:
    """`ast.unparse`, or a dump for the few trees (nested f-strings before 3.12) that it cannot write."""
    try:
        return ast.unparse(node)
    except ValueError:
        return ast.dump(node)


def canonical(statement: str) -> str:
    """The text of a statement as the miner spells it, brought to the form that `Assertion.text` has.

    Raises:
        SyntaxError: the statement is no single assertion.
    """
    return unparsed(statement_node(statement))


def statement_node(statement: str) -> ast.Assert | ast.expr:
    """The tree of an assertion's source: the `assert` statement, or the expression (mostly a call).

    Raises:
        SyntaxError: the source is no single statement or expression.
    """
    is_assert = re.match(r"assert\b", statement)
    source = f"async def f():\n {statement}\n" if is_assert else f"async def f(): (\n{statement}\n)\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (function,) = ast.parse(source).body
    assert isinstance(function, ast.AsyncFunctionDef)
    if len(function.body) == 1:
        (node,) = function.body
        if isinstance(node, ast.Assert) and is_assert:
            return node
        if isinstance(node, ast.Expr) and not is_assert:
            return node.value
    raise SyntaxError(f"not one assertion: {statement!r}")


def possible_targets(node: ast.Assert | ast.expr) -> list[str]:
    """Texts that the target of an assertion may have: the last comparator, or an argument of the call."""
    match node:
        case ast.Assert(test=ast.Compare(comparators=[*_, last])):
            return [unparsed(last)]
        case ast.Call(args=arguments, keywords=keywords):
            plain = [argument for argument in arguments if not isinstance(argument, ast.Starred)]
            named = [keyword.value for keyword in keywords if keyword.arg is not None]
            return [unparsed(argument) for argument in (*plain, *named)]
    return []


@dataclass(frozen=True, slots=True)
class _Names:
    """What the imports of a file, wherever they stand, make of its names."""

    pytest: frozenset[str]
    raises: frozenset[str]
    numeric: frozenset[str]

    @classmethod
    def of(cls, tree: ast.Module) -> "_Names":
        pytest, raises, numeric = {"pytest"}, set(), set()
        for module, name, alias in _imports(tree):
            if module == "pytest":
                if name is None:
                    pytest.add(alias)
                elif name == "raises":
                    raises.add(alias)
            elif module in NUMERIC_TESTING and name is not None and ASSERTION_NAME.match(name):
                numeric.add(alias)
        return cls(frozenset(pytest), frozenset(raises), frozenset(numeric))

    def asserts(self, function: ast.expr) -> bool:
        """Whether a call of this function is an assertion."""
        match function:
            case ast.Name(id=name):
                return name in self.raises or name in self.numeric or bool(ASSERTION_NAME.match(name))
            case ast.Attribute(value=ast.Name(id=module), attr="raises"):
                return module in self.pytest
            case ast.Attribute(attr=name):
                return bool(ASSERTION_NAME.match(name))
        return False


def _imports(tree: ast.Module) -> Iterator[tuple[str, str | None, str]]:
    """Module, imported name (None for the module itself) and the name it is bound to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.asname or "." not in item.name:
                    yield item.name, None, item.asname or item.name
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for item in node.names:
                yield node.module, item.name, item.asname or item.name
