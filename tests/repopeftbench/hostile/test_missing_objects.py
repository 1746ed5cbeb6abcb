"""Copies of a history that lack objects: what is there is mined, what is not is named."""

import pytest
from raw_history import asserting, git

from repopeftbench.schema import Track


@pytest.fixture
def history(new_history):
    made = new_history()
    made.commit({"tests/test_a.py": asserting(1), "src/a.py": "x = 1\n", "src/b.py": "y = 1\n"})
    made.commit({"tests/test_a.py": asserting(1, 2), "src/a.py": "x = 2\n", "src/b.py": "y = 2\n"})
    made.commit({"tests/test_a.py": asserting(1, 2, 3), "src/a.py": "x = 3\n", "src/b.py": "y = 3\n"})
    return made


def test_missing_test_file_is_a_reject_and_its_neighbours_in_time_are_mined(history, mine):
    history.delete(history.blob(asserting(1, 2)))
    mined = mine(history.folder)
    assert mined.code == 0
    assert mined.values() == ["1"]
    # What the next version adds cannot be known without the one before it.
    assert mined.reasons() == ["missing-blob", *["parent-unreadable"] * 3]
    assert mined.values(Track.STATIC) == ["1", "2", "3"]


def test_missing_test_file_of_the_snapshot_is_a_reject_there(history, mine):
    history.delete(history.blob(asserting(1, 2, 3)))
    mined = mine(history.folder)
    assert (mined.values(), mined.reasons()) == (["1", "2"], ["missing-blob"])
    assert (mined.values(Track.STATIC), mined.reasons(Track.STATIC)) == ([], ["missing-blob"])


def test_missing_production_file_leaves_the_rest_of_the_diff(history, mine):
    history.delete(history.blob("x = 2\n"))
    mined = mine(history.folder)
    assert mined.values() == ["1", "2", "3"]
    assert ["+y = 2" in diff for diff in mined.diffs()] == [False, True, False]
    assert not any("x = 2" in diff for diff in mined.diffs())


@pytest.mark.parametrize("kind", ["main~1^{tree}", "main~1:tests", "main~1:src", "main~1", "main~2"])
def test_missing_tree_or_commit_is_a_failed_source_with_a_reason(history, mine, kind):
    history.delete(git(history.folder, "rev-parse", kind).decode().strip())
    mined = mine(history.folder)
    assert mined.code == 1
    (problem,) = mined.failed
    assert "lacks a tree" in problem or "lacks commit" in problem
    assert "fetch the repository again in full" in problem
    assert len(mined.remarks.strip().splitlines()) == 2


def test_missing_tip_is_a_failed_source_with_a_reason(history, mine):
    history.delete(history.head)
    mined = mine(history.folder)
    assert mined.code == 1
    assert "HEAD of" in mined.failed[0]


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"not zlib at all"])
def test_damaged_object_is_treated_as_a_missing_one(history, mine, damage):
    sha = history.blob(asserting(1, 2))
    path = history.objects / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(damage)
    mined = mine(history.folder)
    assert mined.reasons().count("missing-blob") == 1
    assert mined.values(Track.STATIC) == ["1", "2", "3"]


def test_missing_side_of_a_rename_does_not_stop_the_commit(new_history, mine):
    history = new_history()
    body = asserting(*range(20))
    history.commit({"tests/test_a.py": body, "src/long.py": "x = 1\n" * 50})
    history.commit(
        {"tests/test_a.py": None, "tests/test_b.py": body + "    assert last() == 99\n", "src/long.py": None}
    )
    history.commit({"src/short.py": "x = 1\n" * 50, "tests/test_b.py": asserting(5)})
    history.delete(history.blob(body))
    mined = mine(history.folder)
    assert mined.code == 0
    assert "missing-blob" in mined.reasons()
    assert mined.values(Track.STATIC) == ["5"]


def test_alternates_that_point_nowhere_are_a_history_that_lacks_objects(history, mine):
    (history.objects / "info" / "alternates").write_text("/nowhere/at/all\n")
    assert mine(history.folder).values() == ["1", "2", "3"]
    borrowed = history.folder.parent / "borrowed"
    git(history.folder, "clone", "-q", "--bare", "--shared", str(history.folder), str(borrowed))
    (borrowed / "objects" / "info" / "alternates").write_text("/nowhere/at/all\n")
    mined = mine(borrowed, name="second")
    assert mined.code == 1
    assert len(mined.failed) == 1
