"""A Python source file as bytes and as text, with offsets that map from one to the other.

Decoding follows PEP 263 as the interpreter does: byte-order mark, coding cookie, UTF-8 by default. Validity is asked
of the interpreter's own parser. The parse copy is UTF-8 with lone carriage returns as newlines and long runs of
comments as blank lines, byte for byte as long.
"""

import ast
import io
import re
import sys
import tokenize
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

UNDECODABLE = "undecodable-file"
UNPARSABLE = "unparsable-file"

_BOM = b"\xef\xbb\xbf"
# Where a coding cookie may be is decided by tokenize; here it is enough that there may be one.
_COOKIE = re.compile(rb"coding[:=]")
_LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")
# Lines that are comments, or parts of a string that mean nothing to its end or to its replacement fields.
_COMMENT_LINES = re.compile(rb"^(?:[ \t\f]*#[^\n\r'\"{}\\]*\n){1000,}", re.MULTILINE)
_MANY_COMMENTS = 1_000
_FRAMES_LEFT = 1_000


class UnreadableSourceError(ValueError):
    """A file that is not Python source; `reason` is the reject reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, eq=False)
class SourceText:
    """A decoded file. `parsed` is what parsers read; offsets into it map to the raw file with `raw_offset`."""

    utf8: bytes
    parsed: bytes
    encoding: str = "utf-8"
    bom_bytes: int = 0

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        r"""Offsets of the lines' first bytes; `\n`, `\r\n` and a lone `\r` end a line."""
        text = _LONE_CARRIAGE_RETURN.sub(b"\n", self.utf8)
        return (0, *(match.end() for match in re.finditer(rb"\n", text)))

    def row(self, offset: int) -> int:
        """The row, from 0, that holds a UTF-8 offset."""
        return bisect_right(self.line_starts, offset) - 1

    def raw_offset(self, offset: int) -> int:
        """The raw file's byte offset of byte `offset` of the UTF-8 text."""
        if self.encoding == "utf-8":
            return offset + self.bom_bytes
        row = self.row(offset) if self._raw_line_starts else 0
        before = self._raw_line_starts[row] if self._raw_line_starts else 0
        return before + len(self.utf8[self.line_starts[row] : offset].decode("utf-8").encode(self.encoding))

    @cached_property
    def _raw_line_starts(self) -> tuple[int, ...]:
        """The raw file's offsets of the lines' first bytes; empty for codes in which lines depend on earlier ones."""
        spans = pairwise((*self.line_starts, len(self.utf8)))
        sizes = [len(self.utf8[start:end].decode("utf-8").encode(self.encoding)) for start, end in spans]
        whole = len(self.utf8.decode("utf-8").encode(self.encoding))
        return tuple(accumulate(sizes[:-1], initial=0)) if sum(sizes) == whole else ()

    def lines(self, first_row: int, last_row: int) -> tuple[int, int]:
        """The span of whole lines, the last one's line end included."""
        end = self.line_starts[last_row + 1] if last_row + 1 < len(self.line_starts) else len(self.utf8)
        return self.line_starts[first_row], end

    def slice(self, start: int, end: int) -> str:
        """The text between two UTF-8 offsets, exactly as it stands in the file."""
        return self.utf8[start:end].decode("utf-8")


def decode_source(raw: bytes) -> SourceText:
    """The file's text, decoded as Python decodes source.

    Raises:
        UnreadableSourceError: the encoding is unknown, or the bytes are not text in it.
    """
    if not (raw.startswith(_BOM) or b"\r" in raw or _COOKIE.search(raw, 0, _second_line_end(raw))):
        # The common case: plain UTF-8 with newlines.
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableSourceError(UNDECODABLE, str(error)) from error
        return SourceText(utf8=raw, parsed=_without_comment_runs(raw))
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(_LONE_CARRIAGE_RETURN.sub(b"\n", raw)).readline)
        text = raw.decode(encoding)
        utf8 = text.encode("utf-8")
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise UnreadableSourceError(UNDECODABLE, str(error)) from error
    bom = len(_BOM) if encoding == "utf-8-sig" else 0
    normal = "utf-8" if encoding in ("utf-8", "utf-8-sig") else encoding
    if normal != "utf-8" and text.encode(normal) != raw:
        raise UnreadableSourceError(UNDECODABLE, f"{encoding} does not encode back to the same bytes")
    return SourceText(utf8=utf8, parsed=parse_copy(utf8), encoding=normal, bom_bytes=bom)


def parse_copy(utf8: bytes) -> bytes:
    """What parsers read of a decoded file: as long, with newlines for lone carriage returns, without comment runs."""
    return _without_comment_runs(_LONE_CARRIAGE_RETURN.sub(b"\n", utf8))


def _without_comment_runs(text: bytes) -> bytes:
    """The text with blank lines for a thousand or more comment lines in a row.

    The grammar's scanner (tree-sitter-python 0.25) looks at each comment again for every comment before it: 50,000
    of them took half a minute. To go when it does not.
    """
    if text.count(b"#") < _MANY_COMMENTS:
        return text
    return _COMMENT_LINES.sub(lambda match: re.sub(rb"[^\n]", b" ", match.group()), text)


def _second_line_end(raw: bytes) -> int:
    end = raw.find(b"\n", raw.find(b"\n") + 1)
    return len(raw) if end < 0 else end


def parse_module(raw: bytes | str) -> ast.Module:
    """The interpreter's own tree of a file: the tree-sitter grammar also accepts what is not Python.

    Raises:
        UnreadableSourceError: the running interpreter cannot parse the file.
    """
    try:
        return syntax_tree(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(UNPARSABLE, str(error)) from error


def syntax_tree(source: bytes | str) -> ast.Module:
    """`ast.parse` without warnings, whose limit of nesting does not depend on how deep in calls it is asked.

    Raises:
        SyntaxError: the source is not Python; ValueError: it holds what no source can.
        RecursionError: it is nested too deeply; MemoryError: far too deeply.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except RecursionError:
            # CPython 3.11 counts the frames of the caller in: one worker and two would disagree.
            limit, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
            while frame.f_back is not None:
                depth, frame = depth + 1, frame.f_back
            sys.setrecursionlimit(depth + _FRAMES_LEFT)
            try:
                return ast.parse(source)
            finally:
                sys.setrecursionlimit(limit)
