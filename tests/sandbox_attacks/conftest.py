import os
from dataclasses import replace

import pytest
from attacks import HEAD, SMALL, TEST

from sandboxes.spec import ExecRequest


@pytest.fixture(scope="session")
def canary(tmp_path_factory):
    """A file and a variable of this machine that no box may see."""
    path = tmp_path_factory.mktemp("host") / "canary"
    path.write_text("secret")
    os.environ["REPOBENCH_CANARY"] = "secret"
    yield path
    del os.environ["REPOBENCH_CANARY"]


@pytest.fixture(scope="session")
def sandbox(docker_image, canary):
    """Boxes of the engine's own runtime, or of the one that REPOBENCH_RUNTIME names."""
    from sandboxes.docker import DockerSandbox

    with DockerSandbox(docker_image, runtime=os.environ.get("REPOBENCH_RUNTIME", "")) as sandbox:
        yield sandbox


@pytest.fixture
def tree(tmp_path, canary):
    """Builds a source tree with one hostile test and returns the request that runs it."""

    def build(body, *, head="", conftest="", limits=(), answer=""):
        folder = tmp_path / "tree" / "tests"
        folder.mkdir(parents=True)
        text = f"{HEAD}CANARY_FILE = {str(canary)!r}\n{answer}{head}\n\ndef test_attack():{body}"
        (folder / "test_attack.py").write_text(text)
        (folder / "conftest.py").write_text(conftest)
        (folder / "link-to-the-host").symlink_to(canary)
        (tmp_path / "tree" / ".git").mkdir()
        return ExecRequest(
            source=tmp_path / "tree", source_key=str(tmp_path), test=TEST, limits=replace(SMALL, **dict(limits))
        )

    return build
