import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from contest.pairs import expressions as library_expressions
from contest.pairs import make_pairs
from harness_cases import ODD_TEXTS, expressions
from hypothesis import example, given
from hypothesis import strategies as st

from harness.metrics import reading
from harness.metrics.codebleu import MAX_CHARACTERS, codebleu
from harness.metrics.exact import em_strict
from harness.metrics.ngrams import ORDERS, overlaps
from harness.metrics.reading import read_expression
from harness.records import CodeBleu, Unscored

NO_KEYWORD = Unscored(reason="the target has no keyword")
NO_DATAFLOW = Unscored(reason="the target has no data flow")


def numbers(found):
    parts = (found.ngram, found.weighted, found.syntax, found.dataflow)
    return [value for value in parts if not isinstance(value, Unscored)]


def test_equal_texts_score_one_however_short():
    assert codebleu("x", "x") == CodeBleu(
        score=1.0,
        ngram=1.0,
        weighted=NO_KEYWORD,
        syntax=1.0,
        dataflow=NO_DATAFLOW,
        degenerate=("weighted", "dataflow"),
    )
    whole = codebleu("[x for x in y]", "[x for x in y]")
    assert (whole.degenerate, numbers(whole)) == ((), [1.0] * 4)


@given(expressions())
def test_a_strict_match_scores_one(source):
    for other in (source, f"\n  {source}\n  # comment", source.replace('"', "'")):
        if em_strict(other, source):
            assert codebleu(other, source).score == 1


def test_texts_with_nothing_in_common_score_zero():
    for prediction, target in (("return 1", "import os"), ("x", "y"), ("", "f(x, x)"), ("'a'", "'b'"), ("1", "True")):
        assert codebleu(prediction, target).score == 0, (prediction, target)


def test_a_data_flow_that_no_part_of_is_met_scores_zero_and_not_one():
    found = codebleu("f(a, b)", "f(a, a)")
    assert (found.dataflow, found.degenerate) == (0.0, ("weighted",))
    assert found.score == pytest.approx((found.ngram + found.syntax + 0) / 3)


def test_what_the_target_lacks_counts_neither_way():
    found = codebleu("f(None)", "f(x)")
    assert (found.weighted, found.dataflow) == (NO_KEYWORD, NO_DATAFLOW)
    assert found.score == pytest.approx((found.ngram + found.syntax) / 2)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("a + b", "a - b"),
        ("a < b", "a > b"),
        ("foo(bar)", "baz(qux)"),
        ("f(1)", "f(2)"),
        ("'a'", "'b'"),
        ("x.a", "x.b"),
    ],
)
def test_operators_names_and_literals_count_in_the_syntax(prediction, target):
    assert codebleu(prediction, target).syntax < 1


def test_one_part_that_comes_four_times_matches_once():
    assert codebleu("[a, a, a, a]", "[a]").syntax == pytest.approx(2 * 1 / (5 + 2))
    assert codebleu("f(x, y, z)", "f(x)").score < 0.6


def test_data_flow_is_of_variables_whatever_their_names():
    assert codebleu("[x for x in y]", "[a for a in b]").dataflow == 1
    assert codebleu("lambda u, w=v: u", "lambda x, z=y: x").dataflow == 1
    assert codebleu("[a for b in c]", "[a for a in c]").dataflow < 1
    assert read_expression("x.a + y.a").flows == (), "names of attributes are no variables"
    assert read_expression("f(k=1, g=k)").flows == (), "names of keyword arguments are no variables"


def test_a_keyword_counts_more_than_a_name():
    assert codebleu("a and c", "a and b").weighted > codebleu("a and c", "a and b").ngram
    assert codebleu("a or b", "a and b").weighted < codebleu("a or b", "a and b").ngram


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("'#x'", "'#x'  # why"),
        ("f(a, (b, c))", "f(a,\n  (b,\n   c))"),
        ("a < b < c", "a<b<c"),
        ("'é' + 中", '"é" + 中'),
        ("1_000", "1000"),
        (r"'it\'s'", '"it\'s"'),
        ("R'x'", "r'x'"),
        ("a \\\n + b", "a + b"),
        ("f'{x}'", 'F"{x}"'),
    ],
)
def test_layout_quotes_and_comments_do_not_count(prediction, target):
    assert codebleu(prediction, target).score == 1


def test_a_prediction_longer_than_the_target_loses_for_what_is_too_much():
    short, long = codebleu("f(x)", "f(x)"), codebleu("f(x)\nassert y == 2", "f(x)")
    assert 0 < long.score < short.score


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_have_numbers_on_both_sides(text):
    started = time.process_time()
    found = codebleu(text, "f(a_target, 1)")
    assert all(0 <= value <= 1 for value in numbers(found))
    assert found.score < 0.6
    reverse = codebleu("f(a_target, 1)", text)
    assert isinstance(reverse.score, Unscored) == (not read_expression(text).tokens)
    assert codebleu(text, text).score in (1, Unscored(reason="the target has no token"))
    assert time.process_time() - started < 10


