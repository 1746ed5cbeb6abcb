"""Executions in containers, end to end; the attacks on them are in tests/sandbox_attacks."""

import pytest
from probing_cases import FILE, make_history, make_site, right_site

from harness.probing.prober import Prober
from harness.probing.records import Outcome, Reason
from harness.probing.remembering import ExecutionStore, RememberingSandbox
from harness.probing.trees import TreeStore
from sandboxes.environments import ImageEnvironments

pytestmark = pytest.mark.docker

HARD = """import os
import socket


def test_network():
    assert socket.gethostbyname("example.org") == "1"


def test_writes_beside_itself():
    assert open(os.path.join(os.path.dirname(__file__), "x"), "w").write("abc") == 3


def test_exits():
    os._exit(0)
    assert 1 == 11


def test_depends_on_hash_seed():
    assert hash("a") == 12
"""


@pytest.fixture
def probe(docker_image, tmp_path):
    from sandboxes.docker import DockerSandbox

    def run(repository, sites, texts=None):
        with DockerSandbox(docker_image) as sandbox, ExecutionStore(tmp_path / "store.sqlite") as store:
            remembering = RememberingSandbox(sandbox, store, "docker")
            trees = TreeStore(tmp_path / "trees", 10**9)
            prober = Prober(remembering, ImageEnvironments(), trees, {"org/a": repository.path}, workers=2)
            return prober.probe(sites, texts), remembering

    return run


def test_tasks_and_predictions_come_to_what_they_are_worth_in_containers(probe, tmp_path):
    repository, sha = make_history(tmp_path / "repo")
    cases = make_site(sha, "value * 0 == ", "0", "test_cases")
    sites = [
        right_site(sha),
        cases,
        make_site(sha, "1 + 1 or ", "3", "test_vacuous"),
        make_site(sha, "self.value == ", "5", "Mixin.test_inherited"),
    ]
    texts = {sites[0].task_id: "3 - 1", cases.task_id: "value - 1", sites[3].task_id: "self.value"}
    probed, sandbox = probe(repository, sites, texts)
    found = [probed.runnable[site.task_id].reason for site in sites]
    assert found == [Reason.RUNNABLE, Reason.RUNNABLE, Reason.VACUOUS, Reason.RUNNABLE]
    outcomes = [probed.executions[task_id].outcome for task_id in texts]
    assert outcomes == [Outcome.PASSED, Outcome.FAILED, Outcome.CHEATED]
    again, remembering = probe(repository, sites, texts)
    assert (again, remembering.executed) == (probed, 0)
    assert sandbox.executed > 0


def test_reasons_are_told_from_what_containers_deny(probe, tmp_path):
    repository, sha = make_history(tmp_path / "repo", {FILE: HARD})
    wanted = [
        ('("example.org") == ', '"1"', "test_network", Reason.NEEDS_NETWORK),
        ('.write("abc") == ', "3", "test_writes_beside_itself", Reason.NEEDS_WRITING),
        ("assert 1 == ", "11", "test_exits", Reason.CONTRADICTION),
        ('hash("a") == ', "12", "test_depends_on_hash_seed", Reason.ORIGINAL_FAILS),
    ]
    sites = [make_site(sha, before, target, name, source=HARD) for before, target, name, _ in wanted]
    probed, _ = probe(repository, sites)
    assert [probed.runnable[site.task_id].reason for site in sites] == [reason for *_, reason in wanted]
