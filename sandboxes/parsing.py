"""Python source to syntax trees, from several threads.

CPython counts the depth of a tree that it builds in one place for all threads of a process, and may switch threads
meanwhile; it then raises SystemError (python/cpython#106905 is one of the ways). So one thread at a time builds a tree.
This can go when the oldest Python that is supported counts per thread.
"""

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parse_module(source: str | bytes) -> ast.Module:
    """`ast.parse`; it raises what that raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)


def parse_operand(text: str) -> ast.expr:
    """The expression of a text that stands in brackets; raises what `ast.parse` raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(f"({text}\n)", mode="eval").body
