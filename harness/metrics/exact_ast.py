"""Exact match by meaning of the syntax: do prediction and target have the same abstract syntax tree?

`ast` of the running Python decides, so that everything which no tree shows is left out: layout and comments, redundant
parentheses, quotes and escapes, joined string literals, the spelling of a number (`0xFF` and `255`, `1e3` and
`1000.0`), a `u` before a string. What a tree shows counts, types of constants included: `1`, `1.0` and `True` differ.

Texts that are equal as tokens are equal here too. Nothing runs, and no name is resolved.
"""

import ast
import warnings
from functools import lru_cache

from harness.metrics.exact import em_strict
from harness.records import Unscored

VERSION = 2
"""Raised whenever a verdict may change; stored with every score."""

_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 1_000
"""Characters."""


def em_ast(prediction: str, target: str) -> bool | Unscored:
    """Whether the two texts are one expression each, with equal trees.

    A prediction that is not one expression is wrong. A target that this Python cannot read as one has no verdict,
    unless the prediction has the same tokens.
    """
    return True if em_strict(prediction, target) else equal_trees(prediction, target)


def equal_trees(prediction: str, target: str) -> bool | Unscored:
    """`em_ast` of two texts whose tokens are known to differ."""
    wanted = _tree(target)
    if wanted is None:
        return Unscored(reason="the target is no expression to the parser of this Python")
    return _tree(prediction) == wanted


def _tree(text: str) -> str | None:
    return _remembered_tree(text) if len(text) <= _LONGEST_REMEMBERED else _read_tree(text)


def _read_tree(text: str) -> str | None:
    """The tree as text, without places; None if `text` is not exactly one expression."""
    # Read within brackets, where line breaks mean nothing. An expression that starts with them is not the text: it
    # has brackets of its own that close ours (`1)+(2`), or is the tuple or generator that ours make (`1,`).
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expression = ast.parse(f"({text.strip()}\n)", mode="eval").body
        if (expression.lineno, expression.col_offset) == (1, 0):
            return None
        for node in ast.walk(expression):
            if isinstance(node, ast.Constant):
                node.kind = None
        return ast.dump(expression)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_remembered_tree = lru_cache(maxsize=_REMEMBERED)(_read_tree)
