"""Where a target stands as text: at token boundaries, so that `1` is not found in `10`, `x1` or `1.5`. Pure."""

from functools import lru_cache

from repopeftbench.mining.source import UnreadableSourceError, parse_module
from repopeftbench.schema import Family

FEWEST_CHARACTERS = 4
"""Shorter targets (`1`, `[]`, `"a"`) stand in almost any text, and say nothing there."""


def occurs(target: str, text: str) -> bool:
    """Whether a target stands in a text as whole tokens; an empty one stands nowhere."""
    start = text.find(target) if target else -1
    while start >= 0:
        end = start + len(target)
        if not _continues(text, start, -1) and not _continues(text, end - 1, 1):
            return True
        start = text.find(target, start + 1)
    return False


def expression(target: str, family: str) -> str:
    """A target without the unmatched `)` that the published construction leaves at the end of a call's.

    A bare `assert` has no such end, and a target that parses as it is has none either.
    """
    if family == Family.ASSERT or not target.endswith(")") or _parses(target):
        return target
    inner = target[:-1].rstrip()
    return inner if inner and _parses(inner) else target


def _continues(text: str, at: int, step: int) -> bool:
    """Whether the token at an end of a match goes on beyond it, in the direction of `step`."""
    beyond = at + step
    if not 0 <= beyond < len(text) or not _is_word(text[at]):
        return False
    if _is_word(text[beyond]):
        return True
    # The other half of a number.
    further = beyond + step
    return text[beyond] == "." and text[at].isdigit() and 0 <= further < len(text) and text[further].isdigit()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


@lru_cache(maxsize=65_536)
def _parses(text: str) -> bool:
    try:
        parse_module(f"(\n{text}\n)")
    except UnreadableSourceError:
        return False
    return True
