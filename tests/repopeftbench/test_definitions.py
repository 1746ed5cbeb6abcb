"""A file cut at its definitions."""

from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.definitions import MOST_CHARACTERS, DefinitionKind, definitions_of, lines_of
from repopeftbench.mining import validity

SOURCE = '''"""The module."""
import os

LIMIT: int = 3

@decorated(
    1,
)
def f(
    a,  # one: two
    b={1: 2},
) -> int:
    """

    First line.

    More.
    """
    def inner():
        pass
    return a


try:
    import fast
except ImportError:
    def slow(): return 1
else:
    class Fast: pass

class Outer(Base):
    \'\'\'Says it.\'\'\'
    size = 1

    @property
    def m(self):
        return 1

    class Inner:
        def deep(self): ...

    async def n(self): ...
a = 1; b = 2
type Alias[T] = list[T]
'''


def by_name(source):
    return {one.name: one for one in definitions_of(source)}


def test_definitions_are_those_of_the_module_in_order():
    assert [(one.name, one.kind.value) for one in definitions_of(SOURCE)] == [
        ("LIMIT", "assignment"),
        ("f", "function"),
        ("slow", "function"),
        ("Fast", "class"),
        ("Outer", "class"),
        ("a", "assignment"),
        ("Alias", "assignment"),
    ]


def test_a_signature_ends_at_the_colon_of_the_header():
    f = by_name(SOURCE)["f"]
    assert f.signature.startswith("@decorated(\n")
    assert f.signature.endswith("\n) -> int:")
    assert f.text.startswith(f.signature)
    assert f.text.endswith("return a")


def test_a_docstring_is_known_by_its_first_line_that_says_something():
    found = by_name(SOURCE)
    assert (found["f"].docstring, found["Outer"].docstring, found["Fast"].docstring) == ("First line.", "Says it.", "")


def test_a_class_has_its_members_and_they_have_none():
    members = by_name(SOURCE)["Outer"].members
    assert [one.name for one in members] == ["size", "m", "Inner", "n"]
    assert members[1].text == "    @property\n    def m(self):\n        return 1"
    assert [one.members for one in members] == [()] * 4


def test_line_ends_do_not_matter():
    unix = definitions_of(SOURCE)
    assert definitions_of(SOURCE.replace("\n", "\r\n")) == unix
    assert definitions_of(SOURCE.replace("\n", "\r")) == unix


def test_what_is_no_python_gives_what_can_be_read():
    assert [one.name for one in definitions_of("print 'old'\n\ndef f():\n    print 1\n\n)) !!\n\nX = 1\n")] == [
        "f",
        "X",
    ]


def test_a_file_of_data_has_no_definitions():
    assert definitions_of("x = 1\n" * (MOST_CHARACTERS // 6 + 1)) == ()


def test_many_comments_take_no_long_time():
    assert [one.name for one in definitions_of("# no\n" * 100_000 + "x = 1\n")] == ["x"]


def test_of_a_long_text_with_errors_the_beginning_is_read(monkeypatch):
    monkeypatch.setattr(validity, "MOST_BROKEN_BYTES", 40)
    lines = "".join(f"a{n} = {n}\n" for n in range(9))
    assert len(definitions_of(lines)) == 9
    assert [one.name for one in definitions_of(lines + "def (:\n")] == [f"a{n}" for n in range(5)]


@given(st.text(st.sampled_from("def class:=()x \n\r\t\"'@#\\é"), max_size=80))
def test_any_text_gives_whole_lines_that_do_not_overlap(source):
    lines, reached = lines_of(source), -1
    for one in definitions_of(source):
        assert one.first_row > reached
        assert one.text == "\n".join(lines[one.first_row : one.last_row + 1])
        assert one.kind is not DefinitionKind.CLASS or all(one.first_row <= member.first_row for member in one.members)
        reached = one.last_row
