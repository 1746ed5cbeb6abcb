"""When two assertions are the same text: a key over the syntax tree of the statement alone.

White space, line breaks, quotes, redundant parentheses, trailing commas and comments do not count; everything that
`ast` keeps does, the `u` prefix of strings included. The tree is serialised here, because `ast.dump` changes
between Python versions. Nothing here looks beyond the statement.
"""

import ast
import re
from functools import lru_cache

from repopeftbench.mining.source import syntax_tree
from repopeftbench.schema import content_id

_HOLE = "__repobench_target__"
_ASSERT = re.compile(r"assert\b")


@lru_cache(maxsize=65_536)
def statement_key(statement: str) -> str:
    """Hex key of an `assert` statement or of a call expression; equal keys mean equal syntax trees.

    A statement that `ast` cannot parse on its own (it stands in a file that is not valid Python) gets a key of its
    white-space-separated words, which never equals the key of a statement that does parse.
    """
    node = _parse(statement)
    if node is None:
        return content_id("text", *statement.split())
    return content_id("tree", canonical(node))


@lru_cache(maxsize=65_536)
def left_key(before: str, after: str) -> str:
    """Hex key of what stands left of a target, given the statement's text before and after it.

    For an `assert` these are the compared expressions and operators before the target; for a call, the callee and
    the arguments before the target. Messages, tolerances and other arguments behind it do not count.
    """
    node = _parse(before + _HOLE + after)
    if isinstance(node, ast.Assert):
        node.msg = None
    elif isinstance(node, ast.Call):
        _drop_arguments_after_hole(node)
    else:
        return content_id("text", *before.split())
    return content_id("tree", canonical(node))


def canonical(root: ast.AST) -> str:
    """A syntax tree as text, without positions, contexts and empty fields; iterative, so that depth cannot overflow."""
    out: list[str] = []
    stack: list[object] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, _Literal):
            out.append(item.text)
        elif isinstance(item, ast.AST):
            out.append(type(item).__name__)
            out.append("(")
            stack.append(_Literal(")"))
            for name in reversed(item._fields):
                value = getattr(item, name, None)
                if name not in ("ctx", "type_comment") and value is not None and value != []:
                    stack.append(value)
                    stack.append(_Literal(f" {name}="))
        elif isinstance(item, list):
            out.append("[")
            stack.append(_Literal("]"))
            stack.extend(reversed(item))
        else:
            out.append(_constant(item))
    return "".join(out)


class _Literal:
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _constant(value: object) -> str:
    # repr() of an int refuses more than 4,300 digits; hex() does not.
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<int {value:#x}>"
    return f"<{type(value).__name__} {value!r}>"


def _parse(statement: str) -> ast.AST | None:
    # A call is parsed inside parentheses: its lines may be indented in any way. `assert` is a keyword, so a callee
    # such as assert_equal never matches.
    source = statement if _ASSERT.match(statement) else f"(\n{statement}\n)"
    try:
        body = syntax_tree(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    node = body[0] if len(body) == 1 else None
    return node.value if isinstance(node, ast.Expr) else node


def _drop_arguments_after_hole(call: ast.Call) -> None:
    for index, argument in enumerate(call.args):
        if isinstance(argument, ast.Name) and argument.id == _HOLE:
            call.args = call.args[: index + 1]
            call.keywords = []
            return
    for index, keyword in enumerate(call.keywords):
        if isinstance(keyword.value, ast.Name) and keyword.value.id == _HOLE:
            call.keywords = call.keywords[: index + 1]
            return
