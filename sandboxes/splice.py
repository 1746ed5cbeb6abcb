"""Puts a prediction exactly in the place of a target, or says why it is no single expression. Pure functions.

Offsets are bytes of the raw file. What is put in is one operand and nothing else: the file must mean the same with and
without parentheses around the prediction. So text that closes the statement and opens another, that adds a message to
an `assert`, an argument to a call, or an `or True` to a comparison is refused, whatever it looks like.
"""

import ast
import hashlib
import io
import tokenize
from dataclasses import dataclass

from sandboxes.parsing import parse_module, parse_operand

_MOST_CHARACTERS = 20_000
_STAND_IN = "repobench_stand_in"
SOUND, ALWAYS_EQUAL, ALL_NUMBERS = "sound", "always-equal", "all-numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a target stands: bytes [start, end) of the file `source`."""

    source: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text cannot stand in a place; `reason` is a sentence about the text."""

    reason: str


def splice(place: Place, text: str) -> bytes | Refusal:
    """The file with `text` in the place of the target, if it is one expression there.

    White space around `text` is left out: the file has its own.
    """
    text = text.strip()
    if not text:
        return Refusal("it is empty")
    if len(text) > _MOST_CHARACTERS:
        return Refusal(f"it has more than {_MOST_CHARACTERS} characters")
    expression = parse_expression(text)
    if isinstance(expression, Refusal):
        return expression
    try:
        bare, enclosed = _put(place, text), _put(place, f"({text}\n)")
        as_it_is, as_one_operand = _meaning(bare), _meaning(enclosed)
    except UnicodeError:
        return Refusal("the file's encoding does not have all of its characters")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Refusal("the file with it is not Python")
    if as_it_is != as_one_operand:
        return Refusal("it does not stay in its place: it closes the statement, or changes what stands around it")
    return bare


def parse_expression(text: str) -> ast.expr | Refusal:
    """The one expression that `text` is, by itself."""
    try:
        tree = parse_operand(text)
        alone = _brackets_close_in_order(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Refusal("it is not one expression")
    return tree if alone else Refusal("it closes a bracket that it did not open")


def _brackets_close_in_order(text: str) -> bool:
    """Whether no bracket of `text` belongs to what stands around it."""
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(f"({text}\n)").readline):
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
                if depth == 0:  # the bracket around the text: nothing may follow
                    return token.start[0] == text.count("\n") + 2 and token.start[1] == 0
    except tokenize.TokenError:
        return False
    return False


def _put(place: Place, text: str) -> bytes:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(place.source).readline)
    return place.source[: place.start] + text.encode(encoding.removesuffix("-sig")) + place.source[place.end :]


def _meaning(source: bytes) -> str:
    return ast.dump(parse_module(source))


def neighbours(place: Place) -> tuple[ast.expr, ...]:
    """The expressions that the target is compared with, or is an argument beside."""
    try:
        tree = parse_module(_put(place, _STAND_IN))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            operands = [*node.args, *(keyword.value for keyword in node.keywords)]
        else:
            continue
        if any(_is_stand_in(operand) for operand in operands):
            return tuple(operand for operand in operands if not _is_stand_in(operand))
    return ()


def is_compared(place: Place) -> bool:
    """Whether the target is one of the two sides of a comparison."""
    try:
        tree = parse_module(_put(place, _STAND_IN))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    comparisons = (node for node in ast.walk(tree) if isinstance(node, ast.Compare) and len(node.comparators) == 1)
    return any(_is_stand_in(node.left) or _is_stand_in(node.comparators[0]) for node in comparisons)


def _is_stand_in(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == _STAND_IN


def tripwire(place: Place, text: str) -> tuple[str, str]:
    """A text that evaluates `text` in its place and then always fails, and the token of that failure.

    A test that passes with `text` must fail with its tripwire, and with this token in the message. If it does not, then
    the target is never evaluated, its failure is swallowed, or something of the test decides what pytest reports.
    After the token comes one word: `sound`, or what is wrong with the value that `text` has.
    """
    token = "repobench-" + hashlib.sha256(place.source + b"\0" + text.encode("utf-8", "replace")).hexdigest()[:16]
    words = (
        f"'{token}:{ALWAYS_EQUAL}' if (value == object()) is True else "
        f"'{token}:{ALL_NUMBERS}' if (value == 1e300) is True and (value == -1e300) is True else '{token}:{SOUND}'"
    )
    return f"(lambda value: {{}}[{words}])(\n{text.strip()}\n)", token
