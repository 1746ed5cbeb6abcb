import time
from difflib import SequenceMatcher

import pytest
from harness_cases import ODD_TEXTS
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.published import MAX_COMPARISONS, Truncated, edit_similarity_paper, em_paper, truncate
from harness.records import Unscored


@pytest.mark.parametrize(
    ("raw", "target", "prediction", "wanted"),
    [
        (" 3\n", "3", "3", "3"),
        ("\n\n 3\nassert y", "3", "3", "3"),
        ("3\n4", "3\n4", "3\n4", "3\n4"),
        ("foo, bar)", "foo", "foo", "foo"),
        ("3 if x else 4", "3", "3", "3"),
        ("f(a, b), c", "f(a, b)", "f(a, b), c", "f(a, b)"),
        ("f(a, b)", "f(a)", "f(a", "f(a)"),
        ("'#fff'", "'#fff'", "'", "'"),
        ("x  # why", "x  # because", "x", "x"),
        ("<|fim_prefix|> x<|fim_middle|>", "x", "x", "x"),
        ("a b, c", "d e", "a b", "d e"),
        ("a b, c", "# all of it", "a b, c", ""),
        ("", "x", "", "x"),
        (", x", "y", "", "y"),
        ("1 < x < 3, y", "1 < x < 3", "1 < x < 3", "1 < x < 3"),
        ("x\r\ny", "x", "x", "x"),
    ],
)
def test_the_prediction_is_cut_by_what_the_target_looks_like(raw, target, prediction, wanted):
    assert truncate(raw, target) == Truncated(prediction=prediction, target=wanted)


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("foo, bar)", "foo"),
        ("3 if x else 4", "3"),
        ("'#fff'", "'#000'"),
        ("[1,2]", "[1, 2]"),
        ("f(a ,b)", "f(a, b)"),
        ("x:", "x"),
        ("f(a, b),", "f(a, b)"),
        ("a   +  b", "a + b"),
        ("'a, b' + c", "'a,b' + c"),
        ("\n x", "x"),
        ("", "# nothing"),
    ],
)
def test_lenient_matches_of_the_published_rule_are_matches(raw, target):
    assert em_paper(truncate(raw, target))


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("x", "y"),
        ("", "x"),
        ("'x'", '"x"'),
        ("(1)", "1"),
        ("a+b", "a + b"),
        ("[1,\n2]", "[1, 2]"),
        ("x.", "x"),
        ("X", "x"),
    ],
)
def test_what_the_published_rule_tells_apart_is_no_match(raw, target):
    assert not em_paper(truncate(raw, target))


@given(st.text("ab ,#\n'", max_size=12), st.text("ab ,#\n'", min_size=1, max_size=12))
def test_a_target_that_is_predicted_is_a_match(rest, target):
    stripped = target.strip()
    assert em_paper(truncate(stripped, stripped))
    if stripped and "#" not in stripped and "\n" not in stripped:
        assert em_paper(truncate(f"{stripped}\n{rest}", stripped))


@given(st.text("abc()é", max_size=15), st.text("abc()é", max_size=15))
def test_similarity_is_that_of_difflib_without_its_junk_heuristic(prediction, target):
    expected = SequenceMatcher(None, prediction, target, autojunk=False).ratio()
    assert edit_similarity_paper(Truncated(prediction, target)) == expected


def test_common_characters_of_a_long_target_are_no_junk():
    assert edit_similarity_paper(Truncated("a" * 150, "a" * 300)) == pytest.approx(2 * 150 / 450)


def test_a_comparison_too_large_for_difflib_is_unscored_with_a_reason():
    side = int(MAX_COMPARISONS**0.5) + 1
    assert edit_similarity_paper(Truncated("ab" * side, "ba" * side)) == Unscored(
        reason="the lengths multiply to more than 25000000 characters"
    )


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_are_truncated_and_compared_in_no_seconds(text):
    started = time.process_time()
    for texts in (truncate(text, "f(a, 1)"), truncate("f(a, 1)", text), truncate(text, text)):
        assert isinstance(em_paper(texts), bool)
        similarity = edit_similarity_paper(texts)
        assert isinstance(similarity, Unscored) or 0 <= similarity <= 1
    assert time.process_time() - started < 5
