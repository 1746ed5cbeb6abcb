"""The environments on the disk (io): where they are, who uses them, how much they take, and which go first.

    FOLDER/made/KEY/env/venv         a virtual environment, mounted at /env
    FOLDER/made/KEY/about.json       what it was made from, what is in it, its bytes
    FOLDER/made/KEY/repositories/    an empty file per repository that used it
    FOLDER/failed/KEY.json           why it cannot be had
    FOLDER/own/KEY/                  metadata of a tree's own package, a few files
    FOLDER/building/OWNER/           what is being made, and what is being removed
    FOLDER/cache/                    uv's wheels, that many environments are made from
    FOLDER/locks/KEY                 held shared while it is used, alone while it is made or removed

Everything appears whole, by a rename, and may be removed at any time but while it is locked or mounted. Bytes are what
the file system gives to files (blocks, a file with several names once), not their lengths.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sandboxes.owners import Owner

_BLOCK = 512  # of st_blocks, whatever the file system's own are (stat(2))
_CACHE_SHARE = 4  # uv's cache may take a quarter of the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """What the environments of one repository take; one that several repositories use counts for each of them."""

    repository: str
    environments: int
    bytes: int


class Shelf:
    """One folder of environments. Any number of threads and processes may use it."""

    def __init__(self, folder: Path, mounted: Callable[[], frozenset[str]]) -> None:
        """`mounted` tells which folders of this machine containers have mounted now."""
        self.folder = folder
        self._mounted = mounted
        for name in ("made", "failed", "own", "building", "cache", "locks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._sweep()

    def _sweep(self) -> None:
        """Removes what processes that are gone have left half made."""
        for folder in sorted((self.folder / "building").iterdir()):
            owner = Owner.parse(folder.name)
            if owner is None or owner.is_gone:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def building_folder(self) -> Iterator[Path]:
        """An empty folder that is gone afterwards, or at the next start."""
        place = self.folder / "building" / str(Owner.me())
        place.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=place))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, key: str, *, shared: bool) -> Iterator[None]:
        """Waits for, and holds, the lock of an environment."""
        with (self.folder / "locks" / key).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield

    @contextmanager
    def _lock_now(self, key: str) -> Iterator[bool]:
        """Holds the lock alone if nobody else does; whether it is held."""
        with (self.folder / "locks" / key).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def find(self, key: str) -> Mapping[str, Any] | None:
        """What is known of an environment that is there."""
        return _read(self.folder / "made" / key / "about.json")

    def place(self, key: str) -> Path:
        """The folder to mount."""
        return self.folder / "made" / key / "env"

    def use(self, key: str, repository: str) -> None:
        """Notes that the repository uses the environment, now; the caller holds its lock."""
        made = self.folder / "made" / key
        (made / "repositories").mkdir(exist_ok=True)
        (made / "repositories" / quote(repository, safe="")).touch()
        os.utime(made)

    def put(self, key: str, env: Path, about: Mapping[str, Any]) -> None:
        """Moves what was made at `env` to its place; the caller holds the lock alone."""
        whole = env.parent / "whole"
        whole.mkdir()
        env.rename(whole / "env")
        text = json.dumps({**about, "bytes": disk_bytes(whole)}, indent=1, sort_keys=True)
        (whole / "about.json").write_text(text + "\n", "utf-8")
        whole.rename(self.folder / "made" / key)

    def failure(self, key: str) -> Mapping[str, Any] | None:
        """Why the environment could not be made, if that was tried."""
        return _read(self.folder / "failed" / f"{key}.json")

    def remember_failure(self, key: str, code: str, reason: str) -> None:
        """Keeps why it could not be made."""
        with self.building_folder() as folder:
            waiting = folder / "failure.json"
            waiting.write_text(json.dumps({"code": code, "reason": reason}, indent=1) + "\n", "utf-8")
            waiting.rename(self.folder / "failed" / f"{key}.json")

    def forget_failure(self, key: str) -> None:
        """Lets it be tried again."""
        (self.folder / "failed" / f"{key}.json").unlink(missing_ok=True)

    def own(self, key: str, files: Mapping[str, str]) -> Path:
        """A folder with these files; a few of them, so they are never evicted."""
        whole = self.folder / "own" / key
        if whole.is_dir():
            return whole
        with self.building_folder() as folder:
            for path, text in files.items():
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).parent.chmod(0o755)
                (folder / path).write_text(text, "utf-8")
                (folder / path).chmod(0o644)
            with contextlib.suppress(OSError):  # somebody else made the same
                folder.rename(whole)
        return whole

    def evict(self, budget: int) -> int:
        """Removes what was used longest ago until the bytes fit; how many bytes there are then.

        What is used, locked or mounted, stays.
        """
        cache = self.folder / "cache"
        fixed = disk_bytes(self.folder / "tools") + disk_bytes(self.folder / "own")
        cached = disk_bytes(cache)
        if cached > budget // _CACHE_SHARE:
            with self._lock_now("cache") as ours:
                if ours:
                    self._remove(cache)
                    cache.mkdir()
                    cached = 0
        sizes = {key: int(about["bytes"]) for key, about in self._all().items()}
        total = fixed + cached + sum(sizes.values())
        if total <= budget:
            return total
        mounted = self._mounted()
        for key in sorted(sizes, key=lambda key: (self._used_at(key), key)):
            if total <= budget:
                break
            with self._lock_now(key) as ours:
                if ours and str(self.place(key)) not in mounted:
                    self._remove(self.folder / "made" / key)
                    total -= sizes[key]
        return total

    def _used_at(self, key: str) -> float:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "made" / key).stat().st_mtime
        return 0.0

    def _remove(self, folder: Path) -> None:
        """Removes it whole: it is out of its place before the first file goes."""
        with self.building_folder() as place, contextlib.suppress(FileNotFoundError):
            folder.rename(place / "removed")

    def _all(self) -> dict[str, Mapping[str, Any]]:
        found = {path.name: self.find(path.name) for path in sorted((self.folder / "made").iterdir())}
        return {key: about for key, about in found.items() if about is not None}

    def disk_use(self) -> tuple[DiskUse, ...]:
        """What each repository's environments take, by name."""
        counts: dict[str, list[int]] = {}
        for key, about in self._all().items():
            for path in sorted((self.folder / "made" / key / "repositories").glob("*")):
                counts.setdefault(unquote(path.name), []).append(int(about["bytes"]))
        return tuple(
            DiskUse(repository=name, environments=len(sizes), bytes=sum(sizes))
            for name, sizes in sorted(counts.items())
        )

    def total_bytes(self) -> int:
        """What everything takes, uv's cache included."""
        return disk_bytes(self.folder)


def disk_bytes(folder: Path) -> int:
    """What the file system gives to the folder and all below, a file with several names once; 0 if it is not there."""
    seen: dict[tuple[int, int], int] = {}
    waiting = [os.fspath(folder)]
    with contextlib.suppress(FileNotFoundError):
        seen[0, 0] = folder.lstat().st_blocks * _BLOCK
    while waiting:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                seen[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return sum(seen.values())


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if isinstance(found, dict) else None
