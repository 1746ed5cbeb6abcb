import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.source import UNDECODABLE, UNPARSABLE, decode_source
from repopeftbench.schema import Family

HEADER = """\
import pytest as pt
import numpy as np
import numpy.testing as npt
import pandas._testing as tm
from numpy.testing import assert_equal as same, assert_allclose
from pytest import raises, approx as close
import nose.tools as nt
from nose.tools import assert_in as nose_in
"""


def site_of(statement, header=HEADER):
    body = "\n".join("    " + line for line in statement.splitlines())
    sites = extract_sites(f"{header}\ndef test_it(self, m):\n{body}\n".encode()).sites
    assert sites, "no site found"
    return sites[0]


@pytest.mark.parametrize(
    ("statement", "family", "target"),
    [
        ("assert f(1) == 2", "assert", "2"),
        ("assert f(1) == (2)", "assert", "(2)"),
        ('assert f(1) == 2, "message"', "assert", "2"),
        ("assert (f(1) == 2)", "assert", "2"),
        ("assert ((f(1)\n  == [1,\n  2]))", "assert", "[1,\n      2]"),
        ("assert 1 < x <= y.z", "assert", "y.z"),
        ("assert x not in y", "assert", "y"),
        ("assert x is not None", "assert", "None"),
        ("assert x == \\\n    3", "assert", "3"),
        ("assert x == 'a' 'b'", "assert", "'a' 'b'"),
        ("assert x == (  # why\n    3)", "assert", "(  # why\n        3)"),
        ("assert x == -1 ** 2", "assert", "-1 ** 2"),
        ("assert await f() == {**a}", "assert", "{**a}"),
        ("assert f(é) == 'ü'", "assert", "'ü'"),
        ("assert x == pt.approx(0.5, rel=1)", "approx", "pt.approx(0.5, rel=1)"),
        ("assert x == close(0.5)", "approx", "close(0.5)"),
        ("assert close(0.5) == x", "assert", "x"),
        ("self.assertEqual(f(1), 2)", "unittest", "2"),
        ("self.assertEqual(f(1), 2, 'message')", "unittest", "2"),
        ("self.assertEqual(f(1), msg='m', second=2)", "unittest", "2"),
        ("self.assertEqual(second=2, first=f(1))", "unittest", "2"),
        ("self.assertEqual(*a, second=2)", "unittest", "2"),
        ("self.assertAlmostEqual(f(1), 2.5, 3)", "unittest", "2.5"),
        ("self.assertIn(1, [1, 2])", "unittest", "[1, 2]"),
        ("self.assertIsInstance(x, (int, str))", "unittest", "(int, str)"),
        ("self.assertRegex(x, r'a+')", "unittest", "r'a+'"),
        ("self.assertWarns(UserWarning, f)", "unittest", "UserWarning"),
        ("with self.assertRaises(KeyError):\n    f()", "raises", "KeyError"),
        ("self.assertRaisesRegex(KeyError, 'x', f)", "raises", "KeyError"),
        ("with pt.raises(ValueError, match='bad') as e:\n    f()", "raises", "ValueError"),
        ("with raises((A, B)):\n    f()", "raises", "(A, B)"),
        ("pt.raises(expected_exception=E)", "raises", "E"),
        ("np.testing.assert_allclose(a, b, 1e-5)", "numpy", "b"),
        ("npt.assert_array_equal(a, desired=b)", "numpy", "b"),
        ("assert_allclose(actual=a, desired=[1, 2])", "numpy", "[1, 2]"),
        ("same(a, b)", "numpy", "b"),
        ("tm.assert_frame_equal(a, expected)", "numpy", "expected"),
        ("npt.assert_raises(ValueError, f)", "raises", "ValueError"),
        ("nt.assert_equal(a, b, 'message')", "unittest", "b"),
        ("nose_in(a, [1])", "unittest", "[1]"),
        ("nt.assert_raises(KeyError, f)", "raises", "KeyError"),
        ("m.assert_called_once_with(3)", "mock", "3"),
        ("m.assert_has_calls([call(1)])", "mock", "[call(1)]"),
    ],
)
def test_site_has_the_most_specific_family_and_the_expected_value(statement, family, target):
    site = site_of(statement)
    assert (site.family, site.target, site.reason) == (family, target, None)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("assert x", "no-expected-value"),
        ("assert f(1)", "no-expected-value"),
        ("assert (x == 1, 'always true')", "no-expected-value"),
        ("assert x == 1 if y else z", "no-expected-value"),
        ("assert not x == 1", "negation"),
        ("assert a == 1 and b == 2", "boolean-operator"),
        ("assert (a or b)", "boolean-operator"),
        ("self.assertTrue(x)", "no-expected-value"),
        ("self.assertLogs()", "no-expected-value"),
        ("self.assertEqual(*pair)", "argument-not-found"),
        ("self.assertEqual(1)", "argument-not-found"),
        ("self.assertEqual(**both)", "argument-not-found"),
        ("pt.raises(*errors)", "argument-not-found"),
        ("pt.raises()", "argument-not-found"),
        ("self.assertCustom(1, 2)", "unknown-signature"),
        ("assert_valid(x)", "unknown-signature"),
        ("m.assert_called_with(1, 2)", "several-arguments"),
        ("m.assert_called_with(a=1)", "argument-not-found"),
        ("m.assert_called_once()", "no-expected-value"),
    ],
)
def test_site_without_a_clear_expected_value_has_a_reason(statement, reason):
    site = site_of(statement)
    assert (site.target, site.reason) == (None, reason)


