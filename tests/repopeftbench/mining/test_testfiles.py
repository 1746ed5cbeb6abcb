import pytest

from repopeftbench.mining.testfiles import file_kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("test_a.py", "test"),
        ("a_test.py", "test"),
        ("pkg/tests/helper.py", "test"),
        ("test/data/x.py", "test"),
        ("testing/conftest.py", "test"),
        ("pkg/contest.py", "production"),
        ("latest/a.py", "production"),
        ("Tests/a.py", "production"),
        ("tests.py", "production"),
        ("test.py", "production"),
        ("conftest.py", "production"),
        ("tests/data.json", "other"),
        ("test_a.pyi", "other"),
    ],
)
def test_kind_follows_the_path_rule(path, kind):
    assert file_kind(path) == kind
