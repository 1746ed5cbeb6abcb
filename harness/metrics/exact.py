r"""Strict exact match: are prediction and target the same tokens?

Tokens are the leaves of tree-sitter's tree, so they do not depend on the Python version, and any text has them. Not
counted:

* white space, line breaks, `\`-newline and comments;
* the quotes of a string: `'x'`, `"x"` and `'''x'''` are equal, and so are `'it\'s'` and `"it's"` (an escaped quote
  means the quote, except in raw strings), f-strings and what their fields contain included;
* the letter case of a string prefix (`R'x'`, `r'x'`) and the order of its letters;
* underscores in numbers: `1_000` equals `1000`;
* CR LF against LF inside a string, as Python reads both as LF.

Everything else counts: parentheses, trailing commas, `0xFF` against `0xff`, `"a" "b"` against `"ab"`, `u"x"` against
`"x"`, and the spelling of a self-documenting field (`f"{x=}"`), which is part of its value.

Nothing of a text is ever lost: bytes that the parser skipped are tokens too. So two texts with equal tokens differ in
the listed ways only, and equality is reflexive, symmetric and transitive on any text, garbage included.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from repopeftbench.syntax import parse

VERSION = 2
"""Raised whenever a verdict may change; stored with every score."""

_WHITE_SPACE = b" \t\f\v\r\n"
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_LINE_BREAK = re.compile(rb"\r\n?")
_SKIPPED = frozenset({"comment", "line_continuation"})


class Normalised(NamedTuple):
    """One token: `kind` keeps the text of strings apart from code that reads the same."""

    kind: str
    text: bytes


class _Span(NamedTuple):
    """A part of a string that is a token by itself, already normalised."""

    start_byte: int
    end_byte: int
    token: Normalised


def em_strict(prediction: str, target: str) -> bool:
    """Whether the two texts are equal as normalised tokens; see the module for what that leaves out."""
    return prediction == target or normalised_tokens(prediction) == normalised_tokens(target)


def normalised_tokens(text: str) -> tuple[Normalised, ...]:
    """The tokens of `text`, which is read within brackets, so that line breaks mean nothing."""
    # The line break keeps the closing bracket out of a comment; as the brackets are in every text, they change no
    # equality.
    source = b"(" + text.encode("utf-8", "surrogatepass") + b"\n)"
    return tuple(_tokens(source))


def _tokens(source: bytes) -> Iterator[Normalised]:
    tree = parse(source)
    position = 0
    # A stack of its own: deep nesting must not overflow Python's.
    waiting: list[Node | _Span] = [tree.root_node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Span):
            token: Normalised | None = item.token
        elif item.type == "string":
            waiting.extend(reversed(_string_parts(item, source)))
            continue
        elif item.type == "format_specifier":
            waiting.extend(reversed(_format_parts(item, source)))
            continue
        elif item.child_count and not _is_self_documenting(item):
            waiting.extend(reversed(item.children))
            continue
        else:
            token = _leaf(item, source)
        skipped = source[position : item.start_byte].strip(_WHITE_SPACE)
        if skipped:
            yield Normalised("skipped", skipped)
        if token is not None:
            yield token
        position = max(position, item.end_byte)
    rest = source[position:].strip(_WHITE_SPACE)
    if rest:
        yield Normalised("skipped", rest)


def _leaf(node: Node, source: bytes) -> Normalised | None:
    text = source[node.start_byte : node.end_byte]
    if node.type in _SKIPPED or not text:
        return None
    if node.type in ("integer", "float"):
        return Normalised("code", text.replace(b"_", b""))
    return Normalised("code", text)


def _is_self_documenting(node: Node) -> bool:
    """Whether `node` is a field like `{x = }`, whose white space shows in the value."""
    return node.type == "interpolation" and any(child.type == "=" for child in node.children)


def _string_parts(node: Node, source: bytes) -> list[Node | _Span]:
    r"""The string as its start, its text between the fields, the fields and its end.

    The text is taken from the source: the grammar gives some of it no node, and some (`\'` first in a raw string) to
    the node of the closing quote.
    """
    children = node.children
    first, last = children[0], children[-1]
    if first.type != "string_start" or last.type != "string_end" or last is first:
        return list(children)
    opening = source[first.start_byte : first.end_byte]
    letters = opening.rstrip(b"'\"")
    closing = last.end_byte - (len(opening) - len(letters))
    prefix = bytes(sorted(letters.lower()))
    parts: list[Node | _Span] = [_Span(first.start_byte, first.end_byte, Normalised("string", prefix))]
    fields = [child for child in children if child.type == "interpolation"]
    parts += _interleaved(fields, (first.end_byte, closing), source, raw=b"r" in prefix)
    parts.append(_Span(closing, last.end_byte, Normalised("string end", b"")))
    return parts


def _format_parts(node: Node, source: bytes) -> list[Node | _Span]:
    """A format spec (`:>{w}`): its text, where white space counts, around the fields nested in it."""
    fields = [child for child in node.children if child.type == "format_expression"]
    return _interleaved(fields, (node.start_byte, node.end_byte), source, raw=True)


def _interleaved(fields: list[Node], span: tuple[int, int], source: bytes, *, raw: bool) -> list[Node | _Span]:
    """`fields` in order with the text of `span` that lies around them."""
    parts: list[Node | _Span] = []
    position, end = span
    for field in fields:
        if field.start_byte > position:
            parts.append(_text(position, field.start_byte, source, raw=raw))
        parts.append(field)
        position = field.end_byte
    if end > position:
        parts.append(_text(position, end, source, raw=raw))
    return parts


def _text(start: int, end: int, source: bytes, *, raw: bool) -> _Span:
    return _Span(start, end, Normalised("text", without_quoting(source[start:end], raw=raw)))


def without_quoting(text: bytes, *, raw: bool) -> bytes:
    r"""What stands between the quotes of a string, whatever the quotes: `\'` is `'` unless the string is raw."""
    text = _LINE_BREAK.sub(b"\n", text)
    if raw:
        return text
    return _ESCAPE.sub(lambda match: match[1] if match[1] in (b"'", b'"') else match[0], text)