def test_what_cannot_be_measured_says_why():
    assert codebleu("x", "  # nothing") == CodeBleu.settled(Unscored(reason="the target has no token"))
    assert codebleu("x" * (MAX_CHARACTERS + 1), "x").score == Unscored(reason="longer than 200000 characters")


_ALPHABET = st.text(st.sampled_from("'\"\\frbx1_({[)]},: \n#é\0"), max_size=12)


@given(_ALPHABET, _ALPHABET)
def test_every_number_is_in_its_range_and_the_mean_is_of_what_is_not_degenerate(prediction, target):
    found = codebleu(prediction, target)
    if isinstance(found.score, Unscored):
        return
    values = numbers(found)
    assert all(0 <= value <= 1 for value in values)
    assert found.score == pytest.approx(sum(values) / len(values))
    assert len(values) == 4 - len(found.degenerate)


@given(_ALPHABET)
def test_no_character_but_layout_is_lost(text):
    if not set(text) & set("'\"\\#_"):
        joined = b"".join(read_expression(text).tokens)
        assert sorted(joined) == sorted("".join(text.split()).encode())


_WORDS = (
    "x",
    "_",
    "print",
    "exec",
    "match",
    "case",
    "type",
    "async",
    "None",
    "lambda",
    "0",
    "10",
    "'a b'",
    '"{}"',
    "''",
)


@given(
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(".".join)
    | st.sampled_from(_WORDS)
    | st.text(st.characters(max_codepoint=0x7F), max_size=6).map(repr)
    | _ALPHABET
)
@example("a.b.c")
@example('"it\'s"')
def test_what_is_read_without_a_tree_is_what_its_tree_gives(text):
    found = reading._read_atom(text)
    assert (found is not None) or text not in ("x", "_", "0", "10", "'a b'", "''", "a.b.c")
    if found is not None:
        wanted = reading._read_tree(text)
        assert (found.tokens, found.has_keyword, found.flows) == (wanted.tokens, wanted.has_keyword, wanted.flows)
        assert sorted(map(repr, found.subtrees)) == sorted(map(repr, wanted.subtrees))


_ONE_TOKEN = ("x", "_x", "1", "10", "'a b'", "'x'", '"1"', "'_'")


@given(
    st.sampled_from(_ONE_TOKEN),
    st.lists(st.sampled_from((*_ONE_TOKEN, "1_0", "x.x", "a b", *"'\"\\_10xab .({[)]}:;,=#\n\rfé\0")), max_size=8).map(
        "".join
    ),
)
def test_what_lacks_the_word_of_a_one_token_target_shares_nothing_with_it(target, prediction):
    theirs = read_expression(target)
    assert theirs.only_word is not None
    ours = read_expression(prediction)
    if theirs.only_word not in prediction and theirs.only_word not in prediction.replace("_", ""):
        assert set(theirs.tokens).isdisjoint(ours.tokens)
        assert set(theirs.subtrees).isdisjoint(ours.subtrees)
        assert codebleu(prediction, target) == CodeBleu(
            0.0, 0.0, NO_KEYWORD, 0.0, NO_DATAFLOW, degenerate=("weighted", "dataflow")
        )
    elif not set(theirs.tokens).isdisjoint(ours.tokens):
        assert codebleu(prediction, target).score > 0


def test_a_prediction_that_lacks_the_only_word_of_its_target_is_not_read(monkeypatch):
    monkeypatch.setattr(reading, "parse", None)
    assert codebleu("nobody_parses(this", "wanted").score == 0
    with pytest.raises(TypeError):
        codebleu("somebody_parses(wanted", "wanted")


def test_underscores_in_numbers_and_escaped_quotes_do_not_hide_a_one_token_target():
    assert codebleu("1_0", "10").score == 1
    assert codebleu("f(1_0)", "10").score > 0
    assert codebleu(r"f('it\'s', it)", "it").score > 0


def test_common_ngrams_are_those_of_the_plain_count():
    generator = random.Random(4)
    for _ in range(2_000):
        first, second = (generator.choices("aab", k=generator.randint(0, 9)) for _ in range(2))
        tallies = [
            [Counter(zip(*(tokens[start:] for start in range(order)), strict=False)) for tokens in (first, second)]
            for order in range(1, ORDERS + 1)
        ]
        assert overlaps(first, second) == [(ours & theirs).total() for ours, theirs in tallies]


def test_numbers_do_not_depend_on_the_hash_seed_nor_on_what_was_scored_before():
    pairs = make_pairs(library_expressions(most_files=8), 300, seed=5)
    code = (
        "import json, sys\n"
        "from harness.metrics.codebleu import codebleu\n"
        "from harness.metrics.codebleu_paper import package_formula\n"
        "pairs = json.load(sys.stdin)\n"
        "print([repr(codebleu(*pair)) + repr(package_formula(*pair)) for pair in pairs])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(pairs),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    backwards = [codebleu(*pair) for pair in reversed(pairs)]
    assert [codebleu(*pair) for pair in pairs] == backwards[::-1]
