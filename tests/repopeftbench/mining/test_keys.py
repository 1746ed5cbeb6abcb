import pytest

from repopeftbench.mining.keys import left_key, statement_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("assert x == 1", "assert  x==1"),
        ("assert x == 'a'", 'assert x == "a"'),
        ("assert x == 1", "assert (x == 1)"),
        ("assert f(a, b) == [1, 2]", "assert f(\n    a,\n    b,\n) == [\n  1,\n  2,\n]"),
        ("assert x == 1", "assert x == \\\n  1"),
        ("self.assertEqual(a, 1)", "self.assertEqual(\n  a,  # why\n  1,\n)"),
        ("assert x == 1000", "assert x == 1_000"),
    ],
)
def test_formatting_does_not_change_a_key(one, other):
    assert statement_key(one) == statement_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("assert x == 1", "assert x == 2"),
        ("assert x == 1", "assert x == 1.0"),
        ("assert x == 1", "assert x == True"),
        ("assert x == 1", "assert x == 1, 'message'"),
        ("assert x == 'a'", "assert x == b'a'"),
        ("assert x == 'a'", "assert x == u'a'"),
        ("assert x == 1", "assert x is 1"),
        ("self.assertEqual(a, 1)", "self.assertIs(a, 1)"),
        ("self.assertEqual(a, 1)", "self.assertEqual(1, a)"),
        ("assert_equal(a, 1)", "assert _equal == (a, 1)"),
        ("assert x == (1,)", "assert x == (1)"),
        ("assert f'{x}' == 1", "assert f'{x!r}' == 1"),
    ],
)
def test_meaning_changes_a_key(one, other):
    assert statement_key(one) != statement_key(other)


def test_huge_numbers_and_deep_chains_have_keys():
    assert statement_key("assert x == 0x" + "f" * 9000) != statement_key("assert x == 0x" + "f" * 9001)
    assert statement_key("assert x == " + " + ".join(["1"] * 900)) != statement_key("assert x == 1")


def test_text_that_does_not_parse_has_a_key_of_its_own():
    assert statement_key("assert print 'x'") == statement_key("assert  print  'x'")
    assert statement_key("assert x ==") != statement_key("assert x == 1")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (("assert f(x) == ", ""), ("assert (f(x)\n == ", ")"), True),
        (("assert f(x) == ", ""), ("assert f(x) == ", ", 'message'"), True),
        (("assert f(x) == ", ""), ("assert f(y) == ", ""), False),
        (("assert f(x) == ", ""), ("assert f(x) != ", ""), False),
        (("self.assertEqual(a, ", ")"), ("self.assertEqual(a, ", ", 'message')"), True),
        (("self.assertEqual(a, ", ")"), ("self.assertEqual(b, ", ")"), False),
        (("pytest.raises(", ", match='x')"), ("pytest.raises(", ")"), True),
        (("self.assertEqual(first=a, second=", ")"), ("self.assertEqual(first=a, second=", ", msg=m)"), True),
    ],
)
def test_left_key_is_what_stands_before_the_target(one, other, equal):
    assert (left_key(*one) == left_key(*other)) is equal
