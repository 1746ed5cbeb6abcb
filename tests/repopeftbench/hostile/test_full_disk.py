"""A disk that fills up, at whatever write: one sentence, and a later run ends with the bytes of an undisturbed one."""

import os
import shutil
import subprocess
import sys

import pytest
from raw_history import RawHistory, asserting

from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError

MINE = "from harness.cli import main; main()"


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histories")
    for name in ("one", "two"):
        history = RawHistory(folder / name)
        for number in range(4):
            history.commit({f"tests/test_{number}.py": asserting(*range(number + 2), name=f"{name}{number}")})
    listing = folder / "list.txt"
    listing.write_text("./one\n./two\n")
    return listing


def mined(listing, data, *, most_bytes=None, workers=1):
    limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes})); "
        if most_bytes is not None
        else ""
    )
    options = ["--cutoff", "none", "--workers", str(workers), "--cache", str(listing.parent / "cache")]
    command = [sys.executable, "-c", limit + MINE, "mine", str(listing), "-o", str(data), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(histories, tmp_path_factory):
    data = tmp_path_factory.mktemp("whole") / "data"
    assert mined(histories, data).returncode == 0
    return bytes_of(data)


def check_failure(done):
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


SIZES = [0, 1, 50, 150, 300, 500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000, 12_000]


@pytest.mark.parametrize("most_bytes", SIZES)
def test_write_that_fails_is_one_sentence_and_mining_again_ends_with_the_same_bytes(
    histories, whole, tmp_path, most_bytes
):
    done = mined(histories, tmp_path / "data", most_bytes=most_bytes)
    if done.returncode == 0:
        assert most_bytes >= max(len(raw) for raw in whole.values())
    else:
        check_failure(done)
        with pytest.raises(DatasetError):
            Dataset(tmp_path / "data")
    assert mined(histories, tmp_path / "data").returncode == 0
    assert bytes_of(tmp_path / "data") == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_write_that_fails_leaves_an_old_dataset_whole_or_to_be_mined_again(histories, whole, tmp_path, workers):
    (tmp_path / "old.txt").write_text(f"{histories.parent}/one\n")
    for most_bytes in (0, 2_000, 4_000):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        assert mined(tmp_path / "old.txt", tmp_path / "data").returncode == 0
        before = bytes_of(tmp_path / "data")
        done = mined(histories, tmp_path / "data", most_bytes=most_bytes, workers=workers)
        check_failure(done)
        after = bytes_of(tmp_path / "data")
        if "manifest.json" in after:
            assert {name: after.get(name) for name in before} == before
        assert mined(histories, tmp_path / "data", workers=workers).returncode == 0
        assert bytes_of(tmp_path / "data") == whole


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of so many kilobytes."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = []

    def mount(kilobytes):
        folder = tmp_path / f"disk{kilobytes}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("this machine lets nobody mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_disk_that_fills_up_is_one_sentence_and_more_room_ends_with_the_same_bytes(histories, whole, small_disk):
    failed = 0
    for kilobytes in (4, 16, 40, 80, 10_000):
        data = small_disk(kilobytes) / "data"
        done = mined(histories, data)
        if done.returncode == 0:
            assert bytes_of(data) == whole
            continue
        failed += 1
        check_failure(done)
        assert "No space left" in done.stderr
        subprocess.run(["mount", "-o", "remount,size=10m", str(data.parent)], check=True)
        assert mined(histories, data).returncode == 0
        assert bytes_of(data) == whole
    assert 2 <= failed <= 4


def test_disk_that_fills_up_while_cloning_is_a_failed_source(histories, small_disk, tmp_path):
    history = RawHistory(tmp_path / "large")
    history.commit({"tests/test_a.py": asserting(1), "src/a.bin": os.urandom(300_000)})
    disk = small_disk(100)
    options = ["--cutoff", "none", "--workers", "1", "--cache", str(disk), "-o", str(tmp_path / "data")]
    command = [sys.executable, "-c", MINE, "mine", f"file://{history.folder}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check_failure(done)
    assert "cannot be cloned or updated" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
