"""The seam that environments are provided through."""

from sandboxes.environments import FAILURES, ImageEnvironments, SourceTree
from sandboxes.errors import EnvironmentFailedError, SandboxError
from sandboxes.spec import Environment


def test_image_environments_provide_the_image_whatever_the_tree_asks_for(tmp_path):
    (tmp_path / "requirements.txt").write_text("no-such-package-at-all\n")
    with ImageEnvironments().provide(SourceTree(folder=tmp_path)) as environment:
        assert environment == Environment()


def test_image_environments_can_be_any_one_environment(tmp_path):
    other = Environment(key="other", python="/opt/python")
    with ImageEnvironments(other).provide(SourceTree(folder=tmp_path)) as environment:
        assert environment is other


def test_failure_names_its_code_and_its_reason():
    error = EnvironmentFailedError(FAILURES[1], "it needs Python 3.14")
    assert isinstance(error, SandboxError)
    assert (error.code, error.reason) == ("env-failed: python", "it needs Python 3.14")
    assert str(error) == "env-failed: python: it needs Python 3.14"
