"""The assertion families of the published extractors: what each shows in line and what it asks for.

Shared by both generations of the extractor; which readers each of them uses is written in `extract` and
`static_extract`. Source: `create_qnas.py` and `create_qnas_v2.py`, quirks included: messages and keywords are dropped,
the last positional argument is the target even where it is a message or a tolerance, targets of calls keep their `)`.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from repopeftbench.paper.parsed import ParsedFile

SELF_METHODS = frozenset(
    "assert" + name
    for name in (
        "Equal NotEqual True False Is IsNot IsNone IsNotNone In NotIn IsInstance NotIsInstance Raises RaisesRegex "
        "AlmostEqual NotAlmostEqual DictEqual ListEqual TupleEqual SetEqual SequenceEqual Regex NotRegex CountEqual "
        "Warns Logs MultiLineEqual Greater GreaterEqual Less LessEqual"
    ).split()
)
_ONE_ARGUMENT = frozenset({"assertTrue", "assertFalse", "assertIsNone", "assertIsNotNone"})
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


class Kind(StrEnum):
    """Which reader a node belongs to."""

    COMPARE = "compare"
    TRUTHY = "truthy"
    SELF = "self"
    SELF_RAISES_REGEX = "self-raises-regex"
    PYTEST = "pytest"
    UNDERSCORE = "underscore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a family makes of a node.

    `inline` is the re-synthesised text from the statement's start to the cut; `cut` the node that the target begins
    with; `was_multiline` that `target` had several lines, which are joined.
    """

    assertion_type: str
    inline: str
    target: str
    cut: ast.expr
    was_multiline: bool = False


Reader = Callable[[ParsedFile, ast.AST], Reading | None]


def read(file: ParsedFile, node: ast.AST, readers: Mapping[Kind, Reader]) -> Reading | None:
    """The reading of a node with a usable target, its lines joined by one space; None where there is none."""
    kind = kind_of(node)
    reading = readers[kind](file, node) if kind is not None and kind in readers else None
    if reading is None or not reading.target.strip():
        return None
    if "\n" not in reading.target:
        return reading
    return replace(reading, target=" ".join(reading.target.split()), was_multiline=True)


def kind_of(node: ast.AST) -> Kind | None:
    """The kind of a node; only the literal names `self` and `pytest` count."""
    if isinstance(node, ast.Assert):
        return Kind.COMPARE if isinstance(node.test, ast.Compare) else Kind.TRUTHY
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        return Kind.UNDERSCORE if node.func.id.startswith("assert_") else None
    if not isinstance(node.func, ast.Attribute):
        return None
    receiver = node.func.value.id if isinstance(node.func.value, ast.Name) else None
    if receiver == "self" and node.func.attr in SELF_METHODS:
        return Kind.SELF_RAISES_REGEX if node.func.attr == "assertRaisesRegex" else Kind.SELF
    if receiver == "pytest" and node.func.attr in ("raises", "approx"):
        return Kind.PYTEST
    return Kind.UNDERSCORE


def compare(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assert LEFT op` and the first comparator; the rest of a chain, parentheses and the message are dropped."""
    assert isinstance(node, ast.Assert)
    assert isinstance(node.test, ast.Compare)
    left, target = file.segment(node.test.left), file.segment(node.test.comparators[0])
    if not left or not target:
        return None
    inline = f"assert {left} {_OPERATORS[type(node.test.ops[0])]} "
    return Reading(assertion_type="assert", inline=inline, target=target, cut=node.test.comparators[0])


def truthy(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assert` and the whole expression."""
    assert isinstance(node, ast.Assert)
    return Reading(assertion_type="assert", inline="assert ", target=file.segment(node.test), cut=node.test)


def self_method(file: ParsedFile, node: ast.AST) -> Reading | None:
    """A unittest method: its one argument, the exception, or the last of at least two positional arguments."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    name = f"self.{node.func.attr}"
    if node.func.attr == "assertRaises" or node.func.attr in _ONE_ARGUMENT:
        return _first(file, node, name)
    return _last(file, node, name) if len(node.args) > 1 else None


def self_raises_regex(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assertRaisesRegex`: the exception and the pattern; nothing without a positional pattern."""
    assert isinstance(node, ast.Call)
    return self_raises_regex_lenient(file, node) if len(node.args) > 1 else None


def self_raises_regex_lenient(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assertRaisesRegex`: the exception, and the pattern where it is positional."""
    assert isinstance(node, ast.Call)
    pattern = f", {file.segment(node.args[1])}" if len(node.args) > 1 else ""
    return _first(file, node, "self.assertRaisesRegex", behind=pattern)


def pytest_call(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`pytest.raises` and `pytest.approx`: the first argument and all keywords."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    keywords = [(keyword.arg, file.segment(keyword.value)) for keyword in node.keywords if keyword.arg]
    behind = "".join(f", {name}={value}" for name, value in keywords if value)
    return _first(file, node, f"pytest.{node.func.attr}", behind=behind)


def underscore(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assert_*` of any receiver but `.mock` and `unittest.X`: the last positional argument.

    A call with one argument shows `name(, `: published so.
    """
    assert isinstance(node, ast.Call)
    func = node.func
    if (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Attribute)
        and isinstance(func.value.value, ast.Name)
        and func.value.value.id == "unittest"
    ):
        return None
    return underscore_lenient(file, node)


def underscore_lenient(file: ParsedFile, node: ast.AST) -> Reading | None:
    """`assert_*` of any receiver but `.mock`: the last positional argument."""
    assert isinstance(node, ast.Call)
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if not name.startswith("assert_") or name == "assert_":
        return None
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute) and func.value.attr == "mock":
        return None
    return _last(file, node, file.segment(func) or name, assertion_type="assert_*")


def _first(file: ParsedFile, node: ast.Call, name: str, *, behind: str = "") -> Reading | None:
    source = file.segment(node.args[0]) if node.args else ""
    if not source:
        return None
    return Reading(assertion_type=name, inline=f"{name}(", target=f"{source}{behind})", cut=node.args[0])


def _last(file: ParsedFile, node: ast.Call, name: str, *, assertion_type: str | None = None) -> Reading | None:
    *shown, last = (file.segment(argument) for argument in node.args) if node.args else ("",)
    if not last:
        return None
    inline = f"{name}({', '.join(shown)}, "
    return Reading(assertion_type=assertion_type or name, inline=inline, target=f"{last})", cut=node.args[-1])
