"""Statements with what the specification says of them: one test function each, family and target by hand.

An expectation is `(family, target)`; a target of None is a reject; a family of None is left open by the specification.
"""

import textwrap
from dataclasses import dataclass

IMPORTS = """\
import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as tm
import pytest
import pytest as pt
from numpy import testing as nt
from numpy.testing import assert_allclose, assert_equal as np_equal
from pandas.testing import assert_frame_equal as same_frame
from pytest import approx, raises
from pytest import raises as fails, approx as near
"""

Expectation = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Case:
    """The body of one test function and the assertions in it, in file order."""

    body: str
    expected: tuple[Expectation, ...]


def case(body: str, *expected: Expectation) -> Case:
    return Case(body, expected)


def compared(body: str, target: str) -> Case:
    return Case(body, (("assert", target),))


def rejected(body: str) -> Case:
    return Case(body, ((None, None),))


COMPARISONS = (
    compared("assert f(1) == 10", "10"),
    compared("assert a1 < b1(2) <= 30", "30"),
    compared("assert a2 == b2 == (c2)", "(c2)"),
    compared("assert 'k1' in d1", "d1"),
    compared("assert 'k2' not in d2", "d2"),
    compared("assert a3 is None", "None"),
    compared("assert a4 is not None", "None"),
    compared("assert a41 is  not   Ellipsis", "Ellipsis"),
    compared("assert (a5 == 5)", "5"),
    compared("assert ((a6 == (6)))", "(6)"),
    compared("assert (a7) == ((7))", "((7))"),
    compared("assert(a8 == 8)", "8"),
    compared("assert(a9) == 9", "9"),
    compared("assert a10 == 10, 'message == 9'", "10"),
    compared("assert (a11 == 11), ('no', 'target')", "11"),
    compared("assert a12 == (1, 2), msg == 3", "(1, 2)"),
    compared("assert a13 == [x for x in y if x == 3]", "[x for x in y if x == 3]"),
    compared("assert a14 == (b if c else d)", "(b if c else d)"),
    compared("assert a15 != -1", "-1"),
    compared("assert a151 != ~ - +1", "~ - +1"),
    compared("assert a152 == 2 ** -1 | 4 & 3", "2 ** -1 | 4 & 3"),
    compared("assert a16 == await b()", "await b()"),
    compared("assert await a17() == 17", "17"),
    compared("assert 'é' == naïve('ü€😀')", "naïve('ü€😀')"),
    compared("assert ('😀', x18) == ('ü', 1)", "('ü', 1)"),
    compared("assert f'{a19}é' == f'{b!r:>{w}}' f\"{c['x']}\"", "f'{b!r:>{w}}' f\"{c['x']}\""),
    compared("assert f'{a191 == 3}' == f'{x == 1} and {y!s}'", "f'{x == 1} and {y!s}'"),
    compared("assert a20 == 'x' \"y\"", "'x' \"y\""),
    compared("assert a201 == ('x'\n    'y'  # why\n    'z')", "('x'\n    'y'  # why\n    'z')"),
    compared("assert a21 == \\\n        21", "21"),
    compared("assert a211 \\\n    == \\\n\\\n        211, \\\n    'm'", "211"),
    compared("assert \\\n    a212 == 212", "212"),
    compared("assert \\\n    (a213 \\\n    == 213)", "213"),
    compared("assert (a214 == \\\n    214 \\\n    )", "214"),
    compared("assert a215 == 215 \\\n    , \\\n    'm'", "215"),
    compared("assert a216 \\\n    is \\\n    not \\\n    None", "None"),
    rejected("assert \\\n    a217"),
    compared("assert a22 == (\n    22\n)", "(\n    22\n)"),
    compared("assert (\n    a23\n    == 23  # trailing\n)", "23"),
    compared("assert (\n    a24 ==  # comment == 0\n\n    # another\n    24\n)", "24"),
    compared("assert (a25 ==\n        25\n    , 'x')[0] == 251", "251"),
    compared("assert a26 == 26;", "26"),
    case("assert a27 == 27; assert b27 == 28 ;assert(c27)!=29", *(("assert", t) for t in ("27", "28", "29"))),
    compared("assert 28==a28", "a28"),
    compared("assert 28<a281!=a282", "a282"),
    compared("assert'x29'in'x30'", "'x30'"),
    compared("assert a31 == 0x1F", "0x1F"),
    compared("assert a32 == 1_000.5e-3j", "1_000.5e-3j"),
    compared("assert (y := f(33)) == 33", "33"),
    compared("assert f(331) == (y := 33)", "(y := 33)"),
    compared("if 1: assert a34 == 34", "34"),
    compared("try: assert a35 == 35\nfinally: pass", "35"),
    compared("assert (yield a36) == 36", "36"),
    compared("assert a37 == (yield 37)", "(yield 37)"),
    compared("assert a38 == (lambda: 38)", "(lambda: 38)"),
    compared("assert a39 == b'\\x00' rb'\\d'", "b'\\x00' rb'\\d'"),
    compared("assert a40 == y[1:2, ..., ::3]", "y[1:2, ..., ::3]"),
    compared("assert a42 == 42  # type: ignore", "42"),
    compared(
        "assert a43 == '''one\n  two\\\n    three # no comment\n'''", "'''one\n  two\\\n    three # no comment\n'''"
    ),
    compared("assert a44 == {**b, 'x': {1: {*c}}}", "{**b, 'x': {1: {*c}}}"),
    compared("assert a45 == f(x, *y, z=1, **w)(2)[3].four", "f(x, *y, z=1, **w)(2)[3].four"),
    compared("assert\ta46\t==\t46", "46"),
    compared("assert (a47 == 47\n    )", "47"),
    compared("assert a48 == ()", "()"),
    compared("assert not_ == not_50", "not_50"),
    compared("assert (not a51) == True", "True"),
    compared("assert (a52 and b) == (c or d)", "(c or d)"),
    compared("assert (((\n    (a53) == ((53)) )))", "((53))"),
    compared("assert pytest.approx(a54) == 2.5", "2.5"),
    compared("assert a55 == [approx(1), approx(2)]", "[approx(1), approx(2)]"),
    compared("with x:\n    for y in z:\n        assert a56 == 56\n", "56"),
    compared("match x:\n    case [1, *_] if y == 1:\n        assert a57 == 57", "57"),
    compared("assert a58 == (\n    # only a comment above\n    58)", "(\n    # only a comment above\n    58)"),
    compared("assert a59 == b59 . \\\n    c59", "b59 . \\\n    c59"),
    compared('assert a60 == "it\'s" \'a "q"\'', '"it\'s" \'a "q"\''),
    compared("assert print(61) == exec == match == type", "type"),
    compared("assert a62 == 0o17 + 0b1 - 1.e5 * .5", "0o17 + 0b1 - 1.e5 * .5"),
    compared("assert {a63} == {x: y async for x, y in z()}", "{x: y async for x, y in z()}"),
)

