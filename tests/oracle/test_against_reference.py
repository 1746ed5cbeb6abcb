"""The oracle against the miner on scripted repositories: recall, new assertions, bytes, tables, determinism."""

import textwrap
from collections import Counter

import pytest

from oracle import cases
from oracle.comparison import check_bytes, check_tables, check_targets, compare_evolution, compare_static
from oracle.conftest import mine_into
from oracle.scripted import BUILDERS

NAMES = sorted(BUILDERS)


def lines(problems) -> str:
    return "\n".join(problems)


@pytest.mark.parametrize("name", NAMES)
def test_snapshot_rows_are_exactly_the_assertions_of_the_last_commit(scripted, name):
    problems = compare_static(scripted.git(name), scripted.mined[name])
    assert not problems, lines(problems)


@pytest.mark.parametrize("name", NAMES)
def test_commit_rows_are_exactly_what_the_commit_brought(scripted, name):
    verdict = compare_evolution(scripted.git(name), scripted.mined[name])
    assert not verdict.problems, lines(verdict.problems)
    assert verdict.other_renames == ()
    assert verdict.commits > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_task_reassembles_to_the_bytes_of_its_file(scripted, name):
    problems = check_bytes(scripted.git(name), scripted.mined[name])
    assert not problems, lines(problems)


@pytest.mark.parametrize("name", NAMES)
def test_every_target_is_the_last_comparator_or_an_argument(scripted, name):
    problems = check_targets(scripted.mined[name])
    assert not problems, lines(problems)


@pytest.mark.parametrize("name", NAMES)
def test_ids_caps_kept_commits_and_ledger_add_up(scripted, name):
    problems = check_tables(scripted.mined[name])
    assert not problems, lines(problems)


@pytest.mark.parametrize("index", range(len(cases.CASES)), ids=lambda index: cases.CASES[index].body[:40])
def test_case_has_its_family_and_target(scripted, index):
    rows = [
        row
        for row in scripted.mined["snapshot"].rows("static")
        if row["test_file"] == "tests/test_cases.py" and row["test_function"] == cases.name_of(index)
    ]
    rows.sort(key=lambda row: (row["lineno"], row.get("statement_start_byte", 0)))
    expected = cases.CASES[index].expected
    assert len(rows) == len(expected)
    for row, (family, target) in zip(rows, expected, strict=True):
        assert family in (None, row["family"])
        if target is None:
            assert "target" not in row
        elif target != "?" and row.get("reason") != "in-train":
            assert row.get("target") == textwrap.indent(target, "    ").removeprefix("    ")


def test_no_two_cases_share_a_statement(scripted):
    reasons = Counter(
        row["reason"]
        for row in scripted.mined["snapshot"].rejects
        if row["track"] == "static" and row["test_file"] == "tests/test_cases.py"
    )
    assert reasons["duplicate"] == 0


def test_files_that_python_cannot_read_are_one_reject_without_a_line(scripted):
    rows = [row for row in scripted.mined["snapshot"].rejects if row["lineno"] is None and row["track"] == "static"]
    assert sorted(row["test_file"] for row in rows) == [
        "tests/test_bad_cookie.py",
        "tests/test_null.py",
        "tests/test_python2.py",
        "tests/test_undecodable.py",
    ]
    assert all(row[name] is None for row in rows for name in ("family", "statement", "test_function"))


def test_only_paths_of_the_rule_are_test_files(scripted):
    files = {row["test_file"] for row in scripted.mined["snapshot"].rows("static")}
    assert {file for file in files if not file.startswith("tests/test_")} == {
        "_test.py",
        "src/any_test.py",
        "src/test/any.py",
        "src/test_any.py",
        "src/testing/deep/er/any.py",
        "test_.py",
        "tests/héllo wörld/test_päth é.py",
    }
    assert "tests/test_link.py" not in files
    assert "tests/test_run.py" in files


def test_nested_functions_are_named_by_their_qualified_name(scripted):
    found = {
        row["statement"]: row["test_function"]
        for row in scripted.mined["snapshot"].rows("static")
        if row["test_file"] == "tests/test_structure.py"
    }
    assert found["self.assertEqual(in_method, 23)"] == "TestClass.test_method"
    assert found["assert deep == 26"] == "TestClass.TestDeep.TestDeeper.test_deep"
    assert "test_decorated" in found["assert in_inner_method == 9"]
    assert found["assert bare == 35"] == "test"


def test_mining_with_two_workers_and_again_gives_the_same_bytes(scripted, tmp_path):
    def content(folder):
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first = content(scripted.data)
    assert mine_into(scripted.listing, tmp_path / "data", tmp_path / "cache", "--workers", "2") == 0
    assert content(tmp_path / "data") == first
    assert mine_into(scripted.listing, tmp_path / "data", tmp_path / "cache", "--workers", "1") == 0
    assert content(tmp_path / "data") == first
    assert {"commits.parquet", "rejects.parquet", "manifest.json"} < set(first)


def test_mock_assertions_become_tasks_on_demand(scripted, tmp_path):
    from oracle.comparison import load

    folder = scripted.scripts["prefixes"].folder
    assert mine_into(folder, tmp_path / "data", tmp_path / "cache", "--mock", "--workers", "1") == 0
    (mined,) = load(tmp_path / "data").values()
    tasks = [row for row in mined.tasks if row["family"] == "mock" and row["track"] == "evolution"]
    assert {row["statement"] for row in tasks} <= {
        "m.assert_called_with('MOCK_TARGET 1')",
        "m.assert_called_with('MOCK_TARGET 2')",
    }
    assert tasks
    problems = [*compare_static(scripted.git("prefixes"), mined), *check_targets(mined), *check_tables(mined)]
    problems += [*check_bytes(scripted.git("prefixes"), mined)]
    assert not problems, lines(problems)
    off = [row for row in scripted.mined["prefixes"].tasks if row["family"] == "mock"]
    assert off == []
