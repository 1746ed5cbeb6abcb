"""What was found out about a text, by the text's digest: the most recent answers, and all that are still in use."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

_T = TypeVar("_T")


class Memo(Generic[_T]):
    """Answers by key. Of those that nobody else holds, the least recently asked ones go first.

    An answer that is in use costs nothing to keep, and is asked for again: the pieces of a file's last version are
    those of its next one.
    """

    def __init__(self, most: int) -> None:
        """Remembers `most` answers, and those in use."""
        self._most = most
        self._recent: OrderedDict[bytes, _T | None] = OrderedDict()
        self._in_use: WeakValueDictionary[bytes, _T] = WeakValueDictionary()

    def get(self, key: bytes, answer: Callable[[], _T | None]) -> _T | None:
        """What `answer` gave for this key, if that is still known; else what it gives now."""
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        found = self._in_use.get(key)
        if found is None:
            found = answer()
            if found is not None:
                self._in_use[key] = found
        self._recent[key] = found
        if len(self._recent) > self._most:
            self._recent.popitem(last=False)
        return found
