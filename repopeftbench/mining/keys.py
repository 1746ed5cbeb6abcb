"""When two assertions are the same text: a key over the syntax tree of the statement alone.

White space, line breaks, quotes, redundant parentheses, trailing commas and comments do not count; everything that
`ast` keeps does, the `u` prefix of strings included. The tree is serialised here, because `ast.dump` changes
between Python versions. Nothing here looks beyond the statement.
"""

import ast
import re
from collections.abc import Callable
from functools import lru_cache

from repopeftbench.mining.source import syntax_tree
from repopeftbench.schema import content_id

MOST_LEVELS = 150
"""Far from any stack's end, wherever this is called: a key must not depend on the caller."""

_HOLE = "__repobench_target__"
_ASSERT = re.compile(r"assert\b")


_known: dict[str, str] = {}
_MOST_KNOWN = 32_768


def statement_key(statement: str) -> str:
    """Hex key of an `assert` statement or of a call expression; equal keys mean equal syntax trees.

    A statement that `ast` cannot parse on its own (it stands in a file that is not valid Python), or whose tree is too
    deep, gets a key of its white-space-separated words, which never equals the key of one that has a tree.
    """
    return _known.get(statement) or _remembered(statement, _tree_key(_parse(statement), statement))


def node_key(node: ast.AST, statement: str) -> str:
    """The key of a statement whose syntax tree is at hand: its own, or that of where it stands in a larger one."""
    return _known.get(statement) or _remembered(statement, _tree_key(node, statement))


def _remembered(statement: str, key: str) -> str:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[statement] = key
    return key


@lru_cache(maxsize=8_192)
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
        node = None
    return _tree_key(node, before)


def _tree_key(node: ast.AST | None, text: str) -> str:
    tree = None if node is None else canonical(node)
    return content_id("text", *text.split()) if tree is None else content_id("tree", tree)


def canonical(root: ast.AST) -> str | None:
    """A syntax tree as text, without positions, contexts and empty fields; None for one of more than 150 levels."""
    out: list[str] = []
    return "".join(out) if _render(root, out.append, MOST_LEVELS) else None


def _render(node: ast.AST, put: Callable[[str], None], levels: int) -> bool:
    """Hands the text of a tree on piece by piece; False where it has more levels."""
    if not levels:
        return False
    head, fields = _SHAPES.get(node.__class__.__name__) or _shape(node)
    put(head)
    for name, label in fields:
        value = getattr(node, name, None)
        if value is None:
            continue
        if isinstance(value, ast.AST):
            put(label)
            if not _render(value, put, levels - 1):
                return False
        elif value.__class__ is not list:
            put(label)
            put(_constant(value))
        elif value:
            put(label)
            put("[")
            for item in value:
                if not isinstance(item, ast.AST):
                    put(_constant(item))
                elif not _render(item, put, levels - 1):
                    return False
            put("]")
    put(")")
    return True


_Shape = tuple[str, tuple[tuple[str, str], ...]]
_SHAPES: dict[str, _Shape] = {}
"""By kind of node, how its text begins, and its fields with how each is introduced."""


def _shape(node: ast.AST) -> _Shape:
    kind = node.__class__.__name__
    fields = tuple((name, f" {name}=") for name in node._fields if name not in ("ctx", "type_comment"))
    _SHAPES[kind] = (f"{kind}(", fields)
    return _SHAPES[kind]


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
