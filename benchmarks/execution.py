"""Executions per second in warm containers against a fresh container per execution, in one run.

    python benchmarks/execution.py [--count N] [--workers N] [--json FILE]
    python benchmarks/execution.py --disk STORE      what `repobench probe --store STORE` keeps, by repository

Three contenders run the same test of a small synthetic tree, under the same policy, in turns of ten:

- `warm` is the sandbox: a container per environment, a forked process per execution.
- `fresh` is the same sandbox that keeps no box: a container per execution, all checks of the policy included.
- `plain` is what harnesses usually do: create and start a container that runs `python -m pytest`, wait, read its exit
  status, remove it. No channel, no checks, no verdict.

Every execution must pass; the goal is that `warm` is at least five times as fast as either of the others. The disk that
a repository takes is its tree, once per box, while the box is there; the image is shared.

Exit codes: 0 the goal is reached; 1 it is not, or an execution did not pass; 2 there is no engine.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandboxes import policy
from sandboxes.docker import INTERPRETER, DockerSandbox, connect, image_digest
from sandboxes.errors import SandboxUnavailableError
from sandboxes.images import BASE_IMAGE
from sandboxes.shelf import Shelf, disk_bytes
from sandboxes.spec import ExecRequest, Limits, Mount, Verdict

GOAL = 5.0
TURN = 10
REACHED, MISSED, NOTHING = 0, 1, 2
TEST = "tests/test_small.py::test_small"


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="executions of each contender")
    parser.add_argument("--workers", type=int, default=1, help="threads that execute at one time")
    parser.add_argument("--disk", type=Path, help="only measure this store of repobench probe")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if options.disk is not None:
        return report_disk(options.disk)
    try:
        client = connect()
        image_digest(client, BASE_IMAGE)
    except SandboxUnavailableError as error:
        print(error, file=sys.stderr)
        return NOTHING
    with tempfile.TemporaryDirectory() as folder:
        tree = write_tree(Path(folder))
        request = ExecRequest(source=tree, source_key="small", test=TEST)
        with DockerSandbox() as warm, DockerSandbox(most=0) as fresh:
            contenders = {
                "warm": lambda: warm.execute(request).verdict is Verdict.PASSED,
                "fresh": lambda: fresh.execute(request).verdict is Verdict.PASSED,
                "plain": lambda: run_plainly(client, tree),
            }
            seconds = measure(contenders, options.count, options.workers)
    client.close()
    return report(seconds, options.workers, options.json)


def report_disk(store: Path) -> int:
    """Prints what the environments of each repository take, and trees and results in all."""
    from harness.probing.opening import ENVIRONMENTS, EXECUTIONS, TREES

    if not (store / ENVIRONMENTS).is_dir():
        print(f"{store} is no store of repobench probe: it has no {ENVIRONMENTS}", file=sys.stderr)
        return NOTHING
    shelf = Shelf(store / ENVIRONMENTS, frozenset)
    print("| repository | environments | MB |")
    print("|---|--:|--:|")
    for use in shelf.disk_use():
        print(f"| {use.repository} | {use.environments} | {use.bytes / 1e6:.1f} |")
    trees = disk_bytes(store / TREES)
    results = sum(file.stat().st_size for file in store.glob(f"{EXECUTIONS}*"))
    sizes = {"environments and packages": shelf.total_bytes(), "trees": trees, "results": results}
    print(", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items()))
    return REACHED


def write_tree(folder: Path) -> Path:
    """A tree whose test takes no time of its own."""
    tree = folder / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "tests" / "test_small.py").write_text("def test_small():\n    assert 1 + 1 == 2\n", "utf-8")
    for path in (folder, tree, tree / "tests"):
        path.chmod(0o755)
    return tree


def run_plainly(client: object, tree: Path) -> bool:
    """One container for one run of pytest, with the sandbox's policy."""
    config = {
        "Image": BASE_IMAGE,
        "User": policy.USER,
        "WorkingDir": "/tree",
        "Entrypoint": [INTERPRETER, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST],
        "Env": [f"{name}={value}" for name, value in policy.variables(INTERPRETER, 0).items()],
        "HostConfig": policy.host_config(Limits(), [Mount(host=tree, inside="/tree")]) | {"AutoRemove": False},
    }
    container = client.create_container_from_config(config)["Id"]
    try:
        client.start(container)
        return client.wait(container, timeout=60)["StatusCode"] == 0
    finally:
        client.remove_container(container, force=True)


def measure(contenders: dict[str, Callable[[], bool]], count: int, workers: int) -> dict[str, list[float]]:
    """Seconds of wall time per execution, turn by turn."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    with ThreadPoolExecutor(workers) as pool:
        for name, execute in contenders.items():  # containers of the warm one, caches of the machine
            assert all(pool.map(lambda _, run=execute: run(), range(workers))), f"{name} does not pass"
        for _ in range(max(1, count // TURN)):
            for name, execute in contenders.items():
                began = time.perf_counter()
                assert all(pool.map(lambda _, run=execute: run(), range(TURN))), f"{name} does not pass"
                seconds[name].append((time.perf_counter() - began) / TURN)
    return seconds


def report(seconds: dict[str, list[float]], workers: int, file: Path | None) -> int:
    """Prints medians and ratios; whether the goal is reached."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {name: median / medians["warm"] for name, median in medians.items()}
    print(f"{len(seconds['warm']) * TURN} executions each, {workers} at a time; Python {platform.python_version()}")
    print("| contender | ms per execution | executions per second | times the warm one |")
    print("|---|--:|--:|--:|")
    for name, median in medians.items():
        print(f"| {name} | {median * 1000:.0f} | {1 / median:.1f} | {ratios[name]:.1f} |")
    if file is not None:
        file.write_text(json.dumps({"seconds": seconds, "medians": medians, "ratios": ratios}, indent=1) + "\n")
    return REACHED if min(ratios["fresh"], ratios["plain"]) >= GOAL else MISSED


if __name__ == "__main__":
    sys.exit(main())
