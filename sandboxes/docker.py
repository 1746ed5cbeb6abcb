"""Boxes that are containers of Docker, or of anything that speaks its API (io).

One container per box, with the supervisor as its first process and this process at its standard input: when the harness
ends, however it ends, the input ends, the supervisor ends, the container ends and the engine removes it. What is left
after all, because the engine itself was killed, is removed at the next start by its label.
"""

import itertools
import os
import shutil
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandboxes import policy
from sandboxes.boxes import BoxKind, WarmBoxes, make_order
from sandboxes.conversation import Conversation, LineEndedError
from sandboxes.errors import EnvironmentUnusableError, PolicyError, SandboxUnavailableError
from sandboxes.images import BASE_IMAGE, HOW_TO_BUILD, HOW_TO_INSTALL
from sandboxes.owners import Owner, make_folder, remove_folder, sweep_folders
from sandboxes.spec import ExecRequest, ExecResult, Limits, Mount
from sandboxes.stage import Stage

try:
    import docker
    from docker.errors import APIError, DockerException, ImageNotFound
except ImportError as error:
    raise SandboxUnavailableError(
        "Docker's library for Python is not installed: pip install 'repopeftbench[sandbox]'"
    ) from error

LABEL = "repobench.box"
_CODE, _BOX = policy.OWN_PLACES
# Never an environment's own: what built the environment could have put anything in its place.
INTERPRETER = "/usr/bin/python3"
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_ENGINE_SECONDS = 120
_REMOVALS, _REMOVAL_SECONDS = 20, 0.25
# What `AttachedLine` needs of a container's configuration: its input ends with the one line that is attached to it.
ATTACHED = {
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "OpenStdin": True,
    "StdinOnce": True,
    "Tty": False,
}
_STREAM_HEADER = struct.Struct(">BxxxL")
_STDOUT = 1


class DockerSandbox(WarmBoxes):
    """A `Sandbox` of warm containers.

    Leftovers of processes that have ended are removed when it is made.
    """

    def __init__(self, image: str = BASE_IMAGE, *, runtime: str = "", most: int = 8) -> None:
        """Runs boxes of `image`; `runtime` is the engine's default or `runsc` (gVisor).

        Raises:
            SandboxUnavailableError: no engine answers, or it has no such image.
        """
        client = connect()
        try:
            sweep(client)
            super().__init__(_Containers(client, image, runtime), most=most)
        except BaseException:
            client.close()
            raise


def connect() -> "docker.APIClient":
    """The engine that `DOCKER_HOST` names, or the one of this machine.

    Raises:
        SandboxUnavailableError: none answers.
    """
    try:
        _knock(os.environ.get("DOCKER_HOST") or _DEFAULT_HOST)
        client = docker.from_env(timeout=_ENGINE_SECONDS).api
        client.ping()
    except (DockerException, OSError) as error:
        raise SandboxUnavailableError(f"No Docker engine answers: {error}. {HOW_TO_INSTALL}") from error
    return client


def _knock(host: str) -> None:
    """Raises OSError with the path where nobody listens; the library itself leaves its socket open then."""
    path = host.removeprefix("unix://")
    if path == host:
        return
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(path)
        except OSError as error:
            raise OSError(f"{path}: {error.strerror}") from error


def image_digest(client: "docker.APIClient", image: str) -> str:
    """The id of the image, which names its content.

    Raises:
        SandboxUnavailableError: the engine does not have it.
    """
    try:
        return str(client.inspect_image(image)["Id"])
    except ImageNotFound as error:
        raise SandboxUnavailableError(f"The engine has no image {image}. {HOW_TO_BUILD}") from error


def sweep(client: "docker.APIClient") -> int:
    """Removes the containers and folders of harness processes that have ended; how many containers there were."""
    count = 0
    for found in client.containers(all=True, filters={"label": LABEL}):
        owner = Owner.parse(found["Labels"][LABEL])
        if owner is not None and owner.is_gone:
            remove_container(client, found["Id"])
            count += 1
    sweep_folders()
    return count


def remove_container(client: "docker.APIClient", container: str) -> None:
    """Removes a container that may be running, ending or gone, if the engine is there to do it."""
    for left in reversed(range(_REMOVALS)):
        try:
            client.remove_container(container, force=True, v=True)
            return
        except APIError as error:
            if error.status_code in (404, 409):  # it is gone, or the engine is removing it already
                return
            if error.status_code != 500 or not left:
                raise
            time.sleep(_REMOVAL_SECONDS)  # Podman fails on one that ends at this moment
        except OSError:  # no engine any more: it removes the container itself when it comes back
            return


