"""Environments on the disk: whole or not there, never removed while they are used, counted honestly."""

import os
import threading

import pytest

from sandboxes.owners import Owner
from sandboxes.shelf import Shelf, disk_bytes

BLOCKS = 100_000
FOLDERS = 20_000  # what empty folders may take


@pytest.fixture
def mounted():
    return set()


@pytest.fixture
def shelf(tmp_path, mounted):
    return Shelf(tmp_path / "store", lambda: frozenset(mounted))


def make(shelf, key, *, size=BLOCKS, repository="r", age=0):
    with shelf.building_folder() as folder, shelf.lock(key, shared=False):
        (folder / "env").mkdir()
        (folder / "env" / "data").write_bytes(os.urandom(size))
        shelf.put(key, folder / "env", {"installed": []})
        shelf.use(key, repository)
    os.utime(shelf.folder / "made" / key, (1_000_000 - age, 1_000_000 - age))


def keys(shelf):
    return sorted(path.name for path in (shelf.folder / "made").iterdir())


def test_what_was_put_is_found_with_its_bytes(shelf):
    assert shelf.find("a") is None
    make(shelf, "a")
    assert shelf.find("a")["installed"] == []
    assert shelf.find("a")["bytes"] >= BLOCKS
    assert (shelf.place("a") / "data").stat().st_size == BLOCKS


def test_building_that_fails_leaves_nothing(shelf):
    with pytest.raises(ZeroDivisionError), shelf.building_folder() as folder:
        (folder / "half").write_text("half")
        raise ZeroDivisionError
    assert list(shelf.folder.glob("building/*/*")) == []
    assert keys(shelf) == []


def test_what_killed_processes_left_is_removed_at_the_next_start_and_that_of_others_stays(shelf):
    gone = str(Owner("", "", "", "1", "1")).replace("~~~", f"{Owner.me().machine}~another-boot~0~", 1)
    for name in (gone, "nonsense", str(Owner.me())):
        (shelf.folder / "building" / name).mkdir()
    Shelf(shelf.folder, frozenset)
    assert [path.name for path in (shelf.folder / "building").iterdir()] == [str(Owner.me())]


def test_least_recently_used_goes_first_until_the_rest_fits(shelf):
    for age, key in enumerate("abc"):
        make(shelf, key, age=age)
    size = shelf.find("a")["bytes"]
    assert shelf.evict(2 * size + FOLDERS) <= 2 * size + FOLDERS
    assert keys(shelf) == ["a", "b"]


def test_use_makes_an_environment_young_again(shelf):
    for age, key in enumerate("ab"):
        make(shelf, key, age=age)
    with shelf.lock("b", shared=True):
        shelf.use("b", "r")
    shelf.evict(shelf.find("a")["bytes"] + FOLDERS)
    assert keys(shelf) == ["b"]


def test_environment_in_use_is_never_removed(shelf):
    make(shelf, "a")
    with shelf.lock("a", shared=True):
        assert shelf.evict(0) > 0
        assert keys(shelf) == ["a"]
    assert shelf.evict(0) < FOLDERS
    assert keys(shelf) == []


def test_environment_that_a_box_has_mounted_is_never_removed(shelf, mounted):
    make(shelf, "a")
    mounted.add(str(shelf.place("a")))
    assert shelf.evict(0) > 0
    assert keys(shelf) == ["a"]


def test_cache_goes_where_it_takes_more_than_its_share_and_nobody_installs(shelf):
    (shelf.folder / "cache" / "wheel").write_bytes(os.urandom(BLOCKS))
    with shelf.lock("cache", shared=True):
        shelf.evict(BLOCKS)
        assert (shelf.folder / "cache" / "wheel").exists()
    shelf.evict(100 * BLOCKS)
    assert (shelf.folder / "cache" / "wheel").exists()
    shelf.evict(BLOCKS)
    assert list((shelf.folder / "cache").iterdir()) == []


def test_lock_to_make_waits_for_those_who_use(shelf):
    order = []
    entered = threading.Event()

    def make_it():
        entered.set()
        with shelf.lock("a", shared=False):
            order.append("made")

    with shelf.lock("a", shared=True):
        thread = threading.Thread(target=make_it)
        thread.start()
        entered.wait()
        with shelf.lock("b", shared=False):  # another key is another lock
            order.append("used")
    thread.join()
    assert order == ["used", "made"]


def test_failure_is_remembered_until_it_is_forgotten(shelf):
    assert shelf.failure("a") is None
    shelf.remember_failure("a", "env-failed", "no such package")
    assert shelf.failure("a") == {"code": "env-failed", "reason": "no such package"}
    shelf.forget_failure("a")
    assert shelf.failure("a") is None


def test_own_files_are_made_once(shelf):
    folder = shelf.own("k", {"x.dist-info/METADATA": "Name: x\n", "tree.pth": "/box/tree\n"})
    inode = folder.stat().st_ino
    assert (folder / "x.dist-info" / "METADATA").read_text() == "Name: x\n"
    assert shelf.own("k", {}).stat().st_ino == inode


def test_disk_use_is_told_by_repository_and_shared_environments_count_for_each(shelf):
    make(shelf, "a", repository="owner/one")
    make(shelf, "b", repository="owner/one")
    shelf.use("b", "two")
    size = shelf.find("a")["bytes"]
    assert [(use.repository, use.environments, use.bytes) for use in shelf.disk_use()] == [
        ("owner/one", 2, 2 * size),
        ("two", 1, size),
    ]


def test_bytes_are_those_of_the_disk_and_a_file_with_two_names_counts_once(tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(BLOCKS))
    once = disk_bytes(tmp_path)
    assert BLOCKS <= once < 2 * BLOCKS
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "link").symlink_to("/usr")
    assert disk_bytes(tmp_path) < once + 8192
    assert disk_bytes(tmp_path / "absent") == 0
