"""A test file and its history for what a prefix must hold and must not: every block carries a word of its own."""

from pathlib import Path

from oracle.scripting import Script

TEST_FILE = '''\
"""DOCSTRING_OF_MODULE"""
import os
from pkg import core
import pytest


@pytest.fixture(scope="module")
def fixture_above():
    return "FIXTURE_ABOVE"


def helper_above(x):
    """About it."""
    return "HELPER_ABOVE"


def test_before():
    assert helper_above(0) == "BODY_OF_BEFORE"


@decorated("CLASS_DECORATOR")
class TestThing(Base, metaclass=Meta):
    attribute = "CLASS_ATTRIBUTE"

    def setUp(self):
        self.x = "SET_UP"

    def test_sibling(self):
        assert self.x == "BODY_OF_SIBLING"

    @pytest.mark.parametrize("p", ["PARAMETER"])
    def test_main(self, p):
        value = helper_below(p)
        assert value.one == "FIRST_TARGET"
        self.method_below(value)
        assert value.two == "SECOND_TARGET", "THE_MESSAGE"
        assert value.three == "THIRD_TARGET"
        value.close("AFTER_THE_CUT")

    def method_below(self, value):
        return "METHOD_BELOW"

    def unnamed_method_below(self):
        return "UNNAMED_METHOD_BELOW"

    def test_after(self):
        assert self.x == "BODY_OF_AFTER"


class TestOther:
    def test_other(self):
        assert other() == "BODY_OF_OTHER"


def helper_below(x):
    return "HELPER_BELOW"


def unnamed_helper_below(x):
    return "UNNAMED_HELPER_BELOW"


def test_last():
    def inner():
        assert last() == "INNER_TARGET"

    assert last(inner) == "LAST_TARGET"


def test_very_last():
    assert last() == "BODY_OF_VERY_LAST"
'''

# By target: what its prefix holds, in this order.
HOLDS = {
    '"SECOND_TARGET"': (
        ("import os", "from pkg import core", "import pytest"),
        ("FIXTURE_ABOVE", "HELPER_ABOVE", "CLASS_DECORATOR", "class TestThing(Base, metaclass=Meta):"),
        ("CLASS_ATTRIBUTE", "SET_UP", "PARAMETER", "def test_main(self, p):", "FIRST_TARGET"),
        ("import os", '@pytest.fixture(scope="module")\ndef fixture_above():', "HELPER_ABOVE", "def test_main"),
        ("HELPER_BELOW", "def test_main"),
        ("METHOD_BELOW", "def test_main"),
    ),
    '"LAST_TARGET"': (
        ("import os", "FIXTURE_ABOVE", "HELPER_ABOVE", "HELPER_BELOW", "def test_last():", "INNER_TARGET"),
    ),
    '"INNER_TARGET"': (("import os", "HELPER_ABOVE", "def test_last():", "def inner():"),),
    '"BODY_OF_BEFORE"': (("import os", "FIXTURE_ABOVE", "HELPER_ABOVE", "def test_before():"),),
}
OTHERS = ("BODY_OF_BEFORE", "BODY_OF_SIBLING", "BODY_OF_AFTER", "BODY_OF_OTHER", "BODY_OF_VERY_LAST")
LACKS = {
    '"SECOND_TARGET"': (
        *OTHERS,
        *("UNNAMED_METHOD_BELOW", "UNNAMED_HELPER_BELOW", "SECOND_TARGET", "THIRD_TARGET", "THE_MESSAGE"),
        *("AFTER_THE_CUT", "LAST_TARGET", "INNER_TARGET"),
    ),
    '"LAST_TARGET"': (*OTHERS, "TestThing", "FIRST_TARGET", "LAST_TARGET", "SET_UP", "METHOD_BELOW"),
    '"INNER_TARGET"': (*OTHERS, "TestThing", "LAST_TARGET", "INNER_TARGET"),
    '"BODY_OF_BEFORE"': (*OTHERS, "TestThing", "HELPER_BELOW", "UNNAMED_HELPER_BELOW", "LAST_TARGET"),
}

LONG_DIFF = "".join(f"x{i} = {i}\n" for i in range(40_000))
MOCKS = "def test_mocks():\n    m.assert_called_with('MOCK_TARGET 1')\n    m.assert_called_once()\n"


def prefixes(folder: Path) -> Script:
    """The test file above; then production code too long for a diff, and a mock assertion."""
    script = Script(folder)
    script.commit("first", {"pkg/core.py": "x = 1\n", "tests/test_thing.py": TEST_FILE})
    script.commit("long", {"pkg/long.py": LONG_DIFF, "tests/test_mocks.py": MOCKS})
    script.commit("again", {"pkg/long.py": "x = 1\n", "tests/test_m2.py": MOCKS.replace("1", "2")})
    return script
