"""The static track: structured prefixes, the filter, difficulties and the balanced selection."""

import pytest

from repopeftbench.paper.selection import balanced
from repopeftbench.paper.static_extract import StaticPair, difficulty, is_valid, static_pairs

FILE = '''"""Doc."""
import os
from x import (
    a,
)
LIMIT = 3
if True:
    SKIPPED = 1

def helper():
    return 1

import late

@decorated
class TestIt(
    Base):
    """Doc."""
    size = 2

    def setUp(self):
        self.v = 1

    def assist(self):
        return 2

    def test_before(self):
        assert z == 0

    @mark
    def test_it(self):
        y = helper()
        assert y == 1

    def tearDown(self):
        pass

def after():
    pass
'''


def test_structured_prefix_keeps_module_class_helpers_and_body():
    pair = next(pair for pair in static_pairs(FILE, "t.py") if pair.target == "1")
    assert pair.prefix.split("\n") == [
        "import os",
        "from x import (",
        "    a,",
        ")",
        "LIMIT = 3",
        "",
        "def helper():",
        "    return 1",
        "",
        "class TestIt(",
        "",
        "    size = 2",
        "",
        "    def setUp(self):",
        "        self.v = 1",
        "",
        "    def assist(self):",
        "        return 2",
        "",
        "    @mark",
        "    def test_it(self):",
        "        y = helper()",
        "",
        "    def tearDown(self):",
        "        pass",
        "        assert y == ",
    ]
    assert (pair.test_function, pair.test_class, pair.context_lines, pair.has_imports) == (
        "test_it",
        "TestIt",
        26,
        True,
    )


def test_empty_line_stands_before_the_cut_line_even_where_none_is_missing():
    (pair,) = static_pairs("def test_a():\n    x = 1\n    assert x == 1\n", "t.py")
    assert pair.prefix == "def test_a():\n    x = 1\n\n    assert x == "


def test_prefix_has_at_most_600_lines_and_keeps_the_last():
    body = "".join(f"    x = {n}\n" for n in range(700))
    (pair,) = static_pairs(f"def test_a():\n{body}    assert x == 1\n", "t.py")
    lines = pair.prefix.split("\n")
    assert (len(lines), lines[-1], lines[0]) == (600, "    assert x == ", "    x = 102")


@pytest.mark.parametrize(
    ("target", "tier"),
    [
        ("True)", "bool_literal"),
        ("None", "none_literal"),
        ("b'x'", "string_literal"),
        ("-1.5)", "numeric_literal"),
        ("(1, 2)", "collection"),
        ("f(1)", "func_call"),
        ("name)", "variable"),
        ("a.b", "complex_expr"),
    ],
)
def test_difficulty(target, tier):
    assert difficulty(target) == tier


@pytest.mark.parametrize(
    ("prefix", "target", "valid"),
    [
        ("assert x == ", "1", True),
        ("assert x == ", ")", False),
        ("assert x == ", ", 1)", False),
        ("assert x == ", "y" * 501, False),
        ("m.assert_x(, ", "7)", False),
        ("f(,\nassert x == ", "7", True),
    ],
)
def test_filter(prefix, target, valid):
    assert is_valid(prefix, target) is valid


def pair(number, *, file="a.py", function="test_a", target=None, multiline=False, tier="variable"):
    return StaticPair(
        file=file,
        prefix="",
        target=target or f"t{number}",
        assertion_type="assert",
        difficulty=tier,
        lineno=number,
        col_offset=0,
        target_col_offset=0,
        test_function=function,
        test_class="",
        was_multiline=multiline,
    )


def test_selection_takes_short_single_line_targets_first_and_caps_functions_and_files():
    many = [pair(n, target="x" * (9 - n)) for n in range(7)]
    assert [p.lineno for p in balanced(many)] == [6, 5, 4, 3, 2]
    assert [p.lineno for p in balanced([pair(1, multiline=True), pair(2, target="longer")])] == [2, 1]
    functions = [pair(n, function=f"test_{n // 5}") for n in range(40)]
    assert len(balanced(functions)) == 20
    assert [
        p.lineno for p in balanced([pair(1, target="x"), pair(2, target="x"), pair(3, file="b.py", target="x")])
    ] == [1, 3]


def test_selection_of_a_large_repository_is_proportional_over_difficulties():
    pairs = [
        pair(n, file=f"f{n // 20}.py", function=f"test_{n // 5}", tier="variable" if n % 4 else "collection")
        for n in range(400)
    ]
    chosen = balanced(pairs)
    assert len(chosen) == 200
    assert sum(p.difficulty == "collection" for p in chosen) == 50