class _Containers:
    """Opens boxes that are containers."""

    def __init__(self, client: "docker.APIClient", image: str, runtime: str) -> None:
        self._client = client
        self._image = image
        self._digest = image_digest(client, image)
        self._runtime = runtime
        self._owner = Owner.me()
        self._folder = make_folder(self._owner)
        self._numbers = itertools.count()

    def open(self, kind: BoxKind) -> "_Container":
        policy.check_mounts(kind.environment.mounts)
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        folder.chmod(0o755)
        mounts = (Mount(host=self._folder / "code", inside=_CODE), Mount(host=folder, inside=_BOX))
        wanted = policy.host_config(kind.limits, (*mounts, *kind.environment.mounts), self._runtime)
        box = self._make(kind, wanted, folder)
        try:
            if problems := policy.violations(self._client.inspect_container(box.container), wanted):
                raise PolicyError(f"The engine does not hold the policy: {'; '.join(problems)}.")
            self._start(box, kind)
        except BaseException:
            box.close()
            raise
        return box

    def _make(self, kind: BoxKind, wanted: Mapping[str, Any], folder: Path) -> "_Container":
        """A container that has not started, with its streams attached."""
        container = ""
        try:
            container = self._create(kind, wanted)
            line = AttachedLine(self._client, container)
        except OSError as error:  # the library's errors are among them
            if container:
                remove_container(self._client, container)
            fix = " Install gVisor and name it to the engine, or leave --runtime out." if self._runtime else ""
            raise SandboxUnavailableError(f"The engine makes no container: {error}.{fix}") from error
        return _Container(self._client, container, folder, line)

    def _create(self, kind: BoxKind, wanted: Mapping[str, Any]) -> str:
        variables = policy.variables(kind.environment.python, kind.hash_seed)
        config = {
            "Image": self._digest,
            "User": policy.USER,
            "WorkingDir": "/",
            "Entrypoint": [INTERPRETER, "-S", "-s", f"{_CODE}/start.py"],
            "Cmd": [kind.environment.python],
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Labels": {LABEL: str(self._owner)},
            "HostConfig": wanted,
            **ATTACHED,
        }
        return str(self._client.create_container_from_config(config)["Id"])

    def _start(self, box: "_Container", kind: BoxKind) -> None:
        """Starts the supervisor, hears what it says of itself and compares that with the policy."""
        what = f"{kind.environment.python} of the environment {kind.environment.key}"
        try:
            self._client.start(box.container)
            hello = box.conversation.hello()
        except (LineEndedError, TimeoutError, APIError) as error:
            raise EnvironmentUnusableError(
                f"{what} does not start in {self._image}: {box.line.errors.strip() or error}"
            ) from error
        if hello["problem"]:
            raise EnvironmentUnusableError(f"{what} does not start in {self._image}: {hello['problem']}.")
        if problems := policy.violations_inside(hello, self._runtime):
            raise PolicyError(f"A box does not hold the policy: {'; '.join(problems)}.")

    def stamp(self, result: ExecResult, limits: Limits) -> ExecResult:
        digest = policy.digest(limits, self._runtime)
        return replace(result, driver="docker", contained=True, image=self._digest, policy=digest)

    def close(self) -> None:
        remove_folder(self._folder)
        self._client.close()


class _Container:
    """One running container."""

    def __init__(self, client: "docker.APIClient", container: str, folder: Path, line: "AttachedLine") -> None:
        self.line = line
        self.conversation = Conversation(line)
        self.stage = Stage(folder)
        self._client = client
        self.container = container
        self._folder = folder

    def order(self, request: ExecRequest) -> Mapping[str, Any]:
        variables = policy.variables(request.environment.python, request.hash_seed)
        return make_order(request, tree=f"{_BOX}/tree", work=policy.WORK, variables=variables)

    def close(self) -> None:
        self.line.close()
        remove_container(self._client, self.container)
        shutil.rmtree(self._folder, ignore_errors=True)


class AttachedLine:
    """The standard streams of a container's first process, over the engine's attach endpoint.

    Output comes in frames of eight bytes of header (stream, length) and a payload; see ContainerAttach in the Docker
    Engine API. What the first process writes to standard error is kept for messages and never read as an answer.
    """

    def __init__(self, client: "docker.APIClient", container: str) -> None:
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._attached = client.attach_socket(container, params=streams)
        self._socket: socket.socket = getattr(self._attached, "_sock", self._attached)
        self._pending = b""
        self.errors = ""

    def write(self, data: bytes) -> None:
        """Sends all of `data`."""
        self._socket.settimeout(_ENGINE_SECONDS)
        self._socket.sendall(data)

    def read(self, seconds: float) -> bytes:
        """A piece of the standard output; b"" at the end. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            header = self._exactly(_STREAM_HEADER.size, deadline)
            if not header:
                return b""
            stream, length = _STREAM_HEADER.unpack(header)
            payload = self._exactly(length, deadline)
            if stream == _STDOUT and payload:
                return payload
            self.errors = (self.errors + payload.decode("utf-8", "replace"))[-2000:]

    def _exactly(self, count: int, deadline: float) -> bytes:
        """`count` bytes; nothing at the end, whole frames only."""
        while len(self._pending) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._pending += data
        taken, self._pending = self._pending[:count], self._pending[count:]
        return taken

    def close(self) -> None:
        """Ends the container's input with it."""
        self._attached.close()
        self._socket.close()
