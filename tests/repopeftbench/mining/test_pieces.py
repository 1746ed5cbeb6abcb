import textwrap

from hypothesis import example, given, settings
from hypothesis import strategies as st

from repopeftbench.gitrepo import changed_lines
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.history import FileVersions, new_sites
from repopeftbench.mining.pieces import split_sections
from repopeftbench.mining.reader import MOST_MARKS, PieceReader
from repopeftbench.mining.source import UnreadableSourceError, decode_source
from repopeftbench.tasks.cut import cut_site
from repopeftbench.tasks.layout import whole_layout

LINES = st.sampled_from(
    [
        "import pytest as pt",
        "from numpy.testing import *",
        "@decorated",
        "@pt.mark.parametrize('e', [",
        "    pt.raises(KeyError),",
        "])",
        "def test_a():",
        "class TestIt:",
        "    def test_m(self):",
        "        assert f(1) == 1",
        "    assert f(1) == 1",
        "    with raises(ValueError): pass",
        "    x = '''",
        '    y = """',
        "'''",
        '"""',
        "    x = (",
        ")",
        "x = \\",
        "# comment '''",
        "",
        "é = 1",
        "else:",
        "print 'python 2'",
    ]
)
JUNK = st.lists(LINES, max_size=25).map(lambda lines: "".join(f"{line}\n" for line in lines))
BODY = st.lists(
    st.sampled_from(
        [
            "assert f(1) == 1",
            "assert f(1)==1",
            "assert f(2) == 3",
            "self.assertEqual(a, 2)",
            "same(a, 4)",
            "assert x == approx(5)",
            "with raises(ValueError): pass",
            "with pytest.raises(ValueError): pass",
            'x = """\ndef test_in_string():\n    assert 1 == 1\n"""',
            "x = {'a':\n 1}",
            'y = 1  # """',
            "# a comment",
            "def inner():\n        assert f(5) == 1",
            "class Inner:\n        def test_i(self): assert f(6) == 1",
            "with a:\n        assert f(7) == 1\n\n# at the end",
            "if f(\n1):\n        assert f(8) == \\\n  1\n    else:\n        pass",
            "a = 1; assert a == 1",
            "\f",
        ]
    ),
    max_size=4,
)
HEADS = st.sampled_from(
    [
        "def test_a():",
        "async def test_b():",
        "@one\n@two(\n  1)\ndef test_c():",
        "def helper():",
        "@one  # a comment\n@two\ndef test_d(\n  a,\n  b,\n):",
        "@one\n# a comment\ndef test_e(a=(\n1, 2)): # b",
        '@one("""\ndef test_h():\n    pass""")\ndef helper():',
        "def testing(a, \\\n  b):",
    ]
)
TOP = st.sampled_from(
    [
        "import pytest as pt\n",
        "from pytest import raises, approx\n",
        "from numpy.testing import assert_equal as same\n",
        "from numpy.testing import *\n",
        "import other as pytest\n",
        "\fx = 2\n",
        "x = 1\n",
        "# a comment\n",
        "\n",
        "if a:\n    pass\nelse:\n    pass\n",
    ]
)


def definition(head, body):
    return f"{head}\n    pass\n" + "".join(f"    {line}\n" for line in body)


def in_class(texts, head, indent):
    return f"{head}\n" + textwrap.indent("".join(texts), indent)


FUNCTIONS = st.builds(definition, HEADS, BODY)
MEMBERS = st.sampled_from(
    [
        '"""A docstring."""\n',
        "size = 3\n",
        "# a comment\n",
        "\n",
        "import numpy.testing as np\n",
        "def setUp(self):\n    self.x = 1\n    # behind\n",
        'def test_text(self):\n    x = """\n\nat column 0\n"""\n    assert x == 1\n',
        "class Inner:\n    def test_i(self):\n        assert i(1) == 1\n    def j(self): pass\n",
        "if a:\n    def test_if(self):\n        assert f(3) == 1\n",
        "lone = (\n1)\n",
        "def test_lone(): pass\n",
        "def test_lone(): assert 1 == 2; x = 1\n",
    ]
)
CLASSES = st.builds(
    in_class,
    st.lists(st.one_of(FUNCTIONS, FUNCTIONS, MEMBERS), min_size=1, max_size=6).map(
        lambda texts: [*texts, "last = 1\n"]
    ),
    st.sampled_from(
        ["class TestIt:", "class TestIt(Base,\n  metaclass=Meta):", "@one\n@two(\n1)\nclass Ünit :", "class A: # x"]
    ),
    st.sampled_from(["    ", "  ", "\t"]),
)
VALID = st.lists(st.one_of(FUNCTIONS, CLASSES, CLASSES, TOP), max_size=8).map("".join)
TEXTS = st.one_of(VALID, VALID, VALID, JUNK)
RAISES = "import pytest\ndef test_a():\n    with pytest.raises(A): pass\n"


def seen(found):
    return found.problem, found.sites if found.problem is None else ()


