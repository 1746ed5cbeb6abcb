"""The container that an environment is made in (io): what a box is denied, but the network and one folder to write to.

One container per plan; `installing` is its first process and this process is at its standard input, so it ends when the
harness does. What it can reach is what Docker's bridge network lets it: docs/security.md says so.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes import policy
from sandboxes.conversation import LineEndedError
from sandboxes.docker import ATTACHED, INTERPRETER, LABEL, AttachedLine, remove_container
from sandboxes.errors import PolicyError, SandboxUnavailableError
from sandboxes.owners import Owner
from sandboxes.spec import MEBIBYTE, Limits, Mount

TOOLS = "/repobench"  # uv, the certificates and `installing`
# Of the whole container; the memory holds /tmp as well.
LIMITS = Limits(
    wall_seconds=600.0,
    memory_bytes=4096 * MEBIBYTE,
    processes=256,
    cpus=2.0,
    open_files=4096,
    file_bytes=1024 * MEBIBYTE,
    work_bytes=1024 * MEBIBYTE,
)
_STARTING_SECONDS = 60.0
_MOST_BYTES = 4 * MEBIBYTE


class BuildTimeoutError(Exception):
    """The container was ended because it took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a container sees of this machine and of the network.

    Attributes:
        shown: read-only.
        written: folders that it may write to.
        network: whether it has one.
        user: `UID:GID`.
    """

    shown: tuple[Mount, ...]
    written: tuple[Mount, ...] = ()
    network: bool = False
    user: str = policy.USER
    limits: Limits = LIMITS


def host_config(room: Room) -> dict[str, Any]:
    """The `HostConfig` of the container: that of a box, and what this module's first sentence says."""
    config = policy.host_config(room.limits, (*room.shown, *room.written))
    writable = {mount.inside for mount in room.written}
    for mount in config["Mounts"]:
        mount["ReadOnly"] = mount["Target"] not in writable
    config["Tmpfs"] = policy.tmpfs(room.limits, "exec")
    return config | {"NetworkMode": "bridge" if room.network else "none", "AutoRemove": False}


def carry_out(client: Any, image: str, room: Room, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """What became of the plan in a container of its own.

    Raises:
        BuildTimeoutError: it took longer than the limits of the room allow.
        SandboxUnavailableError: the engine makes no container, or what runs in it does not answer.
        PolicyError: the container is not as it was asked for.
    """
    policy.check_mounts(tuple(mount for mount in (*room.shown, *room.written) if mount.inside != TOOLS))
    wanted = host_config(room)
    try:
        container = str(client.create_container_from_config(_config(image, room, wanted))["Id"])
    except OSError as error:  # the library's errors are among them
        raise SandboxUnavailableError(f"The engine makes no container: {error}.") from error
    line = None
    try:
        if problems := policy.violations(client.inspect_container(container), wanted, room.user):
            raise PolicyError(f"The engine does not hold the policy: {'; '.join(problems)}.")
        line = AttachedLine(client, container)
        client.start(container)
        line.write(json.dumps(plan).encode() + b"\n")
        return _answer(line, room.limits.wall_seconds + _STARTING_SECONDS)
    except TimeoutError as error:
        raise BuildTimeoutError from error
    except (LineEndedError, OSError) as error:
        said = f" {line.errors.strip()[-500:]}" if line is not None and line.errors else ""
        raise SandboxUnavailableError(f"The build container was lost: {error}.{said}") from error
    finally:
        if line is not None:
            line.close()
        remove_container(client, container)


def _config(image: str, room: Room, wanted: Mapping[str, Any]) -> dict[str, Any]:
    variables = {
        "HOME": f"{policy.WORK}/home",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "SSL_CERT_FILE": f"{TOOLS}/certificates.pem",
        "TMPDIR": policy.WORK,
        "UV_CACHE_DIR": "/cache",
        "UV_DEFAULT_INDEX": "https://pypi.org/simple",
        "UV_LINK_MODE": "copy",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return {
        "Image": image,
        "User": room.user,
        "WorkingDir": "/",
        "Entrypoint": [INTERPRETER, "-I", "-S", f"{TOOLS}/installing.py"],
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "Labels": {LABEL: str(Owner.me())},
        "HostConfig": dict(wanted),
        **ATTACHED,
    }


def _answer(line: AttachedLine, seconds: float) -> Mapping[str, Any]:
    """The one line that comes back."""
    deadline = time.monotonic() + seconds
    pending = b""
    while b"\n" not in pending:
        data = line.read(max(0.01, deadline - time.monotonic()))
        if not data:
            raise LineEndedError("it ended without an answer")
        pending += data
        if len(pending) > _MOST_BYTES:
            raise LineEndedError("an answer without end")
    try:
        answer = json.loads(pending.partition(b"\n")[0])
    except ValueError as error:
        raise LineEndedError("an answer that is no JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("failed"), str):
        raise LineEndedError("an answer that is not what was asked for")
    return answer
