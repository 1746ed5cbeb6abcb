"""The scripted repositories: one snapshot of every kind of file, and one history of every kind of change."""

from collections.abc import Callable
from pathlib import Path

from oracle import cases, snippets
from oracle.prefixes import prefixes
from oracle.scripting import Script, executable, link


def snapshot(folder: Path) -> Script:
    """Every family and every awkward file, in one commit."""
    script = Script(folder)
    plain = "def test_{0}():\n    assert {0}() == 1\n"
    script.commit(
        "all",
        {
            "src/pkg/core.py": "def limit():\n    return 10\n",
            "tests/test_cases.py": cases.source(),
            "tests/test_crlf.py": snippets.CRLF,
            "tests/test_mixed.py": snippets.MIXED_LINE_ENDS,
            "tests/test_latin.py": snippets.LATIN_1.encode("latin-1"),
            "tests/test_cp.py": snippets.COOKIE_SECOND_LINE.encode("cp1252"),
            "tests/test_bom.py": snippets.BOM,
            "tests/test_bom_first.py": snippets.BOM_FIRST_TOKEN,
            "tests/test_feed.py": snippets.FORM_FEED,
            "tests/test_tabs.py": snippets.TABS,
            "tests/test_last.py": snippets.NO_LAST_NEWLINE,
            "tests/test_separators.py": snippets.SEPARATORS,
            "tests/test_mac.py": snippets.CARRIAGE_RETURNS,
            "tests/test_structure.py": snippets.STRUCTURE,
            "tests/__init__.py": "",
            "tests/test_undecodable.py": b"def test_x():\n    assert x == '\xff'\n",
            "tests/test_bad_cookie.py": "# coding: nothing\ndef test_x():\n    assert x == 1\n",
            "tests/test_python2.py": "def test_x():\n    print 'x'\n    assert x == 1\n",
            "tests/test_null.py": b"def test_x():\n    assert x == 1\n\0",
            "tests/test_data.txt": plain.format("text"),
            "tests/test_stub.pyi": plain.format("stub"),
            "tests/test_upper.PY": plain.format("upper"),
            "tests/test_link.py": link("test_feed.py"),
            "tests/linked": link("../src"),
            "tests/run": executable(plain.format("no_suffix")),
            "tests/test_run.py": executable(plain.format("executable")),
            "tests/héllo wörld/test_päth é.py": plain.format("path"),
            "src/testing/deep/er/any.py": plain.format("below_testing"),
            "src/test/any.py": plain.format("below_test"),
            "src/any_test.py": plain.format("suffix"),
            "src/test_any.py": plain.format("prefix"),
            "test_.py": plain.format("bare_prefix"),
            "_test.py": plain.format("bare_suffix"),
            "src/tests.py": plain.format("no_folder"),
            "src/test.py": plain.format("no_folder_2"),
            "src/mytests/any.py": plain.format("near_folder"),
            "src/Tests/any.py": plain.format("upper_folder"),
            "src/latest.py": plain.format("near_suffix"),
            "src/testany.py": plain.format("near_prefix"),
        },
    )
    return script


BASIC = """\
import pytest
from pkg import core


def test_limit():
    assert core.limit() == 10


def test_error():
    with pytest.raises(ValueError):
        core.fail()


class TestThing:
    def test_name(self):
        self.assertEqual(core.name(), "old")
        self.assertEqual(core.other(), "kept")

    def test_pair(self):
        assert core.pair() == 1
        core.step()
        assert core.pair() == 2
"""
INSERTED = BASIC.replace(
    "def test_limit", "import os\n\n# above\nX = 1\n\n\ndef setup():\n    return 'x'\n\n\ndef test_limit"
)
MODIFIED = (
    INSERTED.replace("== 10", "== 20")
    .replace("ValueError", "KeyError")
    .replace('"old"', "'new'")
    .replace("core.pair() == 2", "core.pair() == 3")
    .replace("    def test_pair", "        self.assertEqual(core.extra(), 5)\n\n    def test_pair")
    + "\n\ndef test_added():\n    assert core.added() is None\n    assert core.truthy()\n"
)
RENAMED_AND_EDITED = (
    MODIFIED.replace("is None", "is not None").replace("'new'", "'newer'") + "    assert fresh() == 1\n"
)
MOVED_TEST = '\n\ndef test_moved():\n    assert moved() == "here"\n    assert moved_too(1) == 2\n'
COPIES = "def test_one():\n    assert copied() == 1\n\n\ndef test_two():\n    assert different() == 1\n"
COPIES_ABOVE = "def test_zero():\n    assert copied() == 1\n    assert copied() == 1\n\n\n" + COPIES
HALF = "def test_half():\n    assert half(1) == 1\n    assert half(2) == 2\n"
PRODUCTION = "def value():\n    return {0}\n"