@settings(max_examples=400)
@given(TEXTS, TEXTS)
@example("x = '''\ndef test_a():\n    assert f(1) == 1\n'''\n", "")
@example(RAISES, RAISES.replace("import pytest", "import other as pytest"))
@example("class A:\n  def a(self): pass\n  def test_b(self):\n    assert f(1) == 1\nx = 1\n  def c(self): pass\n", "")
@example("class A:\n  def a(self): pass\n  def test_b(self):\n    assert f(1) == 1\n\fx = 1\n  def c(self): pass\n", "")
@example(
    "class A:\n  if a:\n    def b(self): pass\n    def test_c(self):\n     assert f(1) == 1\n  def d(self): pass\n", ""
)
@example(
    "import numpy as np\ndef test_a():\n    import other as np\n    np.testing.assert_equal(a, 1)\n",
    "from pytest import raises\ndef test_a():\n    from other import raises\n    with raises(A): pass\n",
)
def test_pieces_and_whole_files_give_the_same_sites(one, other):
    reader = PieceReader()
    previous = None
    for text in (one, other, one + other, one):
        raw = text.encode()
        version = reader.read(raw, previous)
        assert seen(version) == seen(extract_sites(raw)) == seen(PieceReader().read(raw))
        previous = version


@st.composite
def edits(draw):
    """A text and what becomes of it when some of its lines are replaced by others."""
    lines = draw(VALID).splitlines(keepends=True)
    first = draw(st.integers(0, len(lines)))
    last = draw(st.integers(first, min(len(lines), first + 3)))
    others = draw(VALID).splitlines(keepends=True)
    start = draw(st.integers(0, len(others)))
    return "".join(lines), "".join([*lines[:first], *others[start : start + draw(st.integers(0, 4))], *lines[last:]])


@settings(max_examples=600)
@given(edits())
def test_an_edited_file_is_read_like_a_new_one(edit):
    before, after = edit
    reader = PieceReader()
    version = reader.read(after.encode(), reader.read(before.encode()))
    assert seen(version) == seen(extract_sites(after.encode()))


@settings(max_examples=400)
@given(VALID, st.sampled_from([None, 0, 60, 200]))
@example("class A:\n  def a(self): pass\n  def test_b(self):\n    assert x == 1\n\fx = 1\n", None)
@example("def test_b():\n    assert x == 1\n    \fx = 1\n", None)
@example("def test_b(): assert x == 1\nx = 1\n", None)
def test_pieces_and_whole_files_are_laid_out_alike(text, budget):
    raw = text.encode()
    reader = PieceReader()
    version = reader.read(raw)
    whole = extract_sites(raw)
    assert version.problem == whole.problem
    if version.problem is None:
        source = decode_source(raw)
        expected = whole_layout(flattened(source) if whole.needs_flattening else source)
        found = reader.layout(version)
        for site in version.sites:
            if site.target is not None:
                assert cut_site(found, site, budget) == cut_site(expected, site, budget)


@settings(max_examples=400)
@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4), st.integers(0, 3))
def test_pieces_and_whole_files_give_the_same_new_sites(before, after, shared):
    reader = PieceReader()
    old_raw, new_raw = "".join(before).encode(), "".join([*before[:shared], *after]).encode()

    def versions(read):
        return FileVersions(
            path="tests/test_a.py",
            old=read(old_raw),
            new=read(new_raw),
            changed_lines=lambda: changed_lines(old_raw, new_raw),
            lenient_old=lambda: extract_sites(old_raw).sites,
        )

    assert new_sites([versions(reader.read)]) == new_sites([versions(extract_sites)])


@given(TEXTS)
def test_pieces_cover_the_text(text):
    raw = text.encode()
    assert b"".join(raw[start:end] for start, end in split_sections(raw)[0]) == raw


def test_decorators_stay_with_their_definition_and_strings_stay_whole():
    text = b"import a\n@one\n@two(\n    3,\n)\ndef f():\n    pass\nclass A:\n    pass\n"
    text += b"x = '''\ndef no():\n'''\ndef g(): pass\n"
    parts = [text[start:end] for start, end in split_sections(text)[0]]
    assert [part.splitlines()[0] for part in parts] == [b"import a", b"@one", b"class A:", b"def g(): pass"]


def test_unchanged_pieces_are_shared_between_versions():
    reader = PieceReader()
    body = "def test_a():\n    assert f() == 1\n\n"
    one = reader.read(body.encode())
    two = reader.read(f"import os\n\n{body}def test_b():\n    assert g() == 2\n".encode())
    assert one.pieces[0].piece is two.pieces[0].piece
    assert [site.lineno for site in two.sites] == [4, 7]


def test_a_piece_that_nothing_can_read_has_the_file_read_as_a_whole(monkeypatch):
    def unreadable(_parsed):
        raise UnreadableSourceError("unparsable-file", "nested too deeply")

    raw = b"import os\n\ndef test_a():\n    assert f() == 1\n"
    monkeypatch.setattr("repopeftbench.mining.reader.text_imports", unreadable)
    assert seen(PieceReader().read(raw)) == seen(extract_sites(raw))


def test_sites_are_remembered_for_the_last_imports_alone():
    reader = PieceReader()
    body = "def test_a():\n    assert f() == 1\n"
    versions = [reader.read(f"from pandas import x{n}\n{body}".encode()) for n in range(20)]
    assert all(len(version.sites) == 1 for version in versions)
    (piece,) = versions[-1].sections[-1].pieces
    assert len(piece.sites) <= MOST_MARKS
