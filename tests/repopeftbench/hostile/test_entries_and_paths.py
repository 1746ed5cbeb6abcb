"""Entries of every kind and name: mined where they are files, recorded escaped, never looked up on a disk."""

import builtins
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from raw_history import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, asserting

from repopeftbench.gitchanges import decode_path
from repopeftbench.gitrepo import GitRepository
from repopeftbench.schema import Event, Track

COMMIT = "1" * 40
BODY = asserting(1, 2)
A, B = "tests/test_a.py", "tests/test_b.py"


def mined_after(new_history, mine, *steps):
    history = new_history()
    for step in steps:
        history.commit(step)
    return mine(history.folder)


def test_rename_and_rename_by_case_bring_nothing(new_history, mine):
    mined = mined_after(new_history, mine, {A: BODY}, {A: None, B: BODY}, {B: None, "tests/Test_B.py": BODY})
    assert mined.values() == ["1", "2"]
    assert mined.files(Track.STATIC) == {"tests/Test_B.py"}


def test_paths_that_differ_by_case_or_by_unicode_form_are_different_files(new_history, mine):
    composed, decomposed = "tests/test_\u00e9.py", "tests/test_e\u0301.py"
    names = [composed, decomposed, "tests/test_x.py", "tests/TEST_X.py", "Tests/test_x.py"]
    mined = mined_after(new_history, mine, {name: asserting(n) for n, name in enumerate(names)})
    assert mined.values() == ["0", "1", "2", "3", "4"]
    assert mined.files(Track.STATIC) == set(names)


def test_copy_is_a_new_file(new_history, mine):
    mined = mined_after(new_history, mine, {A: BODY}, {B: BODY})
    assert mined.values() == ["1", "1", "2", "2"]


def test_change_of_mode_alone_brings_nothing(new_history, mine):
    mined = mined_after(new_history, mine, {A: BODY}, {A: (EXECUTABLE, BODY)}, {A: (FILE, BODY)})
    assert (mined.values(), len(mined.diffs())) == (["1", "2"], 1)


def test_odd_mode_bits_of_a_file_are_those_of_a_file(new_history, mine):
    mined = mined_after(new_history, mine, {A: (b"100664", BODY), B: (b"100600", asserting(3))})
    assert mined.values() == ["1", "2", "3"]


@pytest.mark.parametrize("other", [(LINK, "test_b.py"), (SUBMODULE, COMMIT), None], ids=["link", "submodule", "folder"])
def test_file_that_becomes_something_else_is_gone_and_new_when_it_comes_back(new_history, mine, other):
    changed = {A: other} if other else {A: None, f"{A}/inner.txt": "x"}
    back = {A: BODY} if other else {f"{A}/inner.txt": None, A: BODY}
    mined = mined_after(new_history, mine, {A: BODY, B: asserting(3)}, changed, back)
    assert mined.values() == ["1", "1", "2", "2", "3"]
    assert {task.event for task in mined.tasks()} == {Event.ADDED}


def test_folder_that_becomes_a_file_is_its_files_gone(new_history, mine):
    mined = mined_after(
        new_history, mine, {"tests/deep/test_a.py": BODY}, {"tests/deep/test_a.py": None, "tests/deep": "x"}
    )
    assert (mined.values(), mined.values(Track.STATIC)) == (["1", "2"], [])


LINKS = [
    "/etc/passwd",
    "../../../../../etc/passwd",
    "test_link.py",
    "test_b.py",
    ".",
    "/dev/zero",
    "x" * 5000,
    "a\nb",
]


