import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import scored, spread

from harness.report.letters import significance_letters, table_letters
from harness.report.tables import build_report


@pytest.mark.parametrize(
    ("different", "letters"),
    [
        ([], ["a", "a", "a"]),
        ([("x", "z")], ["a", "ab", "b"]),
        ([("z", "x")], ["a", "ab", "b"]),
        ([("x", "y"), ("x", "z")], ["a", "b", "b"]),
        ([("x", "y"), ("x", "z"), ("y", "z")], ["a", "b", "c"]),
        ([("x", "y")], ["a", "b", "ab"]),
    ],
)
def test_letters_of_three_methods(different, letters):
    assert list(significance_letters(["x", "y", "z"], different).values()) == letters


@given(st.data())
def test_methods_share_a_letter_exactly_where_they_do_not_differ(data):
    methods = [f"m{number}" for number in range(data.draw(st.integers(1, 7)))]
    pairs = [(one, other) for index, one in enumerate(methods) for other in methods[index + 1 :]]
    different = set(data.draw(st.lists(st.sampled_from(pairs)))) if pairs else set()
    letters = significance_letters(methods, different)
    assert letters[methods[0]].startswith("a")
    for one, other in pairs:
        assert set(letters[one]).isdisjoint(letters[other]) == ((one, other) in different)


def test_more_sets_than_letters_still_differ():
    methods = [f"m{number}" for number in range(60)]
    different = [(one, other) for index, one in enumerate(methods) for other in methods[index + 1 :]]
    letters = significance_letters(methods, different)
    assert len(set(letters.values())) == 60
    assert letters["m52"] == "a1"


def test_letters_of_a_table_follow_its_verdicts():
    leads = [5, 6, 7, 8] * 3
    report = build_report([spread("low", [0] * 12), spread("high", leads), spread("same", leads)])
    assert table_letters(report.tables[0]) == {"high": "a", "same": "a", "low": "b"}


def test_a_table_without_a_verdict_has_no_letters():
    report = build_report([scored("one", [True, False]), scored("other", [False, False])])
    assert table_letters(report.tables[0]) == {}
