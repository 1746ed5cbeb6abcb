"""The symbols of a dataset: of production code alone, of commits that it has, and those that its snapshots define."""

from collections.abc import Iterator, Mapping

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.rows import rows, shown
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.snapshot_tables import read_groups
from repopeftbench.dataset.snapshots import has_snapshots
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME, SymbolChange, has_symbols
from repopeftbench.errors import DatasetError
from repopeftbench.schema import HistoryView, SymbolKind
from repopeftbench.symbol_sets import ExtractedSymbols, defines_symbols, difference
from repopeftbench.symbols import MOST_DEFINITIONS, MOST_KEYS
from repopeftbench.views import DatasetViews

SYMBOLS_CHECK = "symbols"
SAMPLED_REPOSITORIES = 8
"""Repositories whose files are parsed again; of each the last commit, to which all changes lead."""
_VALUES = {"change": SymbolChange, "kind": SymbolKind}
_CHECKED = ("repo_id", "commit_sha", "path", *_VALUES)


def symbols_of_production(dataset: Dataset) -> Findings:
    """Records of test files, of unknown commits or kinds, and records that are not what a sample of snapshots defines.

    A note says how many definitions of the sample's files are no records because files have too many.
    The sample is left out where other versions parse than those that mined: what they make out can differ.
    """
    if not has_symbols(dataset.folder):
        return Findings()
    problems = [*_wrong_rows(dataset)]
    same = dataset.manifest.versions == current_versions()
    if not problems and same and has_snapshots(dataset.folder):
        problems += _wrong_records(dataset)
    return Findings(problems=tuple(problems))


def _wrong_rows(dataset: Dataset) -> Iterator[Problem]:
    known = {(entry.repo_id, entry.revision) for entry in dataset.manifest.repositories}
    known |= set(rows(dataset.commit_tables(("repo_id", "commit_sha")), ("repo_id", "commit_sha")))
    tests, strangers = 0, 0
    first_test, first_stranger = "", ""
    values: dict[str, set[str]] = {name: set() for name in _VALUES}
    for table in read_groups(dataset.folder / SYMBOLS_NAME, SYMBOLS, _CHECKED):
        for name, found in values.items():
            found.update(table.column(name).unique().to_pylist())
        for row in table.group_by(["repo_id", "commit_sha", "path"]).aggregate([([], "count_all")]).to_pylist():
            where = f"{shown(row['path'])} of {row['repo_id']} at {row['commit_sha']}"
            if not defines_symbols(row["path"]):
                tests, first_test = tests + row["count_all"], first_test or where
            if (row["repo_id"], row["commit_sha"]) not in known:
                strangers, first_stranger = strangers + row["count_all"], first_stranger or where
    if tests:
        yield _error(f"{tests:,} records are of no production code, the first in {first_test}")
    if strangers:
        yield _error(f"{strangers:,} records are of no commit of the dataset, the first in {first_stranger}")
    for name, kinds in _VALUES.items():
        unknown = sorted(values[name] - {kind.value for kind in kinds})
        if unknown:
            listed = ", ".join(shown(value) for value in unknown[:5])
            yield _error(f"column {name} holds {listed}, which is none of {', '.join(kinds)}")


def _wrong_records(dataset: Dataset) -> Iterator[Problem]:
    views, parsed = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder), ExtractedSymbols()
    entries = [entry for entry in dataset.manifest.repositories if entry.kept_commits]
    step = max(len(entries) / SAMPLED_REPOSITORIES, 1.0)
    for entry in (entries[int(number * step)] for number in range(min(len(entries), SAMPLED_REPOSITORIES))):
        view: HistoryView = views.view(entry.repo_id, entry.revision)
        try:
            found = difference(parsed.records(view), view.symbols())
        except DatasetError as error:
            yield _error(str(error).replace(f"{dataset.folder}/", ""))
            continue
        left_out = parsed.left_out(view)
        if left_out:
            yield _note(entry.repo_id, entry.revision, left_out)
        wrong = [*((record, "not defined there") for record in found.added), *((r, "missing") for r in found.removed)]
        if wrong:
            record, what = wrong[0]
            name = f"{record.kind} {shown(record.name)} in {shown(record.path)}"
            yield _error(
                f"{len(wrong):,} records of {entry.repo_id} at {entry.revision} are not what its files define, "
                f"the first is {name}: {what}"
            )


def _error(message: str) -> Problem:
    fix = "mine the dataset again: methods that read symbols would be told what no predictor may know"
    return Problem(check=SYMBOLS_CHECK, severity=Severity.ERROR, where=SYMBOLS_NAME, message=message, fix=fix)


def _note(repo_id: str, revision: str, left_out: Mapping[str, int]) -> Problem:
    most = max(left_out, key=lambda path: (left_out[path], path))
    return Problem(
        check=SYMBOLS_CHECK,
        severity=Severity.NOTE,
        where=SYMBOLS_NAME,
        message=f"{sum(left_out.values()):,} definitions of {repo_id} at {revision} are no "
        f"records, {left_out[most]:,} of them in {shown(most)}: a file gives its first {MOST_DEFINITIONS:,}, "
        f"a dictionary its first {MOST_KEYS} keys",
        fix="nothing need be done: such files are generated tables; methods that read symbols do not see the rest",
    )
