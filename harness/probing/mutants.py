"""Other values of a target's type, as expressions that stand in its place. Pure rules over the target's syntax.

A test that passes with all of them does not depend on its target. A literal gets another literal. What a name, a call
or an attribute is worth is known only when it is evaluated, so it is evaluated, and the result changed: the value
differs from the original one, and has its type where the type is a usual one.
"""

import ast
from collections.abc import Iterator

from sandboxes.splice import Refusal, parse_expression

_BIG = 1_000_003
_FAR = 2**50
"""From here on, one more may be no other float."""
_MARK = "~"

# Of an exception class another one of its kind, as `raises` takes no other; of any other class a new one.
_CHANGED = (
    "(lambda value:"
    " (not value) if value is True or value is False else"
    " value + 1 if type(value) in (int, float, complex) and value + 1 != value else"
    " value + '~' if type(value) is str else"
    " value + b'~' if type(value) is bytes else"
    " [*value, object()] if type(value) is list else"
    " (*value, object()) if type(value) is tuple and not any(isinstance(one, type) for one in value) else"
    " {*value, object()} if type(value) is set else"
    " {**value, object(): object()} if type(value) is dict else"
    " type('Other', ((Warning if issubclass(value, Warning) else Exception),), {})"
    " if isinstance(value, type) and issubclass(value, BaseException) else"
    " type('Other', (Exception,), {}) if type(value) is tuple else"
    " type('Other', (), {}) if isinstance(value, type) else"
    " value + 1 if type(value).__module__ == 'numpy' and getattr(value, 'dtype', None) != object"
    " and getattr(getattr(value, 'dtype', None), 'kind', '') in ('i', 'u', 'f', 'c') else"
    " object())"
)
_EMPTY = (
    "(lambda value: type(value)() if type(value) in (int, float, complex, str, bytes, list, tuple, set, dict)"
    " and value else object())"
)


def mutants(target: str) -> tuple[str, ...]:
    """At most three expressions with other values than `target`, the most telling first; none if it is none itself."""
    node = parse_expression(target.strip())
    if not target.strip() or isinstance(node, Refusal):
        return ()
    return tuple(text for text in _mutants(node, target.strip()) if text != target)


def _mutants(node: ast.expr, text: str) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool() as value):
            yield repr(not value)
        case ast.Constant(value=None):
            yield "object()"
        case ast.Constant(value=int() | float() as number):
            yield from _numbers(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            yield from _numbers(-number)
        case ast.Constant(value=str() | bytes() as value):
            yield from _strings(value)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            yield from _collections(node, text)
        case _:
            yield from (f"{change}(\n{text}\n)" for change in (_CHANGED, _EMPTY))


def _numbers(number: int | float) -> Iterator[str]:
    """Another number near by, and one far off to each side, for comparisons that are no equalities."""
    if number != number or abs(number) == float("inf"):
        yield "0"
        return
    near = number + 1 if abs(number) < _FAR else number * 2
    yield from (_written(value) for value in (near, near + _BIG, near - 2 * _BIG))


def _written(number: int | float) -> str:
    """The number as one operand, whatever stands before it."""
    return repr(number) if number >= 0 else f"({number!r})"


def _strings(value: str | bytes) -> Iterator[str]:
    """A longer one, and an empty one, for what looks at truth alone."""
    if isinstance(value, str):
        yield repr(value + _MARK)
        yield repr("" if value else _MARK * 2)
    else:
        yield repr(value + _MARK.encode())
        yield repr(b"" if value else _MARK.encode() * 2)


def _collections(node: ast.List | ast.Tuple | ast.Set | ast.Dict, text: str) -> Iterator[str]:
    """One with another element, and an empty one."""
    inner = f"(\n{text}\n)"
    match node:
        case ast.List(elts=elements):
            longer, empty = f"[*{inner}, object()]", "[]"
        case ast.Tuple(elts=elements):
            longer, empty = f"(*{inner}, object())", "()"
        case ast.Set(elts=elements):
            longer, empty = f"{{*{inner}, object()}}", "set()"
        case ast.Dict(values=elements):
            longer, empty = f"{{**{inner}, object(): object()}}", "{}"
    yield longer
    if elements:
        yield empty
