"""What the interpreter's tree tells of a test function equals what the grammar's tree tells."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repopeftbench.mining.assertions import parse_text, text_imports, text_sites
from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.plain import plain_imports, plain_sites, plain_test
from repopeftbench.mining.sites import moved
from repopeftbench.mining.source import SourceText

IMPORTS = ImportTable(
    aliases={
        "pt": "pytest",
        "same": "numpy.testing.assert_equal",
        "raises": "pytest.raises",
        "approx": "pytest.approx",
    },
    starred=frozenset(),
)
EXPRESSIONS = st.sampled_from(
    "x|(x)|((x))|( # a )\n x)|f(1)|approx(1)|pt.approx(1)|(pt).approx(1)|'é' 'b'|f'{x!r}'|(a, b)|(i for i in x)|not x"
    "|x and y|lambda: x|x if y else z|-1|same(1, 2)|[\n1,\n2]".split("|")
)
CALLS = st.sampled_from(
    "self.assertEqual|same|pt.raises|raises|(same)|(pt.raises)|f().assert_ok|m.assert_called_with|self . assertIn|other"
    "|same_not|self.assertRaises|self.assertEqual\\\n |self.fähig.assertEqual".split("|")
)
ARGUMENTS = st.sampled_from(
    "{}, {}|{},{},|{}, second={}|*{}, second={}|second={}, first={}|{}, # (\n {}|{},\n\n{}|{}, *{}|({}), {}|({}, {})"
    "|i for i in {} if {}|expected_exception={}, match={}|**{}, **{}".split("|")
)


def called(name, arguments, one, other):
    return f"{name}({arguments.format(one, other)})"


ASSERTING = st.builds(called, CALLS, ARGUMENTS, EXPRESSIONS, EXPRESSIONS)
OPERATORS = st.sampled_from(["==", " not in ", " is ", " is\nnot ", "<", "== ( # )\n1) =="])
COMPARED = st.builds(lambda one, operator, other: f"({one}{operator}{other})", EXPRESSIONS, OPERATORS, EXPRESSIONS)
STATEMENTS = st.one_of(
    st.builds("assert {}".format, st.one_of(EXPRESSIONS, COMPARED)),
    st.builds(lambda text: f"assert {text[1:-1]}, 'm'" if "\n" not in text else f"assert {text}", COMPARED),
    ASSERTING,
    st.builds("with {} as e, b: pass".format, ASSERTING),
    st.builds("x = [{}, assert_not_called]".format, ASSERTING),
    st.builds("if x: {}; assert y == 1".format, ASSERTING),
    st.builds("def test_inner(): assert {}".format, COMPARED),
    st.sampled_from(
        ["import pt, a.b.pt", "from x import (same,\n raises as y)", "from . import pt", "# assert x == 1"]
    ),
    st.sampled_from(
        ["f'{same(1, 2)}'", "'raises(same)'", "async with raises(x): pass", "match x:\n  case 1: assert x"]
    ),
)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=4)
HEADS = st.sampled_from(["def test_a(self):", "async def test_b(a=same(1, 2)):", "@pt.mark(raises(x))\ndef test_ü():"])


@pytest.mark.parametrize("head", ["", "class TestIt:\n", "class Tést :\n"])
@settings(max_examples=150)
@given(HEADS, BODIES)
def test_sites_and_imports_equal_those_of_the_grammar(head, definition, body):
    indent = " " if head else ""
    piece = "".join(f"{indent}{line}\n" for line in definition.split("\n")) + "".join(f"{indent}  {s}\n" for s in body)
    whole = (head + piece).encode()
    test = plain_test(whole, len(head.encode()))
    parsed = parse_text(SourceText(utf8=whole, parsed=whole))
    if test is None or not parsed.readable:
        return
    assert plain_imports(test) == text_imports(parsed)
    sites = plain_sites(test, IMPORTS)
    if sites is not None:
        rows = -1 if head else 0
        assert sites == tuple(moved(site, -len(head.encode()), rows) for site in text_sites(parsed, IMPORTS))


def sites_of(source):
    test = plain_test(source.encode(), 0)
    return None if test is None else plain_sites(test, IMPORTS)


@pytest.mark.parametrize(
    ("statement", "target"),
    [
        ("assert f(1) == ((2))", "((2))"),
        ("assert a <= b in (c, d)", "(c, d)"),
        ("self.assertEqual(a, 'b' 'c')", "'b' 'c'"),
        ("self.assertEqual(second=3, first=a)", "3"),
        ("with pt.raises(KeyError): pass", "KeyError"),
    ],
)
def test_common_assertions_need_no_grammar(statement, target):
    (site,) = sites_of(f"def test_a():\n    {statement}\n")
    assert site.target == target


@pytest.mark.parametrize(
    "statement",
    [
        "self.assertEqual(a, (b))",
        "self.assertEqual(a, # (\n b)",
        "(same)(a, b)",
        "f'{same(1, 2)}'",
        "self . same(1, 2)",
    ],
)
def test_what_the_tree_does_not_tell_is_left_to_the_grammar(statement):
    assert sites_of(f"def test_a():\n    {statement}\n") is None


@pytest.mark.parametrize(
    "source", ["def a(): pass\n", "def test_a(): pass\nx = 1\n", "def test_a(:\n", "class A: pass\n"]
)
def test_what_is_no_single_test_function_is_refused(source):
    assert plain_test(source.encode(), 0) is None
