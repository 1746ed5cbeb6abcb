"""Full bare copies of remote repositories in a folder of clones (io): made whole or not at all, updated in place.

Which addresses may be cloned is decided in `sources`; what goes over the wire in `gitremote`.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from repopeftbench.errors import SourceError
from repopeftbench.gitremote import fetch_all
from repopeftbench.gitrepo import GitRepository


def clone_or_update(url: str, folder: Path) -> None:
    """Brings a full bare copy of `url` to `folder`, or updates the one that is there, HEAD included.

    Processes that ask for the same folder wait for each other.

    Raises:
        SourceError: the repository cannot be reached or copied.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder), _address(url, folder) as address:
            if folder.exists():
                fetch_all(address, folder, url)
                return
            staging = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(staging, ignore_errors=True)
            try:
                fetch_all(address, staging, url)
                staging.rename(folder)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise SourceError(f"{url} cannot be cloned to {folder}: {error}") from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits for the folder's lock, which the system releases when a process ends, however it ends."""
    with folder.with_name(f"{folder.name}.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _address(url: str, folder: Path) -> Iterator[str]:
    """Where `url` is read from while the context lasts: of a local repository, a stand-in without broken references."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        yield url
        return
    if parts.netloc not in ("", "localhost"):
        raise SourceError(f"{url} names another machine: write file:///PATH, or use https or ssh")
    stand_in = folder.with_name(f"{folder.name}.stand-in")
    shutil.rmtree(stand_in, ignore_errors=True)
    try:
        try:
            _write_stand_in(GitRepository(Path(unquote(parts.path))), stand_in)
        except SourceError as error:
            raise SourceError(f"{url} cannot be cloned or updated: {error}") from error
        yield f"file://{quote(str(stand_in.resolve()))}"
    finally:
        shutil.rmtree(stand_in, ignore_errors=True)


def _write_stand_in(source: GitRepository, folder: Path) -> None:
    """Writes a bare repository with the objects of another one (by reference) and its sound references.

    Servers leave a broken reference out; libgit2's transport for local repositories refuses the whole repository.
    """
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "objects" / "info" / "alternates").write_bytes(os.fsencode(Path(source.identity) / "objects") + b"\n")
    references, head = source.references()
    packed = "".join(f"{sha} {name}\n" for name, sha in sorted(references.items()))
    (folder / "packed-refs").write_text(packed, "utf-8", "surrogateescape")
    named = head is None or head.startswith("refs/")
    (folder / "HEAD").write_text(f"ref: {head or 'refs/heads/main'}\n" if named else f"{head}\n", "utf-8")
