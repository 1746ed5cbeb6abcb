"""Python tokens of a text that may be cut anywhere: one pass, no tree, the same on every Python version.

Made for two readers: what surrounds the end of a prefix, and where an expression at the start of a model's text ends.
Both look at text that is no whole program, which `tokenize` (whose tokens also differ between Python versions) and a
parse tree (whose error recovery depends on what comes later) do not read reliably. It knows tokens and brackets, no
grammar: `stopping` does. The cost is linear in the text; nothing recurses.

f-strings nest as in PEP 701: a replacement field is code, its own quotes may equal the outer ones.
Source of the token shapes: the Python language reference, chapter 2.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What a token is; white space and line continuations are no tokens."""

    NAME = 1
    NUMBER = 2
    STRING = 3
    FSTRING = 4
    FSTRING_END = 5
    OPERATOR = 6
    OPEN = 7
    CLOSE = 8
    UNMATCHED = 9
    NEWLINE = 10
    COMMENT = 11
    UNFINISHED = 12
    BROKEN = 13


class Token(NamedTuple):
    """One token, as a half-open span of characters.

    `depth` counts the brackets and f-strings that were opened in this text around the token; an opening token and its
    closing one have the same depth. UNMATCHED is a closing bracket that nothing in this text opened. UNFINISHED reaches
    the end of the text inside a string. BROKEN is something that no continuation repairs: a string that a line break
    cut (the only token that can be empty), a wrong closing bracket, a character that starts no token.
    """

    kind: Kind
    start: int
    end: int
    depth: int


