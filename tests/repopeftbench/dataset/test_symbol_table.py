"""The table of symbols: rebuilt at any commit it is what that tree defines, and nothing of tests or later commits."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snapshot_cases import Link, Lost, write_trees

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.symbols import symbols_of_production
from repopeftbench.dataset import symbol_parts, symbol_store
from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME
from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.schema import SymbolRecord
from repopeftbench.sources import repository_list
from repopeftbench.symbol_sets import defines_symbols
from repopeftbench.symbols import MOST_DEFINITIONS, file_symbols
from repopeftbench.views import DatasetViews

FEES = "BASE = 12\n\n\nclass Zone(Enum):\n    EU = 1\n\n\ndef fee(weight, zone=Zone.EU):\n    return BASE\n"


def a_test(number, more=""):
    return {"tests/test_fees.py": f"{more}\ndef test_it():\n    assert fee(1) == {number}\n".encode()}


def trees():
    """A history in which files come, change, break, move, go, become tests, and are tests that become code."""
    fees, again = {"pkg/fees.py": FEES.encode()}, {"pkg/fees.py": FEES.replace("12", "30").encode()}
    yield fees | {"conftest.py": b"CANARY_SUPPORT = 1\n", "pkg/conftest.py": b"CANARY_INNER = 1\n"} | a_test(0)
    yield again | {"pkg/twice.py": b"A = 1\nA = 1\n"} | a_test(1, "CANARY_TEST = 1\n")
    yield {"core/fees.py": FEES.encode(), "pkg/twice.py": b"A = 1\n", "pkg/odd.py": b"B = (\nC = 1\n"} | a_test(2)
    yield {"core/fees.py": b"BASE = = 3\nclass X:\n    Y = 1\n", "pkg/twice.py": Link(b"odd.py")} | a_test(3)
    yield {"tests/fees.py": FEES.encode(), "pkg/latin.py": b"# coding: latin-1\nE = '\xe9'\n"} | a_test(4)
    yield {"core/fees.py": FEES.encode(), "pkg/latin.py": b"E = '\xe9'\n"} | a_test(5)
    yield {"core/fees.py": FEES.encode(), "pkg/same.py": FEES.encode(), "pkg/lost.py": b"F = 1\n"}
    yield {"core/fees.py": FEES.encode(), "pkg/same.py": FEES.encode()} | a_test(7)
    yield {"core/fees.py": b"CANARY_LATER = 1\n" + FEES.encode()}


@pytest.fixture
def repository(tmp_path):
    write_trees(tmp_path / "repo", *trees())
    return tmp_path / "repo"


def mined(folder, repository, **options):
    wanted = BuildOptions(folder=folder, cutoff="none", cache=folder.parent / "cache", **options)
    build_dataset(repository_list(str(repository)), wanted, lambda *progress: None)
    return Dataset(folder)


@pytest.fixture
def data(tmp_path, repository):
    return mined(tmp_path / "data", repository)


def shas_of(data):
    return [*(commit.commit_sha for commit in data.commits()), data.manifest.repositories[0].revision]


def scratch(repository, sha):
    """The records of a tree, by its files alone."""
    git, records = GitRepository(repository), []
    for file in git.python_files(sha):
        encoding = "latin-1" if b"coding" in git.read(file.blob) else "utf-8"
        try:
            text = git.read(file.blob).decode(encoding)
        except (UnicodeDecodeError, GitObjectError):
            continue
        if defines_symbols(file.path):
            records += [SymbolRecord(path=file.path, **one._asdict()) for one in file_symbols(text).definitions]
    return tuple(sorted(records))


@pytest.mark.parametrize("checkpoint", [1, 3, 64])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), slice(None, None, 2)])
def test_rebuilt_records_are_those_of_the_tree_in_any_order(data, repository, monkeypatch, checkpoint, order):
    monkeypatch.setattr(symbol_store, "COMMITS_PER_CHECKPOINT", checkpoint)
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    shas = shas_of(data)[order]
    assert len(shas) >= 4
    for sha in [*shas, shas[0]]:
        assert views.view("repo", sha).symbols() == scratch(repository, sha) != ()


def test_no_record_is_of_a_test_or_of_a_later_commit(data):
    table = pq.read_table(data.folder / SYMBOLS_NAME)
    assert not any(
        name.startswith("CANARY_") for name in table.filter(table["history_index"].to_numpy() < 8)["name"].to_pylist()
    )
    assert all(defines_symbols(path) for path in table["path"].to_pylist())
    assert "CANARY_LATER" in table["name"].to_pylist()
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    for commit in data.commits():
        names = {record.name for record in views.view("repo", commit.commit_sha).symbols()}
        assert not {name for name in names if name.startswith("CANARY")}


@pytest.mark.parametrize("commits_per_part", [1, 2, 5])
def test_the_table_does_not_depend_on_how_a_history_is_divided(tmp_path, repository, data, commits_per_part):
    other = mined(tmp_path / "other", repository, commits_per_part=commits_per_part)
    assert (other.folder / SYMBOLS_NAME).read_bytes() == (data.folder / SYMBOLS_NAME).read_bytes()


def test_rows_are_differences_in_the_order_of_history_path_and_change(data):
    rows = pq.read_table(data.folder / SYMBOLS_NAME).to_pylist()
    keys = [(row["history_index"], row["path"], row["change"] == "added", row["kind"], row["name"]) for row in rows]
    assert keys == sorted(keys)
    second = [row for row in rows if row["history_index"] == 1 and row["path"] == "pkg/fees.py"]
    assert [(row["change"], row["kind"], row["name"], row["value"]) for row in second] == [
        ("removed", "constant", "BASE", "12"),
        ("added", "constant", "BASE", "30"),
    ]


def test_row_groups_are_of_one_repository_and_bounded(tmp_path, data, monkeypatch):
    monkeypatch.setattr(symbol_parts, "GROUP_ROWS", 5)
    table = pq.read_table(data.folder / SYMBOLS_NAME)
    parts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        rows = table.set_column(0, SYMBOLS.field(0), pa.array([name] * table.num_rows))
        pq.write_table(rows, tmp_path / name / SYMBOLS_NAME)
        parts.append(tmp_path / name)
    (tmp_path / "empty").mkdir()
    pq.write_table(SYMBOLS.empty_table(), tmp_path / "empty" / SYMBOLS_NAME)
    entry = symbol_parts.join_symbols([parts[0], tmp_path / "empty", parts[1]], tmp_path)
    with pq.ParquetFile(tmp_path / SYMBOLS_NAME) as file:
        groups = [file.read_row_group(group) for group in range(file.num_row_groups)]
    assert all(group.num_rows <= 5 and len(group["repo_id"].unique()) == 1 for group in groups)
    assert entry.rows == sum(group.num_rows for group in groups) == 2 * table.num_rows


def test_a_repository_that_defines_nothing_has_no_symbols(tmp_path):
    write_trees(tmp_path / "repo", {"tests/test_a.py": b"def test_a():\n    assert a == 1\n"})
    data = mined(tmp_path / "data", tmp_path / "repo")
    view = DatasetViews(data.manifest, data.folder, folder=data.folder).view("repo", shas_of(data)[0])
    assert view.symbols() == ()
    assert symbols_of_production(data).problems == ()


def test_a_missing_content_defines_nothing(tmp_path):
    tree = {"a.py": Lost(b"A = 1\n"), "b.py": b"B = 1\n", **a_test(0)}
    write_trees(tmp_path / "repo", tree)
    data = mined(tmp_path / "data", tmp_path / "repo")
    view = DatasetViews(data.manifest, data.folder, folder=data.folder).view("repo", shas_of(data)[0])
    assert [record.name for record in view.symbols()] == ["B"]
    assert symbols_of_production(data).problems == ()


def edited(data, edit):
    """The table with its rows edited in place."""
    rows = [row for row in pq.read_table(data.folder / SYMBOLS_NAME).to_pylist() if edit(row) is not False]
    pq.write_table(pa.Table.from_pylist(rows, schema=SYMBOLS), data.folder / SYMBOLS_NAME)


def test_check_is_silent_on_a_dataset_as_mined(data):
    assert symbols_of_production(data).problems == ()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda row: row.update(path="tests/helper.py"), "are of no production code, the first in 'tests/helper.py'"),
        (lambda row: row.update(path="conftest.py"), "are of no production code"),
        (lambda row: row.update(commit_sha="1" * 40), "are of no commit of the dataset"),
        (lambda row: row.update(kind="secret"), "column kind holds 'secret', which is none of constant"),
        (lambda row: row.update(change="moved"), "column change holds 'moved', which is none of removed, added"),
        (
            lambda row: row.update(value="'other'") if row["name"] == "CANARY_LATER" else None,
            "are not what its files define",
        ),
        (lambda row: row["name"] != "Zone.EU" or row["change"] != "added", "removes what .* does not define"),
    ],
)
def test_check_finds_what_is_wrong(data, edit, message):
    edited(data, edit)
    found = [problem.message for problem in symbols_of_production(data).problems]
    assert len(found) == 1
    assert re.search(message, found[0])


def test_a_damaged_table_ends_in_one_sentence(data):
    view = DatasetViews(data.manifest, data.folder, folder=data.folder).view("repo", shas_of(data)[0])
    (data.folder / SYMBOLS_NAME).write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"symbols\.parquet cannot be read: .*: mine the dataset again"):
        view.symbols()


def test_check_notes_what_files_of_many_definitions_leave_out(tmp_path):
    table = "".join(f"A{number} = {number}\n" for number in range(MOST_DEFINITIONS + 7))
    write_trees(tmp_path / "repo", {"table.py": table.encode(), "b.py": b"B = 1\n", **a_test(0)})
    data = mined(tmp_path / "data", tmp_path / "repo")
    (note,) = symbols_of_production(data).problems
    assert note.severity is Severity.NOTE
    assert f"7 definitions of repo at {shas_of(data)[0]} are no records, 7 of them in 'table.py'" in note.message