REJECTED_ASSERTS = tuple(
    rejected(body)
    for body in (
        "assert not r1 == 1",
        "assert r2 == 1 and s2",
        "assert (r3 == 1 or s3 == 2)",
        "assert r4 == x or y",
        "assert r5",
        "assert f(r6)",
        "assert all(x == 40 for x in r7)",
        "assert isinstance(r8, B), 'x == 1'",
        "assert r9 == 1 if c else d",
        "assert (r10 == 1, 'always true')",
        "assert lambda: r11 == 1",
        "assert (r12 := 3)",
        "assert (not (r13 == 2))",
        "assert False, 'r14'",
        "assert await r15(x == 1)",
        "assert (yield r16)",
        "assert [r17 == 1]",
        "assert r18 + (s == 1)",
    )
)

APPROXIMATIONS = tuple(
    Case(body, (("approx", target),))
    for body, target in (
        ("assert p1 == pytest.approx(0.5, rel=1e-3)", "pytest.approx(0.5, rel=1e-3)"),
        ("assert p2 == pt.approx(2)", "pt.approx(2)"),
        ("assert p3 == approx([3,\n    3.5])", "approx([3,\n    3.5])"),
        ("assert (p4 == near(4)), 'm'", "near(4)"),
        ("assert p5 != (approx(5))", "(approx(5))"),
    )
)

RAISED = tuple(
    Case(body, tuple(("raises", target) for target in targets))
    for body, *targets in (
        ("with pytest.raises(E1):\n    assert_nothing = 1", "E1"),
        ("with pytest.raises((E2, T2)) as e:\n    pass", "(E2, T2)"),
        ("with pt.raises(E3, match='x == 1'):\n    pass", "E3"),
        ("with raises(expected_exception=E4):\n    pass", "E4"),
        ("with raises(match='x', expected_exception=(E41)):\n    pass", "(E41)"),
        ("with fails(E5):\n    pass", "E5"),
        ("pytest.raises(E6, f, 0)", "E6"),
        ("e = pytest.raises(E7 if x else K7, f)", "E7 if x else K7"),
        ("with pytest.raises(E8) as a, pytest.raises(F8):\n    pass", "E8", "F8"),
        (
            "with (\n    pytest.raises(E9),\n    raises(\n        F9  # why\n        ,\n    ) as y,\n):\n    pass",
            "E9",
            "F9",
        ),
        ("with x if y else pytest.raises(E10):\n    pass", "E10"),
        ("with pytest.raises(\n    m.E11,\n):\n    pass", "m.E11"),
        ("with self.assertRaises(E12):\n    pass", "E12"),
        ("self.assertRaises(E13, f, 1)", "E13"),
        ("with self.assertRaises(expected_exception=E131) as cm:\n    pass", "E131"),
        ("with self.assertRaisesRegex(E14, 'x'):\n    pass", "E14"),
        ("with pytest.raises( \\\n    E141):\n    pass", "E141"),
        ("with \\\n    pytest.raises(E142), \\\n    raises(E143):\n    pass", "E142", "E143"),
        ("with raises(E144 \\\n    , match='x') \\\n    as e:\n    pass", "E144"),
        ("with pytest . raises ( E15 ) :\n    pass", "E15"),
        ("with (raises)(E171):\n    pass", "E171"),
        ("for manager in [raises(E16), fails(E17)]:\n    pass", "E16", "E17"),
    )
)

