"""Environments are built for real: each of these needs an engine and reaches PyPI from a container."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pytest

from sandboxes.environments import DISK, FAILED, PYTHON, SourceTree
from sandboxes.errors import EnvironmentFailedError, SandboxError, SandboxUnavailableError
from sandboxes.shelf import Shelf
from sandboxes.spec import ExecRequest, Verdict

pytestmark = pytest.mark.docker
DAY = date(2025, 5, 5)
PROJECT = '[project]\nname = "own-package"\nversion = "3.2"\ndependencies = ["attrs"]\n'
TEST = """
import importlib.metadata
import subprocess
import sys

import attrs
import iniconfig
import own_package


def test_it(tmp_path):
    assert own_package.__file__ == "/box/tree/src/own_package/__init__.py"
    assert importlib.metadata.version("own-package") == "3.2"
    assert own_package.version == "3.2"
    code = "import own_package; print(own_package.version)"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True) == "3.2\\n"


def test_version_of_attrs():
    assert importlib.metadata.version("attrs") == "25.3.0"
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def built(docker_image, store):
    from sandboxes.builder import BuiltEnvironments

    with BuiltEnvironments(store) as environments:
        yield environments


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return SourceTree(folder=folder, repository="some/one", committed=DAY)


@pytest.fixture
def tree(tmp_path):
    files = {
        "pyproject.toml": PROJECT,
        "src/own_package/__init__.py": "from ._version import version\n",
        "tests/test_own.py": TEST,
        "pytest.ini": "[pytest]\naddopts = --cov=src --cov-report=xml\nfilterwarnings = error\n",
    }
    return write(tmp_path / "tree", files)


def test_tests_run_with_what_the_tree_asks_for_of_its_own_day(built, tree):
    from sandboxes.docker import DockerSandbox

    with built.provide(tree) as environment, DockerSandbox() as sandbox:
        for test in ("test_it", "test_version_of_attrs"):
            request = ExecRequest(
                source=tree.folder, source_key="t", test=f"tests/test_own.py::{test}", environment=environment
            )
            result = sandbox.execute(request)
            assert (result.verdict, result.reason) == (Verdict.PASSED, "1 passed")
            assert result.contained


def test_tree_that_asks_for_the_same_gets_the_same_at_once(built, tree, tmp_path, monkeypatch):
    with built.provide(tree) as first:
        pass
    monkeypatch.setattr(built, "_install", None)
    (tree.folder / "pyproject.toml").write_text(PROJECT.replace("3.2", "4.0"))
    with built.provide(tree) as second:
        assert second.mounts[0] == first.mounts[0]
        assert second.key != first.key  # its own metadata differ


def test_threads_that_ask_at_one_time_build_once(built, tmp_path, monkeypatch):
    trees = [write(tmp_path / name, {"requirements.txt": "idna\n"}) for name in "ab"]
    installs, install, keys = [], built._install, []
    monkeypatch.setattr(built, "_install", lambda *given: installs.append(1) or install(*given))

    def ask(tree):
        with built.provide(tree) as environment:
            keys.append(environment.key)

    threads = [threading.Thread(target=ask, args=[tree]) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(installs), len(set(keys))) == (1, 1)


def test_package_that_exists_nowhere_fails_with_its_name_and_is_not_tried_again(built, store, tmp_path, monkeypatch):
    from sandboxes.builder import BuiltEnvironments

    tree = write(tmp_path, {"requirements.txt": "repobench-no-such-package\n"})
    with pytest.raises(EnvironmentFailedError, match="repobench-no-such-package") as caught, built.provide(tree):
        pass
    assert caught.value.code == FAILED
    assert "\n" not in caught.value.reason
    monkeypatch.setattr(built, "_install", None)
    with pytest.raises(EnvironmentFailedError, match="repobench-no-such-package"), built.provide(tree):
        pass
    with BuiltEnvironments(store, retry=True) as again:
        monkeypatch.setattr(again, "_attempt", lambda *given: (_ for _ in ()).throw(ZeroDivisionError))
        with pytest.raises(ZeroDivisionError), again.provide(tree):
            pass


def test_undeclared_import_is_installed_and_one_that_cannot_be_had_is_left_out(built, tmp_path):
    test = "import idna\nimport repobench_no_such_module\n"
    tree = write(tmp_path, {"tests/test_a.py": test})
    with built.provide(tree) as environment:
        about = json.loads((environment.mounts[0].host.parent / "about.json").read_text())
    assert any(line.startswith("idna==") for line in about["installed"])
    assert about["missed"] == ["repobench-no-such-module"]


def test_bounds_of_tests_are_dropped_where_their_pytest_does_not_start(built, tmp_path):
    tree = write(tmp_path, {"requirements-test.txt": "pytest==5.4.3\n"})
    with built.provide(tree) as environment:
        about = json.loads((environment.mounts[0].host.parent / "about.json").read_text())
    assert (about["attempt"], about["sources"]) == ("tests' bounds dropped", False)


