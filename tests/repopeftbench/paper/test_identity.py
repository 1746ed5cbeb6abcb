"""An assertion's published identity: kind, everything above it and its target, white space normalised."""

from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.paper.extract import assertions, source_lines, whole_file_prefix

LINES = st.lists(
    st.sampled_from(
        ["", "    ", "x = 1", "x  =  1", "y = '\x0c'", "assert a == 1", "assert  a==1", "x = 1; assert a == 1", "# é"]
    ),
    max_size=6,
)


def rows(lines):
    text = "\n".join(lines) + "\n"
    parts = source_lines(text)
    for row in assertions(text) or ():
        normal = " ".join(whole_file_prefix(parts, row).split())
        yield row.key, (row.assertion_type, normal, " ".join(row.target.split()))


@given(LINES, LINES)
def test_keys_are_equal_exactly_where_the_normalised_texts_are(first, second):
    found = [*rows(first), *rows(second)]
    assert len({key for key, _ in found}) == len({text for _, text in found}) == len(set(found))


def test_import_at_the_top_makes_everything_below_new():
    below = "def test_a():\n    assert f(1) == 2\n"
    (old,), (new,) = assertions(below), assertions("import os\n" + below)
    assert old.key != new.key
    assert old.statement == new.statement