RAISES_OTHERWISE = (
    rejected("with pytest.raises(*r51):\n    pass"),
    rejected("with pytest.raises(**r52):\n    pass"),
    rejected("with pytest.raises(match='r53'):\n    pass"),
    rejected("with self.assertRaises(*r54):\n    pass"),
    Case("with pytest.raises(E18):\n    assert a80 == 80", (("raises", "E18"), ("assert", "80"))),
    Case("self.assertRaises(E19, lambda: self.assertEqual(a81, 81))", (("raises", "E19"), ("unittest", "81"))),
)

UNITTEST = tuple(
    Case(f"self.{body}", (("unittest", target),))
    for body, target in (
        ("assertEqual(u1, 1)", "1"),
        ("assertEqual(first=u2, second=2)", "2"),
        ("assertEqual(second=3, first=u3)", "3"),
        ("assertEqual(u4, 4, 'msg')", "4"),
        ("assertEqual(u5, 5, msg='m')", "5"),
        ("assertEqual(u6, second=6)", "6"),
        ("assertEqual(u7, msg='x', second=(7))", "(7)"),
        ("assertEqual(u8, (8),)", "(8)"),
        ("assertEqual(\n    u9,  # first\n    # second\n    9,  # third\n)", "9"),
        ("assertEqual(u10, b := 3)", "b := 3"),
        ("assertNotEqual(u11, 11)", "11"),
        ("assertIn(u12, c12)", "c12"),
        ("assertNotIn(member=u13, container=c13)", "c13"),
        ("assertIs(expr1=u14, expr2=c14)", "c14"),
        ("assertIsNot(u15, c15)", "c15"),
        ("assertIsInstance(u16, (A, B))", "(A, B)"),
        ("assertNotIsInstance(obj=u17, cls=C17)", "C17"),
        ("assertAlmostEqual(u18, 1.5, 3)", "1.5"),
        ("assertAlmostEqual(u19, 1.6, places=3, msg='m')", "1.6"),
        ("assertNotAlmostEqual(u20, second=2.5, delta=1)", "2.5"),
        ("assertGreater(a=u21, b=21)", "21"),
        ("assertGreaterEqual(u22, 22)", "22"),
        ("assertLess(u23, 23)", "23"),
        ("assertLessEqual(b=24, a=u24)", "24"),
        ("assertRegex(u25, r'x25')", "r'x25'"),
        ("assertRegex(text=u26, expected_regex='x26')", "'x26'"),
        ("assertNotRegex(u27, unexpected_regex='x27')", "'x27'"),
        ("assertCountEqual(u28, (i for i in y))", "(i for i in y)"),
        ("assertSequenceEqual(seq1=u29, seq2=[29], seq_type=list)", "[29]"),
        ("assertListEqual(list2=[30], list1=u30)", "[30]"),
        ("assertTupleEqual(u31, tuple2=(31,))", "(31,)"),
        ("assertSetEqual(set1=u32, set2={32})", "{32}"),
        ("assertDictEqual(d1=u33, d2={33: 1})", "{33: 1}"),
        ("assertMultiLineEqual(u34, '''a\nb''')", "'''a\nb'''"),
        ("assertEqual  ( u35 , not y )", "not y"),
        ("assertEqual(u36, lambda x: (yield))", "lambda x: (yield)"),
        ("assertEqual(u37, y if z else w)", "y if z else w"),
        ("assertEqual('é😀', 'ü38')", "'ü38'"),
        ("assertEqual(u39, \\\n    39)", "39"),
        ("assertEqual(u391 \\\n    , 391 \\\n    )", "391"),
        ("assertEqual(\\\n    u392, second=\\\n    392)", "392"),
        ("assertEqual \\\n    (u393, 393)", "393"),
        ("assertEqual(u40, x == 1)", "x == 1"),
    )
)

