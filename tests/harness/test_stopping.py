import time
from pathlib import Path

import pytest
from harness_cases import ODD_TEXTS, expressions, operands
from hypothesis import example, given
from hypothesis import strategies as st

from harness.expression import Slot
from harness.stopping import Stopped, is_complete, read_context, stop_prediction, stop_target
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.source import decode_source
from repopeftbench.tasks.cut import cut_site
from repopeftbench.tasks.layout import whole_layout

ASSERT = "import m\n\n\ndef test_it():\n    x = [1,\n         2]\n    assert m.f(x) =="
CALL = "class TestIt:\n    def test_it(self):\n        self.assertEqual(m.f(1),"
OPERAND_PREFIXES = [
    ASSERT,
    "def test_it():\n    assert x not in",
    "def test_it():\n    assert x is not",
    "def test_it():\n    assert a < b <=",
    "def test_it():\n    s = '''\n    assert (\n    '''\n    assert x \\\n        !=",
]
BRACKETED_OPERAND_PREFIXES = [
    "def test_it():\n    assert (x ==",
    "def test_it():\n    assert (\n        x  # why\n        in",
]
ARGUMENT_PREFIXES = [
    CALL,
    "def test_it(self):\n    self.assertEqual(first=x, second=",
    "def test_it():\n    with pytest.raises(",
    "def test_it():\n    np.testing.assert_allclose(a,",
    '@pytest.mark.parametrize("e", [pytest.raises(',
    "def test_it(self):\n    self.assertEqual(\n        f(1),  # the value",
]

EXAMPLES = [
    (ASSERT, " 3 and y\n", "3"),
    (ASSERT, " a + b, 'message'\n", "a + b"),
    (ASSERT, " a | b == c\n", "a | b"),
    (ASSERT, " 3 if a else b\n", "3"),
    (ASSERT, " 3\n    assert y == 4\n", "3"),
    (ASSERT, " 'a#b'  # a comment\n", "'a#b'"),
    (ASSERT, " [\n        1,\n        2,\n    ]\n    x = 1", "[\n        1,\n        2,\n    ]"),
    (ASSERT, " 'a' 'b'\n 'c'", "'a' 'b'"),
    (ASSERT, " \\\n        'a' \\\n  'b'\n", "'a' \\\n  'b'"),
    (ASSERT, "\n3\n", "3"),
    (ASSERT, ' f\'{x["a"]!r:>{w}} {{}}\' f"{y}"\n', 'f\'{x["a"]!r:>{w}} {{}}\' f"{y}"'),
    (ASSERT, " f(a, b)(c)[1:2].d ** -e; x", "f(a, b)(c)[1:2].d ** -e"),
    (ASSERT, " (yield)\n", "(yield)"),
    (ASSERT, " await f()\n", "await f()"),
    (ASSERT, " ...\n", "..."),
    (ASSERT, " 1e-5\n", "1e-5"),
    (ASSERT, " '''a\n'b'\n'''\n", "'''a\n'b'\n'''"),
    (ASSERT, " 3", "3"),
    (ASSERT, " 3 i", "3"),
    (ASSERT, " b'\\'' rb'\\'' R'x'\n", "b'\\'' rb'\\'' R'x'"),
    (CALL, ' foo(1), "message")', "foo(1)"),
    (CALL, " 3 if a else b)", "3 if a else b"),
    (CALL, " not a or b is not c not in d)", "not a or b is not c not in d"),
    (CALL, " lambda a, *b, c=lambda: 1, **d: a if b else c, 3)", "lambda a, *b, c=lambda: 1, **d: a if b else c"),
    (
        CALL,
        "\n            'a'\n            # between\n            'b',\n",
        "'a'\n            # between\n            'b'",
    ),
    (CALL, "\n            # before\n            3)", "3"),
    (CALL, " x for x in y)", "x"),
    (CALL, " {1: 2}, {3})", "{1: 2}"),
    (CALL + "  # why", "\n            3)", "3"),
    (CALL + "  # why", " more of it\n            3)", "3"),
    (BRACKETED_OPERAND_PREFIXES[0], "\n   3\n   + 4) and y\n", "3\n   + 4"),
    ("", "3\n", "3"),
]


@pytest.mark.parametrize(("prefix", "raw", "expected"), EXAMPLES)
def test_prediction_is_the_first_complete_expression_at_the_cut(prefix, raw, expected):
    assert stop_prediction(prefix, raw) == Stopped(text=expected, complete=True)


@pytest.mark.parametrize(
    ("prefix", "raw", "text"),
    [
        (ASSERT, " [1, 2", "[1, 2"),
        (ASSERT, " foo(1,\n   2  \n", "foo(1,\n   2"),
        (ASSERT, " 'abc", "'abc"),
        (ASSERT, " f'{x", "f'{x"),
        (ASSERT, " 3 +", "3 +"),
        (ASSERT, " 1e-", "1e-"),
        (ASSERT, " x.", "x."),
        (ASSERT, "  ", ""),
        (CALL, " a if b", "a if b"),
        (CALL, " a not", "a not"),
        (CALL, " lambda x", "lambda x"),
        (CALL + "  # why", " the comment goes on ", "the comment goes on"),
    ],
)
def test_text_that_ended_early_is_kept_and_not_complete(prefix, raw, text):
    assert stop_prediction(prefix, raw) == Stopped(text=text, complete=False)
    assert not is_complete(prefix, raw)


