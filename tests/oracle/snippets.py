"""Files of the scripted repositories that are awkward to read: encodings, line ends, nesting, spellings."""

CRLF = (
    b"import pytest\r\n\r\n\r\ndef test_crlf():\r\n    '''a\r\n    b'''\r\n    assert crlf(1) == '''x\r\n  y'''\r\n"
    b"    assert crlf(2) == \\\r\n        2\r\n    assert (crlf(3)\r\n        == # why\r\n        [\r\n        3])\r\n"
    b"    with pytest.raises(CrlfError) as e:\r\n        pass\r\n"
)
MIXED_LINE_ENDS = (
    b"def test_mixed():\r\n    x = 1\n    assert mixed(1) == [\n        1,\r\n        2]\r\n    assert mixed(2) == 2\n"
)
LATIN_1 = (
    "# -*- coding: latin-1 -*-\ndef test_latin():\n    é = 'ä'\n    assert latin(é) == 'äöü'\n    assert 'ß' in é.ß\n"
)
COOKIE_SECOND_LINE = (
    "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\ndef test_cp():\n    assert cp('€') == '€uro'\n"
)
BOM = "\ufeff# first\ndef test_bom():\n    assert bom('é') == 'ü'\n    x = '\ufeff'; assert bom(x) == 2\n"
BOM_FIRST_TOKEN = "\ufeffdef test_bom_first(): assert bom_first(1) == 1\n"
FORM_FEED = (
    "import x\n\f\ndef test_feed():\n    assert feed(1) == 1\n\f\n    assert feed(2) \f== \f2\n"
    "\n\f\n\x0cdef test_feed_2():\n    assert feed(3) == 3\n"
)
TABS = (
    "def test_tabs():\n"
    "\tif x:\n\t\tassert tabs(1)\t==\t1\n\tassert tabs(2) == (\n\t\t2)\n\tself.assertEqual(tabs(3),\t3)\n"
)
NO_LAST_NEWLINE = "def test_last():\n    assert last(1) == 1\n    assert last(2) == 'é'"
SEPARATORS = (
    "def test_separators():\n"
    "    x = 'a\u2028b\x85c\x1cd\x0b'\n    assert separators('\u2028\x85\x1c') == '\u2028'\n    assert y == 'z9'\n"
)
CARRIAGE_RETURNS = b"def test_mac():\r    x = 1\r    assert mac(x) == 1\r    assert mac(2) == (\r        2)\r"

STRUCTURE = '''\
"""A docstring with assert x == 1."""
import pytest

assert module_level() == 1
check = lambda: self.assertEqual(1, 1)


def helper(x):
    assert in_helper(x) == 2
    with pytest.raises(InHelper):
        pass


@pytest.mark.parametrize(
    ("x", "context"),
    [(1, pytest.raises(InDecorator)), (2, helper(assert_in_decorator(3)))],
)
def test_decorated(x, context, y=assert_in_default(4), *, z: "assert a == 1" = lambda: assert_in_lambda(5)):
    """assert doc == 1"""
    with context:
        assert decorated(x) == 6

    def nested():
        assert in_nested(x) == 7

        class Inner:
            assert in_inner_class == 8

            def method(self):
                assert in_inner_method == 9
                self.assertEqual(inner, 10)

    async def test_nested():
        assert in_nested_test == 11
        async with pytest.raises(InAsync):
            async for i in x:
                assert i == 12


async def test_async() -> assert_in_return(13):
    assert await coroutine() == 14
    try:
        assert in_try == 15
    except E:
        assert in_except == 16
    else:
        assert in_else == 17
    finally:
        assert in_finally == 18
    while x: assert in_while == 19


class TestClass:
    assert in_class == 20

    @property
    def fixture(self):
        assert in_fixture == 21

    def setUp(self):
        self.assertEqual(in_set_up, 22)

    def test_method(self):
        self.assertEqual(in_method, 23)
        return [self.assertIn(i, j) for i in j if assert_condition(24)]

    @staticmethod
    def test_static(): assert in_static == 25

    class TestDeep:
        class TestDeeper:
            def test_deep(self): assert deep == 26

        def not_a_test(self):
            def test_in_helper():
                assert in_helper_test == 27

    def tes_t(self):
        assert near_miss == 28

    def _test_private(self):
        assert private == 29

    def testCamel(self): self.assertTrue(camel); self.assertEqual(camel, 30)


def testing_thing():
    assert testing == 31


if True:
    def test_conditional():
        if a:
            assert first == 32
        elif b:
            assert second == 33
        else:
            assert third == 34


for i in range(3):
    try:
        def test(): assert bare == 35
    except E:
        def test_in_except(): assert handler == 36


def Test_capital():
    assert capital == 37


def test_late_import():
    import pytest as late
    from pytest import raises as later
    from numpy.testing import assert_equal as same, assert_array_less as less
    with late.raises(Late), later(Later):
        same(a, 38)
        less(b, c)


def test_f_strings():
    x = f"{1 if y == 2 else 3}"
    assert f"{x!r}" f"{y:>{w}}" == "39", f"{self.assertion}"
    lambda: assert_in_inner_lambda(40)
    del x, y
    global g; assert g == 41; return
'''