UNITTEST_REJECTED = tuple(
    rejected(body)
    for body in (
        "self.assertTrue(v1 == 1)",
        "self.assertFalse(v2)",
        "self.assertIsNone(v3)",
        "self.assertIsNotNone(v4)",
        "self.assertEqual(*v5)",
        "self.assertEqual(v6, *w)",
        "self.assertEqual(*v61, w)",
        "self.assertEqual(**v7)",
        "self.assertEqual(v8)",
        "self.assertEqual()",
        "self.assertFooBar(v9, 1)",
        "self.assertTrue(v10, 'assertEqual(a, 1)')",
        "self.assertEqual(first=v11)",
    )
)

OPEN_CALLS = tuple(
    Case(body, ((None, "?"),))
    for body in (
        "self.assert_(w1 == 1)",
        "assert_that(w2, equal_to(1))",
        "helper.assert_response(w3, 200)",
        "assertEqual(w4, 1)",
        "case().assertEqual(w5, 1)",
        "cls.assertEqual(w6, 1)",
        "super().assertEqual(w7, 1)",
        "assert_w8()",
        "x[0].assertThing(w9)",
        "self.assertWarns(W10)",
        "with self.assertLogs('w11') as logs:\n    pass",
        "self.assertEquals(w12, 1)",
        "nt.assert_raises(W13, f)",
        "np.testing.assert_raises_regex(W14, 'x', f)",
        "self.assertEqual(w15, 1, **k)",
        "m.assert_has_calls([w16])",
        "m.method.assert_called_with(w17)",
        "m.assert_called_once_with(w18, k=1)",
        "m.assert_called_once(); w19",
        "m.w20.assert_not_called()",
        "await m.assert_awaited_with(w21)",
        "x = [self.assertEqual(w22, i) for i in y]",
        "print(self.assertEqual(w23, 1))",
        "npt.assert_(w24)",
    )
)

NUMERIC = tuple(
    Case(body, (("numpy", target),))
    for body, target in (
        ("np.testing.assert_allclose(n1, 1)", "1"),
        ("npt.assert_allclose(n2, desired=2, rtol=1e-3)", "2"),
        ("nt.assert_equal(actual=n3, desired=[3])", "[3]"),
        ("npt.assert_almost_equal(n4, 4, 7)", "4"),
        ("npt.assert_array_almost_equal(n5, [5], decimal=3)", "[5]"),
        ("npt.assert_array_equal(n6, [6])", "[6]"),
        ("npt.assert_approx_equal(n7, 7, significant=3)", "7"),
        ("assert_allclose(n8, (8), 1e-3)", "(8)"),
        ("np_equal(n9, 9)", "9"),
        ("np_equal(n91, \\\n    91, 7)", "91"),
        ("np_equal(desired=10, actual=n10)", "10"),
        ("tm.assert_frame_equal(n11, right)", "right"),
        ("pd.testing.assert_series_equal(left=n12, right=right)", "right"),
        ("same_frame(n13, r13, check_dtype=False)", "r13"),
        ("tm.assert_index_equal(\n    n14,\n    pd.Index([14]),\n)", "pd.Index([14])"),
    )
)

NUMERIC_REJECTED = (rejected("np.testing.assert_allclose(*n50)"), rejected("same_frame(n51, *n52)"))

NOTHING = tuple(
    Case(body, ())
    for body in (
        "pytest.warns(UserWarning)",
        "pytest.fail('assert x == 1')",
        "self.fail('x')",
        "x = 'assert x == 1'",
        "'''\n    assert x == 2\n    '''",
        "# assert x == 3",
        "check(x == 1)",
        "asserts(x, 1)",
        "self.assertion(x)",
        "warns(x)",
        "other.raises(E)",
        "x = self.assertEqual",
        "x = pytest.raises",
        "x = pytest.raises.y(1)",
    )
)

CASES = (
    *COMPARISONS,
    *REJECTED_ASSERTS,
    *APPROXIMATIONS,
    *RAISED,
    *RAISES_OTHERWISE,
    *UNITTEST,
    *UNITTEST_REJECTED,
    *OPEN_CALLS,
    *NUMERIC,
    *NUMERIC_REJECTED,
    *NOTHING,
)


def name_of(index: int) -> str:
    """The test function of a case."""
    return f"test_case_{index:03}"


def source() -> str:
    """The test file with every case in a function of its own."""
    functions = [
        f"{'async ' if 'await' in item.body or 'async' in item.body else ''}def {name_of(index)}(self, x, y, z):\n"
        f"{textwrap.indent(item.body, '    ')}\n    pass\n"
        for index, item in enumerate(CASES)
    ]
    return "\n\n".join([IMPORTS, *functions])