@pytest.mark.parametrize(
    ("prefix", "raw", "text"),
    [
        (ASSERT, ")", ""),
        (ASSERT, " # nothing\n 3", ""),
        (ASSERT, " not x\n", ""),
        (ASSERT, " lambda: 0\n", ""),
        (ASSERT, " foo(1]\n", "foo(1"),
        (ASSERT, " 3 +\n 4", "3 +"),
        (ASSERT, " foo(1 2)\n", "foo(1 2)"),
        (ASSERT, " f'{x\n'\n", "f'{x"),
        (CALL, " *args)", ""),
        (CALL, " msg='x')", "msg"),
        (CALL, " 3 if a, 4)", "3 if a"),
        (CALL, " def f", ""),
    ],
)
def test_text_that_can_be_no_expression_ends_where_that_shows(prefix, raw, text):
    assert stop_prediction(prefix, raw) == Stopped(text=text, complete=False)
    assert is_complete(prefix, raw)


@pytest.mark.parametrize(
    ("prefix", "raw"),
    [
        (ASSERT, " 3"),
        (ASSERT, " 3 i"),
        (ASSERT, " 3 and"),
        (ASSERT, " 'a' f"),
        (ASSERT, " x <"),
        (ASSERT, ' ""'),
        (ASSERT, " 3 \\"),
        (CALL, " 3\n"),
        (CALL, " 3  # comment\n"),
        (CALL, " x :"),
        (CALL, " x!"),
        (CALL, " 'a'\n"),
    ],
)
def test_generation_goes_on_while_the_expression_may_grow(prefix, raw):
    assert not is_complete(prefix, raw)


@pytest.mark.parametrize(
    ("prefix", "raw"),
    [
        (ASSERT, " 3\n"),
        (ASSERT, " 3,"),
        (ASSERT, " 3 #"),
        (ASSERT, " 3 and "),
        (ASSERT, " 3 == "),
        (ASSERT, " 3;"),
        (CALL, " 3)"),
        (CALL, " 3,"),
        (CALL, " 3 for "),
        (CALL, " 'a' 3 "),
    ],
)
def test_generation_stops_at_a_terminator(prefix, raw):
    assert is_complete(prefix, raw)


_AFTER_OPERAND = ["\n", ", 'm'\n", "  # c\n", " and y\n", " == 3\n", " if a else b\n", "; x", " or ", " not in ", ":\n"]
_AFTER_BRACKETED_OPERAND = [")", ", x)", "\n)", "  # c\n) ", " and y", "\n  == 3 ", "]"]
_AFTER_ARGUMENT = [")", ", x)", "\n    )", "  # c\n    , x", " for x in y)", "]", ";", "\n for ", " = "]


@given(st.sampled_from(OPERAND_PREFIXES), operands(), st.sampled_from(_AFTER_OPERAND), st.text(max_size=20))
def test_any_operand_is_found_whatever_follows(prefix, expression, terminator, junk):
    raw = f" {expression}{terminator}{junk}"
    assert stop_prediction(prefix, raw) == Stopped(text=expression, complete=True)
    assert is_complete(prefix, raw)


@given(
    st.sampled_from(BRACKETED_OPERAND_PREFIXES),
    operands(),
    st.sampled_from(_AFTER_BRACKETED_OPERAND),
    st.text(max_size=20),
)
def test_any_operand_within_brackets_is_found_whatever_follows(prefix, expression, terminator, junk):
    raw = f"\n        {expression}{terminator}{junk}"
    assert stop_prediction(prefix, raw) == Stopped(text=expression, complete=True)


@given(st.sampled_from(ARGUMENT_PREFIXES), expressions(), st.sampled_from(_AFTER_ARGUMENT), st.text(max_size=20))
def test_any_argument_is_found_whatever_follows(prefix, expression, terminator, junk):
    if terminator == " = " and expression.isidentifier():
        terminator = ")"  # `name =` is a keyword argument, no expression
    raw = f"\n        {expression}{terminator}{junk}"
    assert stop_prediction(prefix, raw) == Stopped(text=expression, complete=True)


_FRAGMENTS = st.lists(
    st.one_of(
        st.text(max_size=3),
        st.sampled_from(
            [
                *"3x()[]{},:;.'\"!=<#\\\n +",
                *("...", "'''", "f'", "==", "**", ":=", "e", " and ", " or", "not ", " in ", "is", "if ", " else "),
                *("lambda ", " for ", "assert "),
            ]
        ),
    ),
    max_size=12,
).map("".join)