def _many(name: str, count: int, functions: int = 1) -> str:
    lines = []
    for function in range(functions):
        lines.append(f"def test_{name}_{function}():")
        lines += [f"    assert {name}_{function}({i}) == {i}" for i in range(count)]
        lines += ["", ""]
    return "\n".join(lines[:-2]) + "\n"


def _editing(script: Script) -> None:
    a, core = "tests/test_a.py", "src/pkg/core.py"
    script.commit("readme", {"README.md": "assert x == 1\n", core: PRODUCTION.format(0)})
    script.commit("start", {a: BASIC, core: PRODUCTION.format(1), "setup.py": "x = 1\n"})
    script.commit("inserted", {a: INSERTED, core: PRODUCTION.format(2), "src/pkg/gone.py": "g = 1\n"})
    script.commit("spelled", {"tests/test_spell.py": snippets.SPELLINGS_BEFORE, core: PRODUCTION.format(3)})
    script.commit("reformatted", {"tests/test_spell.py": snippets.SPELLINGS_AFTER, "data.json": "{}\n"})
    script.commit("numbers", {"tests/test_numbers.py": snippets.NUMBERS_BEFORE})
    script.commit("numbers again", {"tests/test_numbers.py": snippets.NUMBERS_AFTER})
    script.commit("modified", {a: MODIFIED, core: PRODUCTION.format(4), "src/pkg/gone.py": None})
    script.commit("renamed", {a: None, "tests/test_core.py": MODIFIED})
    script.commit("edited in a rename", {"tests/test_core.py": None, "tests/unit/test_core.py": RENAMED_AND_EDITED})
    script.commit("movable", {"tests/unit/test_core.py": RENAMED_AND_EDITED + MOVED_TEST})
    script.commit(
        "moved",
        {"tests/unit/test_core.py": RENAMED_AND_EDITED, "tests/test_b.py": MOVED_TEST + "    assert own() == 3\n"},
    )
    script.commit("deleted", {"tests/test_b.py": None})
    script.commit("reverted", {"tests/unit/test_core.py": RENAMED_AND_EDITED.replace("== 20", "== 10")})
    script.commit("message", {"tests/test_m.py": "def test_m():\n    assert m() == 1, 'one'\n    assert m2() == 2\n"})
    script.commit(
        "message again", {"tests/test_m.py": "def test_m():\n    assert m() == 1, 'two'\n    assert m2() == 2\n"}
    )
    script.commit(
        "other function", {"tests/test_m.py": "def test_n():\n    assert m2() == 2\n    assert m() == 1, 'two'\n"}
    )


def _merging(script: Script) -> None:
    side = {"tests/test_side.py": "def test_side():\n    assert side() == 1\n", "src/pkg/side.py": "s = 1\n"}
    script.side("side", side, parent="deleted")
    more = {"tests/test_side.py": side["tests/test_side.py"] + "    assert side(2) == 2\n"}
    script.side("side again", more, parent="side")
    merged = {**side, **more, "tests/test_fix.py": "def test_fix():\n    assert only_in_merge() == 1\n"}
    script.merge("merge", merged, other="side again")
    script.commit("copied", {"tests/test_copy.py": COPIES})
    script.commit("copied above", {"tests/test_copy.py": COPIES_ABOVE})
    script.commit("half", {"tests/test_half.py": HALF, "src/pkg/core.py": PRODUCTION.format(5)})
    script.commit("broken", {"tests/test_half.py": HALF + "def broken(:\n    assert x == 1\n"})
    script.commit("repaired", {"tests/test_half.py": HALF + "    assert half(3) == 3\n"})
    script.commit("undecodable", {"tests/test_half.py": HALF.encode() + b"# \xff\n"})
    script.commit("decodable", {"tests/test_half.py": HALF})


