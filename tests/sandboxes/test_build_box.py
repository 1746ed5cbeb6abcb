"""A build container is denied what a box is denied, but the network and the folders that it was given."""

import json

import pytest

from sandboxes import installing, policy
from sandboxes.build_box import LIMITS, Room, host_config
from sandboxes.builder import condensed, own_files
from sandboxes.requirements.own import OwnPackage
from sandboxes.spec import Mount


@pytest.fixture
def room(tmp_path):
    shown, written = Mount(host=tmp_path, inside="/repobench"), Mount(host=tmp_path, inside="/env")
    return Room(shown=(shown,), written=(written,), network=True, user="1000:1000")


def test_container_differs_from_a_box_in_network_folders_and_its_end_alone(room):
    box = policy.host_config(LIMITS, (*room.shown, *room.written))
    ours = host_config(room)
    assert {name for name in ours if ours[name] != box.get(name)} == {"NetworkMode", "AutoRemove", "Mounts", "Tmpfs"}
    assert [mount["ReadOnly"] for mount in ours["Mounts"]] == [True, False]
    assert ours["NetworkMode"] == "bridge"
    assert host_config(Room(shown=room.shown))["NetworkMode"] == "none"
    policy.check_limits(LIMITS)


def inspected(room, wanted, **changes):
    found = [
        {"Destination": mount.inside, "RW": mount in room.written, "Source": str(mount.host)}
        for mount in (*room.shown, *room.written)
    ]
    return {"Config": {"User": room.user}, "HostConfig": {**wanted, **changes}, "Mounts": found}


def test_container_as_it_was_asked_for_has_no_violation(room):
    wanted = host_config(room)
    assert policy.violations(inspected(room, wanted), wanted, room.user) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Privileged", True, "Privileged"),
        ("NetworkMode", "host", "NetworkMode"),
        ("CapAdd", ["SYS_ADMIN"], "capabilities"),
        ("SecurityOpt", [], "no-new-privileges"),
        ("ReadonlyRootfs", False, "ReadonlyRootfs"),
    ],
)
def test_container_that_falls_short_is_named(room, name, value, words):
    wanted = host_config(room)
    found = policy.violations(inspected(room, wanted, **{name: value}), wanted, room.user)
    assert any(words in problem for problem in found)


def test_folder_that_is_writable_without_being_asked_for_is_named(room):
    wanted = host_config(room)
    seen = inspected(room, wanted)
    seen["Mounts"][0]["RW"] = True
    assert policy.violations(seen, wanted, room.user) == ["/repobench is writable"]


def test_user_that_is_not_the_one_asked_for_is_named(room):
    wanted = host_config(room)
    seen = inspected(room, wanted)
    seen["Config"]["User"] = "0:0"
    assert policy.violations(seen, wanted, room.user) == ["its user is '0:0', not '1000:1000'"]


def test_guess_is_there_as_a_folder_a_file_or_a_library(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two.py").touch()
    (tmp_path / "three.cpython-311.so").touch()
    names = ("one", "two", "three", "four", "")
    assert [installing._is_there(tmp_path, name) for name in names] == [True, True, True, False, False]


def test_own_package_has_metadata_entry_points_and_its_folders_on_the_path():
    own = OwnPackage(
        name="a-b",
        version="1.2",
        import_paths=("src",),
        entry_points=(("g", "x", "m:f"), ("g", "y", "n"), ("h", "z", "o")),
    )
    assert own_files(own) == {
        "tree.pth": "/box/tree/src\n/box/tree\n",
        "a_b-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: a-b\nVersion: 1.2\n",
        "a_b-1.2.dist-info/entry_points.txt": "[g]\nx = m:f\ny = n\n\n[h]\nz = o\n",
    }


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\nRequires-Dist: evil", ""])
def test_name_that_is_none_gives_no_metadata(name):
    assert list(own_files(OwnPackage(name=name))) == ["tree.pth"]


def test_reason_is_one_line_of_bounded_length():
    said = "  ╭ No solution found:\n  ╰─▶ Because b\n      is not there " + "x" * 5000
    assert "\n" not in condensed(said)
    assert len(condensed(said)) < 600
    assert condensed("  ╭ No\n  ╰─▶ b") == "No b"
    json.dumps(condensed(said))
