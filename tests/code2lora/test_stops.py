"""The scanner of code2lora against the harness's rule: it may be late, never early."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from code2lora.stops import ends_for_certain
from harness.stopping import is_complete

WORDS = (
    "assert x == ", "f(", "g[", "{", ")", "]", "}", "\n", "\r\n", "    ", "# why (\n", "#", "'", '"', '"""',
    "'''", "f'{x}'", "f'{", "rb'a'", "\\", "\\\n", "lambda a, b=(1): ", "x", " if ", " else ", "not ", " in ",
    ", ", "1.5e", "0f", "é", "==", ":=", "=", "with pytest.raises(", "def t():\n", ":", "import a\n", " and ",
    "3", ".", ";", "!", "{x!r}", "...",
)  # fmt: skip
code = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
prefixes = code | st.text(max_size=12) | st.sampled_from(["assert x == ", "assert f(1, ", "# f(", "x = f'{a}' # ", ""])
answers = code | st.text(max_size=16)


@settings(max_examples=300, deadline=None)
@given(prefixes, answers)
@example("assert x == ", "3  # three\n")
@example("# assert x == ", "f(1)\n2)")
@example("x = f'{a}'\nassert f(", "1\n)")
@example("assert x == ", "\n 3\n")
def test_an_answer_is_never_ended_before_the_harness_would(prefix, text):
    for end in range(len(text) + 1):
        if ends_for_certain(prefix, text[:end]):
            assert is_complete(prefix, text[:end])


@settings(max_examples=200, deadline=None)
@given(prefixes, answers, answers)
def test_an_answer_that_has_ended_stays_ended(prefix, text, more):
    if ends_for_certain(prefix, text):
        assert ends_for_certain(prefix, text + more)


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("assert f(1) == ", "[1,\n 2]\n"),
        ("assert f(1) == ", "3  #"),
        ("self.assertEqual(f(1), ", "g(')')[0])"),
        ("with pytest.raises(", "\n    ValueError,\n)"),
        ("# see #3\nassert x == ", "'#'\n"),
        ("assert x == 1  # or ", "2\n3\n"),
        ("y = '''\n(\n'''\nassert y == ", "3\n"),
    ],
)
def test_answers_end_with_their_last_character_and_not_before(prefix, text):
    assert [end for end in range(len(text) + 1) if ends_for_certain(prefix, text[:end])] == [len(text)]


@pytest.mark.parametrize(
    ("prefix", "text"),
    [("f(", "1\n, 2\n"), ("x = f'{a}' # ", "1)\n"), ("assert x == ", "f'{a')}'\n"), ("assert x == ", "f(]\n")],
)
def test_what_cannot_be_told_is_not_ended(prefix, text):
    assert not ends_for_certain(prefix, text)
