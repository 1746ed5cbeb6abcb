"""When Python looks for garbage in cycles: seldom, where records are made that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (200_000, 20, 100)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Looks for cycles seldom while the context lasts; at the usual rate that doubles the time of every parse."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
