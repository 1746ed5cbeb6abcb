import json

import pytest

from repopeftbench.audit.findings import Findings, Measure, Problem, Severity
from repopeftbench.audit.report import make_report, read_audit, to_json, write_audit
from repopeftbench.audit.summary import Share, summarised
from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.errors import DatasetError
from repopeftbench.schema import Split, Track
from repopeftbench.sources import repository_list


def problem(severity, message="wrong"):
    return Problem(check="c", severity=severity, where="a/b", message=message, fix="mend it")


def measure(repo_id, split, count, of, name="m", track=Track.STATIC):
    return Measure(name=name, track=track, split=split, repo_id=repo_id, count=count, of=of)


def report_on(folder, *problems, measures=()):
    findings = Findings(problems=problems, measures=tuple(measures))
    return make_report(findings, dataset_sha256=file_sha256(folder / "manifest.json"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    return tmp_path


def test_report_comes_back_as_it_was_written(folder):
    report = report_on(folder, problem(Severity.NOTE), measures=[measure("a/b", Split.IR_TEST, 1, 2)])
    write_audit(report, folder)
    assert read_audit(folder) == report
    assert [path.name for path in sorted(folder.iterdir())] == ["audit.json", "audit.md", "manifest.json"]


def test_folder_that_was_not_audited_has_no_report(folder):
    assert read_audit(folder) is None


def test_report_on_another_dataset_is_stale_and_told(folder):
    write_audit(report_on(folder), folder)
    (folder / "manifest.json").write_text("{ }")
    with pytest.raises(DatasetError, match=r"audit\.json is stale.*run repobench check again"):
        read_audit(folder)


@pytest.mark.parametrize("change", [{"extra": 1}, {"problems": 3}, {"measures": [{"name": "m"}]}])
def test_damaged_report_is_refused(folder, change):
    write_audit(report_on(folder), folder)
    path = folder / "audit.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match="run repobench check again"):
        read_audit(folder)


def test_unknown_field_of_a_problem_is_refused(folder):
    write_audit(report_on(folder, problem(Severity.ERROR)), folder)
    path = folder / "audit.json"
    path.write_text(path.read_text().replace('"check":', '"chk": "x", "check":'))
    with pytest.raises(DatasetError, match="chk"):
        read_audit(folder)


def test_errors_come_first_and_the_verdict_counts(folder):
    report = report_on(
        folder, problem(Severity.NOTE, "n"), problem(Severity.ERROR, "e1"), problem(Severity.ERROR, "e2")
    )
    assert [found.message for found in report.problems] == ["e1", "e2", "n"]
    assert report.count(Severity.ERROR) == 2
    write_audit(report, folder)
    text = (folder / "audit.md").read_text()
    assert "Not fit to be published: 2 errors, 0 warnings, 1 note." in text
    assert text.index("## Errors") < text.index("e1") < text.index("## Notes")
    assert "## Warnings" not in text


def test_markup_of_a_message_is_text_in_the_page(folder):
    write_audit(report_on(folder, problem(Severity.ERROR, "a | b\n<img> `c` *d*")), folder)
    assert r"a \| b \<img> \`c\` \*d\*" in (folder / "audit.md").read_text()


def test_repositories_add_up_per_split():
    found = [measure("a", Split.IR_TEST, 1, 4), measure("b", Split.IR_TEST, 2, 4), measure("b", Split.CR_TEST, 0, 0)]
    (table,) = summarised([*found])
    assert table.splits == (Split.IR_TEST, Split.CR_TEST)
    assert table.rows == (("m", (Share(3, 8), Share(0, 0))),)
    assert str(Share(3, 8)) == "3 of 8 (37.5 %)"


def test_page_has_a_table_per_track_and_per_repository(folder):
    found = [
        measure("b", Split.IR_TEST, 1, 4),
        measure("a", Split.CR_TEST, 2, 4, track=Track.EVOLUTION),
        measure("a", Split.CR_TEST, 2, 4, track=None),
    ]
    write_audit(report_on(folder, measures=found), folder)
    lines = (folder / "audit.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("### ")] == [
        "### Track `static`",
        "### Track `evolution`",
        "### Both tracks",
        "### a",
        "### b",
    ]
    assert "Nothing forbids publishing: 0 errors, 0 warnings, 0 notes." in lines


def test_same_findings_give_the_same_bytes(folder):
    first, second = report_on(folder, problem(Severity.NOTE)), report_on(folder, problem(Severity.NOTE))
    assert to_json(first) == to_json(second)


def test_dataset_is_mined_over_an_audited_one_and_has_no_audit_then(tmp_path, make_repository):
    source = make_repository({"tests/test_a.py": "def test_a():\n    assert f(1) == 2\n"})
    options = BuildOptions(folder=tmp_path / "data", cutoff="none", cache=tmp_path / "cache")

    def mine():
        build_dataset(repository_list(str(source)), options, lambda *_: None)

    mine()
    write_audit(report_on(options.folder), options.folder)
    mine()
    assert read_audit(options.folder) is None
    assert not (options.folder / "audit.md").exists()
