"""What kind of mistake a wrong prediction is: seven classes, by rule, from the texts alone. Pure.

The classes are those of the published error analysis (paper, section F.5), which does not give its rules; these are
ours. The first that fits is taken:

1. empty: the prediction has no token;
2. syntax error: it is not one Python expression (tree-sitter's grammar, the text in brackets, as the target stands in a
   statement that may go on over lines);
3. near miss: it has the AST of the target, and other tokens;
4. hallucinated name: it uses a name that stands neither in the prefix nor in the target and is no builtin, so that it
   would raise NameError. Attributes and keyword arguments are not asked for: the prefix cannot tell which exist;
5. type mismatch: at least one of the two is a literal, and their kinds differ. Kinds are number, string, bool, None,
   `...`, list, tuple, set, dictionary and generator (a comprehension is its result), and any other expression;
6. near miss: the edit similarity is at least `NEAR`;
7. wrong literal: the same names in the same order, so that only values or operators differ;
8. wrong identifier: everything else.

Whether a name stands in the prefix is found out elsewhere (`harness/unknown_names.py`), as scores keep no prefixes.
"""

import builtins
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from tree_sitter import Node

from harness.metrics.editsim import edit_similarity
from harness.records import Score
from repopeftbench.syntax import operands, parse, unparenthesised, walk

NEAR = 0.8
"""The least edit similarity of a near miss."""


class ErrorClass(StrEnum):
    """The kind of a mistake, in the order to print them."""

    WRONG_LITERAL = "wrong literal"
    SYNTAX_ERROR = "syntax error"
    TYPE_MISMATCH = "type mismatch"
    NEAR_MISS = "near miss"
    WRONG_IDENTIFIER = "wrong identifier"
    HALLUCINATED_NAME = "hallucinated name"
    EMPTY = "empty"


_KINDS = {
    "integer": "number",
    "float": "number",
    "string": "string",
    "concatenated_string": "string",
    "true": "bool",
    "false": "bool",
    "none": "none",
    "ellipsis": "ellipsis",
    "list": "list",
    "list_comprehension": "list",
    "tuple": "tuple",
    "set": "set",
    "set_comprehension": "set",
    "dictionary": "dictionary",
    "dictionary_comprehension": "dictionary",
    "generator_expression": "generator",
}
_SIGNED = "unary_operator"
_EXPRESSION = "expression"
_MODULE_NAMES = frozenset({"__file__", "__name__", "__doc__", "__builtins__"})
_KNOWN = frozenset(dir(builtins)) | _MODULE_NAMES
_BINDERS = {
    "for_in_clause": "left",
    "named_expression": "name",
    "lambda": "parameters",
}


def classify(score: Score, unknown: Collection[str] = ()) -> ErrorClass:
    """The class of a wrong prediction.

    Args:
        score: with `em_strict` false, and not failed.
        unknown: names that do not stand in the prefix; of its `doubtful_names` those among them are hallucinated.
    """
    found, wanted = _read(score.prediction), _read(score.target)
    if found.kind is None:
        return ErrorClass.SYNTAX_ERROR if found.has_tokens else ErrorClass.EMPTY
    if score.em_ast is True:
        return ErrorClass.NEAR_MISS
    if not doubtful_names(score).isdisjoint(unknown):
        return ErrorClass.HALLUCINATED_NAME
    if (wanted.kind or _EXPRESSION) != found.kind:
        return ErrorClass.TYPE_MISMATCH
    similarity = edit_similarity(score.prediction, score.target)
    if isinstance(similarity, float) and similarity >= NEAR:
        return ErrorClass.NEAR_MISS
    return ErrorClass.WRONG_LITERAL if found.names == wanted.names else ErrorClass.WRONG_IDENTIFIER


def doubtful_names(score: Score) -> frozenset[str]:
    """The names of a wrong prediction that are no builtins nor in the target: hallucinated if the prefix lacks them."""
    found = _read(score.prediction)
    if found.kind is None or score.em_ast is True:
        return frozenset()
    return found.free_names.difference(_KNOWN, _read(score.target).names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What the rules ask of a text; `kind` is None where it is no expression."""

    kind: str | None
    has_tokens: bool
    names: tuple[str, ...]
    free_names: frozenset[str]


@lru_cache(maxsize=8_192)  # methods share targets, and many answers
def _read(text: str) -> _Reading:
    source = _bracketed(text)
    root = parse(source).root_node
    leaves = (node for node in walk(root) if not node.children and node.type not in ("comment", "line_continuation"))
    has_tokens = len(list(islice(leaves, 3))) > 2  # the first and the last are the brackets
    node = _expression(root, len(source))
    if node is None:
        return _Reading(kind=None, has_tokens=has_tokens, names=(), free_names=frozenset())
    return _Reading(
        kind=_kind(node), has_tokens=has_tokens, names=tuple(_names(node)), free_names=frozenset(_free_names(node))
    )


def _bracketed(text: str) -> bytes:
    # The line break keeps the closing bracket out of a comment.
    return b"(" + text.encode("utf-8", "surrogatepass") + b"\n)"


def _expression(root: Node, length: int) -> Node | None:
    """The one expression that the text between the brackets is, without further brackets; None where it is none."""
    statements = operands(root)
    if root.has_error or len(statements) != 1 or statements[0].type != "expression_statement":
        return None
    node = operands(statements[0])[0] if operands(statements[0]) else None
    # `) + (` between brackets is an expression too, but not one that the outer brackets enclose.
    if node is None or node.end_byte != length or not _encloses(node):
        return None
    if node.type == "tuple" and not operands(node):
        return None  # nothing between the brackets
    return unparenthesised(node)


def _encloses(node: Node) -> bool:
    return node.type in ("parenthesized_expression", "tuple", "generator_expression") and node.start_byte == 0


def _kind(node: Node) -> str:
    if node.type == _SIGNED and operands(node):
        inner = _KINDS.get(unparenthesised(operands(node)[-1]).type)
        return inner if inner == "number" else _EXPRESSION
    return _KINDS.get(node.type, _EXPRESSION)


def _names(node: Node) -> list[str]:
    return [_text(leaf) for leaf in walk(node) if leaf.type == "identifier"]


def _free_names(node: Node) -> Iterator[str]:
    """The names in `node` that it neither binds nor asks of an object or a callee."""
    bound = set(_bound_names(node))
    for leaf in walk(node):
        if leaf.type == "identifier" and not _is_label(leaf) and _text(leaf) not in bound:
            yield _text(leaf)


def _bound_names(node: Node) -> Iterator[str]:
    for inner in walk(node):
        field = _BINDERS.get(inner.type)
        target = inner.child_by_field_name(field) if field else None
        if target is not None:
            yield from _names(target)


def _is_label(leaf: Node) -> bool:
    """Whether an identifier is an attribute, or the name of a keyword argument."""
    parent = leaf.parent
    if parent is None or parent.type not in ("attribute", "keyword_argument"):
        return False
    return parent.child_by_field_name("attribute" if parent.type == "attribute" else "name") == leaf


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