SPELLINGS_BEFORE = """\
import pytest


class TestSpelling:
    def test_quotes(self):
        assert f('a') == 'it'
        assert f('''b''') == "x"
        assert g['c']['d'] == {'e': 'f'}
        self.assertEqual(call('h', k='i'), ['j', 'k'])

    def test_lines(self):
        assert very_long_name_of_a_function(argument_one, argument_two) == {"key_one": 1, "key_two": 2}
        assert one.two.three(4).five(6).seven(8) == 9, "a message"
        with pytest.raises(ValueError, match="something"):
            call()
        self.assertEqual(first_thing(1, 2, 3), second_thing(4, 5, 6), "message")

    def test_spaces(self):
        assert  x [ 1 : 2 ]==y( a = 1 )
        assert x+1 == - 1
        assert (a) == 1
        assert not(b)
        assert(c in (d,))
        assert \\
            e == 1

    def test_parentheses(self):
        assert ((f)) == (2)
        assert (g == 3)
        assert h == (i, j)
        assert k[(1, 2)] == l
        assert m(n for n in o) == (p if q else r)
        self.assertEqual((s), (t))
"""

SPELLINGS_AFTER = """\
import pytest


class TestSpelling:
    def test_quotes(self):
        assert f("a") == "it"
        assert f("b") == 'x'
        assert g["c"]["d"] == {"e": "f"}
        self.assertEqual(
            call("h", k="i"),
            [
                "j",
                "k",
            ],
        )

    def test_lines(self):
        # a comment
        assert very_long_name_of_a_function(
            argument_one,
            argument_two,
        ) == {
            "key_one": 1,
            "key_two": 2,  # another
        }
        assert (
            one.two.three(4)
            .five(6)
            .seven(8)
            == 9
        ), "a message"
        with pytest.raises(
            ValueError,
            match="something",
        ):
            call(1)
            call(2)
        self.assertEqual(
            first_thing(1, 2, 3), second_thing(4, 5, 6), "message"
        )

    def test_spaces(self):
        assert x[1:2] == y(a=1)
        assert x + 1 == -1
        assert (a) == 1
        assert not (b)
        assert c in (d,)
        assert e == 1  # one

    def test_parentheses(self):
        assert f == 2
        assert g == 3
        assert (h) == (
            i,
            j,
        )
        assert k[1, 2] == l
        assert m((n for n in o)) == (p if q else r)
        self.assertEqual(s, t)
"""

NUMBERS_BEFORE = """\
def test_numbers():
    assert n1 == 0xff
    assert n2 == 1_000
    assert n3 == 1e3
    assert n4 == 1.
    assert n5 == 0XAB
    assert n6 == 'a' 'b'
    assert n7 == '\\x41'
    assert n8 == f'{x}' 'y'
    assert n9 == r'\\d'
    assert n10 == B'x'
    assert n11 == '''a
b'''
"""

NUMBERS_AFTER = """\
def test_numbers():
    assert n1 == 0xFF
    assert n2 == 1000
    assert n3 == 1000.0
    assert n4 == 1.0
    assert n5 == 171
    assert n6 == 'ab'
    assert n7 == 'A'
    assert n8 == f'{x}y'
    assert n9 == '\\\\d'
    assert n10 == b"x"
    assert n11 == 'a\\nb'
"""
