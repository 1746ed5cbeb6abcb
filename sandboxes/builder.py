"""Builds environments with uv in locked containers (io), and keeps them for every tree that asks for the same.

What a tree asks for is read without running anything of it (`requirements`). Its own package is not installed, so that
commits share an environment: its code comes from the tree, its metadata from a folder made here. What cannot be had is
remembered with its reason; what was installed becomes part of the environment's key, so results under different
packages are never taken for each other.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandboxes import environments, policy
from sandboxes.attempts import Attempt, as_of, attempts, key_of
from sandboxes.build_box import TOOLS, BuildTimeoutError, Room, carry_out
from sandboxes.docker import INTERPRETER, LABEL, connect, image_digest, sweep
from sandboxes.environments import SourceTree
from sandboxes.errors import EnvironmentFailedError, PolicyError, SandboxUnavailableError
from sandboxes.images import BASE_IMAGE
from sandboxes.requirements.asked import Asked, read_asked
from sandboxes.requirements.imports import ImportReader
from sandboxes.requirements.own import OwnPackage
from sandboxes.requirements.specifiers import admits
from sandboxes.requirements.tree import Tree
from sandboxes.shelf import Shelf
from sandboxes.spec import Environment, Mount, Patch
from sandboxes.tools import copy_tools, default_folder

BUDGET = 20_000_000_000
_PLACE, _OWN_PLACE = "/env", "/own"
_VENV = f"{_PLACE}/venv"
_TREE = f"{policy.OWN_PLACES[1]}/tree"
_MOST_REASON = 500
# Packages from before are not expected to run on that Python: half a year after its first release.
_FLOORS = {(3, 11): date(2023, 4, 1), (3, 12): date(2024, 4, 1), (3, 13): date(2025, 4, 1), (3, 14): date(2026, 4, 1)}
_OLDEST = date(2022, 4, 1)
_UNREACHABLE = "The package registry does not answer"
_WHEELS_LACK = "wheel"  # what uv's message has where a package would have to be built
_NOTHING_ASKED = Asked(runtime=(), tests=(), guesses=(), python=(), own=OwnPackage())
# What uv says where not what was asked for is at fault.
_NO_FAULT_OF_THE_TREE = {
    "error sending request": _UNREACHABLE,
    "dns error": _UNREACHABLE,
    "failed to lookup address": _UNREACHABLE,
    "network is unreachable": _UNREACHABLE,
    "no space left on device": "The disk is full",
}


class BuiltEnvironments:
    """An `EnvironmentProvider` that builds what is asked for; close it, or use it in a `with` statement.

    `image` is the digest of the image that it builds for, `python` the version of that image's interpreter.
    """

    def __init__(
        self, folder: Path | None = None, *, image: str = BASE_IMAGE, budget: int = BUDGET, retry: bool = False
    ) -> None:
        """Keeps environments in `folder` (None: `tools.default_folder`) and at most `budget` bytes of them.

        With `retry`, what an earlier process could not make is tried once more.

        Raises:
            SandboxUnavailableError: there is no engine, image, uv, certificates, or the folder cannot be written to.
            PolicyError: a container may not see the folder.
        """
        self._client = connect()
        try:
            sweep(self._client)
            self.image = image_digest(self._client, image)
            self._shelf, self._tools, self._uv = self._open((folder or default_folder()).absolute())
            self._user = policy.USER if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"
            self._budget = budget
            self._reader = ImportReader()
            self._retried: set[str] | None = set() if retry else None
            self.python = tuple(self._run(Room(shown=self._own_tools(), user=self._user), {"do": "describe"})["python"])
        except BaseException:
            self._client.close()
            raise

    def _open(self, folder: Path) -> tuple[Shelf, Path, str]:
        """The shelf, the folder of tools and the hash of uv."""
        if not policy.may_be_shown(folder):
            raise PolicyError(f"Environments cannot be kept in {folder}, which no box may see: name another --store.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return Shelf(folder, self._mounted), *copy_tools(folder)
        except OSError as error:
            raise SandboxUnavailableError(
                f"Environments cannot be kept in {folder}: {error.strerror}: name another --store."
            ) from error

    @contextmanager
    def provide(self, tree: SourceTree) -> Iterator[Environment]:
        """The environment that the tree asks for, built if no other tree has asked for the same before.

        Raises:
            EnvironmentFailedError: the tree cannot have one.
            SandboxUnavailableError: the engine or the registry does not answer, or the disk is full.
        """
        asked = self._read(tree.folder)
        self._check(asked)
        day = as_of(tree.committed, _FLOORS.get(self.python[:2], _OLDEST))
        key = key_of(asked, day, (self.image, self._uv))
        built = False
        while True:
            with self._shelf.lock(key, shared=True):
                about = self._shelf.find(key)
                if about is not None:
                    self._shelf.use(key, tree.repository)
                    if not built or self._shelf.evict(self._budget) <= self._budget:
                        yield self._environment(key, about, asked.own)
                        return
            if about is not None:
                self._shelf.evict(self._budget)  # now that it is not used, it can go itself
                reason = f"the disk budget of {self._budget} bytes is in use: give a larger --disk-budget"
                raise EnvironmentFailedError(environments.DISK, reason)
            with self._shelf.lock(key, shared=False):
                if self._shelf.find(key) is None:
                    self._make(key, asked, day)
                    built = True

    def _read(self, folder: Path) -> Asked:
        """What the tree asks for; what its reading stumbles over ends nobody else's executions."""
        try:
            return read_asked(Tree(folder), self._reader)
        except (ValueError, OSError, RecursionError, MemoryError) as error:
            reason = f"what it asks for cannot be read: {type(error).__name__}: {error}"
            raise EnvironmentFailedError(environments.UNREADABLE, condensed(reason)) from error

    def _check(self, asked: Asked) -> None:
        ours = ".".join(map(str, self.python))
        for constraint in asked.python:
            if not admits(constraint, self.python):
                reason = f"it asks for Python {constraint}, the image has {ours}"
                raise EnvironmentFailedError(environments.PYTHON, reason)
        if asked.own.compiled:
            raise EnvironmentFailedError(environments.COMPILED, f"{asked.own.compiled}, and nothing of a tree is built")

    def _environment(self, key: str, about: Mapping[str, Any], own: OwnPackage) -> Environment:
        files = own_files(own)
        own_key = _digest(files)
        return Environment(
            key=f"{key}-{_digest(about['installed'])}-{own_key}-{_digest(own.files)}",
            python=f"{_VENV}/bin/python",
            mounts=(
                Mount(host=self._shelf.place(key), inside=_PLACE),
                Mount(host=self._shelf.own(own_key, files), inside=_OWN_PLACE),
            ),
            import_paths=own.import_paths,
            files=tuple(Patch(path=path, content=text.encode()) for path, text in own.files),
        )

    def _make(self, key: str, asked: Asked, day: str) -> None:
        """Makes it, or raises why not; the caller holds its lock."""
        failure = self._shelf.failure(key)
        if failure is not None:
            if self._retried is None or key in self._retried:
                raise EnvironmentFailedError(str(failure["code"]), str(failure["reason"]))
            self._shelf.forget_failure(key)
        if self._retried is not None:
            self._retried.add(key)
        try:
            self._attempt(key, asked, day)
        except EnvironmentFailedError as error:
            self._shelf.remember_failure(key, error.code, error.reason)
            raise

    def _attempt(self, key: str, asked: Asked, day: str) -> None:
        """Asks in one way after the other: of wheels first, and of sources where it was wheels that lacked."""
        reason = ""
        for attempt in attempts(asked):
            failed = self._try(key, asked, attempt, day, builds=False)
            if _WHEELS_LACK in failed.lower():
                failed = self._try(key, asked, attempt, day, builds=True)
            if not failed:
                return
            reason = reason or condensed(failed)
        raise EnvironmentFailedError(environments.FAILED, reason)

    def _try(self, key: str, asked: Asked, attempt: Attempt, day: str, *, builds: bool) -> str:
        """Puts what came of it on the shelf; or says why nothing did."""
        with self._shelf.building_folder() as folder:
            try:
                done = self._install(folder, self._plan(asked, attempt, day, builds=builds))
                failed = str(done["failed"]) or self._verify(folder)
            except BuildTimeoutError:
                reason = f"installing {attempt.name} took longer than the limit"
                raise EnvironmentFailedError(environments.TIMEOUT, reason) from None
            if _fault_of_the_machine(failed):
                self._check_machine(day)
            if not failed:
                about = {"asked": asdict(asked), "as_of": day, "attempt": attempt.name, "sources": builds}
                rest = {"image": self.image, "installed": done["installed"], "missed": done["missed"]}
                try:
                    self._shelf.put(key, folder / "env", about | rest)
                except OSError as error:
                    raise SandboxUnavailableError(f"An environment cannot be kept: {error}.") from error
            return failed

    def _check_machine(self, day: str) -> None:
        """Whether what no tree has asked for can be had: what a tree writes stands in uv's messages, too.

        Raises:
            SandboxUnavailableError: it cannot, for want of a registry or of room.
        """
        alone = Attempt(name="pytest alone", requirements=("pytest",))
        with self._shelf.building_folder() as folder:
            plan = self._plan(_NOTHING_ASKED, alone, day, builds=True)  # with a cache that knows nothing
            failed = str(self._install(folder, plan)["failed"])
        if what := _fault_of_the_machine(failed):
            raise SandboxUnavailableError(f"{what}: {condensed(failed)}")

    def _plan(self, asked: Asked, attempt: Attempt, day: str, *, builds: bool) -> dict[str, Any]:
        return {
            "do": "install",
            "uv": f"{TOOLS}/uv",
            "python": INTERPRETER,
            "venv": _VENV,
            "own": _OWN_PLACE,
            "requirements": attempt.requirements,
            "optional": attempt.optional,
            "guesses": [asdict(guess) for guess in asked.guesses],
            "builds": builds,
            "as_of": day,
        }

    def _install(self, folder: Path, plan: Mapping[str, Any]) -> Mapping[str, Any]:
        """Installs into `folder / "env"`; what is built from source gets a cache of its own, which it could spoil."""
        env, cache = folder / "env", self._shelf.folder / "cache"
        with ExitStack() as stack:
            if plan["builds"]:
                cache = folder / "cache"
                cache.mkdir()
            else:
                stack.enter_context(self._shelf.lock("cache", shared=True))
            env.mkdir()
            env.chmod(0o755)
            for place in (env, cache):
                self._give(place)
            written = (Mount(host=env, inside=_PLACE), Mount(host=cache, inside="/cache"))
            return self._run(Room(shown=self._own_tools(), written=written, network=True, user=self._user), plan)

    def _verify(self, folder: Path) -> str:
        """Why pytest does not start with it, seen as a box would see it; empty if it does."""
        room = Room(shown=(*self._own_tools(), Mount(host=folder / "env", inside=_PLACE)))
        return str(self._run(room, {"do": "verify", "venv": _VENV})["failed"])

    def _give(self, folder: Path) -> None:
        """Lets the container's user write to it."""
        if os.getuid() == 0:
            os.chown(folder, *map(int, self._user.split(":")))

    def _own_tools(self) -> tuple[Mount, ...]:
        return (Mount(host=self._tools, inside=TOOLS),)

    def _run(self, room: Room, plan: Mapping[str, Any]) -> Mapping[str, Any]:
        return carry_out(self._client, self.image, room, plan)

    def _mounted(self) -> frozenset[str]:
        """Folders that boxes have mounted, of this process and of others."""
        boxes = self._client.containers(filters={"label": LABEL})
        return frozenset(str(mount.get("Source")) for box in boxes for mount in box.get("Mounts", ()))

    def close(self) -> None:
        """Lets go of the engine; the environments stay."""
        self._client.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        self.close()


