"""Git repositories as records: the only caller of pygit2. Bytes in, frozen records out; nothing here parses Python.

Reading never runs hooks, filters or attribute drivers, and never writes to the repository that is read.
"""

import contextlib
import datetime as dt
import logging
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, DeltaStatus, DiffFind, DiffOption, FetchPrune, FileMode, ObjectType, Option

from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.schema import CommitInfo

logger = logging.getLogger(__name__)

RENAME_SIMILARITY_PERCENT = 50
RENAME_LIMIT = 1000
_TREES = 4
_BLOB_BYTES = 16_000_000
_REGULAR = (FileMode.BLOB, FileMode.BLOB_EXECUTABLE)

# libgit2 refuses folders of another user to protect from their hooks and configuration: neither is used here.
pygit2.option(Option.SET_OWNER_VALIDATION, 0)
# Objects were checked when they were fetched; checking each again on every read costs more than reading it.
pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, False)
# A walk comes back to few of the trees that it has seen: libgit2 would keep 256 MB of them.
pygit2.option(Option.SET_CACHE_MAX_SIZE, 16 * 2**20)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One regular file that differs between two trees; a side that does not exist there is None.

    A renamed file has different paths on its two sides. Symbolic links and submodules are no files.
    """

    path: str | None
    old_path: str | None
    blob: str | None
    old_blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A regular file of a tree."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDelta:
    r"""One entry of any kind (file, link, submodule) that differs between two trees; renames are not followed.

    A side that does not exist has no blob and mode 0. `path` keeps bytes that are not UTF-8 as `\xNN`.
    """

    path: str
    blob: str | None
    old_blob: str | None
    mode: int
    old_mode: int


class GitRepository:
    """One repository, bare or with a work tree, read through libgit2."""

    def __init__(self, path: Path) -> None:
        """Opens the repository at `path`.

        Raises:
            SourceError: the path is no git repository, or it is a shallow clone.
        """
        if not path.exists():
            raise SourceError(f"{path} does not exist: check the path")
        try:
            self._repo = pygit2.Repository(str(path))
        except pygit2.GitError as error:
            raise SourceError(f"{path} is not a git repository: {error}") from error
        if self._repo.is_shallow:
            raise SourceError(f"{path} is a shallow clone, its history is cut off: run git -C {path} fetch --unshallow")
        self.path = path
        self._objects = self._repo.odb
        self._tree_ids: dict[str, pygit2.Oid] = {}
        self._trees: dict[str, pygit2.Tree] = {}
        self._blobs: OrderedDict[str, bytes] = OrderedDict()
        self._blob_bytes = 0

    def reopen(self) -> None:
        """Lets go of everything that was read and kept in memory."""
        self._trees.clear()
        self._repo.free()
        self._repo = pygit2.Repository(self._repo.path)
        self._objects = self._repo.odb

    @property
    def identity(self) -> str:
        """The real path of the repository's git folder: equal for every way of naming the same copy."""
        return str(Path(self._repo.path).resolve())

    def resolve(self, revision: str | None) -> str:
        """The full SHA of a revision, of HEAD where it is None.

        Raises:
            SourceError: the repository has no commit, or no such revision.
        """
        if revision is None:
            if self._repo.head_is_unborn:
                raise SourceError(f"{self.path} has no commits")
            return str(self._repo.head.peel(pygit2.Commit).id)
        for name in (revision, f"refs/remotes/origin/{revision}"):
            with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
                return str(self._repo.revparse_single(name).peel(pygit2.Commit).id)
        raise SourceError(f"{self.path} has no revision {revision!r}: check the part behind @")

    def history(self, sha: str) -> tuple[CommitInfo, ...]:
        """The first-parent history that ends at `sha`, oldest first."""
        chain: list[tuple[str, int]] = []
        commit = self._commit(sha)
        while True:
            chain.append((str(commit.id), commit.commit_time))
            self._tree_ids[chain[-1][0]] = commit.tree_id
            if not commit.parent_ids:
                break
            commit = self._commit(str(commit.parent_ids[0]))
        return tuple(
            CommitInfo(sha=name, history_index=index, committer_time=time)
            for index, (name, time) in enumerate(reversed(chain))
        )

    def changes(self, old_sha: str | None, new_sha: str) -> tuple[FileChange, ...]:
        """The regular `.py` files that differ between two commits, in path order, renames followed.

        Args:
            old_sha: the older commit, None for the empty tree.
            new_sha: the newer commit.
        """
        diff = self._diff(old_sha, new_sha)
        found = tuple(_changes(diff))
        gone = any(change.path is None for change in found)
        if gone and any(change.old_path is None for change in found):
            try:
                diff.find_similar(
                    flags=DiffFind.FIND_RENAMES,
                    rename_threshold=RENAME_SIMILARITY_PERCENT,
                    rename_limit=RENAME_LIMIT,
                )
                found = tuple(_changes(diff))
            except (pygit2.GitError, KeyError) as error:
                logger.warning("%s: renames at %s not followed: %s", self.path, new_sha, error)
            found = _with_exact_renames(found)
        return found

    def read(self, blob: str) -> bytes:
        """The bytes of a blob.

        Raises:
            GitObjectError: this copy of the repository lacks the blob.
        """
        known = self._blobs.get(blob)
        if known is not None:
            self._blobs.move_to_end(blob)
            return known
        try:
            kind, data = self._objects.read(blob)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise GitObjectError(f"{self.path} lacks blob {blob}: fetch the repository again in full") from error
        if kind != ObjectType.BLOB:
            raise GitObjectError(f"{self.path}: object {blob} is not a blob")
        self._blobs[blob] = data
        self._blob_bytes += len(data)
        while self._blob_bytes > _BLOB_BYTES:
            self._blob_bytes -= len(self._blobs.popitem(last=False)[1])
        return data

    def python_files(self, sha: str) -> tuple[TreeFile, ...]:
        """The regular `.py` files of a commit's tree, by path."""
        found: list[TreeFile] = []
        pending: list[tuple[str, pygit2.Tree]] = [("", self._commit(sha).tree)]
        while pending:
            prefix, tree = pending.pop()
            for entry in tree:
                path = prefix + _decode_path(entry.raw_name or b"")
                if isinstance(entry, pygit2.Tree):
                    pending.append((path + "/", entry))
                elif entry.filemode in _REGULAR and path.endswith(".py"):
                    found.append(TreeFile(path=path, blob=str(entry.id)))
        return tuple(sorted(found, key=lambda file: file.path))

    def patch(self, change: FileChange) -> bytes:
        """The unified diff of one file change (3 lines of context), as bytes.

        Raises:
            GitObjectError: a side of it is missing in this copy.
        """
        # Both blobs stay in variables until the data is taken: libgit2 would otherwise read freed memory.
        old = None if change.old_blob is None else self._blob(change.old_blob)
        new = None if change.blob is None else self._blob(change.blob)
        path, old_path = change.path or change.old_path or "", change.old_path or change.path or ""
        if change.blob is not None and change.blob == change.old_blob:
            # libgit2 has no text for a file that only moved; this is git's.
            moved = f"similarity index 100%\nrename from {old_path}\nrename to {path}\n"
            return f"diff --git a/{old_path} b/{path}\n{moved}".encode()
        patch = pygit2.Patch.create_from(old, new, old_path, path, flag=DiffOption.INDENT_HEURISTIC)
        data: bytes = patch.data
        return data

    def deltas(self, old_sha: str | None, new_sha: str) -> tuple[TreeDelta, ...]:
        """Every entry that differs between two commits (None: the empty tree), in path order, renames not followed."""
        found: dict[str, TreeDelta] = {}
        for delta in self._diff(old_sha, new_sha).deltas:
            old, new = delta.old_file, delta.new_file
            path = _decode_path(old.raw_path if delta.status == DeltaStatus.DELETED else new.raw_path)
            entry = TreeDelta(
                path=path,
                blob=None if delta.status == DeltaStatus.DELETED else str(new.id),
                old_blob=None if delta.status == DeltaStatus.ADDED else str(old.id),
                mode=0 if delta.status == DeltaStatus.DELETED else int(new.mode),
                old_mode=0 if delta.status == DeltaStatus.ADDED else int(old.mode),
            )
            other = found.get(path)
            if other is not None:
                # libgit2 tells a change of kind (file to link) as a deletion and an addition.
                gone, came = (other, entry) if other.blob is None else (entry, other)
                entry = replace(came, old_blob=gone.old_blob, old_mode=gone.old_mode)
            found[path] = entry
        return tuple(found[path] for path in sorted(found, key=lambda path: path.encode("utf-8")))

    def author_date(self, sha: str) -> str:
        """The author date of a commit as ISO 8601 with its own offset (`2024-05-01T10:00:00+02:00`)."""
        author = self._commit(sha).author
        zone = dt.timezone(dt.timedelta(minutes=author.offset))
        return dt.datetime.fromtimestamp(author.time, zone).isoformat()

    def hunks(self, old_blob: str | None, blob: str | None) -> bytes:
        """The hunks of the unified diff of two blobs (3 lines of context), without any header; empty where equal.

        Raises:
            GitObjectError: a side of it is missing in this copy.
        """
        whole = self.patch(FileChange(path="new", old_path="old", blob=blob, old_blob=old_blob))
        start = re.search(rb"^(?:@@ -|Binary files )", whole, re.MULTILINE)
        return whole[start.start() :] if start else b""

    def _blob(self, blob: str) -> pygit2.Blob:
        """A blob as an object: a diff of two of them need not hash them again, as one of their bytes must."""
        try:
            found = self._repo[blob]
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise GitObjectError(f"{self.path} lacks blob {blob}: fetch the repository again in full") from error
        if not isinstance(found, pygit2.Blob):
            raise GitObjectError(f"{self.path}: object {blob} is not a blob")
        return found

    def _commit(self, sha: str) -> pygit2.Commit:
        try:
            return self._repo[sha].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise GitObjectError(f"{self.path} lacks commit {sha}: fetch the repository again in full") from error

    def _diff(self, old_sha: str | None, new_sha: str) -> pygit2.Diff:
        new = self._tree(new_sha)
        if old_sha is None:
            return new.diff_to_tree(swap=True)
        return self._tree(old_sha).diff_to_tree(new)

    def _tree(self, sha: str) -> pygit2.Tree:
        """The tree of a commit; the last few are kept, since a walk asks for each one again as a parent's."""
        found = self._trees.pop(sha, None)
        if found is None:
            known = self._tree_ids.get(sha)
            tree = self._commit(sha).tree if known is None else self._repo.get(known)
            if not isinstance(tree, pygit2.Tree):
                raise GitObjectError(f"{self.path} lacks the tree of commit {sha}: fetch the repository again in full")
            found = tree
        self._trees[sha] = found
        if len(self._trees) > _TREES:
            del self._trees[next(iter(self._trees))]
        return found


