"""The golden examples of both published extractors: statement -> in-line prefix -> target, every row."""

import pytest

from repopeftbench.paper.extract import assertions, source_lines, whole_file_prefix
from repopeftbench.paper.static_extract import static_pairs

SKIPPED: tuple[tuple[str, str, str], ...] = ()

# statement; evolution rows (in-line prefix, target); static rows (cut line, target, difficulty)
EXAMPLES = [
    (
        'assert f(1) == 2, "msg"',
        [("assert f(1) == ", "2")],
        [("assert f(1) == ", "2", "numeric_literal")],
    ),
    (
        "assert f(1) == f(2) == 3",
        [("assert f(1) == ", "f(2)")],
        [("assert f(1) == ", "f(2)", "func_call")],
    ),
    ("assert f(1)", [("assert ", "f(1)")], SKIPPED),
    ("assert not f(0)", [("assert ", "not f(0)")], SKIPPED),
    ("assert f(1) and f(2) == 4", [("assert ", "f(1) and f(2) == 4")], SKIPPED),
    (
        "assert (\n        f(3)\n        == [1,\n            2]\n    )",
        [("assert f(3) == ", "[1, 2]")],
        [("assert ", "[1, 2]", "collection")],
    ),
    (
        "assert x in (1, 2)",
        [("assert x in ", "(1, 2)")],
        [("assert x in ", "(1, 2)", "collection")],
    ),
    (
        "assert f(4) == pytest.approx(0.5, rel=1e-3)",
        [("assert f(4) == ", "pytest.approx(0.5, rel=1e-3)"), ("pytest.approx(", "0.5, rel=1e-3)")],
        [
            ("assert f(4) == ", "pytest.approx(0.5, rel=1e-3)", "func_call"),
            ("assert f(4) == pytest.approx(", "0.5, rel=1e-3)", "complex_expr"),
        ],
    ),
    (
        'with pytest.raises(ValueError, match="bad"):\n        f()',
        [("pytest.raises(", 'ValueError, match="bad")')],
        [("with pytest.raises(", 'ValueError, match="bad")', "complex_expr")],
    ),
    (
        "m.assert_called_once_with(7)",
        [("m.assert_called_once_with(, ", "7)")],
        [("m.assert_called_once_with(", "7)", "numeric_literal")],
    ),
    (
        "np.testing.assert_allclose(a, b, rtol=1e-5)",
        [("np.testing.assert_allclose(a, ", "b)")],
        [("np.testing.assert_allclose(a, ", "b)", "variable")],
    ),
    (
        "np.testing.assert_allclose(a, b, 1e-5)",
        [("np.testing.assert_allclose(a, b, ", "1e-5)")],
        [("np.testing.assert_allclose(a, b, ", "1e-5)", "numeric_literal")],
    ),
    (
        "m.assert_called_with(\n        1, 2)",
        [("m.assert_called_with(1, ", "2)")],
        [("m.asser", "2)", "numeric_literal")],
    ),
    (
        'self.assertEqual(f(1), 2, "why")',
        [("self.assertEqual(f(1), 2, ", '"why")')],
        [("self.assertEqual(f(1), 2, ", '"why")', "string_literal")],
    ),
    (
        'self.assertEqual(f(1), 2, msg="why")',
        [("self.assertEqual(f(1), ", "2)")],
        [("self.assertEqual(f(1), ", "2)", "numeric_literal")],
    ),
    (
        'self.assertTrue(f(1), "why")',
        [("self.assertTrue(", "f(1))")],
        [("self.assertTrue(", "f(1))", "func_call")],
    ),
    (
        "self.assertAlmostEqual(f(1), 0.5, places=3)",
        [("self.assertAlmostEqual(f(1), ", "0.5)")],
        [("self.assertAlmostEqual(f(1), ", "0.5)", "numeric_literal")],
    ),
    (
        "self.assertRaises(ValueError, f, 1)",
        [("self.assertRaises(", "ValueError)")],
        [("self.assertRaises(", "ValueError)", "variable")],
    ),
    (
        "with self.assertRaises(KeyError):\n        f()",
        [("self.assertRaises(", "KeyError)")],
        [("with self.assertRaises(", "KeyError)", "variable")],
    ),
    (
        'self.assertRaisesRegex(ValueError, "bad", f)',
        [("self.assertRaisesRegex(", 'ValueError, "bad")')],
        [("self.assertRaisesRegex(", 'ValueError, "bad")', "complex_expr")],
    ),
    (
        "with self.assertRaisesRegex(ValueError):\n        f()",
        [],
        [("with self.assertRaisesRegex(", "ValueError)", "variable")],
    ),
    ("with self.assertLogs():\n        f()", [], SKIPPED),
    ("self.assertWarns(UserWarning)", [], SKIPPED),
    ("cls.assertEqual(1, 2)", [], SKIPPED),
    ("with raises(ValueError):\n        f()", [], SKIPPED),
    ("m.assert_(1, 2)", [], SKIPPED),
    ("m.assert_called()", [], SKIPPED),
    ("thing.mock.assert_called_with(1, 2)", [], SKIPPED),
    (
        "unittest.mine.assert_equal(1, 2)",
        [],
        [("unittest.mine.assert_equal(1, ", "2)", "numeric_literal")],
    ),
]


