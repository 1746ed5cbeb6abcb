"""The tree of a commit is what the commit holds, leads nowhere else, and is disposed of when nobody uses it."""

import contextlib

import pygit2
import pytest
from probing_cases import FILE, SOURCE, make_history

from harness.errors import ProbeError
from harness.probing.trees import TreeStore, TreeUnwritableError
from repopeftbench.gitrepo import GitRepository

LARGE = 10**9
LINK, SUBMODULE, EXECUTABLE = 0o120000, 0o160000, 0o100755


def commit(folder, entries):
    """A repository with one commit of the given (path, mode, content), written below git's own checks."""
    repository = pygit2.init_repository(str(folder), bare=True)
    tree = build(repository, [(path.split("/"), mode, content) for path, mode, content in entries])
    author = pygit2.Signature("a", "a@example.org", 1_700_000_000, 0)
    sha = repository.create_commit("refs/heads/main", author, author, "c", tree, [])
    return GitRepository(folder), str(sha)


def build(repository, entries):
    builder = repository.TreeBuilder()
    names = list(dict.fromkeys(parts[0] for parts, _, _ in entries))
    for name in names:
        inner = [(parts[1:], mode, content) for parts, mode, content in entries if parts[0] == name and len(parts) > 1]
        if inner:
            builder.insert(name, build(repository, inner), 0o040000)
            continue
        ((_, mode, content),) = [one for one in entries if one[0] == [name]]
        oid = pygit2.Oid(hex=content) if mode == SUBMODULE else repository.create_blob(content.encode())
        builder.insert(name, oid, mode)
    return builder.write()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_tree_holds_every_file_of_its_commit_and_none_of_a_later_one(tmp_path):
    files = {FILE: SOURCE, "data/x.txt": "x\r\n", ".gitattributes": "*.txt text eol=lf\n"}
    repository, last = make_history(tmp_path / "repo", files, [{"later.py": "y"}])
    first = repository.history(last)[0].sha
    with TreeStore(tmp_path / "trees", LARGE).tree(repository, first) as tree:
        found = {path.relative_to(tree.folder).as_posix(): path.read_bytes() for path in tree.folder.rglob("*.*")}
        assert found == {path: text.encode() for path, text in files.items()}
        assert tree.left_out == ()


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "trees").write_text("precious")
    with pytest.raises(ProbeError, match=r"trees cannot hold trees: File exists: name another --store"):
        TreeStore(tmp_path / "trees", LARGE)
    assert (tmp_path / "trees").read_text() == "precious"


def test_equal_trees_are_one_folder_and_others_are_not(tmp_path):
    one, sha = make_history(tmp_path / "one")
    two, other = make_history(tmp_path / "two", None, [{"x.py": ""}])
    store = TreeStore(tmp_path / "trees", LARGE)
    with (
        store.tree(one, sha) as first,
        store.tree(two, two.history(other)[0].sha) as same,
        store.tree(two, other) as new,
    ):
        assert (first.folder == same.folder, first.key == new.key) == (True, False)


def test_what_leads_out_of_the_tree_is_left_out_and_named(tmp_path):
    repository, sha = commit(
        tmp_path / "repo",
        [
            ("a.py", 0o100644, "a"),
            ("run", EXECUTABLE, "#!/bin/sh\n"),
            ("inside", LINK, "a.py"),
            ("dangling", LINK, "nowhere.py"),
            ("absolute", LINK, "/etc/passwd"),
            ("up", LINK, "../../x"),
            ("here", LINK, "."),
            ("sub/through", LINK, "../here/../../x"),
            ("loop", LINK, "loop"),
            ("vendored", SUBMODULE, "b" * 40),
        ],
    )
    with TreeStore(tmp_path / "trees", LARGE).tree(repository, sha) as tree:
        assert tree.left_out == (
            "absolute (leads out of the tree)",
            "loop (leads out of the tree)",
            "sub/through (leads out of the tree)",
            "up (leads out of the tree)",
            "vendored (submodule)",
        )
        assert names_in(tree.folder) == ["a.py", "dangling", "here", "inside", "run", "sub"]
        assert (tree.folder / "inside").read_text() == "a"
        assert (tree.folder / "run").stat().st_mode & 0o111
        assert not (tree.folder / "a.py").stat().st_mode & 0o111


def test_git_folder_inside_a_commit_is_left_out(tmp_path):
    source = pygit2.init_repository(str(tmp_path / "repo"), bare=True)
    blob = source.create_blob(b"[core]\n")
    raw = b"100644 config\0" + blob.raw
    inner = source.write(pygit2.enums.ObjectType.TREE, raw)
    outer = source.write(pygit2.enums.ObjectType.TREE, b"40000 .GIT\0" + inner.raw + b"100644 a.py\0" + blob.raw)
    author = pygit2.Signature("a", "a@example.org", 1_700_000_000, 0)
    sha = str(source.create_commit("refs/heads/main", author, author, "c", outer, []))
    with TreeStore(tmp_path / "trees", LARGE).tree(GitRepository(tmp_path / "repo"), sha) as tree:
        assert tree.left_out == (".GIT/config (git's own)",)
        assert names_in(tree.folder) == ["a.py"]


