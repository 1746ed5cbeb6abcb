r"""Source of an expression on one line, whatever its layout: what symbol records show of values and signatures. Pure.

White space between tokens is at most one blank, and none inside brackets; comments and line continuations are gone.
Strings stay as they are, but for line breaks in them, which are `\n`.
"""

import re

MOST_CHARACTERS = 200
"""Characters of a name or a value, the mark of a cut included."""
MARK = "…"
"""The end of what was cut."""
_MOST_BYTES = 4 * MOST_CHARACTERS * 4
"""What is looked at of a source: more only where white space and comments are most of it."""

_PIECES = re.compile(
    r"""(?P<string>\"{3}(?:[^\\]|\\.)*?(?:\"{3}|\Z) | '{3}(?:[^\\]|\\.)*?(?:'{3}|\Z)
        | \"(?:[^\"\\\n]|\\.)*\"? | '(?:[^'\\\n]|\\.)*'?)
      | (?P<gap>(?:\#[^\n]*|\\\n|\s)+)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"
_BREAK = re.compile(r"\r\n?|\n")


def cut(text: str) -> str:
    """The text if it is short, else its beginning with the mark."""
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(MARK)] + MARK


def one_line(source: bytes, start: int, end: int) -> str:
    """A part of a source (UTF-8, bytes from `start` to before `end`) on one line, cut where it is long."""
    if end - start <= _MOST_BYTES:
        return cut(_on_one_line(source[start:end].decode("utf-8", "replace")))
    text = _on_one_line(source[start : start + _MOST_BYTES].decode("utf-8", "ignore"))
    return text[: MOST_CHARACTERS - len(MARK)] + MARK


def _on_one_line(text: str) -> str:
    if text.isidentifier() or text.isdecimal():
        return text
    parts: list[str] = []
    place = 0
    for found in _PIECES.finditer(text):
        parts.append(text[place : found.start()])
        place = found.end()
        if found["string"] is not None:
            parts.append(_BREAK.sub(r"\\n", found["string"]))
        elif text[max(found.start() - 1, 0)] not in _OPENING and text[place : place + 1] not in _CLOSING:
            parts.append(" ")
    parts.append(text[place:])
    return "".join(parts).strip()
