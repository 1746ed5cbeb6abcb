import ast
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.source import decode_source
from repopeftbench.schema import TargetType
from repopeftbench.tasks.cut import cut_site, target_type
from repopeftbench.tasks.layout import whole_layout

FILE = '''\
"""Module docstring."""
import os
try:
    import fast
except ImportError:
    fast = None

URL = "http://é"
if fast:
    LIMIT = 3


def helper(a):
    return a


def test_other():
    assert helper("other body") == 1


class Plain:
    value = 1


class TestOther:
    def test_x(self):
        assert 2 == 3


@decorated
class TestThis(Base):
    """Class docstring."""

    attribute = 1

    def setUp(self):
        self.x = 1

    def test_before(self):
        assert "before body" == 1

    @pytest.mark.parametrize("n", [1])
    def test_it(self, fixture_below):
        # a comment
        first = low(1)
        assert first == 1
        self.check()
        assert self.x == \\
            (2), "message"
        assert after_cut(later) == 4

    def check(self):
        pass

    def unnamed(self):
        pass

    def test_after(self):
        assert "after body" == 1


@pytest.fixture
def fixture_below():
    return 1


def low(x):
    return x


def later():
    return 2


def never_named():
    pass
'''


def cuts(text, budget=None):
    raw = text.encode()
    source = decode_source(raw)
    return [
        cut_site(whole_layout(source), site, budget) for site in extract_sites(raw).sites if site.target is not None
    ]


def cut_before(text, target, budget=None):
    return next(cut for cut in cuts(text, budget) if cut.target == target)


def test_prefix_is_imports_helpers_class_and_the_test_up_to_the_cut():
    assert (
        cut_before(FILE, "(2)").prefix
        == """\
import os
try:
    import fast
except ImportError:
    fast = None

URL = "http://é"
if fast:
    LIMIT = 3

def helper(a):
    return a

class Plain:
    value = 1

@pytest.fixture
def fixture_below():
    return 1

def low(x):
    return x

@decorated
class TestThis(Base):

    attribute = 1

    def setUp(self):
        self.x = 1

    def check(self):
        pass

    @pytest.mark.parametrize("n", [1])
    def test_it(self, fixture_below):
        # a comment
        first = low(1)
        assert first == 1
        self.check()
        assert self.x =="""
    )


def test_helper_below_counts_only_if_the_visible_part_names_it():
    assert "def later" not in cut_before(FILE, "(2)").prefix
    assert "def later" in cut_before(FILE, "4").prefix
    assert "def check" not in cut_before(FILE, "1").prefix


def test_bodies_of_other_tests_are_never_shown():
    for cut in cuts(FILE):
        own = "other body" if cut.target == "1" and "helper(" in cut.prefix.rpartition("\n")[2] else None
        bodies = {"other body", "before body", "after body"} - {own}
        assert not any(body in cut.prefix.rpartition("def test_")[0] for body in bodies)


def test_gap_and_suffix_reassemble_the_statement():
    cut = cut_before(FILE, "(2)")
    assert (cut.gap, cut.suffix) == (" \\\n            ", ', "message"')
    assert (cut.prefix + cut.gap + cut.target + cut.suffix).endswith('assert self.x == \\\n            (2), "message"')


def test_comment_before_the_target_belongs_to_the_prefix():
    cut = cut_before("def test_a():\n    f.assertEqual(a,  # why\n        3)\n", "3")
    assert cut.prefix.endswith("f.assertEqual(a,  # why")
    assert cut.gap == "\n        "


def test_prefix_of_a_crlf_file_keeps_its_line_ends():
    cut = cut_before(FILE.replace("\n", "\r\n"), "(2)")
    assert "\n" not in cut.prefix.replace("\r\n", "")
    assert cut.prefix.replace("\r\n", "\n") == cut_before(FILE, "(2)").prefix


def test_site_in_a_decorator_is_cut_inside_the_decorator():
    text = 'def test_b():\n    assert 0 == 9\n\n@mark("e", [pytest.raises(KeyError)])\ndef test_a():\n    pass\n'
    assert cut_before(text, "KeyError").prefix == '@mark("e", [pytest.raises('


@pytest.mark.parametrize(
    ("budget", "kept", "gone"),
    [
        (None, ["helper", "Plain", "low", "attribute", "import os"], []),
        (560, ["low", "attribute", "import os"], ["def helper"]),
        (330, ["import os", "class TestThis"], ["helper", "def low", "URL"]),
        (10, ["class TestThis", "def test_it", "assert self.x =="], ["import os", "attribute", "setUp"]),
    ],
)
def test_budget_drops_whole_helpers_first_and_the_test_never(budget, kept, gone):
    prefix = cut_before(FILE, "(2)", budget).prefix
    assert [word for word in kept if word not in prefix] == []
    assert [word for word in gone if word in prefix] == []