def test_star_imports_of_known_modules_are_understood():
    header = "from numpy.testing import *\nfrom pytest import *\n"
    assert site_of("assert_equal(a, 3)", header).family is Family.NUMPY
    assert site_of("with raises(KeyError): pass", header).target == "KeyError"
    assert site_of("assert a == approx(1)", header).family is Family.APPROX


def test_unimported_lookalikes_are_not_sites():
    source = (
        b"def test_a():\n    raises(ValueError)\n    other.raises(ValueError)\n    pytest.warns(W)\n    self.fail()\n"
    )
    assert extract_sites(source).sites == ()


def test_scope_is_functions_named_test():
    source = b"""
assert module == 1
def helper():
    assert x == 2
def testing():
    assert x == 3
class TestA:
    assert cls == 4
    def setUp(self):
        assert x == 5
    @mark.parametrize("e", [pytest.raises(KeyError)])
    async def test_b(self):
        def inner():
            assert x == 6
        class Local:
            def method(self):
                assert x == 7
def factory():
    def test_made():
        assert x == 8
"""
    found = [(site.test_function, site.target) for site in extract_sites(source).sites]
    assert found == [
        ("testing", "3"),
        ("TestA.test_b", "KeyError"),
        ("TestA.test_b", "6"),
        ("TestA.test_b", "7"),
        ("factory.test_made", "8"),
    ]


def test_statement_of_a_call_is_the_call_alone():
    site = site_of("with pt.raises(ValueError):\n    long_block()")
    assert site.statement == "pt.raises(ValueError)"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\xff\xfe\x00", UNDECODABLE),
        (b"# coding: nonsense\n", UNDECODABLE),
        (b"# coding: ascii\n# \xe9\n", UNDECODABLE),
        (b"def test_a():\n    print 'x'\n", UNPARSABLE),
        (b"def test_a():\n    assert x == 1\n\x00", UNPARSABLE),
        (b"(" * 3000, UNPARSABLE),
    ],
)
def test_file_that_is_not_python_has_a_problem(raw, problem):
    assert extract_sites(raw).problem == problem


def test_lenient_sites_of_an_unparsable_file_are_kept_for_comparison():
    sites = extract_sites(b"def test_a():\n    print 'x'\n    assert f() == 1\n").sites
    assert [site.statement for site in sites] == ["assert f() == 1"]


@pytest.mark.parametrize(
    "statement",
    [
        "assert (1 ==\n 2)",
        "assert x == {'k':  # why\n 1}",
        "assert [a if b  # {\n\n else c] == 2",
        "assert (not\n é) == f'''\n#('''",
    ],
)
def test_less_indented_lines_in_brackets_do_not_hide_the_file(statement):
    text = f"def test_é():\n    {statement}\n    assert y == 3\n"
    found = extract_sites(text.encode())
    assert found.needs_flattening
    assert [site.statement for site in found.sites] == [statement, "assert y == 3"]
    assert [site.lineno for site in found.sites] == [2, 3 + statement.count("\n")]


def test_valid_file_beyond_the_grammar_loses_no_site():
    # PEP 696 defaults are valid from Python 3.13 on; the grammar does not know them.
    source = b"type A[T=int] = list\ndef test_a():\n    assert x == 1\n    self.assertEqual(a, 2)\n"
    found = extract_sites(source)
    if found.problem is None:
        assert [(site.statement, site.reason) for site in found.sites] == [
            ("assert x == 1", "grammar-error"),
            ("self.assertEqual(a, 2)", "grammar-error"),
        ]
    else:
        assert found.problem == UNPARSABLE


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
def test_raw_offsets_point_at_the_statement_in_any_encoding(newline, encoding):
    cookie = "" if encoding.startswith("utf-8") else f"# coding: {encoding}\n"
    text = f"{cookie}# é\ndef test_é():\n    assert 'ü' == f('ä',\n        1)\n".replace("\n", newline)
    raw = text.encode(encoding)
    source = decode_source(raw)
    (site,) = extract_sites(raw).sites
    span = raw[source.raw_offset(site.start) : source.raw_offset(site.end)]
    assert span.decode(source.encoding) == site.statement
    assert site.lineno == (4 if cookie else 3)


PIECES = st.sampled_from(
    [
        "assert ",
        "x",
        " == ",
        "(",
        ")",
        "[",
        "]",
        "1",
        "'a'",
        '"""',
        "\n",
        "    ",
        "def test_a():\n",
        ",",
        "\\\n",
        "#",
        "é",
        "\r",
        "\x0c",
        "self.assertEqual(",
        "with pytest.raises(",
        ":",
        "f'{",
        "}'",
        " not in ",
        "lambda: ",
        "*",
        "\t",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
@example("def test_a():\n    assert x == '''\r'''\r\n")
def test_extraction_never_fails_and_spans_stay_inside(text):
    raw = text.encode()
    found = extract_sites(raw)
    for site in found.sites:
        source = decode_source(raw)
        assert 0 <= site.start <= site.end <= len(source.utf8)
        assert source.slice(site.start, site.end) == site.statement
        if site.target is not None:
            assert source.slice(site.target_start, site.target_end) == site.target
    if found.problem is None:
        ast.parse(raw)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_fail(raw):
    assert extract_sites(raw).sites is not None