def changed_lines(old: bytes, new: bytes) -> tuple[range, ...]:
    """The line ranges (from 1) of `new` that a line diff from `old` touches."""
    patch = pygit2.Patch.create_from(old, new, context_lines=0)
    return tuple(range(hunk.new_start, hunk.new_start + hunk.new_lines) for hunk in patch.hunks)


def clone_or_update(url: str, folder: Path) -> None:
    """Brings a full bare copy of `url` to `folder`, or updates the one that is there, HEAD included.

    Raises:
        SourceError: the repository cannot be reached or copied.
    """
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging = folder.with_name(folder.name + ".partial")
            _remove_tree(staging)
            pygit2.clone_repository(url, str(staging), bare=True)
            _update(pygit2.Repository(str(staging)))
            staging.rename(folder)
        else:
            _update(pygit2.Repository(str(folder)))
    except (pygit2.GitError, KeyError, OSError) as error:
        raise SourceError(f"{url} cannot be cloned or updated: {error}") from error


def _update(repository: pygit2.Repository) -> None:
    """Makes branches, tags and HEAD those of the remote; a fresh clone has only the default branch as a branch."""
    remote = repository.remotes["origin"]
    remote.fetch(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], prune=FetchPrune.PRUNE)
    for name in [name for name in repository.references if name.startswith("refs/remotes/")]:
        # Left by the clone, and never updated: every branch is under refs/heads.
        repository.references.delete(name)
    for head in remote.list_heads():
        if head.name == "HEAD":
            repository.set_head(head.symref_target or head.oid)


