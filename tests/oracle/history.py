"""The first-parent history of a repository as `git` itself tells it: trees, renames and bytes for the oracle."""

import subprocess  # the oracle asks git, since the miner asks libgit2
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pygit2

REGULAR = frozenset({"100644", "100755", "100664"})
NO_BLOB = "0" * 40


@dataclass(frozen=True, slots=True)
class Change:
    """A regular file that a commit wrote; `old_blob` is None where the parent has no such file (rename followed)."""

    path: str
    blob: str
    old_blob: str | None


@dataclass(frozen=True, slots=True)
class CommitChanges:
    """What a commit wrote, against its first parent."""

    sha: str
    changes: tuple[Change, ...]


class Git:
    """One repository, read with the `git` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blob = cache(self._blob)

    def call(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """The standard output of a git command."""
        command = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-C", str(self.folder), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout

    def _blob(self, oid: str) -> bytes:
        return self.call("cat-file", "blob", oid)

    def load(self, oids: set[str]) -> dict[str, bytes]:
        """The content of many blobs with one process."""
        wanted = sorted(oids)
        if not wanted:
            return {}
        output = self.call("cat-file", "--batch", stdin="\n".join(wanted).encode() + b"\n")
        found: dict[str, bytes] = {}
        at = 0
        for oid in wanted:
            end = output.index(b"\n", at)
            size = int(output[at:end].split()[-1])
            found[oid] = output[end + 1 : end + 1 + size]
            at = end + 1 + size + 1
        return found

    def libgit2_parent(self, sha: str, change: Change) -> str | None:
        """The old blob of a change as libgit2 follows renames (50 %); None where it sees no other than git."""
        commit = pygit2.Repository(str(self.folder))[sha]
        if not commit.parents:
            return None
        diff = commit.parents[0].tree.diff_to_tree(commit.tree)
        diff.find_similar(rename_threshold=50)
        for delta in diff.deltas:
            if delta.new_file.path == change.path and delta.status_char() == "R":
                old = str(delta.old_file.id)
                return old if old != change.old_blob else None
        return None

    def files(self, revision: str) -> dict[str, str]:
        """Path to blob id of the regular files of a tree."""
        rows = self.call("ls-tree", "-r", "-z", revision).decode("utf-8", "surrogateescape").split("\0")
        entries = (row.split("\t", 1) for row in rows if row)
        return {path: head.split()[2] for head, path in entries if head.split()[0] in REGULAR}

    def history(self, revision: str = "HEAD") -> list[str]:
        """Commits of the first-parent history, oldest first."""
        return self.call("rev-list", "--first-parent", "--reverse", revision).decode().split()

    def changes(self, revision: str = "HEAD") -> Iterator[CommitChanges]:
        """Every commit of the first-parent history, oldest first, with renames (50 %) followed."""
        log = ("log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "-z", "--no-abbrev")
        output = self.call(*log, "--root", "-M50%", "-l0", "--format=format:%x01%H%x00", revision)
        tokens = [token.lstrip("\n") for token in output.decode("utf-8", "surrogateescape").split("\0")]
        sha, changes, at = "", [], 0
        while at < len(tokens):
            token = tokens[at]
            if token.startswith("\x01"):
                if sha:
                    yield CommitChanges(sha, tuple(changes))
                sha, changes = token[1:], []
            elif token.startswith(":"):
                old_mode, mode, old, new, status = token[1:].split()
                at += 2 if status[0] in "RC" else 1
                if mode in REGULAR:
                    changes.append(Change(tokens[at], new, old if old_mode in REGULAR and old != NO_BLOB else None))
            at += 1
        if sha:
            yield CommitChanges(sha, tuple(changes))