def test_budget_counts_the_line_ends_of_crlf_files():
    text = FILE.replace("\n", "\r\n")
    whole = len(cut_before(text, "(2)").prefix.encode())
    test_alone = len(cut_before(text, "(2)", 1).prefix.encode())
    for budget in range(test_alone, whole + 1, 7):
        assert len(cut_before(text, "(2)", budget).prefix.encode()) <= budget


def test_imports_below_the_test_are_in_the_prefix_and_so_are_named_tuples_of_constants():
    text = "def test_a():\n    assert X == 1\n\nimport late\nX, Y = 1, 2\nZ = 3\n"
    assert cut_before(text, "1").prefix == "import late\nX, Y = 1, 2\n\ndef test_a():\n    assert X =="


def test_test_in_an_else_branch_shows_the_headers_only():
    text = "if A:\n    def test_a():\n        assert 1 == 'hidden'\nelse:\n    def test_a():\n        assert f() == 2\n"
    prefix = cut_before(text, "2").prefix
    assert prefix == "if A:\n\nelse:\n    def test_a():\n        assert f() =="


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("1", "number"),
        ("-1.5", "number"),
        ("1j", "number"),
        ("'a' 'b'", "string"),
        ("b'a'", "string"),
        ("f'{x}'", "string"),
        ("True", "bool"),
        ("None", "none"),
        ("[1]", "collection"),
        ("(1, 2)", "collection"),
        ("{}", "collection"),
        ("[x for x in y]", "collection"),
        ("f(1)", "call"),
        ("x", "name"),
        ("x.y", "attribute"),
        ("x[0]", "other"),
        ("a + b", "other"),
        ("...", "other"),
        ("-x", "other"),
    ],
)
def test_target_type_is_syntactic(target, kind):
    assert target_type(target) is TargetType(kind)


def test_text_that_is_no_expression_has_no_type():
    assert [target_type(text) for text in ("*a", "x)", "a b", "x = 1")] == [None] * 4


EXPRESSIONS = st.sampled_from(
    ["1", "'é'", "[\n  1,\n]", "(a,\n b)", "f(x, y=2)", "{'k': v}", "-x", '"""\n"""', "f'{a}'"]
)
SHAPES = st.sampled_from(
    [
        "assert {0} == {1}",
        "assert ({0} ==\n   {1})",
        "assert {0} in  {1}, 'm'",
        "assert {0} \\\n  != \\\n  {1}",
        "self.assertEqual({0},\n   # comment\n   {1}, msg='m')",
        "np.testing.assert_equal(desired={1}, actual={0})",
        "with pytest.raises({1}, match={0}): pass",
    ]
)


@given(st.lists(st.tuples(SHAPES, EXPRESSIONS, EXPRESSIONS), min_size=1, max_size=4), st.integers(0, 3))
def test_cut_is_exact_for_any_shape(statements, blank_lines):
    lines = [shape.format(left, right) for shape, left, right in statements]
    text = "import pytest\nimport numpy as np\n" + "\n" * blank_lines + "def test_a(self):\n"
    raw = (text + "".join(f"    {line}\n" for line in lines)).encode()
    found = extract_sites(raw)
    source = flattened(decode_source(raw)) if found.needs_flattening else decode_source(raw)
    sites = [site for site in found.sites if site.reason is None]
    assert len(sites) == len(lines)
    for site in sites:
        cut = cut_site(whole_layout(source), site, None)
        assert raw[cut.statement_start : cut.statement_end].decode() == site.statement
        assert raw[cut.target_start : cut.target_end].decode() == cut.target
        assert (cut.prefix + cut.gap + cut.target + cut.suffix).endswith(site.statement)
        assert cut.prefix == cut.prefix.rstrip()
        assert cut.gap.replace("\\\n", "").strip() == ""
        ast.parse(f"({cut.target}\n)")


def test_the_kind_of_a_deep_target_does_not_depend_on_who_asks():
    def deeper(frames, text):
        return deeper(frames - 1, text) if frames else target_type.__wrapped__(text)

    kinds = {}
    for terms in range(2_000, 3_200, 200):
        text = "+".join(["a"] * terms)
        kinds[terms] = {deeper(frames, text) for frames in (0, 100, 400)}
    assert all(len(found) == 1 for found in kinds.values())
    assert {None} in kinds.values() or sys.version_info >= (3, 12)
