import pytest

from repopeftbench.mining.metadata import is_metadata
from repopeftbench.mining.testfiles import FileKind, file_kind


@pytest.mark.parametrize(
    "path",
    [
        "README.md", "readme.rst", "README", "LICENSE", "LICENCE.txt", "LICENSE-MIT", "COPYING", "pyproject.toml",
        "setup.cfg", "tox.ini", "Pipfile", "requirements.txt", "requirements-dev.txt",
    ],
)  # fmt: skip
def test_project_metadata_at_the_root_is_recognised(path):
    assert is_metadata(path)


@pytest.mark.parametrize(
    "path",
    ["docs/README.md", "tests/README.md", "setup.py", "README.py", "CHANGELOG.md", "Pipfile.lock", "requirements.in"],
)
def test_other_files_are_no_metadata(path):
    assert not is_metadata(path)


@pytest.mark.parametrize("path", ["readme_test.py", "test_readme.py", "tests/LICENSE", "LICENSE_test.py"])
def test_a_test_is_never_metadata(path):
    assert not is_metadata(path)
    assert file_kind(path) is FileKind.TEST or "/" in path
