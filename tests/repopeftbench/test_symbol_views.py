"""What views tell of symbols: those of production code at the commit shown, and what each kept commit changed."""

import shutil
from collections import Counter

import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.symbol_tables import SYMBOLS_NAME
from repopeftbench.empty_view import NothingYet
from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.live_views import LiveHistory
from repopeftbench.schema import SymbolKind, SymbolRecord
from repopeftbench.sources import repository_list
from repopeftbench.views import DatasetViews


def constant(path, name, value):
    return SymbolRecord(path=path, kind=SymbolKind.CONSTANT, name=name, value=value)


def check(n):
    return f"def test_it():\n    assert a.value == {n}\n"


HISTORY = [
    {
        "a.py": "LIMIT = 1\nLIMIT = 1\n",
        "gone.py": "GONE = 1\n",
        "tests/test_a.py": check(0),
        "conftest.py": "SEED = 7\n",
    },
    {"a.py": "LIMIT = 1\nNEXT = 2\n", "gone.py": None, "moved.py": "AWAY = 3\n", "tests/test_a.py": check(1)},
    {"moved.py": None, "testing/moved.py": "AWAY = 3\n", "tests/test_a.py": check(2) + "CANARY = 4\n"},
    {"a.py": "LIMIT = 9\n"},
]
RECORDS = [
    [constant("a.py", "LIMIT", "1"), constant("a.py", "LIMIT", "1"), constant("gone.py", "GONE", "1")],
    [constant("a.py", "LIMIT", "1"), constant("a.py", "NEXT", "2"), constant("moved.py", "AWAY", "3")],
    [constant("a.py", "LIMIT", "1"), constant("a.py", "NEXT", "2")],
]


@pytest.fixture
def data(tmp_path, make_repository):
    options = BuildOptions(folder=tmp_path / "data", cutoff="none", cache=tmp_path / "cache")
    build_dataset(repository_list(str(make_repository(*HISTORY))), options, lambda *progress: None)
    return Dataset(tmp_path / "data")


@pytest.fixture(params=["table", "snapshots", "git"])
def views(request, data):
    if request.param != "table":
        (data.folder / SYMBOLS_NAME).unlink()
    found = DatasetViews(data.manifest, data.folder, folder=data.folder)
    if request.param == "git":
        found._store = None
    return found


def kept(data):
    return [commit.commit_sha for commit in data.commits()]


def test_symbols_are_those_of_the_commit_shown(views, data):
    shas = kept(data)
    assert [list(views.view("repo", sha).symbols()) for sha in shas] == RECORDS
    revision = data.manifest.repositories[0].revision
    assert list(views.view("repo", revision).symbols()) == [constant("a.py", "LIMIT", "9")]


def test_changes_lead_from_one_kept_commit_to_the_next(views, data):
    view = views.view("repo", kept(data)[-1])
    state = Counter()
    for sha, records in zip(kept(data), RECORDS, strict=True):
        changes = view.symbol_changes(sha)
        state += Counter(changes.added)
        assert not Counter(changes.removed) - state
        state -= Counter(changes.removed)
        assert sorted(state.elements()) == records
    first = view.symbol_changes(kept(data)[0])
    assert (list(first.added), first.removed) == (RECORDS[0], ())


def test_a_view_does_not_tell_of_later_changes(views, data):
    shas = kept(data)
    with pytest.raises(DatasetError, match="is no kept commit up to"):
        views.view("repo", shas[0]).symbol_changes(shas[1])


def test_nothing_is_defined_before_the_first_kept_commit():
    assert NothingYet("repo").symbols() == ()
    with pytest.raises(DatasetError, match="does not come before"):
        NothingYet("repo").symbol_changes("1" * 40)


def test_a_repository_without_a_dataset_gives_the_same(views, data):
    history = LiveHistory(GitRepository(data.folder.parent / "repo"), "repo", None)
    known = views.view("repo", kept(data)[-1])
    for record in history.kept_after(None):
        live = history.view(record.commit_sha, (record,))
        assert live.symbols() == views.view("repo", record.commit_sha).symbols()
        assert live.symbol_changes(record.commit_sha) == known.symbol_changes(record.commit_sha)
    later = list(history.kept_after(kept(data)[0]))
    view = history.view(later[-1].commit_sha, later)
    assert view.symbol_changes(later[0].commit_sha) == known.symbol_changes(later[0].commit_sha)
    with pytest.raises(DatasetError, match="no kept commit that this view tells of"):
        view.symbol_changes(kept(data)[0])


def test_without_table_snapshots_and_clone_one_sentence_says_so(data):
    shutil.rmtree(data.folder.parent / "repo")
    views = DatasetViews(data.manifest, data.folder)
    with pytest.raises(GitObjectError, match=r"repo is not where it was mined from: .*; mine it again"):
        views.view("repo", kept(data)[0]).symbols()
