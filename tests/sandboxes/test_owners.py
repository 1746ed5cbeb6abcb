"""Leftovers belong to a process; only those of one that has certainly ended are removed."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from sandboxes.errors import SandboxUnavailableError
from sandboxes.owners import Owner, make_folder, remove_folder, sweep_folders


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_this_process_is_not_gone_and_survives_a_round_trip():
    me = Owner.me()
    assert not me.is_gone
    assert Owner.parse(str(me)) == me
    assert Owner.parse("precious data") is None


def test_ended_process_is_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert replace(Owner.me(), pid=str(ended.pid), started="1").is_gone


def test_process_that_took_over_the_number_is_another():
    assert replace(Owner.me(), started="1").is_gone
    assert replace(Owner.me(), boot="an earlier one").is_gone


def test_processes_that_cannot_be_seen_from_here_are_left_alone():
    assert not replace(Owner.me(), machine="elsewhere", pid="999999999").is_gone
    assert not replace(Owner.me(), namespace="another", pid="999999999").is_gone


def test_folders_of_the_dead_are_swept_and_nothing_else():
    me = Owner.me()
    living, dead = make_folder(me), make_folder(replace(me, started="1"))
    (living.parent.parent / "precious data").mkdir()
    assert sweep_folders() == 1
    assert living.exists() and not dead.exists() and (living.parent.parent / "precious data").exists()


def test_last_folder_takes_the_owner_s_folder_with_it():
    first, second = make_folder(Owner.me()), make_folder(Owner.me())
    assert (first / "code" / "repobench_inside" / "supervisor.py").is_file()
    remove_folder(first)
    assert second.exists()
    remove_folder(second)
    assert not second.parent.exists()


def test_place_of_somebody_else_is_refused(place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (place / f"repobench-boxes-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SandboxUnavailableError, match="belongs to somebody else"):
        make_folder(Owner.me())
