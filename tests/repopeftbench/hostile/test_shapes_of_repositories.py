"""Every form a repository can have on a disk: mined, or a failed source with one sentence."""

import shutil

import pytest
from raw_history import asserting, git


@pytest.fixture
def history(new_history):
    made = new_history()
    made.commit({"tests/test_a.py": asserting(1)})
    made.commit({"tests/test_a.py": asserting(1, 2)})
    return made


def empty(history):
    shutil.rmtree(history.folder)
    history.folder.mkdir()
    git(history.folder, "init", "-q")


def head_on_no_branch(history):
    (history.folder / ".git" / "HEAD").write_text("ref: refs/heads/nowhere\n")


def head_on_a_missing_commit(history):
    (history.folder / ".git" / "HEAD").write_text("1" * 40 + "\n")


def head_of_garbage(history):
    (history.folder / ".git" / "HEAD").write_bytes(b"\xff\0garbage\n")


def head_of_nothing(history):
    (history.folder / ".git" / "HEAD").write_bytes(b"")


def head_that_is_gone(history):
    (history.folder / ".git" / "HEAD").unlink()


def head_in_a_circle(history):
    (history.folder / ".git" / "refs" / "heads" / "main").write_text("ref: refs/heads/other\n")
    (history.folder / ".git" / "refs" / "heads" / "other").write_text("ref: refs/heads/main\n")


def head_on_a_file(history):
    blob = history.blob("x")
    (history.folder / ".git" / "HEAD").write_text(f"{blob}\n")


def git_file_to_nowhere(history):
    shutil.rmtree(history.folder / ".git")
    (history.folder / ".git").write_text("gitdir: /nowhere/at/all\n")


def git_file_to_itself(history):
    shutil.rmtree(history.folder / ".git")
    (history.folder / ".git").write_text("gitdir: .git\n")


def git_link_in_a_circle(history):
    shutil.rmtree(history.folder / ".git")
    (history.folder / ".git").symlink_to(".git")


def without_objects(history):
    shutil.rmtree(history.objects)


def of_another_hash(history):
    shutil.rmtree(history.folder)
    history.folder.mkdir()
    git(history.folder, "init", "-q", "--object-format=sha256")


BROKEN = [
    empty, head_on_no_branch, head_on_a_missing_commit, head_of_garbage, head_of_nothing, head_that_is_gone,
    head_in_a_circle, head_on_a_file, git_file_to_nowhere, git_file_to_itself, git_link_in_a_circle, without_objects,
    of_another_hash,
]  # fmt: skip


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda function: function.__name__)
def test_repository_that_cannot_be_read_is_a_failed_source_in_one_sentence(history, mine, break_it):
    break_it(history)
    mined = mine(history.folder)
    assert mined.code == 1
    (problem,) = mined.failed
    assert str(history.folder) in problem
    assert "\n" not in problem
    assert len(problem.split()) > 3


def detached(history):
    git(history.folder, "update-ref", "--no-deref", "HEAD", history.head)
    return history.folder


def bare(history):
    (history.folder / ".git").rename(history.folder.parent / "bare.git")
    return history.folder.parent / "bare.git"


def without_configuration(history):
    (history.folder / ".git" / "config").unlink()
    return history.folder


def bare_without_configuration(history):
    (history.folder / ".git" / "config").unlink()
    return bare(history)


def work_tree(history):
    git(history.folder, "worktree", "add", "-q", "--detach", "../beside")
    return history.folder.parent / "beside"


def submodule(history):
    outer = history.folder.parent / "outer"
    git(history.folder, "init", "-q", str(outer))
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(history.folder), "inner")
    return outer / "inner"


def packed(history):
    git(history.folder, "gc", "-q", "--prune=now")
    git(history.folder, "pack-refs", "--all")
    return history.folder


def with_a_lock_left_behind(history):
    (history.folder / ".git" / "index.lock").touch()
    (history.folder / ".git" / "HEAD.lock").touch()
    return history.folder


def with_a_broken_index(history):
    (history.folder / ".git" / "index").write_bytes(b"garbage")
    return history.folder


def named_by_a_link(history):
    (history.folder.parent / "link").symlink_to(history.folder)
    return history.folder.parent / "link"


def with_replaced_commits(history):
    git(history.folder, "replace", "--graft", history.head)
    return history.folder


WHOLE = [
    detached, bare, without_configuration, bare_without_configuration, work_tree, submodule, packed,
    with_a_lock_left_behind, with_a_broken_index, named_by_a_link, with_replaced_commits,
]  # fmt: skip


@pytest.mark.parametrize("shape", WHOLE, ids=lambda function: function.__name__)
def test_repository_of_every_shape_is_mined(history, mine, shape):
    mined = mine(shape(history))
    assert (mined.code, mined.values()) == (0, ["1", "2"])


def test_folder_inside_a_repository_is_not_that_repository(history, mine):
    (history.folder / "tests").mkdir()
    mined = mine(history.folder / "tests")
    assert mined.code == 1
    assert "is not a git repository" in mined.failed[0]


def test_work_tree_and_its_repository_are_one_repository(history, mine):
    beside = work_tree(history)
    mined = mine(history.folder, beside)
    assert len(mined.dataset.manifest.repositories) == 2
    assert "list it once" in mined.failed[0]


@pytest.mark.parametrize("revision", ["HEAD~1", "main~1", ":/nothing", "--help", "-x", "main^{tree}", "'; x"])
def test_revision_is_a_commit_or_a_failed_source(history, mine, revision):
    mined = mine(f"{history.folder}@{revision}")
    assert (mined.code, mined.values()) == (0, ["1"]) if revision.endswith("~1") else mined.code == 1
