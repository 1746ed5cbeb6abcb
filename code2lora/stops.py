"""Where an answer may end for whoever uses code2lora by itself: a scanner of brackets and strings that is never early.

It ends an answer at a closing bracket that the answer did not open, and, where the prefix leaves no bracket open, at a
line break or a comment outside brackets. It knows no grammar: what the harness would have ended sooner goes on until
then. Where it cannot tell (f-strings with fields, brackets that do not match, strings that a line break cut), it does
not end the answer, and the token limit does.

Source of the token shapes: the Python language reference, chapter 2.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\f]+ | \\(?:\r\n|\n|\r))
  | (?P<newline>\r\n|\n|\r)
  | (?P<comment>\#[^\r\n]*)
  | (?P<string>(?:[bB][rR]?|[rR][bBfFtT]?|[fFtT][rR]?|[uU])?(?:'''|\"\"\"|'|\"))
  | (?P<word>[0-9A-Za-z_\u0080-\U0010ffff]+)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
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
_CLOSER = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What is known of the end of a prefix.

    Attributes:
        outside: The prefix leaves no bracket open, for certain.
        in_comment: It ends in a comment; None if that cannot be told.
    """

    outside: bool
    in_comment: bool | None


def ends_for_certain(prefix: str, text: str) -> bool:
    """Whether an answer has gone past the end of its expression; a `stop` for `generation.generate`.

    Args:
        prefix: What the answer follows.
        text: The answer so far, any text.

    Returns:
        True only where every reading of the prefix and the text says so; then also of every longer text.
    """
    place = _place(prefix)
    if place.in_comment is None:
        return False
    start = 0
    if place.in_comment:
        line = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)").match(text)
        if line is None:
            return False
        start = line.end()
    return _passes_its_end(text, start, outside=place.outside)


def _passes_its_end(text: str, position: int, *, outside: bool) -> bool:
    """Whether a bracket closes that nothing opened, or, outside brackets, the line or the code ends."""
    stack: list[str] = []
    begun = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None  # the last alternative takes any character
        kind, position = match.lastgroup, match.end()
        if kind == "string":
            end = _end_of_string(text, match.group(), position)
            if end is None:
                return False
            position = end
        elif kind == "open":
            stack.append(_CLOSER[match.group()])
        elif kind == "close":
            if not stack:
                return True
            if stack.pop() != match.group():
                return False
        elif kind in ("newline", "comment") and outside and not stack and (begun or kind == "comment"):
            return True
        begun = begun or kind not in ("space", "newline", "comment")
    return False


@lru_cache(maxsize=512)
def _place(prefix: str) -> _Place:
    """The end of a prefix; kept per prefix, as generation asks after every token."""
    stack: list[str] = []
    position, in_comment = 0, False
    while position < len(prefix):
        match = _TOKEN.match(prefix, position)
        assert match is not None
        kind, position = match.lastgroup, match.end()
        in_comment = kind == "comment" and position == len(prefix)
        certain = True
        if kind == "string":
            end = _end_of_string(prefix, match.group(), position)
            certain, position = end is not None, end or position
        elif kind == "open":
            stack.append(_CLOSER[match.group()])
        elif kind == "close":
            certain = bool(stack) and stack.pop() == match.group()
        if not certain:
            last_line = re.split(r"[\r\n]", prefix)[-1]
            return _Place(outside=False, in_comment=None if "#" in last_line else False)
    return _Place(outside=not stack, in_comment=in_comment)


def _end_of_string(text: str, opening: str, start: int) -> int | None:
    """Where a string ends; None if it does not, or if it holds code, which may hold quotes of its own."""
    quote = opening.lstrip("bBrRfFtTuU")
    match = _STRING_REST[quote].match(text, start)
    if match is None or ("{" in match.group() and set(opening) & set("fFtT")):
        return None
    return match.end()
