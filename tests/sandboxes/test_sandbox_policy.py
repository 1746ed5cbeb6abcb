"""What a box may be is fixed; only numbers within bounds can be chosen."""

import copy
from dataclasses import fields, replace
from pathlib import Path

import pytest

from sandboxes import policy
from sandboxes.errors import PolicyError
from sandboxes.local import LocalSandbox
from sandboxes.spec import Limits, Mount

WANTED = policy.host_config(Limits(), (Mount(host=Path("/a"), inside="/box"),))


def test_defaults_are_within_the_bounds():
    policy.check_limits(Limits())
    assert set(policy.BOUNDS) == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", sorted(policy.BOUNDS))
def test_limit_out_of_bounds_is_refused_with_the_bounds(name):
    for value in (0, -1, policy.BOUNDS[name][1] * 2, float("inf"), float("nan")):
        with pytest.raises(PolicyError, match=f"{name} is .*choose a value from"):
            policy.check_limits(replace(Limits(), **{name: value}))


def test_work_area_is_less_than_the_memory_it_is_part_of():
    with pytest.raises(PolicyError, match="the work area is memory"):
        policy.check_limits(replace(Limits(), work_bytes=Limits().memory_bytes))


def test_box_is_denied_everything_whatever_the_limits():
    for limits in (Limits(), replace(Limits(), memory_bytes=2**33, processes=1024, cpus=8.0)):
        host = policy.host_config(limits, ())
        assert (host["NetworkMode"], host["CapDrop"], host["SecurityOpt"]) == ("none", ["ALL"], ["no-new-privileges"])
        assert host["ReadonlyRootfs"] and not host["Privileged"] and host["AutoRemove"]
        assert host["Memory"] == host["MemorySwap"] == limits.memory_bytes
        assert all(mount["ReadOnly"] for mount in host["Mounts"])
        assert all(word in host["Tmpfs"]["/tmp"].split(",") for word in ("noexec", "nosuid", "nodev"))


def test_runtime_is_the_default_or_gvisor():
    assert policy.host_config(Limits(), (), "runsc")["Runtime"] == "runsc"
    with pytest.raises(PolicyError, match="runtime 'sysbox' is not allowed"):
        policy.host_config(Limits(), (), "sysbox")


def test_results_under_other_limits_have_another_policy_digest():
    assert policy.digest(Limits()) == policy.digest(Limits())
    assert len({policy.digest(Limits()), policy.digest(Limits(), "runsc"), policy.digest(Limits(cpus=2.0))}) == 3


def test_no_variable_of_this_machine_enters_a_box(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert sorted(policy.variables("/usr/bin/python3", 7)) == sorted(
        "HOME LANG PATH PYTHONDONTWRITEBYTECODE PYTHONHASHSEED TMPDIR TZ".split()
    )


@pytest.mark.parametrize(
    "host", ["/", "/etc", "/var/run", "/run", "/proc/self", "/usr/..", "~", "relative", "/nowhere"]
)
def test_folder_of_the_machine_is_not_mounted(host):
    path = Path.home() if host == "~" else Path(host)
    with pytest.raises(PolicyError, match=r"may not be seen by a box|give the absolute path of a folder"):
        policy.check_mounts([Mount(host=path, inside="/envs")])


@pytest.mark.parametrize("inside", ["/", "envs", "/box", "/repobench/x", "/tmp/x", "/proc", "/etc/x", "/a/../b", ""])
def test_mount_does_not_hide_what_a_box_is_made_of(inside, tmp_path):
    with pytest.raises(PolicyError, match="is no place for a mount"):
        policy.check_mounts([Mount(host=tmp_path, inside=inside)])
    policy.check_mounts([Mount(host=tmp_path, inside="/envs/a")])


def inspected(**host):
    mounts = [{"Destination": "/box", "RW": False}]
    return {"Config": {"User": policy.USER}, "HostConfig": {**copy.deepcopy(WANTED), **host}, "Mounts": mounts}


def test_container_that_is_as_it_should_be_has_no_violation():
    assert policy.violations(inspected(), WANTED) == []


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ({"NetworkMode": "bridge"}, "NetworkMode is 'bridge'"),
        ({"Privileged": True}, "Privileged is True"),
        ({"ReadonlyRootfs": False}, "ReadonlyRootfs is False"),
        ({"MemorySwap": -1}, "MemorySwap is -1"),
        ({"PidsLimit": None}, "PidsLimit is None"),
        ({"CapAdd": ["SYS_ADMIN"]}, "it has capabilities"),
        ({"CapDrop": ["NET_RAW"]}, "it drops the capabilities"),
        ({"SecurityOpt": []}, "no-new-privileges is not set"),
        ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, "seccomp=unconfined"),
        ({"Devices": ["/dev/kvm"]}, "it has a device"),
        ({"IpcMode": "host"}, "IpcMode is 'host'"),
    ],
)
def test_container_that_falls_short_is_described(host, words):
    assert words in "; ".join(policy.violations(inspected(**host), WANTED))