def test_links_are_never_followed_and_submodules_never_looked_into(new_history, mine, monkeypatch):
    history = new_history()
    links = {f"tests/test_link{n}.py": (LINK, target) for n, target in enumerate(LINKS)}
    history.commit(
        {A: BODY, **links, "tests/sub.py": (SUBMODULE, COMMIT), "tests/dir": (LINK, "/etc"), "lib": (SUBMODULE, COMMIT)}
    )
    history.commit({A: asserting(1, 2, 3), "tests/test_link0.py": (LINK, "/etc/shadow"), "lib": (SUBMODULE, "2" * 40)})
    history.commit({"tests/test_link1.py": None, "tests/sub.py": asserting(4)})
    opened = watched(monkeypatch)
    mined = mine(history.folder)
    assert mined.values() == ["1", "2", "3", "4"]
    assert not [path for path in opened if "passwd" in path or path.startswith("/dev/zero")]
    assert outside_git(opened, history) == []


def outside_git(opened, history):
    inside = [path for path in opened if path.startswith(f"{history.folder}/")]
    return [path for path in inside if not path.startswith(f"{history.folder}/.git")]


def watched(monkeypatch):
    """The paths that Python opens from here on."""
    opened = []

    def spy(owner, name):
        whole = getattr(owner, name)

        def call(path, *arguments, **options):
            if isinstance(path, str | bytes | Path):
                opened.append(os.fsdecode(path))
            return whole(path, *arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, name in (
        (builtins, "open"),
        (os, "open"),
        (os, "stat"),
        (os, "lstat"),
        (os, "scandir"),
        (os, "readlink"),
    ):
        spy(owner, name)
    return opened


NAMES = [
    (b"tests/test_\xff\xfe.py", r"tests/test_\xff\xfe.py"),
    (b"tests/test_\xed\xa0\x80.py", r"tests/test_\xed\xa0\x80.py"),
    (b"tests/test_\\xff.py", r"tests/test_\\xff.py"),
    (b"tests/test_\n.py", r"tests/test_\x0a.py"),
    (b"tests/test_\x1b[31m\r\x07.py", r"tests/test_\x1b[31m\x0d\x07.py"),
    ("tests/test_\u202egnp.py".encode(), r"tests/test_\u202egnp.py"),
    ("tests/test_\u2028.py".encode(), r"tests/test_\u2028.py"),
    (b"tests/../../../tmp/test_up.py", r"tests/\x2e\x2e/\x2e\x2e/\x2e\x2e/tmp/test_up.py"),
    (b"tests/./test_dot.py", r"tests/\x2e/test_dot.py"),
    (b"tests/-rf/--help/test_-.py", "tests/-rf/--help/test_-.py"),
    (b"tests/C:\\Windows\\test_win.py", r"tests/C:\\Windows\\test_win.py"),
    (b"tests/CON/test_nul.py", "tests/CON/test_nul.py"),
    (b"tests/.git/hooks/test_hook.py", "tests/.git/hooks/test_hook.py"),
    (b"tests/test_'\"`$(id);&|<>*?.py", "tests/test_'\"`$(id);&|<>*?.py"),
    (b"tests/" + b"x" * 4000 + b"/test_long.py", "tests/" + "x" * 4000 + "/test_long.py"),
    (b"tests/" + b"d/" * 300 + b"test_deep.py", "tests/" + "d/" * 300 + "test_deep.py"),
    (b"tests/test_ .py ", None),
    (b"tests/ test_space.py", None),
    ("tests/test_\U0001f600\u00a0.py".encode(), "tests/test_\U0001f600\u00a0.py"),
]


@pytest.mark.parametrize(("name", "written"), NAMES, ids=range(len(NAMES)))
def test_path_of_any_bytes_is_written_on_one_line_and_mined(new_history, mine, name, written, monkeypatch):
    history = new_history()
    history.commit({name: asserting(1), "src/a.py": "x = 1\n"})
    history.commit({name: asserting(1, 2), "src/a.py": "x = 2\n"})
    opened = watched(monkeypatch)
    mined = mine(history.folder)
    if name.endswith(b".py"):
        assert mined.values() == ["1", "2"]
        assert mined.files(Track.STATIC) == {written or name.decode()}
    else:
        assert mined.code == 0
    assert outside_git(opened, history) == []


def test_production_files_of_odd_names_stay_apart_in_the_diff(new_history, mine):
    odd = {
        b"src/a\nb.py": "x = 1\n",
        b"src/\xff.py": "y = 1\n",
        b"src/../../z.py": "z = 1\n",
        b"src/\\xff.py": "w = 1\n",
    }
    (diff,) = mined_after(new_history, mine, {A: BODY, **odd}).diffs()
    assert all(f"\n+{name} = 1\n" in diff for name in "wxyz")
    assert len([line for line in diff.splitlines() if line.startswith("+++ ")]) == 4


def test_entries_of_one_name_are_a_failed_source(new_history, mine):
    history = new_history()
    one, two = history.blob(asserting(1)), history.blob(asserting(2))
    inner = history.raw_tree((FILE, b"test_a.py", one), (FILE, b"test_a.py", two))
    history.commit(tree=history.raw_tree((FOLDER, b"tests", inner)))
    mined = mine(history.folder)
    assert mined.code == 1
    assert "has two entries 'tests/test_a.py'" in mined.failed[0]


def test_slash_in_a_name_cannot_take_the_place_of_a_file(new_history, mine):
    history = new_history()
    one, two = history.blob(asserting(1)), history.blob(asserting(2))
    inner = history.raw_tree((FILE, b"test_a.py", one))
    history.commit(tree=history.raw_tree((FOLDER, b"tests", inner), (FILE, b"tests/test_a.py", two)))
    mined = mine(history.folder)
    assert mined.code == 1
    assert "has two entries 'tests/test_a.py'" in mined.failed[0]


@pytest.mark.parametrize("entries", ["empty name", "unsorted", "unknown mode", "cut off", "file as folder"])
def test_damaged_tree_is_mined_or_a_failed_source(new_history, mine, entries):
    history = new_history()
    history.commit({A: BODY})
    blob = history.blob(asserting(3))
    tree = {
        "empty name": lambda: history.raw_tree((FILE, b"", blob)),
        "unsorted": lambda: history.raw_tree((FILE, b"test_z.py", blob), (FILE, b"test_a.py", blob)),
        "unknown mode": lambda: history.raw_tree((b"777777", b"test_x.py", blob), (b"1", b"test_y.py", blob)),
        "cut off": lambda: history.write("tree", b"100644 test_a.py\0" + b"\1" * 7),
        "file as folder": lambda: history.raw_tree((FOLDER, b"tests", blob)),
    }[entries]()
    history.commit(tree=tree)
    mined = mine(history.folder)
    assert mined.code == 1 or mined.values()[:2] == ["1", "2"]
    assert "\n" not in "".join(mined.failed)


def test_empty_folders_and_a_thousand_levels_are_walked(new_history):
    history = new_history()
    tree = history.raw_tree()
    for _ in range(1000):
        tree = history.raw_tree((FOLDER, b"d", tree))
    history.commit(tree=tree)
    assert GitRepository(history.folder).python_files(history.head) == ()


RAW = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"\\"))
PIECES = st.sampled_from([b"a", b"/", b".", b"..", b"\\", b"x2e", b"\xff", b"\n", "\u202e".encode(), b"\\u202e"])
ODD_PATHS = st.one_of(RAW, st.lists(PIECES, min_size=1).map(b"".join))


@given(ODD_PATHS, ODD_PATHS)
@example(b"\\xff", b"\xff")
@example("\u00a0".encode(), b"\xa0")
@example(b"..", b"\\x2e\\x2e")
def test_written_paths_are_one_line_each_and_name_nothing_outside(one, other):
    written = decode_path(one)
    assert (decode_path(other) == written) == (one == other)
    assert written.encode("utf-8").isascii() or not one.isascii()
    assert len(f"{written}.".splitlines()) == 1
    assert not {"", ".", ".."}.intersection(written.split("/"))
    assert decode_path(one + b".py").endswith(".py")
