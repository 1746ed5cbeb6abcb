import pytest
from leakage_cases import changed, counts, edit_row, found

from repopeftbench.audit.diff_chunks import Chunk, chunks
from repopeftbench.audit.findings import Severity
from repopeftbench.audit.occurrences import expression, occurs
from repopeftbench.audit.visible_answers import (
    FEWEST_TASKS,
    IN_DIFF,
    IN_PREFIX,
    LONG_IN_PREFIX,
    targets_in_diff,
    targets_in_prefix,
)
from repopeftbench.schema import Family, Split, Track

IR_TEST = "tasks/evolution/ir_test.parquet"


def test_healthy_dataset_has_measures_and_no_problem(healthy):
    for check, names in ((targets_in_prefix, (IN_PREFIX, LONG_IN_PREFIX)), (targets_in_diff, (IN_DIFF,))):
        findings = check(healthy)
        assert findings.problems == ()
        assert [counts(findings, name)[0] for name in names] == [0] * len(names)
        assert all(counts(findings, name)[1] > 0 for name in names)


def test_target_in_the_prefix_is_counted_by_length(healthy, tmp_path):
    def change(rows):
        rows[0].update(target="7", prefix="x = 7\nassert x ==")
        rows[1].update(target="'seven'", prefix="x = 'seven'\nassert x ==")
        return rows

    findings = targets_in_prefix(changed(healthy, tmp_path / "data", {IR_TEST: change}))
    assert (counts(findings, IN_PREFIX)[0], counts(findings, LONG_IN_PREFIX)[0]) == (2, 1)
    assert findings.problems == ()  # of two tasks


def test_split_with_most_targets_in_prefixes_is_a_warning(healthy, tmp_path):
    def change(rows):
        return [{**rows[0], "target": "first", "prefix": "first"} for _ in range(FEWEST_TASKS)] + rows

    findings = targets_in_prefix(changed(healthy, tmp_path / "data", {IR_TEST: change}))
    assert [(p.check, p.severity, p.where) for p in findings.problems] == [
        (name, Severity.WARNING, "evolution/ir_test") for name in (IN_PREFIX, LONG_IN_PREFIX)
    ]


def test_target_that_the_commits_own_diff_adds_is_found(healthy, tmp_path):
    task = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))

    def change(rows):
        for row in rows:
            if row["commit_sha"] == task.commit_sha:
                row["production_diff"] += f"+    return {task.target}\n"
        return rows

    findings = targets_in_diff(changed(healthy, tmp_path / "data", {"commits.parquet": change}))
    assert counts(findings, IN_DIFF)[0] == 1
    (problem,) = found(findings, IN_DIFF)
    assert problem.where == "evolution/ir_test"


@pytest.mark.parametrize("line", ["-    return 'token'", "     return 'token'"])
def test_target_that_the_diff_does_not_add_is_not_found(healthy, tmp_path, line):
    diff = f"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n{line}\n+    return 'tokens'\n"
    changes = {
        IR_TEST: edit_row(0, target="token"),
        "commits.parquet": lambda rows: [{**row, "production_diff": diff} for row in rows],
    }
    assert counts(targets_in_diff(changed(healthy, tmp_path / "data", changes)), IN_DIFF)[0] == 0


def test_published_targets_are_looked_for_without_their_last_parenthesis(healthy, tmp_path):
    row = edit_row(0, target="'abcd')", family="unittest", prefix="x = 'abcd'\nself.assertEqual(x, ")
    dataset = changed(healthy, tmp_path / "data", {IR_TEST: row}, protocol="paper")
    assert counts(targets_in_prefix(dataset), LONG_IN_PREFIX)[0] == 1
    (tmp_path / "clean").mkdir()
    assert counts(targets_in_prefix(changed(healthy, tmp_path / "clean/data", {IR_TEST: row})), LONG_IN_PREFIX)[0] == 0


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        ("1", "f(1)", True),
        ("1", "f(10) x1 1.5 2.1 1_000", False),
        ("1", "f(10) + 1", True),
        ("name", "rename names name", True),
        ("name", "rename names", False),
        ("name", "x.name", True),
        ("'a b'", "x = 'a b'", True),
        ("é", "café", False),
        ("-1", "x-1", True),
        ("", "anything", False),
    ],
)
def test_targets_occur_as_whole_tokens(target, text, expected):
    assert occurs(target, text) is expected


@pytest.mark.parametrize(
    ("target", "family", "expected"),
    [
        ("3)", Family.UNITTEST, "3"),
        ("f(3)", Family.UNITTEST, "f(3)"),
        ("f(3))", Family.NUMPY, "f(3)"),
        ("'(')", Family.UNITTEST, "'('"),
        ("x", Family.UNITTEST, "x"),
        ("3)", Family.ASSERT, "3)"),
    ],
)
def test_expression_of_a_published_target(target, family, expected):
    assert expression(target, family) == expected


def test_diffs_of_both_protocols_are_read():
    diff = (
        "diff --git a/pkg/a.py b/pkg/a.py\nindex 1..2 100644\n--- a/pkg/a.py\n+++ b/pkg/a.py\n"
        "@@ -1,2 +1,2 @@\n kept\n-old\n+new\n+++ b/no header\n"
        "diff --git a/old name.py b/new name.py\nsimilarity index 90%\nrename from old name.py\nrename to new name.py\n"
        "--- a/old name.py\t\n+++ b/new name.py\t\n@@ -1 +1 @@\n+moved\n"
        "diff --git a/x b/y b/x b/y\nold mode 100644\nnew mode 100755\n"
        "diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-text\n"
        "diff --git a/born.py b/born.py\nnew file mode 100644\n--- /dev/null\n+++ b/born.py\n@@ -0,0 +1 @@\n+text\n"
    )
    assert list(chunks(diff)) == [
        Chunk(old_path="pkg/a.py", path="pkg/a.py", shows_text=True, added="new\n++ b/no header"),
        Chunk(old_path="old name.py", path="new name.py", shows_text=True, added="moved"),
        Chunk(old_path="x b/y", path="x b/y", shows_text=False, added=""),
        Chunk(old_path="gone.py", path="gone.py", shows_text=True, added=""),
        Chunk(old_path="born.py", path="born.py", shows_text=True, added="text"),
    ]
    assert list(chunks("")) == []
