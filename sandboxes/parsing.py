"""Python source to syntax trees, from several threads; what Python would warn of is the source's own affair.

CPython counts the depth of a tree that it builds in one place for all threads of a process, and may switch threads
meanwhile; it then raises SystemError (python/cpython#106905 is one of the ways). So one thread at a time builds a tree.
This can go when the oldest Python that is supported counts per thread.
"""

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def _alone_and_silent() -> Iterator[None]:
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse_module(source: str | bytes) -> ast.Module:
    """`ast.parse`; it raises what that raises."""
    with _alone_and_silent():
        return ast.parse(source)


def parse_operand(text: str) -> ast.expr:
    """The expression of a text that stands in brackets; raises what `ast.parse` raises."""
    with _alone_and_silent():
        return ast.parse(f"({text}\n)", mode="eval").body
