"""The symbols of trees and the difference between two trees, as multisets of records; each content is parsed once.

Contents are asked for one at a time and only where a tree differs, so that a commit costs what it changed. Only
production code defines symbols: no test file does, and no `conftest.py`, wherever it stands. The parser is imported
where the first file is read: views of a dataset that has the records need none.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from repopeftbench.errors import GitObjectError
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import HistoryView, SymbolChanges, SymbolRecord

if TYPE_CHECKING:
    from repopeftbench.symbols import FileSymbols

MEMO_DEFINITIONS = 200_000
"""Definitions remembered: those of the files read last."""
_SUPPORT = "conftest.py"


class SymbolSource(Protocol):
    """Where views have their symbols from."""

    def records(self, view: HistoryView) -> tuple[SymbolRecord, ...]:
        """The records of the production files that a view shows, sorted."""
        ...

    def changes(self, before: HistoryView | None, view: HistoryView) -> SymbolChanges:
        """The difference between what two views show; None shows nothing."""
        ...


def defines_symbols(path: str) -> bool:
    """Whether the definitions of a file are symbols: it is production code, and no `conftest.py`."""
    return file_kind(path) is FileKind.PRODUCTION and path.rpartition("/")[2] != _SUPPORT


def difference(old: Iterable[SymbolRecord], new: Iterable[SymbolRecord]) -> SymbolChanges:
    """What has to be added to a multiset of records, and what removed from it, to make it another one; both sorted."""
    before, after = Counter(old), Counter(new)
    return SymbolChanges(
        added=tuple(sorted((after - before).elements())), removed=tuple(sorted((before - after).elements()))
    )


class SymbolReader:
    """The records of files; remembers what the contents read last define, by their ids."""

    def __init__(self, most: int = MEMO_DEFINITIONS) -> None:
        """Starts with nothing remembered; `most` is a number of definitions."""
        self._most = most
        self._known: OrderedDict[str, FileSymbols] = OrderedDict()
        self._count = 0

    def records(self, path: str, blob: str, read: Callable[[], str]) -> tuple[SymbolRecord, ...]:
        """The records of one file, sorted; none where `defines_symbols` says so, or where its content is no text.

        Args:
            path: where the file stands.
            blob: id of its content.
            read: gives its text, or raises a `GitObjectError`; called only where the content is not remembered.
        """
        if not defines_symbols(path):
            return ()
        found = self._read(blob, read).definitions
        return tuple(SymbolRecord(path=path, kind=kind, name=name, value=value) for kind, name, value in found)

    def left_out(self, path: str, blob: str, read: Callable[[], str]) -> int:
        """How many definitions of one file are no records, by the bounds of `symbols`; arguments as of `records`."""
        return self._read(blob, read).left_out if defines_symbols(path) else 0

    def _read(self, blob: str, read: Callable[[], str]) -> "FileSymbols":
        found = self._known.get(blob)
        if found is None:
            found = _file_symbols(read)
            self._known[blob] = found
            self._count += len(found.definitions) + 1
        self._known.move_to_end(blob)
        while self._count > self._most and len(self._known) > 1:
            self._count -= len(self._known.popitem(last=False)[1].definitions) + 1
        return found


class ExtractedSymbols:
    """A `SymbolSource` that parses the files of views."""

    def __init__(self) -> None:
        """Starts with nothing parsed."""
        self._reader = SymbolReader()

    def records(self, view: HistoryView) -> tuple[SymbolRecord, ...]:
        """The records of the production files that a view shows, sorted.

        Raises:
            DatasetError, GitObjectError: the view has no files to show.
        """
        return tuple(record for path, blob in view.blobs().items() for record in self._of(view, path, blob))

    def changes(self, before: HistoryView | None, view: HistoryView) -> SymbolChanges:
        """The difference between what two views show; files of equal path and content are not looked at.

        Raises:
            DatasetError, GitObjectError: one of the views has no files to show.
        """
        old = {} if before is None else before.blobs()
        new = view.blobs()
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        gone = [] if before is None else [r for path in paths if path in old for r in self._of(before, path, old[path])]
        come = [record for path in paths if path in new for record in self._of(view, path, new[path])]
        return difference(gone, come)

    def left_out(self, view: HistoryView) -> dict[str, int]:
        """How many definitions are no records because their files have too many, by path; files without any are not in.

        Raises:
            DatasetError, GitObjectError: the view has no files to show.
        """
        counts: dict[str, int] = {}
        for path, blob in view.blobs().items():
            counts[path] = self._reader.left_out(path, blob, partial(view.read, path))
        return {path: count for path, count in counts.items() if count}

    def _of(self, view: HistoryView, path: str, blob: str) -> tuple[SymbolRecord, ...]:
        return self._reader.records(path, blob, lambda: view.read(path))


def _file_symbols(read: Callable[[], str]) -> "FileSymbols":
    from repopeftbench.symbols import FileSymbols, file_symbols

    try:
        return file_symbols(read())
    except GitObjectError:
        return FileSymbols((), 0)
