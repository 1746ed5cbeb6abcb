from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.schema import Split
from repopeftbench.splits.assign import Role, assign_repositories, commit_split, divide, split_commits, split_files

SIZES = st.dictionaries(st.text("abcdef", min_size=1, max_size=5), st.integers(0, 500), max_size=60)


@given(SIZES, st.integers(0, 5))
def test_a_tenth_each_is_held_out_and_order_does_not_matter(sizes, seed):
    roles = assign_repositories(sizes, seed)
    assert roles == assign_repositories(dict(reversed(sizes.items())), seed)
    counts = Counter(roles.values())
    held_out = max(1, (len(sizes) + 5) // 10) if len(sizes) >= 5 else 0
    assert (counts[Role.CR_VAL], counts[Role.CR_TEST]) == (held_out, held_out)
    assert len(roles) == len(sizes)


def test_held_out_repositories_are_spread_over_sizes():
    sizes = {f"r{n:03}": n for n in range(100)}
    for seed in range(5):
        held_out = sorted(
            sizes[name] for name, role in assign_repositories(sizes, seed).items() if role is not Role.TRAIN
        )
        assert [size // 5 for size in held_out] == list(range(20))


def test_seed_changes_who_is_held_out():
    sizes = {f"r{n}": n for n in range(30)}
    assert len({tuple(assign_repositories(sizes, seed).values()) for seed in range(8)}) > 1


@pytest.mark.parametrize(
    ("count", "parts"),
    [(0, (0, 0)), (2, (2, 0)), (3, (1, 1)), (5, (3, 1)), (10, (8, 1)), (100, (80, 10)), (19, (15, 1))],
)
def test_division_leaves_a_test_part(count, parts):
    assert divide(count) == parts


@given(st.lists(st.integers(0, 500), unique=True, max_size=80))
def test_commits_are_split_in_history_order(indices):
    ordered = sorted(indices)
    starts = split_commits(ordered)
    splits = [commit_split(index, starts) for index in ordered]
    assert splits == sorted(splits, key=[Split.IR_TRAIN, Split.IR_VAL, Split.IR_TEST].index)
    train, val = divide(len(ordered))
    assert Counter(splits) == Counter(
        {Split.IR_TRAIN: train, Split.IR_VAL: val, Split.IR_TEST: len(ordered) - train - val}
    )


def test_files_keep_their_order():
    files = split_files(["a", "b", "c", "d", "e"])
    assert list(files.values()) == [Split.IR_TRAIN] * 3 + [Split.IR_VAL, Split.IR_TEST]
