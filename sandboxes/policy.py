"""What every box is denied, as options of an engine; the bounds of what may be chosen; and a check of what came of it.

Nothing here is configurable but numbers within bounds and the runtime. A box is inspected before its first test and
asked from inside how it sees itself: what an engine, a daemon's configuration or a compatible product made of the
options counts, not what was asked for.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path, PurePosixPath
from typing import Any

from sandboxes.errors import PolicyError
from sandboxes.spec import MEBIBYTE, Limits, Mount

USER = "65534:65534"
WORK, SHARED_MEMORY = "/tmp", "/dev/shm"
SHARED_MEMORY_BYTES = 16 * MEBIBYTE
# Podman gives a read-only root memory of its own here, to be written to without end: a box has it empty and read-only.
_CLOSED = ("/run", "/var/tmp")
OWN_PLACES = ("/repobench", "/box")  # the supervisor's code, and the folder with the tree
_TAKEN = (*OWN_PLACES, WORK, "/proc", "/sys", "/dev", "/etc", "/bin", "/lib", "/usr")
_NEVER_SHOWN = ("/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/var/lib", "/root")
# What an engine gives if nothing is said. Podman tells of "ALL" which of these it took away.
_USUAL_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT".split()
)
_ADDED_TO_TMPFS = frozenset({"rprivate", "tmpcopyup"})  # by Podman: the image has nothing there to be copied
RUNTIMES = ("", "runsc")  # the engine's default, or gVisor
VERSION = 1  # of this module's rules: a new one means that earlier results were made under others
_READ_APART = ("CapDrop", "SecurityOpt", "Ulimits", "Mounts")
# (least, most) of every limit
BOUNDS: Mapping[str, tuple[float, float]] = {
    "wall_seconds": (0.5, 600.0),
    "memory_bytes": (64 * MEBIBYTE, 16384 * MEBIBYTE),
    "processes": (8, 1024),
    "cpus": (0.1, 8.0),
    "open_files": (64, 4096),
    "file_bytes": (MEBIBYTE, 1024 * MEBIBYTE),
    "work_bytes": (MEBIBYTE, 4096 * MEBIBYTE),
    "output_bytes": (4096, 64 * MEBIBYTE),
}


def check_limits(limits: Limits) -> None:
    """Refuses limits that are out of bounds.

    Raises:
        PolicyError: one of them is.
    """
    for field in fields(limits):
        least, most = BOUNDS[field.name]
        value = getattr(limits, field.name)
        if not least <= value <= most:
            raise PolicyError(f"{field.name} is {value}: choose a value from {least} to {most}")
    if limits.work_bytes >= limits.memory_bytes:
        raise PolicyError(
            f"work_bytes is {limits.work_bytes}, not less than memory_bytes, {limits.memory_bytes}: "
            "the work area is memory"
        )


def may_be_shown(folder: Path) -> bool:
    """Whether a box may see this folder, which need not exist: none of the system's, and no home."""
    host = folder.resolve()
    never = [Path(place) for place in _NEVER_SHOWN]
    return not any(place.is_relative_to(host) for place in [*never, Path.home()]) and not any(
        map(host.is_relative_to, never)
    )


def check_mounts(mounts: Sequence[Mount]) -> None:
    """Refuses mounts that would show a box more of this machine than an environment, or hide what it is made of.

    Raises:
        PolicyError: one of them would.
    """
    for mount in mounts:
        host = mount.host.resolve()
        if not mount.host.is_absolute() or not host.is_dir():
            raise PolicyError(f"{mount.host} cannot be mounted: give the absolute path of a folder")
        if not may_be_shown(host):
            raise PolicyError(f"{mount.host} may not be seen by a box: mount a folder that holds the environment alone")
        inside = PurePosixPath(mount.inside)
        if not inside.is_absolute() or ".." in inside.parts or len(inside.parts) < 2:
            raise PolicyError(f"{mount.inside!r} is no place for a mount: give an absolute path below the root")
        if any(inside.is_relative_to(place) for place in _TAKEN):
            raise PolicyError(f"{mount.inside!r} is no place for a mount: {', '.join(_TAKEN)} are taken")


