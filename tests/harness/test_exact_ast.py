import ast
import time

import pytest
from harness_cases import ODD_TEXTS, expressions
from hypothesis import given

from harness.metrics.exact import em_strict
from harness.metrics.exact_ast import em_ast
from harness.records import Unscored

NO_EXPRESSION = Unscored(reason="the target is no expression to the parser of this Python")


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("'x'", '"x"'),
        ("(1)", "1"),
        ("((1))", "(1)"),
        ("[1, 2,]", "[1, 2]"),
        ("f(a,)", "f(a)"),
        ("'a' 'b'", "'ab'"),
        ("u'x'", "'x'"),
        (r"'\x41'", "'A'"),
        ("1_000", "1000"),
        ("0xFF", "255"),
        ("1e3", "1000.0"),
        ("(a < b) and c", "a < b and c"),
        ("a if (b) else c", "a if b else c"),
        ("[\n1,  # one\n2]", "[1, 2]"),
        ("a\n+ b", "a + b"),
        ("1 < x < 3", "1<x<3"),
        ("'#x'", '"#x"  # why'),
        ("é", "(é)"),
        ("(x := 1)", "((x := 1))"),
        ("(1, 2)", "(1, 2,)"),
    ],
)
def test_what_means_the_same_to_the_parser_matches(prediction, target):
    assert em_ast(prediction, target) is True
    assert em_ast(target, prediction) is True


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("", "()"),
        ("# only this", "()"),
        ("1,", "1"),
        ("1, 2", "(1, 2)"),
        ("1)+(2", "1+2"),
        ("1)+(2", "1 + 2"),
        ("f)(x", "f(x)"),
        ("x for x in y", "(x for x in y)"),
        ("1", "1.0"),
        ("1", "True"),
        ("1 < x and x < 3", "1 < x < 3"),
        ("a + b", "b + a"),
        ("b'x'", "'x'"),
        ("x = 1", "x"),
        ("3\nassert y", "3"),
        ("x; y", "x"),
        ("(", "x"),
        ("a\0", "a"),
        ("'a", "'a'"),
    ],
)
def test_what_means_something_else_or_is_no_expression_does_not_match(prediction, target):
    assert em_ast(prediction, target) is False


def test_a_target_that_is_no_expression_has_no_verdict_unless_its_tokens_are_met():
    assert em_ast("x", "*y") == NO_EXPRESSION
    assert em_ast("x", "") == NO_EXPRESSION
    assert em_ast("* y", "*y") is True


@given(expressions())
def test_a_strict_match_is_a_match_and_brackets_do_not_count(source):
    assert em_ast(f"\n({source}\n)", source) is True
    assert em_ast(source, f" {source}  # why") is True


@given(expressions(), expressions())
def test_it_is_equality_of_the_trees_that_ast_gives(first, second):
    trees = [ast.dump(ast.parse(f"({source}\n)", mode="eval")) for source in (first, second)]
    assert em_ast(first, second) == (trees[0] == trees[1])
    assert not em_strict(first, second) or em_ast(first, second) is True


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_have_a_verdict_or_none_and_raise_nothing(text):
    started = time.process_time()
    assert em_ast(text, "a_target") is False
    assert em_ast(text, text) is True
    assert em_ast("a_target", text) in (False, NO_EXPRESSION)
    assert time.process_time() - started < 5


def test_huge_numbers_and_deep_chains_raise_nothing():
    for text in ("9" * 10_000, "0x" + "f" * 10_000, "1+" * 20_000 + "1", "-" * 5_000 + "1", "[" * 300 + "]" * 300):
        assert em_ast(text, "1") is False
        assert em_ast(text, text) is True


@pytest.mark.filterwarnings("error")
def test_invalid_escapes_warn_nobody():
    assert em_ast(r"'\d'", r"('\d')") is True