def test_missing_object_is_said(tmp_path):
    repository, sha = make_history(tmp_path / "repo")
    blob = next(entry.blob for entry in repository.deltas(None, sha))
    (tmp_path / "repo" / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(TreeUnwritableError, match=f"lacks blob {blob}"):
        with TreeStore(tmp_path / "trees", LARGE).tree(GitRepository(tmp_path / "repo"), sha):
            pass


def history_of_three(tmp_path):
    repository, last = make_history(tmp_path / "repo", None, [{"b.py": "b"}, {"c.py": "c"}])
    return repository, [commit.sha for commit in repository.history(last)]


def test_longest_unused_tree_goes_first_and_comes_back_when_it_is_asked_for(tmp_path):
    repository, (first, second, third) = history_of_three(tmp_path)
    store = TreeStore(tmp_path / "trees", 21_000)
    keys = []
    for sha in (first, second, third):
        with store.tree(repository, sha) as tree:
            keys.append(tree.key)
            assert tree.size <= 3 * 4096
    assert names_in(tmp_path / "trees") == sorted(keys[1:])
    with store.tree(repository, first) as tree:
        assert (tree.folder / FILE).read_text() == SOURCE


def test_tree_in_use_is_not_disposed_of(tmp_path):
    repository, shas = history_of_three(tmp_path)
    store, other = TreeStore(tmp_path / "trees", 14_000), TreeStore(tmp_path / "trees", 14_000)
    with contextlib.ExitStack() as held:
        trees = [held.enter_context((store, other)[index % 2].tree(repository, sha)) for index, sha in enumerate(shas)]
        assert all((tree.folder / FILE).is_file() for tree in trees)


def test_tree_larger_than_its_budget_is_refused_and_leaves_nothing(tmp_path):
    repository, shas = history_of_three(tmp_path)
    store = TreeStore(tmp_path / "trees", 5_000)
    with pytest.raises(TreeUnwritableError, match="more than the 5,000 bytes"), store.tree(repository, shas[2]):
        pass
    with store.tree(repository, shas[0]):
        assert len(names_in(tmp_path / "trees")) == 1


def test_what_a_kill_left_half_written_is_replaced(tmp_path):
    repository, sha = make_history(tmp_path / "repo")
    store = TreeStore(tmp_path / "trees", LARGE)
    with store.tree(repository, sha) as tree:
        key = tree.key
    (tmp_path / "trees" / f"{key}.partial").mkdir()
    (tmp_path / "trees" / "other.partial").mkdir()
    with TreeStore(tmp_path / "trees", LARGE).tree(repository, sha):
        assert names_in(tmp_path / "trees") == [key]


def raw_commit(folder, entries):
    """A commit whose tree has these raw (mode, name, content) rows, in this order; a list is a tree of its own."""
    source = pygit2.init_repository(str(folder), bare=True)

    def write(rows):
        data = b""
        for mode, name, content in rows:
            oid = write(content) if isinstance(content, list) else source.create_blob(content)
            data += mode + b" " + name + b"\0" + oid.raw
        return source.write(pygit2.enums.ObjectType.TREE, data)

    author = pygit2.Signature("a", "a@example.org", 1_700_000_000, 0)
    sha = source.create_commit("refs/heads/main", author, author, "c", write(entries), [])
    return GitRepository(folder), str(sha)


FILE_ROW = (b"100644", b"b.py", b"b")
BELOW_A_LINK = [
    [(b"120000", b"a", b"../../.."), (b"40000", b"a", [(b"120000", b"evil", b"/etc/passwd")]), FILE_ROW],
    [(b"120000", b"a", b"../../.."), (b"40000", b"a", [(b"100644", b"evil", b"x")]), FILE_ROW],
    [(b"100644", b"a", b"x"), (b"40000", b"a", [(b"100644", b"evil", b"x")]), FILE_ROW],
]


@pytest.mark.parametrize("entries", BELOW_A_LINK)
def test_tree_that_names_a_path_twice_writes_nothing_elsewhere(tmp_path, entries):
    repository, sha = raw_commit(tmp_path / "repo", entries)
    store = TreeStore(tmp_path / "inner" / "trees", LARGE)
    with pytest.raises(TreeUnwritableError), store.tree(repository, sha):
        pass
    assert [path for path in tmp_path.rglob("evil") if "trees" not in path.parts] == []
    assert [path for path in (tmp_path / "inner" / "trees").iterdir() if not path.name.endswith(".partial")] == []


@pytest.mark.parametrize("name", [b"..", b".", b"../../../evil", b"/evil", b"a/../../evil"])
def test_name_that_is_a_path_stays_a_name(tmp_path, name):
    repository, sha = raw_commit(tmp_path / "repo", [(b"100644", name, b"x"), FILE_ROW])
    with TreeStore(tmp_path / "trees", LARGE).tree(repository, sha) as tree:
        written = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"x"]
        assert len(written) == 1
        assert written[0].is_relative_to(tree.folder)


def test_tree_too_deep_to_be_walked_is_refused(tmp_path):
    entries = [FILE_ROW]
    for _ in range(500):
        entries = [(b"40000", b"d", entries)]
    repository, sha = raw_commit(tmp_path / "repo", entries)
    with pytest.raises(TreeUnwritableError, match="too deep or too long"):
        TreeStore(tmp_path / "trees", LARGE).tree(repository, sha).__enter__()


def test_empty_files_count_against_the_budget(tmp_path):
    repository, sha = raw_commit(tmp_path / "repo", [(b"100644", b"%03d" % n, b"") for n in range(100)])
    with pytest.raises(TreeUnwritableError, match="more than the 100,000 bytes"):
        TreeStore(tmp_path / "trees", 100_000).tree(repository, sha).__enter__()