# How Podman 4.3 describes a container that it made of the same options.
PODMAN = {
    "IpcMode": "shareable",
    "LogConfig": {"Type": "none", "Config": None},
    "CapDrop": "CAP_AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID "
    "SETPCAP SETUID SYS_CHROOT".split(),
    "Tmpfs": {place: f"{said},rprivate,tmpcopyup" for place, said in WANTED["Tmpfs"].items()},
}


def test_words_of_podman_are_understood():
    assert policy.violations(inspected(**PODMAN), WANTED) == []


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ({"CapDrop": PODMAN["CapDrop"][:-1]}, "it drops the capabilities"),
        ({"Tmpfs": {**PODMAN["Tmpfs"], "/var/tmp": "rw,rprivate,nosuid,nodev,tmpcopyup"}}, "Tmpfs is"),
        ({"Tmpfs": {**PODMAN["Tmpfs"], "/srv": "rw"}}, "Tmpfs is"),
        ({"Tmpfs": {**PODMAN["Tmpfs"], "/tmp": "rw,nosuid,nodev,rprivate,tmpcopyup"}}, "Tmpfs is"),
        ({"LogConfig": {"Type": "journald", "Config": None}}, "LogConfig is"),
        ({"LogConfig": None}, "LogConfig is"),
    ],
)
def test_what_podman_would_leave_open_is_described(host, words):
    assert words in "; ".join(policy.violations(inspected(**(PODMAN | host)), WANTED))


def test_nothing_but_the_work_area_is_memory_that_can_be_written_to():
    writable = [place for place, said in WANTED["Tmpfs"].items() if "ro" not in said.split(",")]
    assert writable == [policy.WORK]


def test_mounts_and_user_are_checked_too():
    found = inspected()
    found["Config"]["User"] = ""
    found["Mounts"] += [{"Destination": "/box/x", "RW": True}]
    text = "; ".join(policy.violations(found, WANTED))
    assert all(words in text for words in ("its user is ''", "/box/x is writable", "/box/x is mounted"))


HELLO = {"pid": 1, "uid": 65534, "capabilities": "0000000000000000", "no_new_privileges": "1", "seccomp": "2"}
HELLO |= {"interfaces": ["lo"], "user_namespaces": False}


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 0),
        ({"pid": 7}, 1),
        ({"uid": 0}, 1),
        ({"capabilities": "00000000a80425fb"}, 1),
        ({"no_new_privileges": "0"}, 1),
        ({"seccomp": "0"}, 1),
        ({"interfaces": ["eth0", "lo"]}, 1),
        ({"user_namespaces": True}, 1),
    ],
)
def test_box_is_asked_from_inside_too(change, count):
    assert len(policy.violations_inside(HELLO | change)) == count


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_local_sandbox_refuses_unless_told_that_it_is_unsafe(answer):
    with pytest.raises(PolicyError, match="--unsafe-local"):
        LocalSandbox(unsafe=answer)
