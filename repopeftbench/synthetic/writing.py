"""Writes worked cases down as test functions: as pytest functions, in pytest classes or in unittest classes."""

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from .execution import Check, Step, Worked
from .literals import Raw, after, call, literal
from .model import Form, Style

_RUN = re.compile(r"[^\W_](?:[\w ]*[^\W_])?")
_COMPARISONS = {
    ast.In: "assertIn",
    ast.NotIn: "assertNotIn",
    ast.Eq: "assertEqual",
    ast.NotEq: "assertNotEqual",
    ast.Lt: "assertLess",
    ast.LtE: "assertLessEqual",
    ast.Gt: "assertGreater",
    ast.GtE: "assertGreaterEqual",
    ast.Is: "assertIs",
    ast.IsNot: "assertIsNot",
}


def function_lines(name: str, worked: Worked, fixture: str, style: Style, *, asynchronous: bool = False) -> list[str]:
    """The lines of one test, not indented; `fixture` is the fixture that it asks for, or empty."""
    body = _body(worked, style, "        " if style.form is Form.UNITTEST and worked.rows else "    ")
    define = "async def" if asynchronous else "def"
    if style.form is not Form.UNITTEST:
        owner = ["self"] if style.form is Form.CLASSES else []
        expected = [*worked.arguments, "expected"] if worked.rows else []
        parameters = ", ".join([*owner, *([fixture] if fixture else []), *expected])
        return [*_parametrize(worked, style), f"{define} {name}({parameters}):", *body]
    if not worked.rows:
        return [f"{define} {name}(self):", *body]
    names = ", ".join([*worked.arguments, "expected"])
    told = ", ".join(f"{argument}={argument}" for argument in worked.arguments)
    rows = [f"        ({row}, {literal(expected)})," for row, expected in worked.rows]
    loop = [f"    for {names} in cases:", f"        with self.subTest({told}):"]
    return [f"def {name}(self):", "    cases = [", *rows, "    ]", *loop, *("    " + line for line in body)]


def _parametrize(worked: Worked, style: Style) -> list[str]:
    if not worked.rows:
        return []
    names = literal((*worked.arguments, "expected"))
    rows = [f"        ({row}, {literal(expected)})," for row, expected in worked.rows]
    flat = f"@pytest.mark.parametrize({names}, [{', '.join(row.strip().rstrip(',') for row in rows)}])"
    if len(flat) <= style.limit - 30:
        return [flat]
    return ["@pytest.mark.parametrize(", f"    {names},", "    [", *rows, "    ],", ")"]


def _body(worked: Worked, style: Style, indent: str) -> list[str]:
    write = _unittest_step if style.form is Form.UNITTEST else _pytest_step
    lines: list[str] = []
    for step in worked.steps:
        made = write(step, indent, style)
        if step.comment:
            made[0 if len(made) > 1 else -1] += f"  # {step.comment}"
        lines += made
    return lines


def _pytest_step(step: Step, indent: str, style: Style) -> list[str]:
    tail = f", {step.message}" if step.message else ""
    match step.check:
        case Check.CODE:
            return [indent + line for line in step.code.split("\n")]
        case Check.HOLDS:
            return [f"{indent}assert {step.code}{tail}"]
        case Check.EQUAL:
            return after(f"assert {step.code} == ", step.value, tail, indent, style)
        case Check.IS:
            return after(f"assert {step.code} is ", step.value, tail, indent, style)
        case Check.NEAR:
            return after(
                f"assert {step.code} == ", Raw(f"pytest.approx({_rounded(step.value)}, abs=1e-4)"), tail, indent, style
            )
    match = f", match={literal(_matched(step.value))}" if step.check is Check.MATCHES else ""
    caught = " as caught" if step.check is Check.SAYS else ""
    lines = [f"{indent}with pytest.raises({step.error}{match}){caught}:", f"{indent}    {step.code}"]
    return lines + (after("assert str(caught.value) == ", step.value, "", indent, style) if caught else [])


def _unittest_step(step: Step, indent: str, style: Style) -> list[str]:
    message = [Raw(step.message)] if step.message else []
    match step.check:
        case Check.CODE:
            return [indent + line for line in step.code.split("\n")]
        case Check.HOLDS:
            name, arguments = _method(step.code)
            return call(f"self.{name}", [*map(Raw, arguments), *message], "", indent, style)
        case Check.EQUAL:
            return call("self.assertEqual", [Raw(step.code), step.value, *message], "", indent, style)
        case Check.IS if step.value is None:
            return call("self.assertIsNone", [Raw(step.code), *message], "", indent, style)
        case Check.IS if isinstance(step.value, bool) and len(step.code) % 2:
            name = "assertTrue" if step.value else "assertFalse"
            return call(f"self.{name}", [Raw(step.code), *message], "", indent, style)
        case Check.IS:
            return call("self.assertIs", [Raw(step.code), step.value, *message], "", indent, style)
        case Check.NEAR:
            values = [Raw(step.code), Raw(_rounded(step.value)), Raw("places=3")]
            return call("self.assertAlmostEqual", values, "", indent, style)
        case Check.MATCHES:
            opening = f"self.assertRaisesRegex({step.error}, {literal(_matched(step.value))})"
            return [f"{indent}with {opening}:", f"{indent}    {step.code}"]
        case Check.RAISES if arguments := _plain_call(step.code):
            return call("self.assertRaises", [Raw(step.error), *map(Raw, arguments)], "", indent, style)
    caught = " as caught" if step.check is Check.SAYS else ""
    lines = [f"{indent}with self.assertRaises({step.error}){caught}:", f"{indent}    {step.code}"]
    if caught:
        lines += call("self.assertEqual", [Raw("str(caught.exception)"), step.value], "", indent, style)
    return lines


def _rounded(value: object) -> str:
    assert isinstance(value, (int, float))
    return repr(round(float(value), 4))


def _matched(message: object) -> str:
    """The longest stretch of a message that means itself as a regular expression."""
    return max((found[0] for found in _RUN.finditer(str(message))), key=len)


def _method(code: str) -> tuple[str, Sequence[str]]:
    """The unittest method for a condition, and its arguments."""
    tree = ast.parse(code, mode="eval").body

    def text(node: ast.expr) -> str:
        return ast.get_source_segment(code, node) or ""

    match tree:
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return "assertIsNone", [text(left)]
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _COMPARISONS[type(operator)], [text(left), text(right)]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "assertFalse", [text(operand)]
        case ast.Call(func=ast.Name(id="isinstance"), args=[one, kind]):
            return "assertIsInstance", [text(one), text(kind)]
    return "assertTrue", [code]


def _plain_call(code: str) -> list[str]:
    """Function and arguments of a call with positional arguments only; empty for anything else."""
    tree = ast.parse(code).body[0]
    match tree:
        case ast.Expr(value=ast.Call(func=function, args=arguments, keywords=[])):
            return [ast.get_source_segment(code, node) or "" for node in (function, *arguments)]
    return []


def owned(worked: Worked, fixture: str) -> Worked:
    """The case with `fixture` read from `self`, as a unittest class has it."""
    name = re.compile(rf'(?<![\w."]){fixture}\b(?!["\w])')
    steps = tuple(replace(step, code=name.sub(f"self.{fixture}", step.code)) for step in worked.steps)
    return replace(worked, steps=steps)
