"""The folder that a box sees its source tree in (io): a copy that only this side can write to.

Copies follow no link and leave `.git` and compiled files behind; a patch replaces one regular file and is taken back
before the next one. Whether test files are what they should be is asked here, before and after a test.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath

from sandboxes.errors import RequestError
from sandboxes.spec import ExecRequest, Patch

_LEFT_BEHIND = (".git", ".hg", ".svn", "__pycache__")


class Stage:
    """One tree at a time, in a folder that exists."""

    def __init__(self, folder: Path) -> None:
        """Holds its tree at `folder / "tree"`."""
        self.tree = folder / "tree"
        self._holds = ""
        self._replaced: Patch | None = None

    def place(self, request: ExecRequest) -> None:
        """Makes the tree that of the request, its patch included.

        Raises:
            RequestError: the source is no folder, or a path of the request leaves it or is no regular file.
        """
        if self._holds != request.source_key:
            self._copy(request.source)
            for made in request.environment.files:
                self._complete(made)
            self._holds = request.source_key
            self._replaced = None
        if self._replaced is not None:
            _write(self._file(self._replaced.path), self._replaced.content)
            self._replaced = None
        test_file = self._file(request.test.partition("::")[0])
        if request.patch is not None:
            file = self._file(request.patch.path)
            self._replaced = Patch(path=request.patch.path, content=file.read_bytes())
            _write(file, request.patch.content)
        for folder in (*request.environment.import_paths, *request.import_paths):
            _check_path(folder, "import path")
        if not test_file.is_file():
            raise RequestError(f"{request.test} is not in {request.source}: no such file")

    def digests(self, test: str) -> dict[str, str]:
        """SHA-256 of the test's file, of the patched one and of every `conftest.py` that pytest reads for the test."""
        file = self._file(test.partition("::")[0])
        patched = [] if self._replaced is None else [self._file(self._replaced.path)]
        above = (folder / "conftest.py" for folder in file.parents if folder.is_relative_to(self.tree))
        paths = [file, *patched, *above]
        return {
            path.relative_to(self.tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path.is_file()
        }

    def _copy(self, source: Path) -> None:
        if not source.is_dir():
            raise RequestError(f"The source tree {source} is no folder: check the path.")
        self._holds = ""
        if self.tree.exists():
            shutil.rmtree(self.tree)
        shutil.copytree(source, self.tree, symlinks=True, ignore=_ignored)
        for folder, _, names in os.walk(self.tree):
            Path(folder).chmod(0o755)
            for name in names:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)

    def _complete(self, file: Patch) -> None:
        """Adds a file that the tree does not have, below a folder that it has; through no link."""
        _check_path(file.path, "file of the environment")
        place = self.tree
        for part in PurePosixPath(file.path).parts[:-1]:
            place = place / part
        whole = place / PurePosixPath(file.path).name
        if place.is_dir() and place.resolve() == self.tree.resolve() / place.relative_to(self.tree):
            if not whole.exists() and not whole.is_symlink():
                _write(whole, file.content)

    def _file(self, path: str) -> Path:
        """The regular file at this path of the tree; following no link on the way, so it cannot be elsewhere."""
        _check_path(path, "file")
        place = self.tree
        for part in PurePosixPath(path).parts:
            place = place / part
            if place.is_symlink():
                raise RequestError(f"{path} goes through a symbolic link: name the file itself")
        if not place.is_file():
            raise RequestError(f"{path} is no file of the source tree: check the path")
        return place


def _ignored(folder: str, names: list[str]) -> list[str]:
    """What is not copied: histories, compiled files, and anything that is no file, folder or link."""
    odd = [name for name in names if not _is_plain(Path(folder, name))]
    return [name for name in names if name in _LEFT_BEHIND] + odd


def _is_plain(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _check_path(path: str, what: str) -> None:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\0" in path:
        raise RequestError(f"The {what} {path!r} leaves the source tree: give a path within it.")


def _write(file: Path, content: bytes) -> None:
    """A new file in the place of the old one: a box that still has the old one open does not see half of it."""
    waiting = file.with_name(f".{file.name}.part")
    waiting.write_bytes(content)
    waiting.chmod(0o644)
    waiting.replace(file)
