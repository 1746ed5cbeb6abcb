"""Small git histories from Python values: fixed dates and identities, merges, symbolic links, modes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

START = 1_600_000_000
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """A tree entry that is no plain file: bytes with a mode."""

    data: bytes
    mode: FileMode


def link(target: str) -> Entry:
    """A symbolic link."""
    return Entry(target.encode(), FileMode.LINK)


def executable(text: str) -> Entry:
    """A file with the executable bit."""
    return Entry(text.encode(), FileMode.BLOB_EXECUTABLE)


Content = str | bytes | Entry | None
Tree = dict[str, Entry]


class Script:
    """Writes one bare repository, commit by commit; every commit has a name by which tests find it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = pygit2.init_repository(str(folder), bare=True, initial_head="main")
        self.named: dict[str, str] = {}
        self._trees: dict[str, Tree] = {}
        self._head: str | None = None

    def commit(self, name: str, changes: Mapping[str, Content]) -> None:
        """A commit on the main line: the files it writes, None for a file that it deletes."""
        parents = [] if self._head is None else [self._head]
        self._head = self._write(name, changes, parents)
        self.repository.references.create("refs/heads/main", self._head, force=True)

    def side(self, name: str, changes: Mapping[str, Content], parent: str) -> None:
        """A commit on a side branch, that only `merge` brings to the main line."""
        self._write(name, changes, [self.named[parent]])

    def merge(self, name: str, changes: Mapping[str, Content], other: str) -> None:
        """A merge of a side commit into the main line; `changes` is against the main line."""
        assert self._head is not None
        self._head = self._write(name, changes, [self._head, self.named[other]])
        self.repository.references.create("refs/heads/main", self._head, force=True)

    def file(self, name: str, path: str) -> bytes:
        """The content of a file at a named commit."""
        return self._trees[self.named[name]][path].data

    def _write(self, name: str, changes: Mapping[str, Content], parents: list[str]) -> str:
        files = dict(self._trees[parents[0]]) if parents else {}
        for path, content in changes.items():
            if content is None:
                del files[path]
            elif isinstance(content, Entry):
                files[path] = content
            else:
                data = content.encode() if isinstance(content, str) else content
                files[path] = Entry(data, FileMode.BLOB)
        index = pygit2.Index()
        for path, entry in sorted(files.items()):
            index.add(pygit2.IndexEntry(path, self.repository.create_blob(entry.data), entry.mode))
        moment = START + DAY * len(self.named)
        who = pygit2.Signature("Ann Oracle", "ann@example.org", moment, 0)
        tree = index.write_tree(self.repository)
        sha = str(self.repository.create_commit(None, who, who, name, tree, parents))
        assert name not in self.named
        self.named[name] = sha
        self._trees[sha] = files
        return sha
