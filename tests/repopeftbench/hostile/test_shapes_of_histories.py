"""Histories of every shape, and commits with the oddest clocks, names and messages."""

import pytest
from raw_history import asserting

from repopeftbench.gitrepo import GitRepository
from repopeftbench.schema import Event, Track


def test_unrelated_histories_that_meet_bring_what_they_bring(new_history, mine):
    history = new_history()
    other = history.commit(tree=history.tree({"tests/test_other.py": asserting(9)}), parents=[])
    history.head = None
    ours = history.commit({"tests/test_a.py": asserting(1)})
    history.commit({"tests/test_other.py": asserting(9)}, parents=[ours, other])
    mined = mine(history.folder)
    assert (mined.values(), len(mined.diffs())) == (["1", "9"], 2)


def test_octopus_merge_is_one_commit_with_what_its_branches_bring(new_history, mine):
    history = new_history()
    base = history.commit({"tests/test_a.py": asserting(0)})
    sides = [
        history.commit(tree=history.tree({**history.files, f"tests/test_{n}.py": asserting(n)}), parents=[base])
        for n in range(1, 12)
    ]
    files = {f"tests/test_{n}.py": asserting(n) for n in range(1, 4)}
    history.commit(files, parents=[base, *sides])
    mined = mine(history.folder)
    assert mined.values() == ["0", "1", "2", "3"]
    assert len(mined.diffs()) == 2


def test_merge_is_compared_with_its_first_parent_alone(new_history, mine):
    history = new_history()
    base = history.commit({"tests/test_a.py": asserting(1)})
    left = history.commit({"tests/test_a.py": asserting(1, 2)})
    right = history.commit(tree=history.tree({"tests/test_a.py": asserting(1, 3)}), parents=[base])
    history.commit({"tests/test_a.py": asserting(1, 2, 3)}, parents=[left, right])
    mined = mine(history.folder)
    assert mined.values() == ["1", "2", "3"]
    assert [entry.commits for entry in mined.dataset.manifest.repositories] == [3, 3]


def test_criss_cross_merges_end(new_history, mine):
    history = new_history()
    base = history.commit({"tests/test_a.py": asserting(0)})
    one, two = base, base
    for number in range(1, 6):
        history.files = {"tests/test_a.py": asserting(*range(number + 1))}
        tree = history.tree(history.files)
        one, two = history.commit(tree=tree, parents=[one, two]), history.commit(tree=tree, parents=[two, one])
    mined = mine(history.folder)
    assert mined.values() == [str(number) for number in range(6)]


def test_parent_named_twice_is_one_parent(new_history, mine):
    history = new_history()
    base = history.commit({"tests/test_a.py": asserting(0)})
    history.commit({"tests/test_a.py": asserting(0, 1)}, parents=[base, base])
    assert mine(history.folder).values() == ["0", "1"]


def test_commits_without_a_change_are_walked_and_not_kept(new_history, mine):
    history = new_history()
    history.commit(tree=history.raw_tree())
    history.commit({"tests/test_a.py": asserting(1)})
    history.commit()
    history.commit({"tests/test_a.py": None})
    history.commit({"tests/test_a.py": asserting(1)})
    mined = mine(history.folder)
    assert [(entry.commits, entry.kept_commits) for entry in mined.dataset.manifest.repositories] == [(5, 2), (3, 3)]
    assert mined.values() == ["1", "1"]


CLOCKS = [
    b"-1 +0000", b"-99999999999 +0000", b"0 +0000", b"4102444800 +0000", b"99999999999999 +0000",
    b"9223372036854775807 +0000", b"1700000000 +1459", b"1700000000 -1459", b"1700000000 +9999", b"1700000000",
    b"1700000000 ", b"1700000000 UTC", b"",
]  # fmt: skip


@pytest.mark.parametrize("moment", CLOCKS)
def test_odd_clock_neither_stops_nor_reorders_the_history(new_history, mine, moment):
    history = new_history()
    history.commit({"tests/test_a.py": asserting(1)})
    history.commit({"tests/test_a.py": asserting(1, 2)}, moment=moment)
    history.commit({"tests/test_a.py": asserting(1, 2, 3)})
    mined = mine(history.folder)
    assert (mined.code, mined.values()) == (0, ["1", "2", "3"])
    assert [row.history_index for row in mined.dataset.commits() if row.repo_id != "neighbour"] == [0, 1, 2]
    repository = GitRepository(history.folder)
    dates = [repository.author_date(commit.sha) for commit in repository.history(history.head)]
    assert [date[:4] for date in (dates[0], dates[2])] == ["2023", "2023"]


@pytest.mark.parametrize("moment", [b"18446744073709551615 +0000", b"99999999999999999999999999 +0000", b"x +0000"])
def test_clock_that_is_no_number_of_seconds_is_a_failed_source_with_the_commit(new_history, mine, moment):
    history = new_history()
    history.commit({"tests/test_a.py": asserting(1)}, moment=moment)
    sha = history.head
    history.commit({"tests/test_a.py": asserting(1, 2)})
    mined = mine(history.folder)
    assert mined.code == 1
    assert f"lacks commit {sha}, or it is damaged" in mined.failed[0]


def test_times_that_run_backwards_leave_the_order_of_the_parents(new_history, mine):
    history = new_history()
    for number in range(4):
        moment = b"%d +0000" % (1_700_000_000 - number * 1_000_000)
        history.commit({"tests/test_a.py": asserting(*range(number + 1))}, moment=moment)
    mined = mine(history.folder)
    assert [row.committer_time for row in mined.dataset.commits() if row.repo_id != "neighbour"] == [
        1_700_000_000 - number * 1_000_000 for number in range(4)
    ]


@pytest.mark.parametrize("message", [b"", b"\n\n\n", b"\xff\xfe\0binary", b"\x1b[2J\r" * 10, b"x" * 1_000_000])
@pytest.mark.parametrize("who", [b"A <a@x.org>", b"\xe9\xff <\xff@\xff>", b" <>", b"<<>> <a>b>", b"A\x1b[0m <a@x>"])
def test_message_and_name_of_any_bytes_change_nothing(new_history, mine, message, who):
    history = new_history()
    history.commit({"tests/test_a.py": asserting(1)}, message=message, who=who)
    history.commit({"tests/test_a.py": asserting(2)})
    mined = mine(history.folder)
    assert (mined.code, mined.values()) == (0, ["1", "2"])
    assert [task.event for task in mined.tasks(Track.STATIC)] == [Event.SNAPSHOT]


def test_encoding_header_and_signature_are_of_no_concern(new_history, mine):
    history = new_history()
    tree = history.tree({"tests/test_a.py": asserting(1)})
    raw = f"tree {tree}\nauthor A <a> 1700000000 +0000\ncommitter A <a> 1700000000 +0000\nencoding no-such-code\n"
    raw += "gpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\nstranger thing\n\nmessage\n"
    history.head = history.write("commit", raw.encode())
    history.commit({"tests/test_a.py": asserting(1, 2)})
    assert mine(history.folder).values() == ["1", "2"]


def test_commit_that_is_no_commit_is_a_failed_source(new_history, mine):
    history = new_history()
    history.commit({"tests/test_a.py": asserting(1)})
    history.commit(parents=[history.write("commit", b"garbage\n")])
    mined = mine(history.folder)
    assert (mined.code, "lacks commit" in mined.failed[0]) == (1, True)
