import subprocess
import sys

import pytest
from snapshot_cases import Executable, Link, Lost, Submodule, dataset_of, write_trees

from repopeftbench.dataset.manifest import LedgerEntry, Manifest, MiningConfig, RepositoryEntry, current_versions
from repopeftbench.dataset.snapshots import SnapshotStore
from repopeftbench.errors import DatasetError, GitObjectError, SourceError
from repopeftbench.mining.metadata import described
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.views import DatasetRepositoryView, DatasetViews, GitRepositoryView

CODE = b"".join(b"line_%d = %d\n" % (n, n) for n in range(20))
TEST = b"def test_a():\n    assert 1 == 1\n"
META = {"README.md": b"What it does\n", "LICENSE": b"MIT\n", "requirements-test.txt": b"pytest\n"}
TREES = (
    {"pkg/a.py": CODE, "pkg/__init__.py": b"", "tests/__init__.py": b"", "tests/test_a.py": TEST, **META},
    # A rename with an edit, a deletion, production code that becomes a test and a test that becomes production code.
    {"lib/b.py": CODE + b"more = 1\n", "tests/a.py": CODE, "pkg/moved.py": TEST, "tests/test_a.py": TEST},
    # Modes, links, submodules, other kinds of files.
    {"lib/b.py": Executable(CODE), "link.py": Link(b"lib/b.py"), "mod.py": Submodule(), "x.json": b"{}", "x.PY": b""},
    # Encodings, and what cannot be read.
    {
        "latin.py": b"# coding: latin-1\nname = '\xe9'\n", "bom.py": b"\xef\xbb\xbfa = 1\r\n", "bytes.py": b"\xff\n",
        "lost.py": Lost(b"lost = 1\n"), "é/ü.py": b"u = 1\n", "README.md": b"\xff\n", "tests/readme": b"no\n",
    },
    {},
)  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The folder of the git history, its commits, and the store of the dataset recorded from it."""
    folder = tmp_path_factory.mktemp("views")
    shas = write_trees(folder / "git", *TREES)
    data, _ = dataset_of(folder, ("o/r", folder / "git", shas))
    return folder / "git", shas, SnapshotStore(data), data


@pytest.fixture(params=["git", "dataset"])
def view_at(request, history):
    folder, shas, store, _ = history
    if request.param == "git":
        return lambda index: GitRepositoryView("o/r", shas[index], folder)
    return lambda index: DatasetRepositoryView("o/r", shas[index], store)


def test_view_names_its_repository_and_commit(view_at, history):
    view = view_at(1)
    assert (view.repo_id, view.commit_sha) == ("o/r", history[1][1])


@pytest.mark.parametrize(
    ("index", "paths"),
    [
        (0, ("pkg/__init__.py", "pkg/a.py")),
        (1, ("lib/b.py", "pkg/moved.py")),
        (2, ("lib/b.py",)),
        (3, ("bom.py", "bytes.py", "latin.py", "lost.py", "é/ü.py")),
        (4, ()),
    ],
)
def test_view_lists_the_production_files_of_its_commit_sorted(view_at, index, paths):
    assert view_at(index).production_files() == paths


@pytest.mark.parametrize(
    ("index", "path", "text"),
    [
        (0, "pkg/a.py", CODE.decode()),
        (0, "pkg/__init__.py", ""),
        (1, "lib/b.py", CODE.decode() + "more = 1\n"),
        (1, "pkg/moved.py", TEST.decode()),
        (2, "lib/b.py", CODE.decode()),
        (3, "latin.py", "# coding: latin-1\nname = 'é'\n"),
        (3, "bom.py", "a = 1\r\n"),
        (3, "é/ü.py", "u = 1\n"),
    ],
)
def test_view_reads_text_as_python_decodes_it(view_at, index, path, text):
    assert view_at(index).read(path) == text


@pytest.mark.parametrize(
    ("index", "path"),
    [
        (0, "tests/test_a.py"), (0, "tests/__init__.py"), (0, "README.md"), (0, "lib/b.py"), (0, "nothing.py"),
        (1, "tests/a.py"), (1, "pkg/a.py"), (2, "link.py"), (2, "mod.py"), (2, "x.json"), (4, "bom.py"),
    ],
)  # fmt: skip
def test_view_reads_no_test_no_other_file_and_no_other_commit(view_at, index, path):
    with pytest.raises(GitObjectError, match=f"{path} is not a production file of o/r at"):
        view_at(index).read(path)


@pytest.mark.parametrize("path", ["bytes.py", "lost.py"])
def test_file_without_text_is_listed_and_cannot_be_read(view_at, path):
    view = view_at(3)
    assert path in view.production_files()
    with pytest.raises(GitObjectError):
        view.read(path)


def test_dataset_view_says_why_a_file_has_no_text(history):
    view = DatasetRepositoryView("o/r", history[1][3], history[2])
    with pytest.raises(GitObjectError, match=r"lost.py of o/r at \w+ cannot be read: blob \w+ .*: missing-blob"):
        view.read("lost.py")


def test_metadata_is_shown_apart_and_holds_no_test(history):
    _, shas, store, _ = history
    first, third = (DatasetRepositoryView("o/r", shas[index], store) for index in (0, 3))
    assert first.metadata_files() == ("LICENSE", "README.md", "requirements-test.txt")
    assert {path: first.read_metadata(path).encode() for path in first.metadata_files()} == META
    for sha in shas:
        shown = DatasetRepositoryView("o/r", sha, store).metadata_files()
        assert all("/" not in path and file_kind(path) is FileKind.OTHER for path in shown)
    for path in ("tests/readme", "bom.py", "LICENSE"):
        with pytest.raises(GitObjectError, match="is not a metadata file"):
            third.read_metadata(path)
    with pytest.raises(GitObjectError, match="undecodable-file"):
        third.read_metadata("README.md")


@pytest.mark.parametrize(("index", "said"), [(0, "# README.md\nWhat it does\n"), (1, ""), (3, "")])
def test_a_description_is_the_readme_and_leaves_out_what_cannot_be_read(view_at, index, said):
    assert view_at(index).description() == said


def test_readme_comes_first_then_package_metadata_and_each_has_an_end():
    texts = {"setup.cfg": "[metadata]", "README.rst": "r" * 20_000, "pyproject.toml": "[project]\n", "LICENSE": "MIT"}
    said = described({path: lambda text=text: text for path, text in texts.items()})
    assert said == f"# README.rst\n{'r' * 16_384}\n\n# pyproject.toml\n[project]\n\n# setup.cfg\n[metadata]\n"


class FlaggedStore(SnapshotStore):
    """A store in which every blob was met at test paths alone, as in a dataset that was tampered with."""

    def is_test(self, blob):
        return super().is_test(blob) or True


def test_content_of_tests_is_hidden_even_at_a_production_path(history):
    _, shas, _, data = history
    view = DatasetRepositoryView("o/r", shas[0], FlaggedStore(data))
    assert (view.production_files(), view.metadata_files()) == ((), ())
    with pytest.raises(GitObjectError, match="is not a production file"):
        view.read("pkg/a.py")


def test_commit_without_snapshot_is_named(history):
    with pytest.raises(DatasetError, match="no snapshot of o/r at 1111"):
        DatasetRepositoryView("o/r", "1" * 40, history[2]).production_files()


def test_history_that_went_away_is_named(tmp_path):
    with pytest.raises(GitObjectError, match="o/r is not where it was mined from") as caught:
        GitRepositoryView("o/r", "1" * 40, tmp_path / "gone").production_files()
    assert isinstance(caught.value.__cause__, SourceError)


def manifest_of(location):
    empty = LedgerEntry(seen=0, kept=0, dropped={})
    entry = RepositoryEntry(
        repo_id="o/r", location=str(location), revision="1" * 40, licence=None, role="train", commits=1,
        kept_commits=1, ended_by_cutoff=False, static=empty, evolution=empty,
    )  # fmt: skip
    return Manifest(
        config=MiningConfig(families=(), prefix_bytes=None), versions=current_versions(), repositories=(entry,),
        failed_sources={}, notes=(), static=empty, evolution=empty, files=(),
    )  # fmt: skip


def test_dataset_with_snapshots_needs_no_clone(history, tmp_path):
    _, shas, _, data = history
    views = DatasetViews(manifest_of(tmp_path / "gone"), tmp_path, folder=data)
    assert views.view("o/r", shas[0]).read("pkg/a.py") == CODE.decode()


def test_tasks_of_one_commit_share_a_view_and_others_do_not(history, tmp_path):
    _, shas, _, data = history
    views = DatasetViews(manifest_of(tmp_path), tmp_path, folder=data)
    first = views.view("o/r", shas[0])
    assert views.view("o/r", shas[0]) is first
    assert [views.view("o/r", sha).commit_sha for sha in (shas[1], shas[0])] == [shas[1], shas[0]]


@pytest.mark.parametrize("named", [True, False])
def test_dataset_without_snapshots_is_read_from_its_clones(history, tmp_path, named):
    folder, shas, _, _ = history
    views = DatasetViews(manifest_of(folder), tmp_path, folder=tmp_path if named else None)
    assert views.view("o/r", shas[0]).read("pkg/a.py") == CODE.decode()


def test_snapshots_are_read_where_git_and_tree_sitter_are_absent(history):
    _, shas, _, data = history
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pygit2', 'tree_sitter', 'tree_sitter_python']))\n"
        "from pathlib import Path\n"
        "from repopeftbench.dataset.snapshots import SnapshotStore\n"
        "from repopeftbench.views import DatasetRepositoryView\n"
        f"view = DatasetRepositoryView('o/r', {shas[0]!r}, SnapshotStore(Path({str(data)!r})))\n"
        "print(len(view.read('pkg/a.py')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(CODE)
