"""The Ray engine on real local clusters: the bytes of one process, with a node lost half way, and one-sentence errors.

Skipped where Ray is not installed; `make test-ray` installs it and runs them.
"""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import psutil
import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.errors import ConfigError, SourceError
from repopeftbench.paper.build import PaperOptions, build_paper_dataset
from repopeftbench.pool import Failure, LocalEngine
from repopeftbench.ray_engine import RayEngine, ray_engine
from repopeftbench.sources import repository_list

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes of one CPU each, this process connected to it."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    quiet = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000}
    made = Cluster(initialize_head=True, head_node_args=quiet)
    made.second = made.add_node(num_cpus=1, object_store_memory=100_000_000)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def engine(cluster):
    from ray import cloudpickle

    # The workers do not have this module.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with ray_engine(cluster.address, workers=1) as connected:
        yield connected
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


COMMITS = 8


@pytest.fixture
def listing(tmp_path, make_repository):
    """Four histories, long enough for parts, one of them a URL, and an entry that names nothing."""
    lines = []
    for number in range(4):
        folder = make_repository(*(history(number, commit) for commit in range(COMMITS)), name=f"r{number}")
        lines.append(f"file://{folder}" if number == 0 else str(folder))
    path = tmp_path / "list.txt"
    path.write_text("\n".join([*lines, "word"]))
    return repository_list(str(path))


def history(number, commit):
    tests = [f"def test_{n}():\n    assert f({n}) == {number * 1000 + commit * 100 + n}\n" for n in range(32)]
    return {f"tests/test_{n}.py": "\n\n".join(tests) for n in (1, 2)} | {"code.py": f"X = {commit}\n"}


def clean(tmp_path, listing, engine, name):
    options = BuildOptions(
        folder=tmp_path / name, cutoff="none", engine=engine, cache=tmp_path / f"cache-{name}", commits_per_part=3
    )
    seen = []
    build_dataset(listing, options, lambda *report: seen.append(report))
    return content(tmp_path / name), seen


def paper(tmp_path, listing, engine, name):
    options = PaperOptions(folder=tmp_path / name, cutoff="none", engine=engine, cache=tmp_path / f"cache-{name}")
    build_paper_dataset(listing, options, lambda *_: None)
    return content(tmp_path / name)


