"""The symbols of a dataset folder, read back: those of any kept commit, and what each one changed (io).

Needs no parser. Opening costs nothing. Records are rebuilt by replaying changes, forward from the nearest commit that
is remembered.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.snapshot_tables import groups_by_repository, open_table, read_group, run_starts
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME, SymbolChange
from repopeftbench.dataset.tables import member
from repopeftbench.errors import DatasetError
from repopeftbench.schema import HistoryView, SymbolChanges, SymbolKind, SymbolRecord

CACHED_REPOSITORIES = 8
COMMITS_PER_CHECKPOINT = 64

_State = dict[str, tuple[SymbolRecord, ...]]
"""The records of each file that has any, sorted."""


class StoredSymbols:
    """A `SymbolSource` that reads a dataset's table; of a view it asks only which commits it knows."""

    def __init__(self, folder: Path) -> None:
        """Describes the symbols of a dataset folder that has them; nothing is opened yet."""
        self._path = folder / SYMBOLS_NAME
        self._histories: OrderedDict[str, _History] = OrderedDict()

    def records(self, view: HistoryView) -> tuple[SymbolRecord, ...]:
        """The records of the commit that a view shows, sorted.

        Raises:
            DatasetError: the dataset does not know the commit, or cannot be read.
        """
        shas = [commit.commit_sha for commit in view.kept_commits()]
        if view.commit_sha not in shas[-1:]:
            # The last commit of the history, which need not be kept.
            shas.append(view.commit_sha)
        state = self._history(view.repo_id).state(shas)
        return tuple(chain.from_iterable(state[path] for path in sorted(state)))

    def changes(self, before: HistoryView | None, view: HistoryView) -> SymbolChanges:
        """What the commit of a view changed since the kept commit before, which `before` has to be.

        Raises:
            DatasetError: the dataset cannot be read.
        """
        return self._history(view.repo_id).changes(view.commit_sha)

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return open_table(self._path, SYMBOLS)

    @cached_property
    def _groups(self) -> dict[str, list[int]]:
        return groups_by_repository(self._file, self._path)

    def _history(self, repo_id: str) -> "_History":
        found = self._histories.get(repo_id)
        if found is None:
            # A repository whose production code defines nothing has no rows.
            groups = self._groups.get(repo_id, [])
            tables = [SYMBOLS.empty_table(), *(read_group(self._file, self._path, group) for group in groups)]
            found = _History(pa.concat_tables(tables).combine_chunks(), f"{self._path}, {repo_id}")
        self._histories[repo_id] = found
        self._histories.move_to_end(repo_id)
        if len(self._histories) > CACHED_REPOSITORIES:
            self._histories.popitem(last=False)
        return found


class _History:
    """The symbols of one repository, as changes."""

    def __init__(self, table: pa.Table, where: str) -> None:
        self._table = table.select(["change", "path", "kind", "name", "value"])
        self._where = where
        starts = run_starts(table.column("commit_sha"))
        shas = table.column("commit_sha").take(pa.array(starts, pa.int64())).to_pylist()
        self._rows = dict(zip(shas, pairwise([*starts, table.num_rows]), strict=True))
        if len(self._rows) < len(shas):
            raise DatasetError(f"{where}: the rows of a commit are not beside each other: mine the dataset again")
        self._remembered: dict[int, tuple[str, _State]] = {}
        self._last: tuple[int, str, _State] = (0, "", {})

    def changes(self, sha: str) -> SymbolChanges:
        """What a commit changed; nothing where it has no rows."""
        start, end = self._rows.get(sha, (0, 0))
        found: dict[SymbolChange, list[SymbolRecord]] = {change: [] for change in SymbolChange}
        columns = (column.to_pylist() for column in self._table.slice(start, end - start).columns)
        for change, path, kind, name, value in zip(*columns, strict=True):
            record = SymbolRecord(path=path, kind=member(SymbolKind, kind, self._where), name=name, value=value)
            found[member(SymbolChange, change, self._where)].append(record)
        return SymbolChanges(added=tuple(found[SymbolChange.ADDED]), removed=tuple(found[SymbolChange.REMOVED]))

    def state(self, shas: Sequence[str]) -> _State:
        """The records after the given commits, which are the first ones of the history."""
        done, state = self._nearest(shas)
        for place in range(done, len(shas)):
            self._apply(self.changes(shas[place]), shas[place], state)
            if (place + 1) % COMMITS_PER_CHECKPOINT == 0:
                self._remembered[place + 1] = shas[place], dict(state)
        self._last = len(shas), shas[-1] if shas else "", state
        return state

    def _nearest(self, shas: Sequence[str]) -> tuple[int, _State]:
        """The longest beginning of the commits whose records are remembered, and these, as a dictionary of its own."""
        known = [(count, sha, state) for count, (sha, state) in self._remembered.items()]
        fitting = [one for one in (*known, self._last) if 0 < one[0] <= len(shas) and shas[one[0] - 1] == one[1]]
        count, _, state = max(fitting, key=lambda one: one[0], default=(0, "", {}))
        return count, dict(state)

    def _apply(self, changes: SymbolChanges, sha: str, state: _State) -> None:
        removed, added = _by_path(changes.removed), _by_path(changes.added)
        for path in sorted(removed.keys() | added.keys()):
            records, gone = Counter(state.pop(path, ())), Counter(removed.get(path, ()))
            if not gone <= records:
                raise DatasetError(f"{self._where}: {sha} removes what {path} does not define: mine the dataset again")
            records = records - gone + Counter(added.get(path, ()))
            if records:
                state[path] = tuple(sorted(records.elements()))


def _by_path(records: Sequence[SymbolRecord]) -> dict[str, list[SymbolRecord]]:
    found: dict[str, list[SymbolRecord]] = {}
    for record in records:
        found.setdefault(record.path, []).append(record)
    return found
