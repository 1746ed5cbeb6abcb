import pygit2
import pytest
from pygit2.enums import ObjectType
from snapshot_cases import Executable, Link, Lost, Submodule, blob_id, write_trees

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.sites import MISSING_BLOB
from repopeftbench.mining.snapshots import MOST_TEXT_BYTES, OVERSIZED, SnapshotRecorder
from repopeftbench.mining.source import UNDECODABLE

A, B = b"a = 1\n", b"b = 2\n"


def record_all(folder, *trees):
    """For each tree the changes as a dict, and the files handed on as a list."""
    shas = write_trees(folder, *trees)
    recorder = SnapshotRecorder(GitRepository(folder))
    found = []
    for previous, sha in zip([None, *shas], shas, strict=False):
        recorded = recorder.record(sha, previous)
        assert (recorded.commit_sha, recorded.previous_sha) == (sha, previous)
        found.append(({change.path: change.blob for change in recorded.changes}, list(recorded.files)))
    return found


def test_first_commit_is_recorded_in_full_and_later_ones_as_changes(tmp_path):
    first = {"b.py": B, "a.py": A, "tests/test_a.py": b"t\n", "README.md": b"read\n", "docs/x.md": b"no\n"}
    (full, files), (changes, more) = record_all(
        tmp_path, first, {"a.py": B, "README.md": b"read\n", "docs/x.md": b"other\n"}
    )
    assert list(full) == ["README.md", "a.py", "b.py", "tests/test_a.py"]
    assert [file.blob for file in files] == list(full.values())
    assert changes == {"a.py": blob_id(B), "b.py": None, "tests/test_a.py": None}
    assert more == []


def test_texts_sizes_and_flags_are_those_of_the_blobs(tmp_path):
    ((_, files),) = record_all(
        tmp_path, {"a.py": b"# coding: latin-1\ns = '\xe9'\n", "tests/test_a.py": b"\xef\xbb\xbft = '\xc3\xa9'\n"}
    )
    assert [(file.text, file.size_bytes, file.is_test, file.problem) for file in files] == [
        ("# coding: latin-1\ns = 'é'\n", 26, False, None),
        ("t = 'é'\n", 12, True, None),
    ]


def test_blob_is_handed_on_once(tmp_path):
    found = record_all(tmp_path, {"a.py": A}, {"a.py": B}, {"a.py": A, "b.py": B}, {"c.py": A})
    assert [[file.blob for file in files] for _, files in found] == [[blob_id(A)], [blob_id(B)], [], []]


def test_blob_of_tests_is_handed_on_again_when_production_code_has_it(tmp_path):
    found = record_all(tmp_path, {"tests/a.py": A}, {"a.py": A}, {"tests/a.py": A}, {"c.py": A})
    assert [[file.is_test for file in files] for _, files in found] == [[True], [False], [], []]


def test_blob_at_a_test_and_another_path_of_one_commit_is_no_test(tmp_path):
    ((_, files),) = record_all(tmp_path, {"tests/__init__.py": b"", "z/__init__.py": b"", "tests/b.py": B})
    assert [(file.blob, file.is_test) for file in files] == [(blob_id(b""), False), (blob_id(B), True)]


def test_mode_change_alone_changes_nothing(tmp_path):
    _, (changes, _) = record_all(tmp_path, {"a.py": A}, {"a.py": Executable(A)})
    assert changes == {}


def test_file_with_a_mode_that_git_wrote_long_ago_is_a_file(tmp_path):
    repository = pygit2.init_repository(str(tmp_path), bare=True, initial_head="main")
    blob = repository.create_blob(A)
    tree = repository.write(ObjectType.TREE, b"100664 a.py\0" + bytes.fromhex(str(blob)))
    who = pygit2.Signature("a", "a@example.org", 1_000, 0)
    sha = str(repository.create_commit("refs/heads/main", who, who, "old", tree, []))
    git = GitRepository(tmp_path)
    (change,) = SnapshotRecorder(git).record(sha, None).changes
    assert [(file.path, file.blob) for file in git.python_files(sha)] == [(change.path, change.blob)]


@pytest.mark.parametrize("other", [Link(b"b.py"), Submodule()])
def test_link_or_submodule_in_the_place_of_a_file_removes_it_and_back(tmp_path, other):
    (full, _), (gone, files), (back, _) = record_all(
        tmp_path, {"a.py": A, "b.py": B}, {"a.py": other, "b.py": B}, {"a.py": A, "b.py": B}
    )
    assert set(full) == {"a.py", "b.py"}
    assert (gone, files) == ({"a.py": None}, [])
    assert back == {"a.py": blob_id(A)}


def test_file_that_becomes_a_folder_is_replaced_by_what_is_in_it(tmp_path):
    _, (changes, _) = record_all(tmp_path, {"d.py": A}, {"d.py/in.py": A})
    assert changes == {"d.py": None, "d.py/in.py": blob_id(A)}


def test_link_and_submodule_are_never_recorded(tmp_path):
    ((full, files),) = record_all(tmp_path, {"a.py": Link(b"x"), "m.py": Submodule(), "README.md": Link(b"y")})
    assert (full, files) == ({}, [])


@pytest.mark.parametrize(
    ("content", "problem", "size"),
    [
        (b"\xff\xfe", UNDECODABLE, 2),
        (b"#" * (MOST_TEXT_BYTES + 1), OVERSIZED, MOST_TEXT_BYTES + 1),
        (Lost(A), MISSING_BLOB, None),
    ],
    ids=["undecodable", "oversized", "missing"],
)
def test_blob_without_text_is_handed_on_with_the_reason(tmp_path, content, problem, size):
    ((full, (file,)),) = record_all(tmp_path, {"a.py": content})
    assert full == {"a.py": file.blob}
    assert (file.text, file.problem, file.size_bytes) == (None, problem, size)


def test_largest_text_is_kept(tmp_path):
    ((_, (file,)),) = record_all(tmp_path, {"a.py": b"#" * MOST_TEXT_BYTES})
    assert len(file.text) == MOST_TEXT_BYTES


def test_commit_that_is_not_there_is_named(make_repository):
    recorder = SnapshotRecorder(GitRepository(make_repository({"a.py": "1"})))
    with pytest.raises(GitObjectError, match="lacks commit 2222"):
        recorder.record("2" * 40, None)
