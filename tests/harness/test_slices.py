import pytest
from harness_cases import make_score
from hypothesis import given
from hypothesis import strategies as st

from harness.slices import SLICES, position
from repopeftbench.schema import Event, TargetType


@pytest.mark.parametrize(
    ("name", "fields", "label"),
    [
        ("family", {}, "assert"),
        ("event", {"event": Event.MODIFIED}, "modified"),
        ("target-type", {"target_type": TargetType.CALL}, "call"),
        ("target-length", {"target_characters": 1}, "1 to 3"),
        ("target-length", {"target_characters": 4}, "4 to 7"),
        ("target-length", {"target_characters": 64}, "64 or more"),
        ("prefix-length", {"prefix_characters": 0}, "0 to 999"),
        ("prefix-length", {"prefix_characters": 4_000}, "4,000 to 15,999"),
        ("target-in-prefix", {"target_in_prefix": True}, "yes"),
        ("target-in-prefix", {"target_in_prefix": False}, "no"),
        ("repository-size", {"repository_commits": 99}, "1 to 99"),
        ("repository-size", {"repository_commits": 100}, "100 to 299"),
        ("position", {"history_index": 0, "repository_commits": 1}, "0 to 5 %"),
        ("position", {"history_index": 3, "repository_commits": 21}, "15 to 20 %"),
        ("position", {"history_index": 20, "repository_commits": 21}, "95 to 100 %"),
    ],
)
def test_task_has_its_label(name, fields, label):
    assert SLICES[name].label(make_score(0, **fields)) == label


@given(st.integers(1, 5_000), st.data())
def test_every_position_falls_into_its_bin_of_five_per_cent(commits, data):
    score = make_score(0, history_index=data.draw(st.integers(0, commits - 1)), repository_commits=commits)
    division = SLICES["position"]
    index = division.labels.index(division.label(score))
    assert len(division.labels) == 20
    assert index / 20 - 1e-9 <= position(score) <= (index + 1) / 20 + 1e-9


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 10**6))
def test_every_task_has_one_of_the_labels(target, prefix, commits):
    score = make_score(0, target_characters=target, prefix_characters=prefix, repository_commits=commits)
    for division in SLICES.values():
        assert division.label(score) in division.labels
        assert len(set(division.labels)) == len(division.labels)


def test_labels_do_not_depend_on_the_prediction():
    one, other = make_score(0, prediction="a", em_strict=True), make_score(0, prediction="b", em_strict=False)
    assert [division.label(one) for division in SLICES.values()] == [
        division.label(other) for division in SLICES.values()
    ]
