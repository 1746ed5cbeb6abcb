"""One published row as a record: what is kept, and how the statement, its place and its kind are found again."""

import pytest

from repopeftbench.mining.keys import statement_key
from repopeftbench.official.commits import author_time
from repopeftbench.official.rows import PublishedRow, family_of, identity, problem_of, reject_of, task_of
from repopeftbench.schema import CommitInfo, Event, Family, Split, TargetType, Track

COMMIT = CommitInfo(sha="a" * 40, history_index=7, committer_time=1_700_000_000)


def published(prefix, target, **changes):
    given = {
        "track": Track.EVOLUTION,
        "split": Split.CR_TEST,
        "repo_id": "o/a",
        "commit_sha": COMMIT.sha,
        "test_file": "tests/test_a.py",
        "test_function": "test_f",
        "assertion_type": "assert",
        "lineno": None,
        "col_offset": None,
        "is_whole_file": True,
        "prefix": prefix,
        "target": target,
        "event": Event.ADDED,
        "old_target": None,
    }
    return PublishedRow(**given | changes)


def test_prefix_and_target_stay_as_they_are():
    prefix = "# é\r\ndef test_f():\r\n    self.assertEqual(f(1), "
    row = published(prefix, "2)", assertion_type="self.assertEqual", lineno=3, col_offset=4)
    task = task_of(row, COMMIT, 0)
    assert (task.prefix, task.gap, task.target, task.suffix) == (prefix, "", "2)", "")
    assert task.statement == "self.assertEqual(f(1), 2)"
    assert task.statement_key == statement_key("self.assertEqual(f(1), 2)")
    assert (task.commit_index, task.history_index, task.committer_time) == (7, 7, 1_700_000_000)
    assert (task.family, task.event, task.target_type) == (Family.UNITTEST, Event.ADDED, TargetType.NUMBER)


@pytest.mark.parametrize(
    ("prefix", "target", "kind", "place", "statement"),
    [
        ("x = 1\nassert f(3) == ", "[1, 2]", "assert", (2, 0), "assert f(3) == [1, 2]"),
        # The in-line prefix has lines of its own.
        ("def t():\n    assert f(\n  3,\n) == ", "4", "assert", (2, 4), "assert f(\n  3,\n) == 4"),
        # The column counts bytes, and was used for characters: one statement's own letters stand twice.
        ("é = 1; aassert x == ", "2", "assert", (1, 8), "assert x == 2"),
        # A tool that counts as it says.
        ("é = 1; assert x == ", "2", "assert", (1, 8), "assert x == 2"),
        # Lines that `str.splitlines` sees and Python does not: the place is not to be found, the last line is.
        ("a\x0cb\n    assert x == ", "2", "assert", (3, 4), "assert x == 2"),
        ("    assert x == ", "2", "assert", (None, None), "assert x == 2"),
        ("with pytest.raises(", "ValueError)", "pytest.raises", (1, 5), "pytest.raises(ValueError)"),
        ("    np.testing.assert_equal(a, ", "b)", "assert_*", (1, 4), "np.testing.assert_equal(a, b)"),
        ("    m.assert_called_once_with(, ", "7)", "assert_*", (1, 4), "m.assert_called_once_with(, 7)"),
    ],
)
def test_statement_is_found_in_the_prefix(prefix, target, kind, place, statement):
    row = published(prefix, target, assertion_type=kind, lineno=place[0], col_offset=place[1])
    task = task_of(row, COMMIT, 0)
    assert task.statement == statement
    text = (prefix + target).encode()
    assert text[task.statement_start_byte : task.statement_end_byte].decode() == statement
    assert text[task.target_start_byte : task.target_end_byte].decode() == target
    assert reject_of(row, 7, "why").statement == statement


def test_place_of_a_structured_prefix_is_its_last_line():
    row = published("import os\n\n    x(); assert y == ", "1", lineno=1, col_offset=9, is_whole_file=False)
    assert task_of(row, COMMIT, 0).statement == "assert y == 1"
    cut_wrongly = published("def t():\n    asser", "False", lineno=80, col_offset=4, is_whole_file=False)
    assert task_of(cut_wrongly, COMMIT, 0).statement == "asserFalse"


@pytest.mark.parametrize(
    ("kind", "statement", "family"),
    [
        ("assert", "assert x == pytest.approx(1)", Family.ASSERT),
        ("pytest.approx", "pytest.approx(1)", Family.APPROX),
        ("pytest.raises", "pytest.raises(ValueError)", Family.RAISES),
        ("self.assertRaises", "self.assertRaises(KeyError)", Family.RAISES),
        ("self.assertRaisesRegex", "self.assertRaisesRegex(KeyError, 'x')", Family.RAISES),
        ("self.assertTrue", "self.assertTrue(x)", Family.UNITTEST),
        ("self.assertLogs", "self.assertLogs('a', 1)", Family.UNITTEST),
        ("assert_*", "np.testing.assert_allclose(a, b)", Family.NUMPY),
        ("assert_*", "assert_array_equal(a, b)", Family.NUMPY),
        ("assert_*", "m().x.assert_called_once_with(7)", Family.MOCK),
        ("assert_*", "assert_valid(a)", Family.OTHER),
        ("assert_*", "no callee", Family.OTHER),
        ("", "assert x", Family.OTHER),
    ],
)
def test_family_is_that_of_the_published_type(kind, statement, family):
    assert family_of(kind, statement) is family


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("f(1)", TargetType.CALL),
        ("f(1))", TargetType.CALL),
        ("'a')", TargetType.STRING),
        ('ValueError, match="x")', TargetType.OTHER),
        ("(1, 2)", TargetType.COLLECTION),
        ("None)", TargetType.NONE),
    ],
)
def test_type_of_a_target_does_not_count_the_closing_parenthesis_of_its_call(target, kind):
    assert task_of(published("f(", target), COMMIT, 0).target_type is kind


def test_equal_rows_have_ids_of_their_own_and_others_too():
    row = published("assert x == ", "1", lineno=1, col_offset=0)
    ids = {task_of(row, COMMIT, occurrence).task_id for occurrence in range(3)}
    assert len(ids) == 3
    assert task_of(row, COMMIT, 0).task_id == identity(row)
    others = [
        published("assert x == ", "1", lineno=2, col_offset=0),
        published("assert x == ", "2", lineno=1, col_offset=0),
        published("assert y == ", "1", lineno=1, col_offset=0),
        published("assert x == ", "1", lineno=1, col_offset=0, test_file="tests/test_b.py"),
    ]
    assert len({identity(row), *map(identity, others)}) == 5


@pytest.mark.parametrize(
    ("prefix", "target", "problem"),
    [("", "1", "empty"), ("assert x == ", " \n", "empty"), ("f(", " , 1)", "leading-comma"), ("f(", "1)", None)],
)
def test_rows_that_the_published_loader_skips_are_named(prefix, target, problem):
    assert problem_of(prefix, target) == problem


def test_reject_without_a_target_has_no_statement():
    reject = reject_of(published("assert x == ", ""), -1, "empty")
    assert (reject.statement, reject.statement_key, reject.family, reject.history_index) == (None, None, None, -1)


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("2024-03-01T10:00:00+02:00", 1_709_280_000),
        ("2024-03-01T08:00:00Z", 1_709_280_000),
        ("2024-03-01T08:00:00", 1_709_280_000),
        ("2024-03-01T08:00:00+51:00", None),
        ("", None),
        (None, None),
    ],
)
def test_author_dates_are_instants(timestamp, time):
    assert author_time(timestamp) == time
