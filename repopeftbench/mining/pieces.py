"""Where a file is cut into pieces that can be parsed on their own. Pure text work; nothing here knows the grammar.

A file is a run of *sections*, cut at column 0 before `def`, `class`, `async`, decorators and `if __name__`. A section
is one *piece*, but a class with several methods is cut once more: its beginning, then its methods at the indentation
of the class body. A method is read behind the line `class NAME:`, the beginning before `pass`, so that each is a
module of its own.

If every piece is valid, the file is, and its statements are those of its pieces in turn: text that parses leaves the
tokenizer in its first state, and what begins at column 0, or at the one indentation of a class body, begins anew. A cut
in a wrong place (inside a string) makes a piece invalid: the reader then takes larger ones. So a cut can cost time, and
never an answer.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_SECTION = re.compile(rb"^(?:(@)|(?:def|class|async)\b|if __name__)", re.MULTILINE)
_CLASS = re.compile(rb"^(class[ \t]+[\w\x80-\xff]+|def|async)(?![\w\x80-\xff])", re.MULTILINE)
_METHOD = re.compile(rb"^([ \t]+)(?:@|(?:def|class|async)\b)", re.MULTILINE)
_AT_COLUMN_0 = re.compile(rb"^[^\s#]|\f", re.MULTILINE)
_QUOTES = (b'"""', b"'''")


def may_leave_class(piece: bytes) -> bool:
    """Whether a piece of a class may have a line at column 0: text in a string, or a statement behind the class.

    A form feed takes the line that it stands in back to column 0.
    """
    return _AT_COLUMN_0.search(piece) is not None


@dataclass(frozen=True, slots=True)
class PieceText:
    """A span of a section, and what is put before and behind it so that it can be parsed on its own."""

    start: int
    end: int
    head: bytes = b""
    tail: bytes = b""


def split_sections(text: bytes, start: int = 0, end: int | None = None) -> tuple[list[tuple[int, int]], bool]:
    """Spans that cover a part of the text, cut before top-level definitions, decorators with their definition.

    A span with an odd number of triple quotes of a kind is joined with the next: a cut inside a string only costs time,
    but is common in tests of code that handles code.

    Args:
        text: the file.
        start: where the part begins, at a line.
        end: where it ends, at a line; None for the end of the text.

    Returns:
        The spans, and whether the last one is open: it ends in a decorator or inside a string.
    """
    end = len(text) if end is None else end
    return _spans(text, _SECTION, start, end)


def split_class(text: bytes) -> tuple[PieceText, ...]:
    """The pieces of a section that is a class with at least two methods; empty for any other section."""
    found = _CLASS.search(text)
    if found is None or not found.group(1).startswith(b"class") or not text.startswith((b"@", found.group(1))):
        return ()
    method = _METHOD.search(text, found.end())
    if method is None:
        return ()
    indent = method.group(1)
    spans, is_open = _spans(text, _method_at(indent), method.start(), len(text))
    if is_open or len(spans) < 2:
        return ()
    head = found.group(1) + b":\n"
    first = PieceText(0, method.start(), tail=indent + b"pass\n")
    return (first, *(PieceText(start, stop, head=head) for start, stop in spans))


@lru_cache(maxsize=64)
def _method_at(indent: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"^" + indent + rb"(?:(@)|(?:def|class|async)\b)", re.MULTILINE)


def _spans(text: bytes, cut: re.Pattern[bytes], start: int, end: int) -> tuple[list[tuple[int, int]], bool]:
    """Spans of `text[start:end]` between the matches of `cut`, whose first group is a decorator's sign."""
    starts: list[int] = []
    decorated = False
    for match in cut.finditer(text, start, end):
        is_decorator = match.group(1) is not None
        if not decorated and match.start() > start:
            starts.append(match.start())
        decorated = is_decorator
    spans: list[tuple[int, int]] = []
    first = start
    is_open = decorated
    for stop in (*starts, end):
        is_open = any(text.count(quotes, first, stop) % 2 for quotes in _QUOTES)
        if stop == end or not is_open:
            spans.append((first, stop))
            first = stop
    return spans, is_open or decorated