def _fault_of_the_machine(failed: str) -> str:
    """What the machine lacks by uv's words; empty if nothing."""
    return next((what for word, what in _NO_FAULT_OF_THE_TREE.items() if word in failed.lower()), "")


def own_files(own: OwnPackage) -> dict[str, str]:
    """What is on the path besides the environment: the tree's folders, and metadata of the package in it."""
    folders = [f"{_TREE}/{path}" for path in own.import_paths]
    files = {"tree.pth": "".join(f"{folder}\n" for folder in (*folders, _TREE))}
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", own.name):
        metadata = f"Metadata-Version: 2.1\nName: {own.name}\nVersion: {own.version}\n"
        groups: dict[str, list[str]] = {}
        for group, name, place in own.entry_points:
            groups.setdefault(group, []).append(f"{name} = {place}\n")
        lines = [f"[{group}]\n{''.join(rows)}" for group, rows in groups.items()]
        place = f"{own.name.replace('-', '_')}-{own.version}.dist-info"
        files |= {f"{place}/METADATA": metadata, f"{place}/entry_points.txt": "\n".join(lines)}
    return files


def condensed(said: str) -> str:
    """The last words of uv or pytest in one line."""
    words = " ".join(re.sub(r"[^\x20-\x7e]+", " ", said).split())  # uv draws a tree
    return words if len(words) <= _MOST_REASON else f"... {words[-_MOST_REASON:]}"


def _digest(value: Any) -> str:
    """A name that nobody finds a second value for: what strangers write decides what is shared under it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
