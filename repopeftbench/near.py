"""The name that somebody probably meant."""

import difflib
from collections.abc import Iterable


def near(name: str, available: Iterable[str]) -> str:
    """A question with the name of `available` that is most like `name`, after a space; empty where none is like it."""
    found = difflib.get_close_matches(name, list(available), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""
