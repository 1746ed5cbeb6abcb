import pytest

from repopeftbench.cloning import clone_or_update
from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository, changed_lines, write_history


def test_history_is_oldest_first_with_times(make_repository):
    repository = GitRepository(make_repository({"a.py": "1"}, {"a.py": "2"}, start=1000))
    history = repository.history(repository.resolve(None))
    assert [(c.history_index, c.committer_time) for c in history] == [(0, 1000), (1, 87_400)]


def test_equal_input_gives_equal_shas(make_repository):
    one = make_repository({"a.py": "1"}, {"a.py": "2"}, name="one")
    other = make_repository({"a.py": "1"}, {"a.py": "2"}, name="other")
    assert GitRepository(one).resolve(None) == GitRepository(other).resolve(None)


def test_changes_follow_renames_and_leave_out_other_files(make_repository):
    text = "".join(f"line {n}\n" for n in range(20))
    folder = make_repository({"a.py": text, "b.txt": "x"}, {"a.py": None, "c/d.py": text + "more\n", "b.txt": "y"})
    repository = GitRepository(folder)
    first, second = repository.history(repository.resolve(None))
    (added,) = repository.changes(None, first.sha)
    assert (added.old_path, added.path) == (None, "a.py")
    (renamed,) = repository.changes(first.sha, second.sha)
    assert (renamed.old_path, renamed.path) == ("a.py", "c/d.py")
    assert b"+more" in repository.patch(renamed)
    assert repository.patch(added).count(b"\n+line") == 20


def test_symbolic_links_are_no_files(make_repository):
    folder = make_repository({"tests/test_a.py": "x = 1\n"})
    (folder / "tests/test_link.py").symlink_to("test_a.py")
    repository = GitRepository(folder)
    assert [file.path for file in repository.python_files(repository.resolve(None))] == ["tests/test_a.py"]


def test_changed_lines_are_those_of_the_new_side():
    assert changed_lines(b"a\nb\nc\n", b"a\nx\ny\nc\nd\n") == (range(2, 4), range(5, 6))


def test_missing_objects_are_named(make_repository):
    repository = GitRepository(make_repository({"a.py": "1"}))
    with pytest.raises(GitObjectError, match="lacks blob 1111"):
        repository.read("1" * 40)
    with pytest.raises(GitObjectError, match="lacks commit 1111"):
        repository.history("1" * 40)


@pytest.mark.parametrize(("revision", "message"), [("nope", "no revision 'nope'"), ("HEAD~9", "no revision")])
def test_unknown_revision_is_named(make_repository, revision, message):
    with pytest.raises(SourceError, match=message):
        GitRepository(make_repository({"a.py": "1"})).resolve(revision)


def test_unusable_folders_are_named(tmp_path, make_repository):
    with pytest.raises(SourceError, match="does not exist"):
        GitRepository(tmp_path / "nothing")
    with pytest.raises(SourceError, match="is not a git repository"):
        GitRepository(tmp_path)
    shallow = make_repository({"a.py": "1"}, {"a.py": "2"})
    (shallow / ".git" / "shallow").write_text(GitRepository(shallow).resolve(None) + "\n")
    with pytest.raises(SourceError, match="fetch --unshallow"):
        GitRepository(shallow)


def test_clone_is_full_and_updated_and_follows_the_remote_head(make_repository, tmp_path):
    import pygit2

    origin = make_repository({"a.py": "1"}, {"a.py": "2"})
    copy = tmp_path / "cache" / "copy"
    clone_or_update(f"file://{origin}", copy)
    assert len(GitRepository(copy).history(GitRepository(copy).resolve(None))) == 2
    upstream = pygit2.Repository(str(origin))
    who = pygit2.Signature("a", "a@example.org", 1_700_000_000, 0)
    parents = [upstream.head.target]
    upstream.create_commit("refs/heads/next", who, who, "third", upstream.head.peel().tree.id, parents)
    upstream.set_head("refs/heads/next")
    clone_or_update(f"file://{origin}", copy)
    assert len(GitRepository(copy).history(GitRepository(copy).resolve(None))) == 3


def test_branches_of_a_fresh_clone_can_be_named_and_deleted_ones_go(make_repository, tmp_path):
    import pygit2

    origin = make_repository({"a.py": "1"}, {"a.py": "2"})
    upstream = pygit2.Repository(str(origin))
    upstream.branches.create("feature", upstream.head.peel().parents[0])
    copy = tmp_path / "cache" / "copy"
    clone_or_update(f"file://{origin}", copy)
    assert GitRepository(copy).resolve("feature") == GitRepository(origin).resolve("main~1")
    upstream.branches.delete("feature")
    clone_or_update(f"file://{origin}", copy)
    with pytest.raises(SourceError, match="no revision 'feature'"):
        GitRepository(copy).resolve("feature")


def test_unreachable_clone_says_so(tmp_path):
    with pytest.raises(SourceError, match="cannot be cloned or updated"):
        clone_or_update(f"file://{tmp_path}/nothing", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_deleted_file_leaves_the_tree(tmp_path):
    sha = write_history(tmp_path / "r", [("one", 1, [("a.py", b"1"), ("b.py", b"2")]), ("two", 2, [("a.py", None)])])
    assert [file.path for file in GitRepository(tmp_path / "r").python_files(sha)] == ["b.py"]