_PREFIX = r"(?:[bB][rR]?|[rR][bBfFtT]?|[fFtT][rR]?|[uU])?"
_LETTER = r"A-Za-z_\u0080-\U0010ffff"
# An exponent may be cut after its `e` or sign by the end of the text: the number then goes on when more text comes.
_EXPONENT = r"(?:[eE](?:[+-]?[0-9][0-9_]*|[+-]?\Z))?"
_CODE = re.compile(
    rf"""
    (?P<space>[ \t\f]+ | \\(?:\r\n|\n|\r) | \\\Z)
  | (?P<newline>\r\n|\n|\r)
  | (?P<comment>\#[^\r\n]*)
  | (?P<string>{_PREFIX}(?:'''|\"\"\"|'|\"))
  | (?P<name>[{_LETTER}][0-9{_LETTER}]*)
  | (?P<number>0[xXoObB][0-9a-fA-F_]* | (?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*){_EXPONENT}[jJ]?)
  | (?P<open>[(\[{{])
  | (?P<close>[)\]}}])
  | (?P<operator>\.\.\.|\.\.\Z|\*\*=?|//=?|>>=?|<<=?|!=|->|:=|==|<=|>=|<>|[-+*/%@&|^]=?|[~<>=.,:;])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_STRING_REST = {
    "'": re.compile(r"[^'\\\r\n]*+(?:\\(?:\r\n|.)[^'\\\r\n]*+)*+'", re.DOTALL),
    '"': re.compile(r'[^"\\\r\n]*+(?:\\(?:\r\n|.)[^"\\\r\n]*+)*+"', re.DOTALL),
    "'''": re.compile(r"[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''", re.DOTALL),
    '"""': re.compile(r'[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""', re.DOTALL),
}
_LINE_REST = re.compile(r"(?:[^\\\r\n]|\\(?:\r\n|.))*+\\?", re.DOTALL)
_FSTRING_STOP = re.compile(r"\\N\{[^}\r\n]*\}|\\(?=[{}])|\\(?:\r\n|.)|\{\{|\}\}|'''|\"\"\"|['\"{}\r\n]", re.DOTALL)
_SPEC_STOP = re.compile(r"['\"{}\r\n]")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_FIELD = "field"
_SPEC = "spec"


class Lexer:
    """Yields the tokens of one text.

    `stack` holds what is open: brackets, f-strings by their quotes, replacement fields, format specs. A reader that
    finds the text unbalanced may clear `stack` between two tokens.
    """

    __slots__ = ("_inside", "_text", "stack")

    def __init__(self, text: str, *, inside: bool) -> None:
        """`inside` says that the text starts within brackets, where line breaks mean nothing."""
        self._text = text
        self._inside = inside
        self.stack: list[str] = []

    def tokens(self) -> Iterator[Token]:
        """The tokens in order; after a BROKEN one reading goes on, in case the reader wants to recover."""
        position = 0
        while position < len(self._text):
            top = self.stack[-1] if self.stack else ""
            if top in _STRING_REST:
                token, position = self._fstring_text(position, top)
            elif top == _SPEC:
                token, position = self._format_spec(position)
            else:
                token, position = self._code(position, top)
            if token is not None:
                yield token

    def _code(self, position: int, top: str) -> tuple[Token | None, int]:
        match = _CODE.match(self._text, position)
        assert match is not None  # the last alternative takes any character
        kind, end, depth = match.lastgroup, match.end(), len(self.stack)
        if kind == "space":
            return None, end
        if kind == "newline":
            inside = self._inside or depth > 0
            return None if inside else Token(Kind.NEWLINE, position, end, depth), end
        if kind == "string":
            return self._string(position, end, depth)
        if kind == "open":
            self.stack.append(match.group())
            return Token(Kind.OPEN, position, end, depth), end
        if kind == "close":
            return self._close(position, match.group(), top)
        if top == _FIELD and match.group().startswith(":"):
            # The colon of a replacement field starts the format spec, also in `:=`.
            self.stack[-1] = _SPEC
            return None, position + 1
        if top == _FIELD and match.group() == "!":  # a conversion: `{x!r}`
            return None, end
        return Token(_KINDS[kind or "other"], position, end, depth), end

    def _close(self, position: int, closer: str, top: str) -> tuple[Token, int]:
        end = position + 1
        if not self.stack:
            return Token(Kind.UNMATCHED, position, end, 0), end
        if closer == ("}" if top == _FIELD else _CLOSER.get(top)):
            self.stack.pop()
            return Token(Kind.CLOSE, position, end, len(self.stack)), end
        return Token(Kind.BROKEN, position, end, len(self.stack)), end

    def _string(self, position: int, end: int, depth: int) -> tuple[Token, int]:
        opening = self._text[position:end]
        prefix = opening.rstrip("'\"").lower()
        quote = opening[len(prefix) :]
        if "f" in prefix or "t" in prefix:
            self.stack.append(quote)
            return Token(Kind.FSTRING, position, end, depth), end
        match = _STRING_REST[quote].match(self._text, end)
        if match is not None:
            return Token(Kind.STRING, position, match.end(), depth), match.end()
        if len(quote) == 1:
            rest = _LINE_REST.match(self._text, end)
            stop = rest.end() if rest is not None else end
            if stop < len(self._text):
                return Token(Kind.BROKEN, position, stop, depth), stop
        return Token(Kind.UNFINISHED, position, len(self._text), depth), len(self._text)

    def _fstring_text(self, position: int, quote: str) -> tuple[Token | None, int]:
        match = _FSTRING_STOP.search(self._text, position)
        if match is None:
            return Token(Kind.UNFINISHED, position, len(self._text), len(self.stack)), len(self._text)
        found, start, end = match.group(), match.start(), match.end()
        if found == "{":
            self.stack.append(_FIELD)
            return Token(Kind.OPEN, start, end, len(self.stack) - 1), end
        if found[0] in "'\"" and found.startswith(quote):
            self.stack.pop()
            end = start + len(quote)
            return Token(Kind.FSTRING_END, start, end, len(self.stack)), end
        if found[0] in "'\"":
            # Another quote: only its first character is text, since `\"` plus the outer quote may follow.
            return None, start + 1
        if found[0] in "\r\n" and len(quote) == 1:
            self.stack.pop()
            return Token(Kind.BROKEN, position, start, len(self.stack)), start
        return None, end

    def _format_spec(self, position: int) -> tuple[Token | None, int]:
        match = _SPEC_STOP.search(self._text, position)
        if match is None:
            return Token(Kind.UNFINISHED, position, len(self._text), len(self.stack)), len(self._text)
        found, start, end = match.group(), match.start(), match.end()
        if found == "{":
            self.stack.append(_FIELD)
            return Token(Kind.OPEN, start, end, len(self.stack) - 1), end
        if found == "}":
            self.stack.pop()
            return Token(Kind.CLOSE, start, end, len(self.stack)), end
        quote = self.stack[-2] if len(self.stack) > 1 else ""
        if found in "\r\n" and len(quote) == 1 and quote in _STRING_REST:
            del self.stack[-2:]
            return Token(Kind.BROKEN, position, start, len(self.stack)), start
        return None, end


_KINDS = {
    "name": Kind.NAME,
    "number": Kind.NUMBER,
    "operator": Kind.OPERATOR,
    "comment": Kind.COMMENT,
    "other": Kind.BROKEN,
}
