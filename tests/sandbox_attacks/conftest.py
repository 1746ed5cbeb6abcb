import os
from dataclasses import replace

import pytest
from attacks import HEAD, SMALL, TEST

from sandboxes.spec import MEBIBYTE, ExecRequest

RUNTIME = os.environ.get("REPOBENCH_RUNTIME", "")
"""Of the boxes: the engine's own, or gVisor (runsc), whose kernel takes its own part of what a box may take."""
LIMITS = replace(SMALL, memory_bytes=1024 * MEBIBYTE, processes=512) if RUNTIME else SMALL


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
    from sandboxes.docker import DockerSandbox

    with DockerSandbox(docker_image, runtime=RUNTIME) as sandbox:
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
            source=tmp_path / "tree", source_key=str(tmp_path), test=TEST, limits=replace(LIMITS, **dict(limits))
        )

    return build
