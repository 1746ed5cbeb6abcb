"""Caps and splits as published; expected values come from the authors' functions."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.paper.capping import Row, evaluated, is_trivial, smart_cap
from repopeftbench.paper.splits import assign_repositories, commit_splits, split_pairs


@pytest.mark.parametrize(
    ("target", "trivial"),
    [("abc", True), ("abcd", False), ("True)", True), ("abcde)", True), ("abcdef)", False), ("  1 ", True)],
)
def test_trivial_targets(target, trivial):
    assert is_trivial(target) is trivial


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["ab", "abcdef"])),
    max_size=60,
).map(
    lambda rows: [
        Row(commit=commit, test_file=file, test_function=function, target=target)
        for commit, file, function, target in sorted(rows, key=lambda row: row[0])
    ]
)


@given(ROWS)
def test_smart_cap_holds_its_caps_and_loses_nothing_below_them(rows):
    chosen = smart_cap(rows, random.Random(3407))
    assert chosen == sorted(set(chosen))
    for commit in range(4):
        places = [place for place in chosen if rows[place].commit == commit]
        usable = [row for row in rows if row.commit == commit and not is_trivial(row.target)]
        per_file = {file: sum(row.test_file == file for row in usable) for file in "abc"}
        assert len(places) == min(8, sum(min(4, count) for count in per_file.values()))
        for file in "abc":
            assert sum(rows[place].test_file == file for place in places) <= 4


def test_smart_cap_draws_as_published():
    rows = [Row(commit=n // 12, test_file=f"f{n % 3}", test_function=f"t{n % 5}", target="abcdef") for n in range(36)]
    assert smart_cap(rows, random.Random(3407)) == [
        *(2, 3, 4, 6, 7, 8, 9, 11),
        *(12, 14, 15, 16, 18, 19, 20, 22),
        *(24, 25, 27, 29, 30, 31, 32, 35),
    ]


def test_first_eight_rows_of_each_commit_are_evaluated():
    assert evaluated(["a"] * 10 + ["b"] * 2) == [*range(8), 10, 11]


@pytest.mark.parametrize(
    ("kept", "train", "val", "test"),
    [(0, 0, 0, 0), (2, 2, 0, 0), (3, 1, 1, 1), (5, 3, 1, 1), (9, 7, 1, 1), (10, 8, 1, 1), (66, 52, 6, 8)],
)
def test_kept_commits_split_in_their_order(kept, train, val, test):
    assert commit_splits(kept) == ("train",) * train + ("val",) * val + ("test",) * test


def test_pairs_are_shuffled_with_the_published_seed():
    parts = split_pairs(10)
    assert (parts.train, parts.val, parts.test) == ((9, 5, 4, 8, 3, 1, 7, 2), (6,), (0,))


def test_repositories_are_assigned_with_the_published_seed():
    sizes = {f"{owner}/r{n}": 30 + 7 * n for owner in ("b", "a") for n in range(20)}
    roles = assign_repositories(sizes)
    assert sorted(name for name in roles if roles[name] == "cr_val") == ["a/r1", "a/r8", "b/r17"]
    assert sorted(name for name in roles if roles[name] == "cr_test") == [
        "a/r10",
        "a/r19",
        "b/r15",
        "b/r4",
        "b/r5",
        "b/r9",
    ]
    assert assign_repositories({"a/only": 30}) == {"a/only": "train"}
    assert assign_repositories({}) == {}
