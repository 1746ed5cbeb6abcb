"""Long-lived `git` processes, read by hand: the stream of changes, and the content of blobs."""

import subprocess  # plain git is what this peer is about
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

LOG = ("log", "--first-parent", "-m", "--reverse", "--raw", "--no-abbrev", "-z", "--format=%H")
_CHUNK_BYTES = 1 << 20
_REGULAR = ("100644", "100755", "100664")


@dataclass(frozen=True, slots=True)
class Side:
    """A regular `.py` file before or after a commit."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit did to one entry of the tree; a side that is no regular `.py` file is None.

    `status` is git's letter with the similarity behind it: `M`, `A`, `D`, `R087`.
    """

    status: str
    old: Side | None
    new: Side | None


def history(repository: str, *options: str) -> Iterator[tuple[str, list[Change]]]:
    """SHA and changes of every first-parent commit, oldest first; `-M` as an option follows renames.

    Raises:
        subprocess.CalledProcessError: git failed, mostly since the copy lacks objects.
    """
    tokens = (token.decode("utf-8", "backslashreplace") for token in stream(repository, *LOG, *options))
    sha, changes = "", list[Change]()
    for token in tokens:
        head = token.lstrip("\n")
        if head.startswith(":"):
            changes.append(_change(head, tokens))
        elif head:
            if sha:
                yield sha, changes
            sha, changes = head, []
    if sha:
        yield sha, changes


def stream(repository: str, *arguments: str, stdin: IO[bytes] | None = None) -> Iterator[bytes]:
    """What a git command writes, piece by piece between zero bytes, while it writes.

    Raises:
        subprocess.CalledProcessError: git failed.
    """
    command = ["git", "-C", repository, *arguments]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        rest = b""
        while chunk := process.stdout.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\0")
            yield from whole
        yield rest
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _change(head: str, tokens: Iterator[str]) -> Change:
    old_mode, mode, old_blob, blob, status = head[1:].split(" ")
    old_path = next(tokens)
    path = next(tokens) if status[0] in "RC" else old_path
    return Change(status, _side(old_mode, old_path, old_blob), _side(mode, path, blob))


def _side(mode: str, path: str, blob: str) -> Side | None:
    return Side(path, blob) if mode in _REGULAR and path.endswith(".py") else None


class Blobs:
    """One `git cat-file --batch`; use it as a context manager, so that the process is waited for."""

    def __init__(self, repository: str) -> None:
        self._process = subprocess.Popen(
            ["git", "-C", repository, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> "Blobs":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def read(self, blob: str) -> bytes:
        """The bytes of a blob.

        Raises:
            LookupError: the copy lacks it.
        """
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None and answers is not None
        requests.write(blob.encode() + b"\n")
        requests.flush()
        head = answers.readline().split()
        if len(head) != 3:
            raise LookupError(f"git has no blob {blob}: this copy of the repository is not whole")
        content = answers.read(int(head[2]))
        answers.read(1)
        return content