def write_history(folder: Path, commits: Sequence[tuple[str, int, Sequence[tuple[str, bytes | None]]]]) -> str:
    """Writes a new repository with a linear history and checks its last commit out.

    Args:
        folder: where the repository goes; must not exist or be empty.
        commits: message, time (seconds since the epoch, UTC) and files (path, new content or None for deleted), oldest
            first.

    Returns:
        The SHA of the last commit. Equal input gives equal SHAs.
    """
    repository = pygit2.init_repository(str(folder), initial_head="main")
    index = repository.index
    parents: list[pygit2.Oid] = []
    for message, time, files in commits:
        for path, content in files:
            if content is None:
                index.remove(path)
            else:
                index.add(pygit2.IndexEntry(path, repository.create_blob(content), FileMode.BLOB))
        author = pygit2.Signature("Synthetic Author", "author@example.org", time, 0)
        tree = index.write_tree()
        parents = [repository.create_commit("refs/heads/main", author, author, message, tree, parents)]
    index.write()
    repository.checkout_head(strategy=CheckoutStrategy.FORCE)  # type: ignore[no-untyped-call]
    return str(parents[0])


def _changes(diff: pygit2.Diff) -> Iterator[FileChange]:
    for delta in diff.deltas:
        old_file, new_file = delta.old_file, delta.new_file
        if not (old_file.raw_path.endswith(b".py") or new_file.raw_path.endswith(b".py")):
            continue
        status = delta.status
        old = _side(old_file) if status != DeltaStatus.ADDED else None
        new = _side(new_file) if status != DeltaStatus.DELETED else None
        if (old is None and new is None) or (old is not None and new is not None and old == new):
            continue
        yield FileChange(
            path=new.path if new else None,
            old_path=old.path if old else None,
            blob=new.blob if new else None,
            old_blob=old.blob if old else None,
        )