def digest(limits: Limits, runtime: str = "") -> str:
    """Names the rules and the limits; results under different digests are not the same experiment."""
    text = json.dumps([VERSION, runtime, asdict(limits)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def variables(python: str, hash_seed: int) -> dict[str, str]:
    """All environment variables of a test's process; none comes from this machine."""
    return {
        "HOME": f"{WORK}/home",
        "LANG": "C.UTF-8",
        "PATH": f"{python.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": str(hash_seed),
        "TMPDIR": WORK,
        "TZ": "UTC",
    }


def host_config(limits: Limits, mounts: Sequence[Mount], runtime: str = "") -> dict[str, Any]:
    """The `HostConfig` of a box in the engine's own words (Docker Engine API 1.41, ContainerCreate)."""
    if runtime not in RUNTIMES:
        raise PolicyError(f"runtime {runtime!r} is not allowed: choose from {', '.join(map(repr, RUNTIMES))}")
    config: dict[str, Any] = {
        "NetworkMode": "none",
        "IpcMode": "private",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Privileged": False,
        "AutoRemove": True,
        "Init": False,  # the supervisor is PID 1: no signal from inside reaches it
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "PidsLimit": limits.processes + 2,
        "NanoCpus": int(limits.cpus * 1_000_000_000),
        "ShmSize": SHARED_MEMORY_BYTES,
        "Tmpfs": tmpfs(limits, "noexec"),
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "fsize", "Soft": limits.file_bytes, "Hard": limits.file_bytes},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "Mounts": [
            {"Type": "bind", "Source": str(mount.host), "Target": mount.inside, "ReadOnly": True} for mount in mounts
        ],
        "LogConfig": {"Type": "none", "Config": {}},
    }
    return config | ({"Runtime": runtime} if runtime else {})


def tmpfs(limits: Limits, programs: str) -> dict[str, str]:
    """What is memory in a container; `programs` is `exec` or `noexec`, of the work area."""
    closed = dict.fromkeys(_CLOSED, "ro,noexec,nosuid,nodev,size=65536")
    return {WORK: f"rw,{programs},nosuid,nodev,size={limits.work_bytes},mode=1777", **closed}


def violations(inspected: Mapping[str, Any], wanted: Mapping[str, Any], user: str = USER) -> list[str]:
    """In what a container, as the engine describes it, falls short of the `host_config` and user that were asked for.

    Nothing that is mounted may be writable but what `wanted` has as such.
    """
    config, host = inspected["Config"], inspected["HostConfig"]
    found = []
    if config.get("User") != user:
        found.append(f"its user is {config.get('User')!r}, not {user!r}")
    for name, value in wanted.items():
        if name not in _READ_APART and not _holds(name, host.get(name, False), value):
            found.append(f"{name} is {host.get(name)!r}, not {value!r}")
    if host.get("CapAdd"):
        found.append(f"it has capabilities {host['CapAdd']}")
    dropped = {name.removeprefix("CAP_") for name in host.get("CapDrop") or []}
    if "ALL" not in dropped and not dropped >= _USUAL_CAPABILITIES:
        found.append(f"it drops the capabilities {host.get('CapDrop')} alone")
    options = host.get("SecurityOpt") or []
    if not any(option.split(":")[0].split("=")[0] == "no-new-privileges" for option in options):
        found.append("no-new-privileges is not set")
    if open_doors := [option for option in options if "unconfined" in option]:
        found.append(f"it has {', '.join(open_doors)}")
    writable = {mount["Destination"] for mount in inspected.get("Mounts", []) if mount.get("RW")}
    may_be = {mount["Target"] for mount in wanted["Mounts"] if not mount["ReadOnly"]}
    found += [f"{name} is writable" for name in sorted(writable - may_be)]
    found += [f"it has a device {device}" for device in host.get("Devices") or []]
    names = {mount["Destination"] for mount in inspected.get("Mounts", [])}
    wanted_names = {mount["Target"] for mount in wanted["Mounts"]}
    found += [f"{name} is mounted, which nobody asked for" for name in sorted(names - wanted_names)]
    return found


def _holds(name: str, found: Any, wanted: Any) -> bool:
    """Whether an option is what was asked for, in the words of either engine."""
    if name == "IpcMode":
        return found in (wanted, "shareable")  # its own as well; another container would have to ask for it
    if name == "LogConfig":
        return bool({key: value or {} for key, value in (found or {}).items()} == wanted)
    if name == "Tmpfs":
        options = {place: set(said.split(",")) - _ADDED_TO_TMPFS for place, said in (found or {}).items()}
        return options == {place: set(said.split(",")) for place, said in wanted.items()}
    return bool(found == wanted)


def violations_inside(hello: Mapping[str, Any], runtime: str = "") -> list[str]:
    """In what a box, as it sees itself, falls short of the policy."""
    found = []
    if hello["pid"] != 1:
        found.append(f"the supervisor is process {hello['pid']}, not 1")
    if hello["uid"] == 0:
        found.append("it runs as root")
    if int(hello["capabilities"] or "0", 16):
        found.append(f"it may regain the capabilities {hello['capabilities']}")
    if hello["user_namespaces"]:
        found.append("it may make user namespaces")
    if hello["interfaces"] not in ([], ["lo"]):
        found.append(f"it has network interfaces: {', '.join(hello['interfaces'])}")
    if not runtime:  # gVisor is its own kernel and tells less in /proc
        if hello["no_new_privileges"] != "1":
            found.append("no-new-privileges is not in force")
        if hello["seccomp"] != "2":
            found.append("no seccomp filter is in force")
    return found
