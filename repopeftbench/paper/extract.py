"""The evolution track's extractor: the text of a test file -> its assertions, in the published row order.

Source: `extract_assertions_from_source`, `_full_prefix_for` and `_normalize_for_id` of `build_commit_parquet_db.py`.
The whole file above the statement is the prefix, and part of an assertion's identity: what is published as new is
everything below the first change of a file.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from repopeftbench.paper import families
from repopeftbench.paper.families import Kind
from repopeftbench.paper.parsed import Innermost, parse

_READERS: dict[Kind, families.Reader] = {
    Kind.COMPARE: families.compare,
    Kind.TRUTHY: families.truthy,
    Kind.SELF: families.self_method,
    Kind.SELF_RAISES_REGEX: families.self_raises_regex,
    Kind.PYTEST: families.pytest_call,
    Kind.UNDERSCORE: families.underscore,
}
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One published row before its prefix is written out.

    `lineno` counts from 1, `col_offset` in UTF-8 bytes. `key` stands for kind, full prefix and target, white space
    normalised; `statement` for function, in-line prefix and target alone.
    """

    assertion_type: str
    inline: str
    target: str
    lineno: int
    col_offset: int
    test_function: str
    key: bytes
    statement: bytes


def decode(raw: bytes) -> str:
    """The text as the authors read it: UTF-8, what is not replaced by U+FFFD."""
    return raw.decode("utf-8", "replace")


def source_lines(text: str) -> list[str]:
    """The lines that prefixes are made of, ends included.

    These are `str.splitlines`' lines, not `ast`'s: form feeds and Unicode separators shift them, as published.
    """
    return text.splitlines(keepends=True)


def assertions(text: str) -> tuple[Assertion, ...] | None:
    """The file's assertions, breadth first; None where it does not parse."""
    file = parse(text)
    if file is None:
        return None
    readings = [(node, reading) for node in file.nodes if (reading := families.read(file, node, _READERS))]
    lines = source_lines(text) if readings else []
    above = _DigestsAbove(lines)
    tests = Innermost([function for function in file.functions() if "test" in function.name.lower()])
    found: list[Assertion] = []
    for node, reading in readings:
        if reading.target.lstrip().startswith(","):
            continue
        lineno, column = int(getattr(node, "lineno", 0)), int(getattr(node, "col_offset", 0))
        function = tests.around(lineno, int(getattr(node, "end_lineno", lineno)))
        name = function.name if function is not None else ""
        beside = _beside(lines, lineno, column) + reading.inline
        found.append(
            Assertion(
                assertion_type=reading.assertion_type,
                inline=reading.inline,
                target=reading.target,
                lineno=lineno,
                col_offset=column,
                test_function=name,
                key=above.key(lineno, beside, reading.assertion_type, reading.target),
                statement=_digest(name, _normal(reading.inline), _normal(reading.target)),
            )
        )
    return tuple(found)


def whole_file_prefix(lines: Sequence[str], assertion: Assertion) -> str:
    """The published prefix: the lines above, the statement's own line up to its column, the in-line prefix.

    The column counts bytes and cuts characters: left of it, text beyond ASCII shifts the cut, as published.

    Args:
        lines: `source_lines` of the file.
        assertion: one of the file's assertions.
    """
    above = "".join(lines[: assertion.lineno - 1])
    return above + _beside(lines, assertion.lineno, assertion.col_offset) + assertion.inline


def _beside(lines: Sequence[str], lineno: int, column: int) -> str:
    return lines[lineno - 1][:column] if lineno <= len(lines) else ""


class _DigestsAbove:
    """Digests of the normalised text above each line, so that a key costs one line, not the file above it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._states = [hashlib.blake2b(digest_size=_KEY_BYTES)]
        for line in lines:
            state = self._states[-1]
            tokens = line.split()
            if tokens:
                state = state.copy()
                state.update((" ".join(tokens) + " ").encode("utf-8", "surrogatepass"))
            self._states.append(state)

    def key(self, lineno: int, beside: str, assertion_type: str, target: str) -> bytes:
        """Equal for equal kind, normalised full prefix and normalised target, and else different."""
        state = self._states[min(lineno, len(self._states)) - 1].copy()
        state.update("\0".join((_normal(beside), assertion_type, _normal(target))).encode("utf-8", "surrogatepass"))
        return state.digest()


def _normal(text: str) -> str:
    return " ".join(text.split())


def _digest(*parts: str) -> bytes:
    raw = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=_KEY_BYTES).digest()
