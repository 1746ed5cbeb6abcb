from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.gitrepo import changed_lines
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.history import FileVersions, new_sites


def versions(old, new, path="tests/test_a.py"):
    old_raw, new_raw = old.encode(), new.encode()
    return FileVersions(
        path=path,
        old=extract_sites(old_raw),
        new=extract_sites(new_raw),
        changed_lines=lambda: changed_lines(old_raw, new_raw),
        lenient_old=lambda: extract_sites(old_raw).sites,
    )


def function_text(*lines, name="test_a"):
    return f"def {name}():\n" + "".join(f"    {line}\n" for line in lines)


def summary(found):
    return [(new.site.statement, new.event.value, new.old_target, new.reason) for new in found]


def test_unchanged_assertion_is_not_emitted_again():
    old = function_text("assert f(1) == 1")
    new = (
        "import os\n\n# a comment\n" + function_text("x = os", "assert f(1)==1") + function_text("pass", name="test_b")
    )
    assert new_sites([versions(old, new)]) == ()


def test_other_target_on_the_same_left_side_is_modified():
    old = function_text("assert f(1) == 1", "assert f(2) == 2")
    new = function_text("assert f(1) == 5", "assert f(2) == 2", "assert f(3) == 3")
    assert summary(new_sites([versions(old, new)])) == [
        ("assert f(1) == 5", "modified", "1", None),
        ("assert f(3) == 3", "added", None, None),
    ]


def test_same_change_in_another_function_is_added():
    old = function_text("assert f(1) == 1")
    new = function_text("assert f(1) == 5", name="test_b")
    assert summary(new_sites([versions(old, new)])) == [("assert f(1) == 5", "added", None, None)]


def test_several_raises_of_one_function_pair_in_order():
    old = function_text("with pytest.raises(A): f()", "with pytest.raises(B): f()")
    new = function_text("with pytest.raises(C): f()", "with pytest.raises(D): f()")
    assert [new.old_target for new in new_sites([versions(old, new)])] == ["A", "B"]


def test_changed_message_alone_is_added():
    old, new = function_text("assert f(1) == 1, 'a'"), function_text("assert f(1) == 1, 'b'")
    assert summary(new_sites([versions(old, new)])) == [("assert f(1) == 1, 'b'", "added", None, None)]


def test_of_equal_copies_the_one_in_the_changed_lines_is_new():
    old = function_text("assert f() == 1") + "\n" + function_text("pass", name="test_b")
    new = function_text("assert f() == 1", name="test_0").replace("f()", "f()") + "\n" + old
    (found,) = new_sites([versions(old, new)])
    assert (found.site.test_function, found.site.lineno) == ("test_0", 2)


def test_assertion_that_left_another_file_is_moved():
    body = function_text("assert f(1) == 1", "assert f(2) == 2")
    gone = versions(body, function_text("assert f(2) == 2"), path="tests/test_a.py")
    came = versions("", function_text("assert f(1) == 1", "assert g() == 3"), path="tests/test_b.py")
    assert [(new.path, new.reason) for new in new_sites([gone, came])] == [
        ("tests/test_b.py", "moved"),
        ("tests/test_b.py", None),
    ]


def test_deleted_file_lets_its_assertions_move():
    body = function_text("assert f(1) == 1")
    gone = FileVersions(path="tests/test_a.py", old=extract_sites(body.encode()))
    came = FileVersions(path="tests/test_b.py", new=extract_sites((body + body).encode()))
    assert [new.reason for new in new_sites([gone, came])] == ["moved", None]


def test_unparsable_parent_does_not_make_old_text_new():
    old = function_text("print 'x'", "assert f(1) == 1")
    new = function_text("print('x')", "assert f(1) == 1", "assert f(2) == 2")
    assert [(n.site.target, n.reason) for n in new_sites([versions(old, new)])] == [
        ("1", "unchanged-since-unparsable"),
        ("2", None),
    ]


def test_undecodable_parent_leaves_nothing_to_tell():
    new = extract_sites(function_text("assert f(1) == 1").encode())
    file = FileVersions(path="tests/test_a.py", old=extract_sites(b"# coding: nonsense\n"), new=new)
    assert [n.reason for n in new_sites([file])] == ["parent-unreadable"]


STATEMENTS = st.lists(
    st.sampled_from(
        ["assert f(1) == 1", "assert f(1)==1", "assert f(1) == 2", "self.assertEqual(a, 1)", "assert x", "y = 1"]
    ),
    max_size=8,
)


@given(STATEMENTS, STATEMENTS)
def test_new_sites_are_the_multiset_difference(before, after):
    file = versions(function_text("pass", *before), function_text("pass", *after))
    expected = Counter(site.key for site in file.new.sites) - Counter(site.key for site in file.old.sites)
    assert Counter(new.site.key for new in new_sites([file])) == expected