def _paths(script: Script) -> None:
    script.commit("many", {f"tests/test_many_{i}.py": _many(f"many{i}", 3, 2) for i in range(4)})
    script.commit("six in a file", {"tests/test_six.py": _many("six", 1, 6)})
    script.commit("nine files", {f"tests/nine/test_{i}.py": _many(f"nine{i}", 1) for i in range(9)})
    script.commit("linked", {"tests/test_alias.py": link("test_six.py"), "tests/test_notes.txt": BASIC})
    script.commit("unlinked", {"tests/test_alias.py": _many("unlinked", 2)})
    script.commit("linked again", {"tests/test_alias.py": link("test_six.py")})
    script.commit("mode", {"tests/test_six.py": executable(_many("six", 1, 6))})
    swapped = {"tests/test_many_0.py": _many("many1", 3, 2), "tests/test_many_1.py": _many("many0", 3, 2)}
    script.commit("swapped", swapped)
    script.commit("file copied", {"tests/test_six_copy.py": _many("six", 1, 6)})
    script.commit("production", {"src/checks.py": _many("promoted", 3), "src/tool.py": "t = 1\n"})
    script.commit("promoted", {"src/checks.py": None, "tests/checks.py": _many("promoted", 3)})
    script.commit("demoted", {"tests/checks.py": None, "src/checks.py": _many("promoted", 3)})
    script.commit("promoted again", {"src/checks.py": None, "tests/checks.py": _many("promoted", 4)})
    script.commit("nothing", {})
    script.commit(
        "split", {"tests/test_many_2.py": None, "tests/test_p.py": _many("many2", 3, 2)[:-20], "tests/test_q.py": "q\n"}
    )
    script.commit("crlf", {"tests/test_crlf.py": snippets.CRLF, "src/crlf.py": b"x = 1\r\ny = 2\r\n"})
    script.commit("lf", {"tests/test_crlf.py": snippets.CRLF.replace(b"\r\n", b"\n"), "src/crlf.py": "x = 1\ny = 3"})
    script.commit("latin", {"tests/test_latin.py": snippets.LATIN_1.encode("latin-1")})
    script.commit("utf-8", {"tests/test_latin.py": snippets.LATIN_1.replace("latin-1", "utf-8")})
    script.commit(
        "path", {"tests/dír é/test_päth.py": "def test_p():\n    assert päth() == 'é'\n", "src/ü é.py": "ü = 1\n"}
    )
    script.commit(
        "path renamed",
        {"tests/dír é/test_päth.py": None, "tests/test_p 2.py": "def test_p():\n    assert päth() == 'é'\n"},
    )


def history(folder: Path) -> Script:
    """Every kind of change to a test file, one commit each, by name."""
    script = Script(folder)
    for part in (_editing, _merging, _paths):
        part(script)
    return script


def born_with_tests(folder: Path) -> Script:
    """A repository whose very first commit is kept: its production diff is against the empty tree."""
    script = Script(folder)
    script.commit("first", {"pkg.py": "x = 1\n", "test_pkg.py": "def test_x():\n    assert born() == 1\n"})
    script.commit("second", {"pkg.py": "x = 2\n"})
    script.commit("third", {"test_pkg.py": "def test_x():\n    assert born() == 2\n", "pkg.py": "x = 3\n"})
    return script


BUILDERS: dict[str, Callable[[Path], Script]] = {
    "snapshot": snapshot,
    "history": history,
    "born": born_with_tests,
    "prefixes": prefixes,
}