@pytest.mark.parametrize(("statement", "evolution", "static"), EXAMPLES, ids=[e[0].split("\n")[0] for e in EXAMPLES])
def test_golden_example(statement, evolution, static):
    text = f"import x\n\n\ndef test_it(self):\n    {statement}\n"
    found = assertions(text)
    assert [(row.inline, row.target) for row in found] == evolution
    assert {row.test_function for row in found} <= {"test_it"}
    pairs = static_pairs(text, "test_a.py")
    assert [(p.prefix.split("\n")[-1].removeprefix("    "), p.target, p.difficulty) for p in pairs] == list(static)


def test_rows_come_breadth_first():
    text = "def test_a():\n    assert f(4) == pytest.approx(0.5)\n    if x:\n        assert g == 1\n    assert h == 2\n"
    assert [(row.lineno, row.assertion_type) for row in assertions(text)] == [
        (2, "assert"),
        (5, "assert"),
        (4, "assert"),
        (2, "pytest.approx"),
    ]


def test_whole_file_above_is_the_prefix():
    text = "import x\r\n\nclass TestIt:\n    def test_b(self):\n        y = 1; assert f(\n            y) == 2\n"
    (row,) = assertions(text)
    prefix = whole_file_prefix(source_lines(text), row)
    assert prefix == "import x\r\n\nclass TestIt:\n    def test_b(self):\n        y = 1; assert f(\n            y) == "


def test_column_counts_bytes_and_cuts_characters():
    text = 'def test_a():\n    x = "éé"; assert f(1) == 2\n'
    (row,) = assertions(text)
    assert whole_file_prefix(source_lines(text), row) == 'def test_a():\n    x = "éé"; asassert f(1) == '


def test_form_feed_shifts_the_lines_above():
    text = "a = 1\n\x0cb = 2\nassert c == 3\n"
    (row,) = assertions(text)
    assert row.lineno == 3
    assert whole_file_prefix(source_lines(text), row) == "a = 1\n\x0cassert c == "


def test_file_that_does_not_parse_is_none_and_one_without_assertions_is_empty():
    assert assertions("print 'two'\n") is None
    assert assertions("﻿assert x == 1\n") is None
    assert static_pairs("print 'two'\n", "t.py") is None
    assert assertions("x = 1\n") == ()


def test_module_level_rows_have_no_function_and_the_innermost_test_wins():
    text = (
        "assert a == 1\n"
        "def test_outer():\n    def inner_test():\n        assert b == 2\n    def plain():\n        assert c == 3\n"
        "class TestX:\n    def check(self):\n        assert d == 4\n"
    )
    assert {row.target: row.test_function for row in assertions(text)} == {
        "1": "",
        "2": "inner_test",
        "3": "test_outer",
        "4": "",
    }
    # The static track takes the innermost function of any name and rejects rows outside functions.
    assert {pair.target: pair.test_function for pair in static_pairs(text, "t.py")} == {
        "2": "inner_test",
        "3": "plain",
        "4": "check",
    }