def _with_exact_renames(found: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """The changes, with files that only moved joined: libgit2 looks at a limited number of candidates per file."""
    removed: dict[str, list[FileChange]] = {}
    for change in found:
        if change.path is None and change.old_blob is not None:
            removed.setdefault(change.old_blob, []).append(change)
    joined: dict[int, FileChange] = {}
    gone: set[int] = set()
    for change in found:
        candidates = removed.get(change.blob or "", []) if change.old_path is None else []
        if candidates:
            name = (change.path or "").rpartition("/")[2]
            old = next((c for c in candidates if (c.old_path or "").rpartition("/")[2] == name), candidates[0])
            candidates.remove(old)
            gone.add(id(old))
            joined[id(change)] = replace(change, old_path=old.old_path, old_blob=old.old_blob)
    return tuple(joined.get(id(change), change) for change in found if id(change) not in gone)


def _side(file: pygit2.DiffFile) -> TreeFile | None:
    path = _decode_path(file.raw_path)
    if file.mode not in _REGULAR or not path.endswith(".py"):
        return None
    return TreeFile(path=path, blob=str(file.id))


def _decode_path(raw: bytes) -> str:
    # Paths are bytes to git; one that is not UTF-8 keeps its odd bytes as \xNN, so that it can be named in a table.
    return raw.decode("utf-8", "backslashreplace")


def _remove_tree(folder: Path) -> None:
    if not folder.exists():
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()