def content(folder):
    """Every file but those that are staged, which are removed where nothing failed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".staging" not in path.parts
    }


def test_one_process_two_processes_and_ray_give_the_same_bytes(tmp_path, listing, engine):
    one, _ = clean(tmp_path, listing, LocalEngine(1), "one")
    two, _ = clean(tmp_path, listing, LocalEngine(2), "two")
    ray, seen = clean(tmp_path, listing, engine, "ray")
    assert one == two == ray
    assert len(one) > 3
    assert {name: (done, total) for name, done, total in seen} == {
        source.repo_id: (COMMITS, COMMITS) for source in listing.sources
    }


def test_paper_protocol_has_the_same_bytes_on_ray(tmp_path, listing, engine):
    one = paper(tmp_path, listing, LocalEngine(1), "one")
    assert paper(tmp_path, listing, engine, "ray") == one
    assert len(one) > 3


def test_a_worker_that_dies_is_replaced(tmp_path, engine):
    (answer,) = engine.map([tmp_path / "died"], die_once, lambda *_: None)
    assert answer == "done at last"


def die_once(item, _report):
    if not item.exists():
        item.write_text("")
        os._exit(1)
    return "done at last"


def test_a_worker_that_always_dies_is_one_sentence(engine):
    with pytest.raises(SourceError, match="a Ray worker was lost 4 times over the same work"):
        engine.map([0], die, lambda *_: None)


def die(_item, _report):
    os._exit(1)


def test_what_cannot_be_mined_is_a_failure_and_a_bug_keeps_its_kind(engine):
    assert engine.map([1, 2], odd_only, lambda *_: None) == (1, Failure(item=2, problem="2 is even"))
    with pytest.raises(ZeroDivisionError):
        engine.map([0], divide, lambda *_: None)


def odd_only(item, _report):
    if item % 2 == 0:
        raise SourceError(f"{item} is even")
    return item


def divide(item, _report):
    return 1 // item


def test_a_worker_with_other_versions_is_refused_by_name(engine):
    other = current_versions().model_copy(update={"pygit2": "0.1", "python": "2.7.18"})
    with pytest.raises(ConfigError, match=r"python 3\.\d+\.\d+ instead of 2.7.18; pygit2 \S+ instead of 0.1") as error:
        RayEngine(other).map([1], odd_only, lambda *_: None)
    assert "\n" not in str(error.value)


def test_a_worker_that_lacks_a_module_is_one_sentence(tmp_path, engine, monkeypatch):
    (tmp_path / "only_here.py").write_text("def work(item, report):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="a Ray worker has no module only_here") as error:
        engine.map([1], importlib.import_module("only_here").work, lambda *_: None)
    assert "\n" not in str(error.value)


def test_few_pieces_of_work_are_under_way_at_once(tmp_path, engine):
    begun = tmp_path / "begun"
    begun.mkdir()
    done = []

    def count(name, _done, _total):
        done.append(name)
        # Two CPUs: what is running or waiting to be fetched is bounded by four.
        assert len(list(begun.iterdir())) <= len(done) + 4

    engine.map([begun / str(n) for n in range(20)], touch, count)
    assert len(done) == 20


def touch(item, report):
    item.write_text("")
    report(item.name, 1, 1)


def test_path_that_the_worker_lacks_is_a_failure_that_says_what_to_do(tmp_path, listing, engine):
    gone = listing.sources[1].path
    gone.rename(gone.with_name("elsewhere"))
    options = BuildOptions(folder=tmp_path / "data", cutoff="none", engine=engine, cache=tmp_path / "cache")
    result = build_dataset(listing, options, lambda *_: None)
    assert result.failed[str(gone)] == (
        f"{gone} does not exist on the worker: list a URL, or put it on a file system that all workers share"
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"), ("nonsense", "'nonsense' is no address")],
)
def test_address_that_nobody_answers_at_is_one_sentence(address, message):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=message) as error, ray_engine(address, 1):
        pass
    assert "\n" not in str(error.value)


def test_a_node_lost_half_way_does_not_show(tmp_path, listing, engine, cluster):
    one, _ = clean(tmp_path, listing, LocalEngine(1), "one")
    staging, at_the_loss = tmp_path / "ray" / ".staging", []

    def lose_a_node():
        while len(parts := list(staging.glob("*/summary.json"))) < 3:
            time.sleep(0.005)
        cluster.remove_node(cluster.second, allow_graceful=False)
        at_the_loss.append(len(parts))

    killer = threading.Thread(target=lose_a_node)
    killer.start()
    ray, _ = clean(tmp_path, listing, engine, "ray")
    killer.join()
    # Four parts of each of the four repositories.
    assert at_the_loss[0] < 16
    assert ray == one


def test_work_that_was_under_way_on_a_lost_node_is_done_again(tmp_path, engine, cluster):
    cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    items = [tmp_path / str(number) for number in range(2)]
    lost = tmp_path / "lost"
    losing = threading.Thread(target=lose_a_node_in_use, args=(cluster, items, lost))
    losing.start()
    nodes = engine.map(items, wait_for_the_loss, lambda *_: None)
    losing.join()
    begun = [item.read_text().splitlines() for item in items]
    assert sorted(map(len, begun)) == [1, 2]
    assert lost.read_text() in [first for first, *_ in begun]
    assert [last for *_, last in begun] == list(nodes)
    assert lost.read_text() not in nodes


def lose_a_node_in_use(cluster, items, lost):
    while not all(item.exists() and item.read_text() for item in items):
        time.sleep(0.02)
    in_use = {item.read_text().strip() for item in items}
    node = next(node for node in cluster.worker_nodes if node.node_id in in_use)
    cluster.remove_node(node, allow_graceful=False)
    lost.write_text(node.node_id)


def wait_for_the_loss(item, _report):
    """Notes the node it runs on and waits until some node is lost; on that one it never ends."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    with item.open("a") as file:
        file.write(f"{node}\n")
    lost = item.with_name("lost")
    while not lost.exists() or lost.read_text() in ("", node):
        time.sleep(0.02)
    return node


def test_interrupt_ends_a_cluster_of_our_own_and_the_same_command_goes_on(tmp_path):
    pytest.importorskip("ray")
    code = "from harness.cli import main; main()"
    for arguments in (
        ["synth", "repos", "--count", "3", "--commits", "60"],
        ["mine", "repos/repos.toml", "--cutoff", "none", "--workers", "1", "-o", "one"],
    ):
        subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    # Not tmp_path: names of sockets are short.
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        command = [sys.executable, "-c", code, "mine", "repos/repos.toml", "--cutoff", "none", "--engine", "ray", "-o"]
        environment = {**os.environ, "RAY_TMPDIR": folder}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        mining = subprocess.Popen(
            [*command, "two", "--workers", "1"], cwd=tmp_path, env=environment, start_new_session=True, **pipes
        )
        while not list((tmp_path / "two").glob(".staging/*/summary.json")):
            assert mining.poll() is None
            time.sleep(0.01)
        os.killpg(mining.pid, signal.SIGINT)
        _, remarks = mining.communicate(timeout=60)
        assert (mining.returncode, remarks) == (
            130,
            "repobench: interrupted; the same command goes on where it stopped\n",
        )
        assert running_in(folder) == []
        again = subprocess.run([*command, "two", "--workers", "2"], cwd=tmp_path, env=environment, check=True, **pipes)
        assert (again.stderr, running_in(folder)) == ("", [])
    assert content(tmp_path / "two") == content(tmp_path / "one")


def running_in(folder):
    """The processes that have a path in the folder on their command lines, once they had time to end."""
    found = []
    for _ in range(100):
        found = [
            process.info["name"] for process in psutil.process_iter(["name", "cmdline"]) if mentions(process, folder)
        ]
        if not found:
            break
        time.sleep(0.1)
    return found


def mentions(process, folder):
    return any(folder in argument for argument in process.info["cmdline"] or ())
