"""What every driver must do alike; the attacks that only containers withstand are in tests/sandbox_attacks."""

import threading

import pytest

from sandboxes.docker import DockerSandbox
from sandboxes.errors import EnvironmentUnusableError, PolicyError, RequestError, SandboxUnavailableError
from sandboxes.local import LocalSandbox, this_interpreter
from sandboxes.spec import Environment, ExecRequest, Limits, Mount, Patch, Verdict

TESTS = """
import os, sys, unittest
import pytest
from pkg import VALUE

def test_passes():
    assert VALUE == 1

def test_fails():
    assert VALUE == 2

@pytest.mark.parametrize("value", [1, 2])
def test_cases(value):
    assert value < 3

@pytest.mark.parametrize("value", [1, 3])
def test_one_case_fails(value):
    assert value < 3

class TestMethods(unittest.TestCase):
    def test_method(self):
        self.assertEqual(VALUE, 1)

@pytest.fixture
def broken():
    raise RuntimeError("in setup")

def test_setup_fails(broken):
    pass

def test_is_skipped():
    pytest.skip("today")

@pytest.mark.xfail
def test_is_expected_to_fail():
    assert False

def test_exits():
    os._exit(0)

def test_loops():
    while True:
        pass

def test_prints():
    while True:
        os.write(1, b"x" * 65536)
        os.write(sys.__stderr__.fileno(), b"x" * 65536)
        os.write(4, b"x" * 65536)

def test_says():
    print("1 passed")
    print(hash("a"))
    assert False

def test_writes(tmp_path):
    (tmp_path / "x").write_text("x")
    assert os.environ["HOME"].startswith(os.environ["TMPDIR"])
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name, text in {
        "src/pkg/__init__.py": "VALUE = 1\n",
        "tests/pytest.ini": "[pytest]\naddopts = --failed-first\n",
        "tests/sub/test_a.py": TESTS,
        "tests/sub/test_broken.py": "def test_a(:\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module", params=["local", pytest.param("docker", marks=pytest.mark.docker)])
def sandbox(request):
    if request.param == "local":
        with LocalSandbox(unsafe=True) as sandbox:
            yield sandbox
    else:
        with DockerSandbox(request.getfixturevalue("docker_image")) as sandbox:
            yield sandbox


@pytest.fixture
def ask(sandbox, source):
    local = isinstance(sandbox, LocalSandbox)

    def build(test, file="test_a.py", **changes):
        environment = this_interpreter() if local else Environment()
        plain = ("-p", "no:hypothesispytest") if local else ()
        base = {"source": source, "source_key": "a", "environment": environment, "import_paths": ("src",)}
        return ExecRequest(**{**base, "test": f"tests/sub/{file}::{test}", "arguments": plain, **changes})

    return build


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ("test_passes", Verdict.PASSED),
        ("test_fails", Verdict.FAILED),
        ("test_cases", Verdict.PASSED),
        ("test_one_case_fails", Verdict.FAILED),
        ("TestMethods::test_method", Verdict.PASSED),
        ("test_setup_fails", Verdict.ERROR),
        ("test_is_skipped", Verdict.SKIPPED),
        ("test_is_expected_to_fail", Verdict.SKIPPED),
        ("test_exits", Verdict.CONTRADICTION),
        ("test_is_not_there", Verdict.NOT_COLLECTED),
        ("test_writes", Verdict.PASSED),
    ],
)
def test_verdict_is_the_same_in_every_driver(sandbox, ask, test, verdict):
    result = sandbox.execute(ask(test))
    assert result.verdict is verdict, f"{result.reason}\n{result.output}"
    assert result.driver in ("local", "docker")
    assert result.contained == (result.driver == "docker")


def test_file_that_does_not_parse_is_an_error(sandbox, ask):
    result = sandbox.execute(ask("test_a", file="test_broken.py"))
    assert (result.verdict, "not collected" in result.reason) == (Verdict.ERROR, True)


def test_loop_is_ended_in_time_and_the_next_test_runs(sandbox, ask):
    result = sandbox.execute(ask("test_loops", limits=Limits(wall_seconds=2.0)))
    assert (result.verdict, result.seconds < 5) == (Verdict.TIMEOUT, True)
    assert sandbox.execute(ask("test_passes")).verdict is Verdict.PASSED


def test_flood_of_output_is_ended(sandbox, ask):
    result = sandbox.execute(ask("test_prints", arguments=("-s",), limits=Limits(output_bytes=100_000)))
    assert (result.verdict, len(result.output) <= 4096) == (Verdict.OUTPUT, True)


def test_patch_is_for_one_execution(sandbox, ask, source):
    text = (source / "tests/sub/test_a.py").read_bytes().replace(b"VALUE == 1", b"VALUE == 3")
    patched = ask("test_passes", patch=Patch(path="tests/sub/test_a.py", content=text))
    assert sandbox.execute(patched).verdict is Verdict.FAILED
    assert sandbox.execute(ask("test_passes")).verdict is Verdict.PASSED


def test_cases_run_backwards_when_asked_to(sandbox, ask):
    orders = [
        [report.test for report in sandbox.execute(ask("test_cases", backwards=backwards)).reports]
        for backwards in (False, True)
    ]
    assert len(set(orders[0])) == 2
    assert orders[1] == orders[0][3:] + orders[0][:3]


def test_output_is_kept_and_hash_seed_decides(sandbox, ask):
    outputs = [sandbox.execute(ask("test_says", hash_seed=seed)).output for seed in (1, 1, 2)]
    hashes = [next(line for line in text.splitlines() if line.lstrip("-").isdigit()) for text in outputs]
    assert hashes[0] == hashes[1] != hashes[2]


def test_limits_and_paths_are_refused_before_anything_runs(sandbox, ask, source):
    with pytest.raises(PolicyError, match="wall_seconds"):
        sandbox.execute(ask("test_passes", limits=Limits(wall_seconds=0)))
    with pytest.raises(RequestError, match="leaves the source tree"):
        sandbox.execute(ask("test_passes", patch=Patch(path="../x", content=b"")))
    with pytest.raises(RequestError, match="no file of the source tree"):
        sandbox.execute(ask("test_a", file="test_none.py"))


def test_interpreter_that_is_not_there_is_no_verdict(sandbox, ask):
    with pytest.raises(EnvironmentUnusableError, match="does not start"):
        sandbox.execute(ask("test_passes", environment=Environment(key="none", python="/nowhere/python")))


@pytest.mark.docker
def test_interpreter_of_an_environment_is_the_image_s_own(docker_image, source, tmp_path):
    """Whoever built the environment could have put any program in its place."""
    tmp_path.chmod(0o755)
    (tmp_path / "bin").mkdir(mode=0o755)
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\necho '{\"hello\": {}}'\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    environment = Environment(key="odd", python="/odd/bin/python", mounts=(Mount(host=tmp_path, inside="/odd"),))
    request = ExecRequest(source=source, source_key="a", test="tests/sub/test_a.py::test_a", environment=environment)
    with DockerSandbox(docker_image) as sandbox, pytest.raises(EnvironmentUnusableError, match="not the image's"):
        sandbox.execute(request)


def test_several_threads_share_one_sandbox(sandbox, ask):
    verdicts = []

    def work():
        verdicts.append([sandbox.execute(ask(test)).verdict for test in ("test_passes", "test_fails")])

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [[Verdict.PASSED, Verdict.FAILED]] * 2


def test_test_file_changed_by_the_test_is_a_contradiction(source):
    """Only without a container can it be changed at all."""
    text = b"def test_a():\n    open(__file__, 'a').write('#')\n"
    request = ExecRequest(
        source=source,
        source_key="b",
        test="tests/sub/test_a.py::test_a",
        patch=Patch(path="tests/sub/test_a.py", content=text),
        environment=this_interpreter(),
    )
    with LocalSandbox(unsafe=True) as sandbox:
        result = sandbox.execute(request)
    assert (result.verdict, "test_a.py changed" in result.reason) == (Verdict.CONTRADICTION, True)


def test_closed_sandbox_says_so(source):
    with LocalSandbox(unsafe=True) as sandbox:
        pass
    with pytest.raises(SandboxUnavailableError, match="closed"):
        sandbox.execute(ExecRequest(source=source, source_key="a", test="tests/sub/test_a.py::test_passes"))
