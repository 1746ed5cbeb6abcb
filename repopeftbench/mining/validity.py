"""Whether the running interpreter's parser takes a text: asked of the parser alone, without a tree as Python objects.

`compile` parses the whole text before it looks at `from __future__` imports, and it looks at those before anything
else. So a bogus one in front makes it stop right behind the parser: an error about that import says that the text
parses, any other error that it does not. This is six times as fast as `ast.parse`, most of which is the conversion of
the tree to Python objects. It can go when `ast` offers a check that builds none.
"""

import warnings

MOST_BROKEN_BYTES = 131_072
"""Of a longer text that is no valid Python, what is read: tree-sitter's time to recover grows with the square."""

_PROBE = "from __future__ import repobench_probe\n"
_STOPPED = "future feature repobench_probe is not defined"


def is_valid(text: str) -> bool:
    """Whether `text`, a whole module, is valid syntax; rules that only the compiler knows are not asked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(_PROBE + text, "<source>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.msg == _STOPPED
    except (ValueError, RecursionError, MemoryError):
        return False
    return True


def quickly_read(text: str) -> str:
    """What of a text can be parsed in little time: all of it, but of a long one with errors the first lines alone."""
    source = text.encode("utf-8", "replace")
    if len(source) <= MOST_BROKEN_BYTES or is_valid(text):
        return text
    return source[: source.rfind(b"\n", 0, MOST_BROKEN_BYTES) + 1].decode("utf-8")
