import ast
import time

import pytest
from harness_cases import ODD_TEXTS, expressions
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.editsim import MAX_CHARACTERS, edit_similarities, edit_similarity
from harness.metrics.exact import em_strict, normalised_tokens
from harness.records import Unscored


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("3", "3"),
        (" 3 ", "3"),
        ("[ 1,2 ]", "[1, 2]"),
        ("[\n    1,\n    2\n]", "[1, 2]"),
        ("a \\\n + b", "a + b"),
        ("a\n+ b", "a + b"),
        ("'x'", '"x"'),
        ("'''x'''", '"x"'),
        ('"""x"""', "'''x'''"),
        (r"'it\'s'", '"it\'s"'),
        (r'"a\"b"', "'a\"b'"),
        (r"'\\\'a'", r'"\\' + "'a\""),
        ("'''a'b'''", '"a\'b"'),
        ("R'x'", "r'x'"),
        ("rB'x'", 'Br"x"'),
        (r"r'\''", r'r"""\'"""'),
        ("F'{x}'", 'f"{x}"'),
        ("f'{a[\"b\"]}'", "f\"{a['b']}\""),
        ("f'{ x }'", "f'{x}'"),
        ("f'a{x}b'", 'f"""a{x}b"""'),
        ("1_000", "1000"),
        ("1_0.0_1", "10.01"),
        ("3  # why", "3"),
        ("[1,  # one\n 2]", "[1, 2]"),
        ("'''a\r\nb'''", "'''a\nb'''"),
        ("'é 中'", '"é 中"'),
        ("''", '""""""'),
    ],
)
def test_texts_that_differ_in_layout_quotes_and_underscores_match(prediction, target):
    assert em_strict(prediction, target)
    assert em_strict(target, prediction)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("", "3"),
        ("3\nassert y == 4", "3"),
        ("(3)", "3"),
        ("[1, 2,]", "[1, 2]"),
        ("(1)", "(1,)"),
        ("'x'", "x"),
        ("'x'", "b'x'"),
        ("'x'", "u'x'"),
        ("'x'", "r'x'"),
        ("'x'", "f'x'"),
        ("'a b'", "'a  b'"),
        ("'a' 'b'", "'ab'"),
        (r"r'\''", 'r"\'"'),
        (r"'\n'", "'''\n'''"),
        ("f'{x=}'", "f'{x = }'"),
        ("f'{x:>3}'", "f'{x:> 3}'"),
        ("f'{x!r}'", "f'{x}'"),
        ("f'{{x}}'", "f'{x}'"),
        ("a b", "ab"),
        ("1 0", "10"),
        ("x_1", "x1"),
        ("'1_0'", "'10'"),
        ("0xFF", "0xff"),
        ("1.0", "1"),
        ("not_in", "not in"),
        ("'#x'", "'#y'"),
        ("3 # a", "3 + 4"),
        ("X", "x"),
        ("3)", "3"),
        ("'x", "'x'"),
        ("a\0b", "ab"),
        ("é", "e"),
    ],
)
def test_texts_that_mean_or_spell_something_else_do_not_match(prediction, target):
    assert not em_strict(prediction, target)
    assert not em_strict(target, prediction)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_match_themselves_and_no_target(text):
    started = time.process_time()
    assert em_strict(text, text)
    assert normalised_tokens(text) == normalised_tokens(text)
    assert not em_strict(text, "a_target")
    assert time.process_time() - started < 3


@given(expressions())
def test_a_match_survives_another_layout(source):
    assert em_strict(f"\n  {source}\n  # comment", source)
    wrapped = ast.unparse(ast.parse(f"[{source}]", mode="eval"))
    assert em_strict(wrapped, f"[\n    {source}\n]") or "f'" in source or 'f"' in source


@given(expressions(), expressions())
def test_different_values_never_match(first, second):
    if ast.dump(ast.parse(f"({first}\n)")) != ast.dump(ast.parse(f"({second}\n)")):
        assert not em_strict(first, second)


_ALPHABET = st.text(st.sampled_from("'\"\\frbx1_({[)]},: \n#é\0"), max_size=12)


@given(_ALPHABET, _ALPHABET)
def test_match_is_symmetric_and_reflexive(first, second):
    assert em_strict(first, first)
    assert em_strict(first, second) == em_strict(second, first)


@given(_ALPHABET)
def test_no_character_but_layout_is_lost(text):
    kept = b"".join(token.text for token in normalised_tokens(text) if token.kind in ("code", "skipped"))
    if not set(text) & set("'\"\\#_"):
        assert kept == b"(" + "".join(text.split()).encode() + b")"


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ("abcd", "abcd", 1.0),
        ("", "", 1.0),
        (" 3\n", "3", 1.0),
        ("", "abc", 0.0),
        ("abc", "xyz", 0.0),
        ("abcd", "bcde", 2 * 3 / 8),
        ("[1,\n 2]", "[1, 2]", 2 * 6 / 13),
        ("é中", "é", 2 * 1 / 3),
    ],
)
def test_edit_similarity_is_twice_the_common_subsequence_over_both_lengths(prediction, target, expected):
    assert edit_similarity(prediction, target) == pytest.approx(expected, abs=1e-12)


def test_edit_similarity_of_100_kilobytes_takes_no_seconds():
    started = time.process_time()
    assert edit_similarity("ab" * 50_000, "ba" * 50_000) == pytest.approx(1.0, abs=1e-4)
    assert time.process_time() - started < 3


def test_a_text_too_long_to_compare_is_unscored_with_a_reason():
    assert edit_similarity("x" * (MAX_CHARACTERS + 1), "x") == Unscored(reason="longer than 200000 characters")


@given(st.text(), st.text())
def test_edit_similarity_is_symmetric_and_in_its_range(first, second):
    similarity = edit_similarity(first, second)
    assert isinstance(similarity, float)
    assert 0 <= similarity <= 1
    assert similarity == edit_similarity(second, first)
    assert edit_similarity(first, first) == 1
    assert (similarity == 1) == (first.strip() == second.strip())


@given(st.lists(st.tuples(st.text(), st.text())))
def test_edit_similarities_asked_at_once_are_those_asked_one_by_one(pairs):
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    assert edit_similarities(ours, theirs) == [edit_similarity(*pair) for pair in pairs]


def test_one_text_too_long_leaves_the_similarities_of_the_others():
    found = edit_similarities(["x" * (MAX_CHARACTERS + 1), "ab"], ["x", " ab"])
    assert found == [Unscored(reason="longer than 200000 characters"), 1.0]
    with pytest.raises(ValueError, match="Length"):
        edit_similarities(["x"], [])
