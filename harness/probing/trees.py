"""The trees of commits as folders (io): written from the clone, kept by content, disposed of under a disk budget.

Objects are written as they are: no attributes, filters, hooks or settings. What could lead out of the folder is left
out and named: symbolic links whose target is not in the tree, submodules, anything below a folder called `.git`. A
dataset's snapshots are never used: they hold production code and tests, not all that tests need.

A tree in use is not disposed of, by whatever process: whoever uses it holds a lock on its folder.
"""

import contextlib
import fcntl
import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.errors import ProbeError
from repopeftbench.atomic import fill_atomically
from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository, TreeDelta
from repopeftbench.schema import content_id

_TREE, _FACTS = "tree", "facts.json"
_SUBMODULE = 0o160000
_BLOCK = 4096  # what a file takes at least
_MOST_PARTS = 64
_MOST_BYTES_OF_A_NAME = 255


class TreeUnwritableError(Exception):
    """A commit's tree cannot be had; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTree:
    """A commit's tree on the disk.

    `key` names its content, `left_out` what it lacks, `size` is in bytes, as the disk counts them.
    """

    folder: Path
    key: str
    size: int
    left_out: tuple[str, ...]


class TreeStore:
    """Trees by content, in a folder of their own. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, budget: int) -> None:
        """Keeps at most `budget` bytes of trees that nobody uses, in `folder`, made where it is missing.

        Raises:
            ProbeError: it cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProbeError(f"{folder} cannot hold trees: {error.strerror}: name another --store") from error
        self._folder = folder
        self._budget = budget
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str], str] = {}
        self._looked_through = False

    @contextlib.contextmanager
    def tree(self, repository: GitRepository, commit_sha: str) -> Iterator[WrittenTree]:
        """The tree of a commit, there for the block.

        Raises:
            TreeUnwritableError: the clone lacks objects of it, or it does not fit.
        """
        with contextlib.ExitStack() as held:
            with self._lock:  # one git repository is not for several threads
                tree = self._hold(held, repository, commit_sha)
            yield tree

    def _hold(self, held: contextlib.ExitStack, repository: GitRepository, commit_sha: str) -> WrittenTree:
        with _locked(self._folder, fcntl.LOCK_EX):  # what follows is one process's business at a time
            place = (repository.identity, commit_sha)
            entries: Sequence[TreeDelta] = ()
            if place not in self._keys:
                entries = _entries(repository, commit_sha)
                self._keys[place] = tree_key(entries)
            key = self._keys[place]
            folder = self._folder / key
            written = not folder.is_dir()
            if written:
                self._write(repository, entries or _entries(repository, commit_sha), folder)
            held.enter_context(_locked(folder, fcntl.LOCK_SH))
            os.utime(folder)
            if written or not self._looked_through:
                self._dispose()
        facts = json.loads((folder / _FACTS).read_bytes())
        return WrittenTree(folder=folder / _TREE, key=key, size=facts["size"], left_out=tuple(facts["left_out"]))

    def _write(self, repository: GitRepository, entries: Sequence[TreeDelta], folder: Path) -> None:
        try:
            fill_atomically(folder, lambda partial: _fill(repository, entries, partial, self._budget))
        except OSError as error:
            raise TreeUnwritableError(f"it cannot be written: {error.strerror or error}") from error
        except GitObjectError as error:
            raise TreeUnwritableError(str(error)) from error

    def _dispose(self) -> None:
        """Removes what kills left half written, and the trees longest unused until the rest is within the budget."""
        for folder in self._folder.iterdir():
            if not (folder / _FACTS).is_file():
                shutil.rmtree(folder)
        self._looked_through = True
        kept = [folder for folder in self._folder.iterdir() if (folder / _FACTS).is_file()]
        sizes = {folder: json.loads((folder / _FACTS).read_bytes())["size"] for folder in kept}
        total = sum(sizes.values())
        for folder in sorted(kept, key=lambda one: one.stat().st_mtime_ns):
            if total <= self._budget:
                return
            with contextlib.suppress(BlockingIOError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(folder)
                total -= sizes[folder]


def tree_key(entries: Sequence[TreeDelta]) -> str:
    """The name of a tree's content: equal for equal paths, modes and blobs."""
    return content_id("tree-1", *(f"{entry.mode:o} {entry.blob} {entry.path}" for entry in entries))


def _entries(repository: GitRepository, commit_sha: str) -> tuple[TreeDelta, ...]:
    try:
        return repository.deltas(None, commit_sha)
    except GitObjectError as error:
        raise TreeUnwritableError(str(error)) from error


def _fill(repository: GitRepository, entries: Sequence[TreeDelta], folder: Path, budget: int) -> None:
    root = folder / _TREE
    root.mkdir()
    _check_paths(entries)
    left_out: list[str] = []
    links: list[TreeDelta] = []
    size = 0
    for entry in entries:
        if ".git" in map(str.lower, PurePosixPath(entry.path).parts):
            left_out.append(f"{entry.path} (git's own)")
        elif entry.mode == _SUBMODULE:
            left_out.append(f"{entry.path} (submodule)")
        elif stat.S_ISLNK(entry.mode):
            links.append(entry)
        else:
            size += _write_file(repository, entry, root)
            if size > budget:
                raise TreeUnwritableError(f"it has more than the {budget:,} bytes that trees may take")
    left_out += [f"{path} (leads out of the tree)" for path in _write_links(repository, links, root)]
    (folder / _FACTS).write_text(json.dumps({"size": size, "left_out": sorted(left_out)}), "utf-8")


def _check_paths(entries: Sequence[TreeDelta]) -> None:
    """Refuses what no checkout of git has, and what is too deep or long to be copied and walked.

    A link that has the path of a folder would have what is in that folder written to wherever the link leads.
    """
    links = {entry.path for entry in entries if stat.S_ISLNK(entry.mode)}
    for entry in entries:
        path = PurePosixPath(entry.path)
        if len(path.parts) > _MOST_PARTS or max(map(len, map(os.fsencode, path.parts))) > _MOST_BYTES_OF_A_NAME:
            raise TreeUnwritableError(f"the path {entry.path[:100]}… is too deep or too long")
        if not links.isdisjoint(map(str, path.parents)):
            raise TreeUnwritableError(f"{entry.path} lies below a symbolic link, which no checkout can hold")


def _write_file(repository: GitRepository, entry: TreeDelta, root: Path) -> int:
    data = repository.read(entry.blob or "")
    file = root / entry.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if entry.mode & stat.S_IXUSR:
        file.chmod(0o755)
    return max(1, -(-len(data) // _BLOCK)) * _BLOCK


def _write_links(repository: GitRepository, links: Sequence[TreeDelta], root: Path) -> list[str]:
    """Writes links after all files, so that none is written through one; the paths of those that lead out."""
    for entry in links:
        link = root / entry.path
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(ValueError):  # a name with NUL names nothing
            link.symlink_to(os.fsdecode(repository.read(entry.blob or "")))
    leaving = [entry.path for entry in links if not _stays(root / entry.path, root)]
    for path in leaving:
        (root / path).unlink(missing_ok=True)
    return leaving


def _stays(link: Path, root: Path) -> bool:
    try:
        target = link.readlink()
        return not target.is_absolute() and link.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a loop, or no link at all
        return False


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Holds a lock on a folder, which the system releases when the process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
