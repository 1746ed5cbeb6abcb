"""Small git histories given tree by tree, with every kind of entry, and the datasets that are recorded from them."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from repopeftbench.dataset.snapshot_assembly import assemble_snapshots
from repopeftbench.dataset.snapshot_parts import SnapshotPartWriter
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.snapshots import SnapshotRecorder

START = 1_672_617_600


@dataclass(frozen=True)
class Executable:
    content: bytes


@dataclass(frozen=True)
class Link:
    target: bytes


@dataclass(frozen=True)
class Submodule:
    sha: str = "1" * 40


@dataclass(frozen=True)
class Lost:
    """A regular file whose blob this copy of the repository does not have."""

    content: bytes


def write_trees(folder, *trees):
    """Writes a linear history, each commit given as its whole tree, and returns the commits' SHAs."""
    repository = pygit2.init_repository(str(folder), bare=True, initial_head="main")
    parents, shas, lost = [], [], set()
    for number, tree in enumerate(trees):
        index = pygit2.Index()
        for path, content in tree.items():
            index.add(pygit2.IndexEntry(path, *_entry(repository, content, lost)))
        who = pygit2.Signature("a", "a@example.org", START + number, 0)
        tree_id = index.write_tree(repository)
        parents = [repository.create_commit("refs/heads/main", who, who, f"{number}", tree_id, parents)]
        shas.append(str(parents[0]))
    for blob in lost:
        (Path(repository.path) / "objects" / blob[:2] / blob[2:]).unlink()
    return shas


def _entry(repository, content, lost):
    match content:
        case Submodule(sha=sha):
            return pygit2.Oid(hex=sha), FileMode.COMMIT
        case Link(target=target):
            return repository.create_blob(target), FileMode.LINK
        case Executable(content=raw):
            return repository.create_blob(raw), FileMode.BLOB_EXECUTABLE
        case Lost(content=raw):
            blob = repository.create_blob(raw)
            lost.add(str(blob))
            return blob, FileMode.BLOB
        case _:
            return repository.create_blob(content), FileMode.BLOB


def blob_id(content):
    """Git's id of a file's bytes."""
    return str(pygit2.hash(content))


def record_ranges(repository_folder, repo_id, ranges, parts_folder):
    """Records kept commits, (history index, SHA) by range, each range by a recorder of its own; the parts' folders."""
    parts, previous = [], None
    for number, kept in enumerate(ranges):
        part = parts_folder / f"{repo_id.replace('/', '+')}-{number}"
        part.mkdir(parents=True)
        recorder = SnapshotRecorder(GitRepository(repository_folder))
        with SnapshotPartWriter(part, repo_id) as writer:
            for history_index, sha in kept:
                writer.add(recorder.record(sha, previous), history_index)
                previous = sha
        parts.append(part)
    return parts


def dataset_of(folder, *repositories):
    """A dataset's snapshots of histories given as (id, git folder, SHAs, all kept); its folder and summary."""
    parts = []
    for repo_id, git_folder, shas in repositories:
        parts += record_ranges(git_folder, repo_id, [list(enumerate(shas))], folder / "parts")
    return folder / "data", assemble_snapshots(parts, folder / "data")


def text_or_error(read, path, *errors):
    """What a reader gives, or the type of the expected error that it raises."""
    with contextlib.suppress(*errors):
        return read(path)
    return errors