def test_package_without_a_wheel_is_built_and_never_in_the_shared_cache(built, store, tmp_path):
    tree = write(tmp_path, {"requirements.txt": "docopt==0.6.2\n"})
    with built.provide(tree) as environment:
        about = json.loads((environment.mounts[0].host.parent / "about.json").read_text())
    assert (about["attempt"], about["sources"]) == ("as asked", True)
    assert "docopt==0.6.2" in about["installed"]
    assert not any(path for path in (store / "cache").rglob("*docopt*") if path.suffix == ".whl")


def test_requirement_of_tests_that_cannot_be_had_is_left_out(built, tmp_path):
    tree = write(tmp_path, {"requirements-test.txt": "repobench-no-such-package\nidna\n"})
    with built.provide(tree) as environment:
        about = json.loads((environment.mounts[0].host.parent / "about.json").read_text())
    assert about["missed"] == ["repobench-no-such-package"]
    assert any(line.startswith("idna==") for line in about["installed"])


def test_other_python_is_a_failure_of_its_own(built, tmp_path):
    tree = write(tmp_path, {"pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.99"\n'})
    with pytest.raises(EnvironmentFailedError, match=r">=3\.99, the image has 3\.") as caught, built.provide(tree):
        pass
    assert caught.value.code == PYTHON


def test_budget_that_cannot_hold_the_environment_is_a_failure_that_says_so(docker_image, tree, tmp_path):
    from sandboxes.builder import BuiltEnvironments

    with BuiltEnvironments(tmp_path / "small", budget=1_000_000) as environments:
        for _ in range(2):
            with pytest.raises(EnvironmentFailedError, match="--disk-budget") as caught, environments.provide(tree):
                pass
            assert caught.value.code == DISK
            assert list((tmp_path / "small" / "made").iterdir()) == []


def test_registry_that_does_not_answer_is_no_fault_of_the_tree(docker_image, tree, tmp_path, monkeypatch):
    from sandboxes import build_box
    from sandboxes.builder import BuiltEnvironments

    config = build_box.host_config
    monkeypatch.setattr(build_box, "host_config", lambda room: config(room) | {"NetworkMode": "none"})
    with BuiltEnvironments(tmp_path / "none") as environments:
        with pytest.raises(SandboxUnavailableError, match="registry does not answer"), environments.provide(tree):
            pass
    assert list((tmp_path / "none" / "failed").iterdir()) == []


def test_tree_that_says_what_uv_says_without_a_registry_fails_alone(built, tmp_path):
    tree = write(tmp_path, {"requirements.txt": "idna ; dns error, no space left on device\n"})
    with pytest.raises(EnvironmentFailedError, match="dns error") as caught, built.provide(tree):
        pass
    assert caught.value.code == FAILED


@pytest.mark.parametrize("folder", ["/proc/repobench", "/etc"])
def test_folder_that_cannot_hold_environments_is_one_sentence(docker_image, folder):
    from sandboxes.builder import BuiltEnvironments

    before = sorted(Path("/etc").iterdir())
    with pytest.raises(SandboxError, match=folder) as caught:
        BuiltEnvironments(Path(folder))
    assert "\n" not in str(caught.value)
    assert sorted(Path("/etc").iterdir()) == before


def test_disk_use_names_the_repository(built, store, tree):
    with built.provide(tree):
        pass
    shelf = Shelf(store, frozenset)
    (use,) = [use for use in shelf.disk_use() if use.repository == "some/one"]
    assert use.environments >= 1
    assert shelf.total_bytes() > use.bytes > 1_000_000


KILLED = """
import sys
from datetime import date
from pathlib import Path
from sandboxes.builder import BuiltEnvironments
from sandboxes.environments import SourceTree

with BuiltEnvironments(Path(sys.argv[1])) as environments:
    print("ready", flush=True)
    with environments.provide(SourceTree(folder=Path(sys.argv[2]), committed=date(2025, 5, 5))):
        print("built", flush=True)
"""


def test_killed_build_leaves_no_container_and_nothing_half_made(docker_image, tree, tmp_path):
    from sandboxes.builder import BuiltEnvironments
    from sandboxes.docker import LABEL, connect

    command = [sys.executable, "-c", KILLED, str(tmp_path / "store"), str(tree.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        while not list((tmp_path / "store" / "building").glob("*/*/env/*")):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout.read() == ""
    assert list((tmp_path / "store" / "made").iterdir()) == []
    client = connect()
    try:
        with BuiltEnvironments(tmp_path / "store") as environments:
            assert [
                row
                for row in client.containers(all=True, filters={"label": LABEL})
                if f"~{process.pid}~" in row["Labels"][LABEL]
            ] == []
            assert list((tmp_path / "store" / "building").iterdir()) == []
            with environments.provide(tree) as environment:
                assert (environment.mounts[0].host / "venv" / "bin" / "python").is_symlink()
    finally:
        client.close()
