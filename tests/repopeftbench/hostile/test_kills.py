"""Mining that is killed at any moment, and started again, ends with the bytes of mining that was not."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import mine_driver
import pytest
from raw_history import RawHistory, asserting

DRIVER = Path(mine_driver.__file__)
NEVER = 10**9


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """A list of two repositories in folders and one that is cloned."""
    folder = tmp_path_factory.mktemp("histories")
    for name in ("one", "two", "three"):
        history = RawHistory(folder / name)
        for number in range(6):
            body = "".join(asserting(k, name=f"{name}{number}_{k}").replace("test_a", f"test_{k}") for k in range(8))
            history.commit({f"tests/test_{number}.py": body, "src/a.py": f"x = {number}\n"})
    listing = folder / "list.txt"
    listing.write_text(f"./one\n./two\nfile://{folder}/three\n")
    return listing


def start(listing, folder, *, workers=1, at=NEVER):
    command = [sys.executable, str(DRIVER), str(listing), str(folder / "data"), str(folder / "cache"), str(workers)]
    return subprocess.Popen(
        [*command, str(at)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(listing, folder, *, workers=1):
    process = start(listing, folder, workers=workers)
    out, remarks = process.communicate(timeout=120)
    assert process.returncode == 0, remarks
    return int(re.search(r"steps=(\d+)", out).group(1))


def bytes_of(folder):
    data = folder / "data"
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(histories, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    steps = finish(histories, folder)
    return bytes_of(folder), steps


def check_killed_at(histories, whole, folder, moments):
    for kills, at in enumerate(moments):
        process = start(histories, folder, at=at)
        process.communicate(timeout=120)
        # One that goes on may be done before its moment comes.
        assert process.returncode == -signal.SIGKILL or (kills and process.returncode == 0)
    finish(histories, folder)
    assert bytes_of(folder) == whole[0]
    assert not [path for path in (folder / "cache").iterdir() if path.suffix in (".partial", ".stand-in")]
    shutil.rmtree(folder)


def test_mining_killed_at_some_disk_calls_ends_with_the_same_bytes(histories, whole, tmp_path):
    rng = random.Random(0)
    for _ in range(3):
        first, second = rng.randrange(whole[1]), rng.randrange(whole[1] // 3)
        check_killed_at(histories, whole, tmp_path / "run", [first, second])


@pytest.mark.slow
def test_mining_killed_at_every_second_disk_call_ends_with_the_same_bytes(histories, whole, tmp_path):
    for at in range(0, whole[1], 2):
        check_killed_at(histories, whole, tmp_path / "run", [at])


def test_dataset_that_is_replaced_when_killed_is_old_or_new_or_mined_again(histories, whole, tmp_path):
    rng = random.Random(1)
    (tmp_path / "old.txt").write_text(f"{histories.parent}/one\n")
    for at in rng.sample(range(whole[1] // 2, whole[1]), 3):
        finish(tmp_path / "old.txt", tmp_path / "run")
        old = bytes_of(tmp_path / "run")
        start(histories, tmp_path / "run", at=at).communicate(timeout=120)
        left = bytes_of(tmp_path / "run")
        if "manifest.json" in left:
            assert old.items() <= left.items() or whole[0].items() <= left.items()
        check_killed_at(histories, whole, tmp_path / "run", [])


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_mining_killed_at_random_moments_with_its_workers_ends_with_the_same_bytes(histories, whole, tmp_path, workers):
    started = time.monotonic()
    finish(histories, tmp_path / "timed", workers=workers)
    seconds = time.monotonic() - started
    rng = random.Random(workers)
    kills = 0
    for _ in range(4):
        process = start(histories, tmp_path / "run", workers=workers)
        time.sleep(rng.uniform(0.3, 1.0) * seconds)
        if process.poll() is None:
            kills += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    finish(histories, tmp_path / "run", workers=workers)
    assert bytes_of(tmp_path / "run") == whole[0]
    assert kills


def test_workers_end_with_their_parent(histories, whole, tmp_path):
    process = start(histories, tmp_path / "run", workers=2)
    try:
        while not children_of(process):
            time.sleep(0.01)
        process.kill()
        finish(histories, tmp_path / "run")
        assert bytes_of(tmp_path / "run") == whole[0]
        process.communicate(timeout=5)  # its pipes are open as long as a worker lives
    finally:
        with suppress(ProcessLookupError):  # as it should be, nobody of the group is left
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert bytes_of(tmp_path / "run") == whole[0]


def children_of(process):
    """The ids of the worker processes."""
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    names = listing.read_text().split() if listing.exists() else []
    return [int(pid) for pid in names if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_killed_worker_is_one_sentence(histories, tmp_path):
    process = start(histories, tmp_path / "run", workers=2)
    found = []
    while not found and process.poll() is None:  # the other one may be starting
        found = children_of(process)
        time.sleep(0.005)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    out, remarks = process.communicate(timeout=60)
    assert process.returncode == 2, (out, remarks)
    assert "a mining process was killed" in remarks
    assert len(remarks.strip().splitlines()) == 1


def test_manifest_that_was_half_written_is_written_again(histories, whole, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".manifest.json.part").write_bytes(b"{")
    finish(histories, tmp_path)
    assert bytes_of(tmp_path) == whole[0]


def test_harvest_that_was_half_removed_is_mined_again(histories, whole, tmp_path):
    broken = tmp_path / "broken.txt"
    broken.write_text(f"{histories.read_text()}./nothing-there\n".replace("./", f"{histories.parent}/"))
    start(broken, tmp_path).communicate(timeout=120)
    (harvest, *_) = sorted((tmp_path / "data" / ".staging").iterdir())
    for path in sorted(harvest.iterdir()):
        if path.name != "summary.json":
            path.unlink()
            break
    finish(histories, tmp_path)
    assert bytes_of(tmp_path) == whole[0]
