from leakage_cases import CUTOFF, changed, counts, edit_row, found

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.origins import (
    COMMITS_AFTER,
    COMMITS_BEFORE,
    OLD_FILES,
    OLD_STATEMENTS,
    commits_beyond_cutoff,
    old_content,
)


def test_repositories_that_copy_old_content_are_found_and_the_new_one_is_not(family):
    dataset, _ = family
    findings = old_content(dataset)
    for check in (OLD_STATEMENTS, OLD_FILES):
        assert {problem.where for problem in found(findings, check)} == {"copy", "fork", "host"}
    assert {problem.severity for problem in findings.problems} == {Severity.ERROR}
    (fresh,) = [measure for measure in findings.measures if (measure.repo_id, measure.name) == ("fresh", OLD_FILES)]
    assert fresh.count == 0 < fresh.of


def test_content_that_came_after_the_cutoff_is_not_old(family, tmp_path):
    dataset = changed(family[0], tmp_path / "data", cutoff="2020-01-01T00:00:00+00:00")
    findings = old_content(dataset)
    assert findings.problems == ()
    assert counts(findings, OLD_FILES)[0] == counts(findings, OLD_STATEMENTS)[0] == 0


def test_commits_on_the_wrong_side_of_the_cutoff_are_found(family, tmp_path):
    dataset, names = family
    assert commits_beyond_cutoff(dataset).problems == ()

    def change(rows):
        for row in rows:
            if row["repo_id"] == "fresh" and row["commit_index"] == 0:
                row["committer_time"] = 1_500_000_000
            if row["repo_id"] == names["copied"] and row["commit_index"] == 0:
                row["committer_time"] = 2_000_000_000
            if row["repo_id"] == "fork" and row["commit_index"] == 0:
                row["committer_time"] = 0
        return rows

    findings = commits_beyond_cutoff(changed(dataset, tmp_path / "data", {"commits.parquet": change}))
    assert [(p.check, p.severity, p.where) for p in findings.problems] == [
        (COMMITS_BEFORE, Severity.ERROR, "ood_test"),
        (COMMITS_AFTER, Severity.ERROR, "ir_train"),
    ]
    assert counts(findings, COMMITS_BEFORE)[1] == counts(commits_beyond_cutoff(dataset), COMMITS_BEFORE)[1] - 1


def test_without_a_cutoff_nothing_is_out_of_distribution(healthy, tmp_path):
    dataset = changed(healthy, tmp_path / "data", {"commits.parquet": edit_row(0, committer_time=1)}, cutoff=None)
    assert CUTOFF and commits_beyond_cutoff(dataset).measures == old_content(dataset).measures == ()