@given(st.sampled_from([*OPERAND_PREFIXES, *BRACKETED_OPERAND_PREFIXES, *ARGUMENT_PREFIXES]), _FRAGMENTS, _FRAGMENTS)
@example(CALL, ' ""', '"')
@example(ASSERT, " 3 i", "s")
@example(ASSERT, " 1e-", "5\n")
@example(CALL, " x!", "= y)")
def test_a_settled_prediction_never_changes_when_text_is_added(prefix, raw, more):
    if is_complete(prefix, raw):
        assert is_complete(prefix, raw + more)
        assert stop_prediction(prefix, raw + more) == stop_prediction(prefix, raw)


@given(st.sampled_from([ASSERT, CALL]), _FRAGMENTS)
def test_stopping_a_stopped_prediction_changes_nothing(prefix, raw):
    stopped = stop_prediction(prefix, raw)
    if stopped.complete:
        assert stop_prediction(prefix, f" {stopped.text}") == stopped


@pytest.mark.parametrize("raw", ODD_TEXTS)
@pytest.mark.parametrize("prefix", [ASSERT, CALL, CALL + " #", *ODD_TEXTS[:12]])
def test_no_text_is_too_odd(prefix, raw):
    started = time.process_time()
    stopped = stop_prediction(prefix, raw)
    is_complete(prefix, raw)
    assert stopped.text in raw
    assert time.process_time() - started < 2


@given(st.text(), st.text())
def test_any_prefix_and_any_text_are_accepted(prefix, raw):
    assert stop_prediction(prefix, raw).text in raw


@pytest.mark.parametrize("prefix", OPERAND_PREFIXES)
def test_context_after_a_comparison_operator_takes_an_operand(prefix):
    context = read_context(prefix)
    assert (context.slot, context.inside, context.in_comment) == (Slot.OPERAND, False, False)


@pytest.mark.parametrize("prefix", ARGUMENT_PREFIXES)
def test_context_in_a_call_takes_an_argument(prefix):
    context = read_context(prefix)
    assert (context.slot, context.inside) == (Slot.ARGUMENT, True)
    assert context.in_comment is prefix.endswith("# the value")


@pytest.mark.parametrize(
    ("prefix", "statement"),
    [
        (ASSERT, "assert m.f(x) =="),
        (CALL, "self.assertEqual(m.f(1),"),
        ("x = 1; assert y ==", "assert y =="),
        ("def f():\n  g(\n    1,\n    2,", "g(\n    1,\n    2,"),
        ("x = '\n# c\nassert a ==", "assert a =="),
        ("x = foo(1,\ndef test():\n    assert a ==", "assert a =="),
        ("", ""),
    ],
)
def test_context_knows_where_the_cut_statement_starts(prefix, statement):
    assert prefix[read_context(prefix).statement_start :] == statement


def test_a_bracket_left_open_in_a_broken_prefix_is_forgotten_at_the_next_statement():
    assert not read_context("x = foo(1,\ndef test():\n    assert a ==").inside


@pytest.mark.parametrize("folder", ["harness", "code2lora"])
def test_every_target_of_our_own_tests_is_found_at_its_cut_in_the_file_that_follows(folder):
    found = 0
    for path in sorted((Path(__file__).parents[1] / folder).glob("test_*.py")):
        raw = path.read_bytes()
        source = decode_source(raw)
        for site in extract_sites(raw).sites:
            if site.target is None:
                continue
            cut = cut_site(whole_layout(source), site, None)
            following = raw[cut.target_end :].decode()
            assert stop_prediction(cut.prefix, cut.gap + cut.target + following) == Stopped(
                text=cut.target, complete=True
            )
            assert is_complete(cut.prefix, cut.gap + cut.target + following)
            found += 1
    assert found > 50


@pytest.mark.parametrize("prefix", [ASSERT, CALL, *OPERAND_PREFIXES, *BRACKETED_OPERAND_PREFIXES, *ARGUMENT_PREFIXES])
def test_a_target_ends_where_predictions_do(prefix):
    for target in ("2)", "foo.Bar)", "(0, 1))", "{1, 2})"):
        assert stop_target(prefix, target) == target[:-1]
    assert stop_target(prefix, ")") == ")", "nothing would be left"
    assert stop_target(prefix, "") == ""


def test_a_target_in_a_call_keeps_what_would_end_an_operand():
    assert (stop_target(CALL, "3 if a else b"), stop_target(ASSERT, "3 if a else b")) == ("3 if a else b", "3")
    assert stop_target(CALL, "x == y, 'message')") == "x == y"


@given(st.sampled_from([*OPERAND_PREFIXES, *BRACKETED_OPERAND_PREFIXES]), operands())
def test_targets_that_are_operands_come_back_as_they_are(prefix, target):
    assert stop_target(prefix, target) == target


@given(st.sampled_from(ARGUMENT_PREFIXES), expressions())
def test_targets_that_are_expressions_come_back_as_they_are(prefix, target):
    assert stop_target(prefix, target) == target


@given(st.sampled_from([*OPERAND_PREFIXES, *BRACKETED_OPERAND_PREFIXES, CALL]), st.text(max_size=12))
def test_stopping_a_target_at_the_cut_is_stopping_a_prediction(prefix, target):
    assert stop_target(prefix, target) == (stop_prediction(prefix, target).text or target)
