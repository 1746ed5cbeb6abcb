"""Says in seconds what this machine lacks for executing predictions, and makes the image where it is missing (io)."""

import io
import os
import shutil
import subprocess  # base-image is a script
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandboxes.errors import SandboxError, SandboxUnavailableError
from sandboxes.images import BASE_IMAGE, BASE_IMAGE_SCRIPT, DOCKERFILE, HOW_TO_BUILD, HOW_TO_INSTALL
from sandboxes.policy import check_mounts
from sandboxes.spec import Mount
from sandboxes.tools import default_folder, find_certificates, find_uv

_LEAST_FREE = 2_000_000_000
_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is needed: whether it is there, what was found, and what to do if it is not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def check(folder: Path | None = None, *, image: str = BASE_IMAGE) -> tuple[Check, ...]:
    """What is needed, in the order in which it is; nothing is built, nothing of the network is asked.

    `folder` is where environments are kept (None: `tools.default_folder`).
    """
    return (
        *_engine(image),
        _found("uv", find_uv),
        _found("certificates", find_certificates),
        _disk((folder or default_folder()).absolute()),
    )


def _found(name: str, find: Callable[[], Path]) -> Check:
    try:
        return Check(name=name, ok=True, detail=str(find()))
    except SandboxUnavailableError as error:
        what, _, fix = str(error).partition(": ")
        return Check(name=name, ok=False, detail=what, fix=fix)


def _engine(image: str) -> Iterator[Check]:
    try:
        from sandboxes.docker import connect, image_digest

        client = connect()
    except SandboxUnavailableError as error:
        missing_library = "pip install" in str(error)
        fix = "pip install 'repopeftbench[sandbox]'" if missing_library else HOW_TO_INSTALL
        yield Check(name="engine", ok=False, detail=str(error).removesuffix(HOW_TO_INSTALL).strip(), fix=fix)
        return
    try:
        info = client.info()
        yield Check(name="engine", ok=True, detail=f"{info.get('Name', '')}, version {info.get('ServerVersion')}")
        yield _limits(info)
        try:
            yield Check(name="image", ok=True, detail=f"{image} is {image_digest(client, image)}")
        except SandboxUnavailableError:
            fix = f"repobench probe --prepare, or yourself. {HOW_TO_BUILD}"
            yield Check(name="image", ok=False, detail=f"the engine has no image {image}", fix=fix)
    finally:
        client.close()


def _limits(info: Mapping[str, Any]) -> Check:
    """Whether the kernel holds the limits that the policy sets."""
    wanted = {"MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "processor time"}
    lacking = [word for name, word in wanted.items() if info.get(name) is False]
    version = f"control groups version {info.get('CgroupVersion', '1')}"
    if not lacking:
        return Check(name="limits", ok=True, detail=version)
    fix = "enable the control groups of the kernel: boot with cgroup_enable=memory swapaccount=1, or with version 2"
    return Check(name="limits", ok=False, detail=f"{version} limit no {', no '.join(lacking)}", fix=fix)


def _disk(folder: Path) -> Check:
    """Whether environments can be kept there, and some room is left."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    if not os.access(there, os.W_OK):
        return Check(name="disk", ok=False, detail=f"{there} cannot be written to", fix="choose another folder")
    try:
        if there == folder:
            check_mounts((Mount(host=folder, inside="/env"),))
    except SandboxError as error:
        return Check(name="disk", ok=False, detail=str(error), fix="choose another folder")
    if free < _LEAST_FREE:
        return Check(name="disk", ok=False, detail=detail, fix=f"make room: {_LEAST_FREE / 1e9:.0f} GB at least")
    return Check(name="disk", ok=True, detail=detail)


def prepare(say: Callable[[str], None], *, image: str = BASE_IMAGE) -> None:
    """Makes the image if the engine does not have it: from the registry, or else from Debian's archive.

    Args:
        say: is told in one sentence what is about to be done.
        image: its name and tag.

    Raises:
        SandboxUnavailableError: no engine answers, or neither way leads to an image; the message has both reasons.
    """
    from sandboxes.docker import connect, image_digest

    client = connect()
    try:
        try:
            say(f"The image {image} is there: {image_digest(client, image)}.")
            return
        except SandboxUnavailableError:
            say(f"Building {image} from {DOCKERFILE}, which takes Python from the registry ...")
        problem = _build(client, image)
    finally:
        client.close()
    if problem:
        say(f"That does not work here: {problem}")
        say(f"Making {image} with {BASE_IMAGE_SCRIPT} from Debian packages, which takes some minutes ...")
        _run_script(image, problem)
    say(f"The image {image} is made.")


def _build(client: Any, image: str) -> str:
    """Builds from the Dockerfile; why it does not work, empty if it does."""
    try:
        for message in client.build(fileobj=io.BytesIO(DOCKERFILE.read_bytes()), tag=image, rm=True, decode=True):
            if "error" in message:
                return str(message["error"]).strip()
    except OSError as error:  # the library's errors are among them
        return str(error)
    return ""


def _run_script(image: str, problem: str) -> None:
    done = subprocess.run(["bash", str(BASE_IMAGE_SCRIPT), image], capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = done.stderr.strip()[-_TAIL:]
        raise SandboxUnavailableError(f"No image could be made. From the registry: {problem}. From Debian: {said}")
