import pytest
from leakage_cases import changed, counts, found

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.origins import OLD_FILES, OLD_STATEMENTS, old_content
from repopeftbench.errors import DatasetError


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


def test_without_a_cutoff_nothing_is_old(family, tmp_path):
    assert old_content(changed(family[0], tmp_path / "data", cutoff=None)).measures == ()


def test_cutoff_that_is_no_date_is_an_expected_failure(family, tmp_path):
    with pytest.raises(DatasetError, match=r"cutoff 'spring' in the manifest is no date"):
        old_content(changed(family[0], tmp_path / "data", cutoff="spring"))
