"""A Python source file as bytes and as text, with offsets that map from one to the other.

Decoding follows PEP 263 as the interpreter does: byte-order mark, coding cookie, UTF-8 by default. Validity is asked
of the interpreter's own parser. The parse copy is UTF-8 with lone carriage returns as newlines, byte for byte as
long.
"""

import ast
import io
import re
import tokenize
import warnings
from bisect import bisect_right
from dataclasses import dataclass

UNDECODABLE = "undecodable-file"
UNPARSABLE = "unparsable-file"

_BOM = b"\xef\xbb\xbf"
_LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")


class UnreadableSourceError(ValueError):
    """A file that is not Python source; `reason` is the reject reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class SourceText:
    r"""A decoded file. `parsed` is what parsers read; offsets into it map to the raw file with `raw_offset`.

    `line_starts` are the offsets of the lines' first bytes; `\n`, `\r\n` and a lone `\r` end a line.
    """

    utf8: bytes
    parsed: bytes
    line_starts: tuple[int, ...]
    encoding: str
    bom_bytes: int

    def row(self, offset: int) -> int:
        """The row, from 0, that holds a UTF-8 offset."""
        return bisect_right(self.line_starts, offset) - 1

    def raw_offset(self, offset: int) -> int:
        """The raw file's byte offset of byte `offset` of the UTF-8 text."""
        if self.encoding == "utf-8":
            return offset + self.bom_bytes
        return len(self.utf8[:offset].decode("utf-8").encode(self.encoding))

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
    parsed = _LONE_CARRIAGE_RETURN.sub(b"\n", utf8)
    starts = (0, *(match.end() for match in re.finditer(rb"\n", parsed)))
    return SourceText(utf8=utf8, parsed=parsed, line_starts=starts, encoding=normal, bom_bytes=bom)


def parse_module(raw: bytes) -> ast.Module:
    """The interpreter's own tree of a file: the tree-sitter grammar also accepts what is not Python.

    Raises:
        UnreadableSourceError: the running interpreter cannot parse the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(UNPARSABLE, str(error)) from error
