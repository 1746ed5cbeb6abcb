import pytest
from leakage_cases import changed, counts, edit_row, found, growing, mined

from repopeftbench.audit.conditioning import TESTS_IN_DIFF, diffs_with_tests
from repopeftbench.audit.findings import Severity
from repopeftbench.audit.statement_index import StatementIndex
from repopeftbench.audit.tally import Group
from repopeftbench.audit.visible_tests import MARKS, STATEMENTS, TESTS, views_with_tests
from repopeftbench.schema import Split, Track

FILES = "files/part-00000.parquet"
TREES = "trees/part-00000.parquet"
DIFF = "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"


def test_healthy_dataset_shows_no_test_text(healthy):
    for check, name in ((diffs_with_tests, TESTS_IN_DIFF), (views_with_tests, STATEMENTS)):
        findings = check(healthy)
        assert findings.problems == ()
        assert counts(findings, name)[0] == 0 < counts(findings, name)[1]


@pytest.mark.parametrize("path", ["tests/data.py", "pkg/test_x.py"])
def test_test_file_in_a_production_diff_is_found(healthy, tmp_path, path):
    def change(rows):
        rows[3]["production_diff"] += DIFF.format(path=path)
        return rows

    findings = diffs_with_tests(changed(healthy, tmp_path / "data", {"commits.parquet": change}))
    (problem,) = found(findings, TESTS_IN_DIFF, Severity.ERROR)
    assert path in problem.message
    assert counts(findings, TESTS_IN_DIFF) == (1, 10)


def test_file_that_tasks_were_mined_from_is_a_test_wherever_it_stands(healthy, tmp_path):
    def move(rows):
        return [{**row, "test_file": "examples/usage.py"} for row in rows]

    def change(rows):
        rows[3]["production_diff"] += DIFF.format(path="examples/usage.py")
        return rows

    changes = {"commits.parquet": change, "tasks/evolution/ir_test.parquet": move}
    (problem,) = diffs_with_tests(changed(healthy, tmp_path / "data", changes, protocol="paper")).problems
    assert (problem.severity, "examples/usage.py" in problem.message) == (Severity.WARNING, True)


def test_production_diff_that_only_names_a_moved_test_shows_nothing(healthy, tmp_path):
    def change(rows):
        names = "rename from tests/a.py\nrename to tests/b.py\n"
        moved = f"diff --git a/tests/a.py b/tests/b.py\nsimilarity index 100%\n{names}"
        return [{**row, "production_diff": moved} for row in rows]

    assert diffs_with_tests(changed(healthy, tmp_path / "data", {"commits.parquet": change})).problems == ()


def test_commit_of_an_unknown_split_is_left_to_the_structure_audit(healthy, tmp_path):
    dataset = changed(healthy, tmp_path / "data", {"commits.parquet": edit_row(0, split="ir_dev")})
    assert counts(diffs_with_tests(dataset), TESTS_IN_DIFF) == (0, 9)


def test_test_file_that_also_stands_among_the_code_is_found(tmp_path):
    history = growing(6)
    history[2][1]["build/lib/checks.py"] = history[2][1]["tests/test_2.py"]
    findings = views_with_tests(mined(tmp_path, {"repo": history}))
    (problem,) = found(findings, TESTS, Severity.ERROR)
    assert problem.where == "repo"
    assert "build/lib/checks.py holds those of 4" in problem.message  # two statements, on both tracks
    assert counts(findings, STATEMENTS)[0] == 4


def test_statement_of_train_counts_from_the_commit_on_that_shows_it(tmp_path):
    history = growing(10)
    statement = "assert measure_0(first) == 1000"
    history[5][1]["pkg/notes.py"] = f'"""Usage.\n\n>>> {statement}\n"""\n'.encode()
    assert statement.encode() in history[0][1]["tests/test_0.py"]
    findings = views_with_tests(mined(tmp_path, {"repo": history}))
    # At its own commit, on the evolution track, the note was not there yet; in the snapshot it is.
    assert {m.track: m.count for m in findings.measures if m.split == Split.IR_TRAIN} == {
        Track.STATIC: 1,
        Track.EVOLUTION: 0,
    }


def test_held_out_statement_counts_at_any_commit(healthy, tmp_path):
    task = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))

    def plant(rows):
        row = next(row for row in rows if not row["is_test"])
        row["text"] += f"\n\ndef note():\n    {task.statement}  # as tested\n"
        return rows

    findings = views_with_tests(changed(healthy, tmp_path / "data", {FILES: plant}))
    (problem,) = found(findings, STATEMENTS)
    assert (problem.severity, "pkg/m0.py" in problem.message) == (Severity.WARNING, True)
    assert counts(findings, STATEMENTS)[0] == 2  # static and evolution
    assert found(findings, TESTS) == []


def test_planted_test_text_in_a_visible_file_is_an_error(healthy, tmp_path):
    task = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))

    def plant(rows):
        row = next(row for row in rows if not row["is_test"])
        row["text"] = f"import pytest\n\n\ndef test_all():\n    {task.statement}\n"
        return rows

    (problem,) = views_with_tests(changed(healthy, tmp_path / "data", {FILES: plant})).problems
    assert (problem.check, problem.severity) == (TESTS, Severity.ERROR)


def test_test_by_content_alone_is_a_warning(healthy, tmp_path):
    def plant(rows):
        next(row for row in rows if not row["is_test"])["text"] = "import unittest\n\ndef test_it():\n    pass\n"
        return rows

    (problem,) = views_with_tests(changed(healthy, tmp_path / "data", {FILES: plant})).problems
    assert (problem.check, problem.severity, "pkg/m0.py" in problem.message) == (TESTS, Severity.WARNING, True)


@pytest.mark.parametrize("is_test", [True, False])
def test_wrong_mark_is_an_error(healthy, tmp_path, is_test):
    def flip(rows):
        next(row for row in rows if row["is_test"] is not is_test)["is_test"] = is_test
        return rows

    (problem,) = found(views_with_tests(changed(healthy, tmp_path / "data", {FILES: flip})), MARKS)
    assert (problem.severity, problem.message.startswith("1 files")) == (Severity.ERROR, True)


def test_dataset_without_snapshots_has_no_views_to_look_at(tmp_path):
    assert views_with_tests(mined(tmp_path, {"one": growing(3)}, snapshots=False)).measures == ()


@pytest.mark.parametrize(
    ("statement", "text", "expected"),
    [
        ("assert price(3) == 17.5", "x = 1\n\tassert price(3) == 17.5\n", True),
        ("assert price(3) == 17.5", "assert price(3) == 17.55", False),
        ("pytest.raises(ValueError, match='no')", "    with pytest.raises(ValueError, match='no') as e:\n", True),
        ("assert price(3) == 17.5", "# assert price(3) == 17.5", True),
        ("assert x == 1", "assert x == 1", False),
        (
            "assert price(3) == {\n    'net': 17.5,\n    'gross': 20,\n}",
            "assert price(3) == {\n 'net': 17.5,\n 'gross': 20,\n}",
            True,
        ),
        (
            "assert price(3) == {\n    'net': 17.5,\n    'gross': 20,\n}",
            "assert price(3) == {\n 'net': 17.5,\n}",
            False,
        ),
    ],
)
def test_statement_is_found_whole_and_however_it_is_indented(statement, text, expected):
    index = StatementIndex()
    group = Group(Track.STATIC, Split.IR_TRAIN, "repo")
    index.add(group, "1" * 40, statement)
    assert [hit.tasks for hit in index.found_in(text)] == [((group, "1" * 40),)] * expected
