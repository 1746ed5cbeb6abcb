"""Links, verdicts of the task list, what lies beside a run, and the four formats of tables."""

import csv
import io
import json

import pytest
from harness_cases import make_score
from report_cases import scored, spread

from harness.records import Unscored
from harness.report.companions import read_companions
from harness.report.exports import table_exports, to_csv, to_json_rows, to_latex, to_markdown_table
from harness.report.html.links import file_link
from harness.report.html.task_index import TaskIndex, verdict_of
from harness.report.tables import build_report

_SHA = "a" * 40


@pytest.mark.parametrize(
    ("location", "link"),
    [
        ("https://github.com/o/n.git", f"https://github.com/o/n/blob/{_SHA}/a%20b.py#L3"),
        ("https://user:secret@www.github.com/o/n", f"https://github.com/o/n/blob/{_SHA}/a%20b.py#L3"),
        ("https://gitlab.com/g/s/n", f"https://gitlab.com/g/s/n/-/blob/{_SHA}/a%20b.py#L3"),
        ("http://codeberg.org/o/n", f"https://codeberg.org/o/n/src/commit/{_SHA}/a%20b.py#L3"),
        ("https://bitbucket.org/o/n", f"https://bitbucket.org/o/n/src/{_SHA}/a%20b.py#lines-3"),
        ("https://example.org/o/n", None),
        ("javascript://github.com/%0aalert(1)", None),
        ("git@github.com:o/n.git", None),
        ("/home/me/n", None),
        ("https://[github.com/o", None),
        ("", None),
    ],
)
def test_links_lead_to_known_hosts_only_and_hold_no_secret(location, link):
    assert file_link(location, _SHA, "a b.py", 3) == link


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"em_strict": True, "em_ast": True}, "1"),
        ({"em_ast": True, "em_paper": True}, "2"),
        ({"em_paper": True}, "3"),
        ({}, "0"),
        ({"em_ast": Unscored(reason="r")}, "0"),
        ({"failed": True}, "x"),
    ],
)
def test_verdict_is_the_best_that_can_be_said(fields, verdict):
    assert verdict_of(make_score(1, **fields)) == verdict


def test_list_of_tasks_holds_one_text_per_repository_and_a_sign_for_what_was_not_answered():
    index = TaskIndex(runs=2)
    index.add(0, [None, make_score(1)], file="a.py", function="f", line=1)
    index.add(0, [make_score(2, em_strict=True), make_score(2)], file="a.py", function="g", line=2)
    columns = index.columns()
    assert columns["repository"] == {"texts": ["org/a"], "numbers": [0, 0]}
    assert columns["function"] == {"texts": ["f", "g"], "numbers": [0, 1]}
    assert columns["verdicts"] == ["-1", "00"]


def test_long_targets_are_cut_to_one_line():
    index = TaskIndex(1)
    for number, target in enumerate(["a\n  b", "x" * 500]):
        index.add(0, [make_score(number, target=target)], file="", function="", line=0)
    assert index.columns()["target"] == ["a b", "x" * 71 + "…"]


def test_nothing_beside_a_run_is_nothing(tmp_path):
    found = read_companions(tmp_path)
    assert (found.diagnosis, found.remarks) == (None, ())


def test_a_diagnosis_is_read_with_fields_that_are_not_known_here(tmp_path):
    document = {
        "similarity": {"labels": ["a", "b"], "cosine": [[1, 0.2], [0.2, 1]], "kind": "A and B"},
        "controls": [{"control": "own", "em_strict": 0.3, "low": 0.2, "high": 0.4, "n": 3}],
        "other": 1,
    }
    (tmp_path / "diagnosis.json").write_text(json.dumps(document))
    found = read_companions(tmp_path)
    assert found.diagnosis.controls[0].em_strict == 0.3
    assert found.diagnosis.similarity.cosine == ((1.0, 0.2), (0.2, 1.0))
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (b"{", "diagnosis.json of"),
        (b'{"controls": [{"control": "own"}]}', "controls.0.em_strict: Field required"),
        (b'{"similarity": {"labels": ["a"], "cosine": [[1, 2]]}}', "cosine is no square of 1 labels"),
    ],
)
def test_a_diagnosis_that_cannot_be_read_is_a_remark(tmp_path, content, remark):
    (tmp_path / "diagnosis.json").write_bytes(content)
    found = read_companions(tmp_path)
    assert found.diagnosis is None
    assert remark in found.remarks[0]


@pytest.fixture(scope="module")
def exports():
    report = build_report([spread("low_&_50%", [0] * 8), spread("high", [3, 4, 5, 6] * 2)])
    return {export.name: export for export in table_exports(report)}


def test_every_table_is_exported_under_a_name_of_its_own(exports):
    assert {"static-cr_test-methods", "static-cr_test-pairs", "static-cr_test-mistakes"} < set(exports)
    assert "static-cr_test-by-family" in exports
    assert len(exports) == 11


def test_csv_and_json_hold_the_numbers_of_the_report(exports):
    export = exports["static-cr_test-methods"]
    rows = list(csv.DictReader(io.StringIO(to_csv(export))))
    objects = json.loads(to_json_rows(export))
    assert [row["method"] for row in rows] == ["high", "low_&_50%"]
    assert float(rows[0]["em_strict"]) == objects[0]["em_strict"] == 0.725
    assert float(rows[0]["em_strict_low"]) < 0.725 < float(rows[0]["em_strict_high"])
    pairs = json.loads(to_json_rows(exports["static-cr_test-pairs"]))
    assert pairs[0]["verdict"] == "beats"
    assert rows[0]["seed_deviation"] == ""
    assert objects[0]["seed_deviation"] is None


def test_latex_is_a_booktabs_table_with_escaped_texts(exports):
    text = to_latex(exports["static-cr_test-methods"])
    assert r"low\_\&\_50\%" in text
    for part in (r"\begin{tabular}{lrrrrrrrrr}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"):
        assert part in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 3
    assert all(line.count(" & ") == 9 for line in body)


def test_latex_escapes_what_latex_would_run():
    report = build_report([scored(r"\input{x}$~^#{}", [True, False]), scored("n", [False, True])])
    text = to_latex(next(iter(table_exports(report))))
    assert r"\textbackslash{}input\{x\}\$\textasciitilde{}\textasciicircum{}\#\{\}" in text


def test_markdown_is_that_of_the_report(exports):
    lines = to_markdown_table(exports["static-cr_test-mistakes"]).splitlines()
    assert lines[0].startswith("| Method | Wrong | Wrong literal")
    assert len(lines) == 4
