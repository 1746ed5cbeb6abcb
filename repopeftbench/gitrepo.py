"""Git repositories as records. Bytes in, frozen records out; nothing here parses Python, nothing goes over a network.

Reading never runs hooks, filters or attribute drivers, and never writes to the repository that is read. Not protected
from: trees that name one another until their files are endless.
"""

import contextlib
import logging
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, DeltaStatus, DiffFind, DiffOption, FileMode, ObjectType, Option

from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitchanges import FileChange as FileChange
from repopeftbench.gitchanges import (
    RecentBlobs,
    decode_path,
    iso_date,
    refuse_repeated,
    with_exact_renames,
    with_kinds_joined,
)
from repopeftbench.gitchanges import TreeDelta as TreeDelta
from repopeftbench.gitchanges import TreeFile as TreeFile
from repopeftbench.schema import CommitInfo

logger = logging.getLogger(__name__)

RENAME_SIMILARITY_PERCENT = 50
RENAME_LIMIT = 1000
_COMMITS_CHECKED = 20
_TREES = 4
_BLOB_BYTES = 16_000_000

# libgit2 refuses folders of another user to protect from their hooks and configuration: neither is used here.
pygit2.option(Option.SET_OWNER_VALIDATION, 0)
# Objects were checked when they were fetched; checking each again on every read costs more than reading it.
pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, False)
# Repositories marked as partial clones can be opened; `history` checks that they are whole.
pygit2.settings.set_extensions(["partialclone"])
# A walk comes back to few trees and needs few parts of a pack at a time: libgit2 would keep 256 MB, and all.
pygit2.option(Option.SET_CACHE_MAX_SIZE, 16 * 2**20)
pygit2.option(Option.SET_CACHE_OBJECT_LIMIT, ObjectType.TREE, 2**20)  # of itself it keeps none above 4 KB
pygit2.option(Option.SET_MWINDOW_SIZE, 8 * 2**20)
pygit2.option(Option.SET_MWINDOW_MAPPED_LIMIT, 48 * 2**20)

# What libgit2 raises for an object that is missing, damaged or of another kind.
_UNREADABLE = (KeyError, ValueError, pygit2.GitError)


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
            self._open(path)
        except pygit2.GitError as error:
            raise SourceError(f"{path} is not a git repository: {error}") from error
        self.path = path
        self.lacks_objects = False  # whether this copy was found to lack something that was asked for
        self._folder = _common_folder(Path(self._repo.path))
        # libgit2 looks for the mark of a shallow clone in a work tree's own folder, where it never is.
        shallow = self._folder / "shallow"
        if self._repo.is_shallow or (shallow.is_file() and shallow.stat().st_size > 0):
            command = f"run git -C {shlex.quote(str(path))} fetch --unshallow"
            raise SourceError(f"{path} is a shallow clone, its history is cut off: {command}")
        self._tree_ids: dict[str, pygit2.Oid] = {}
        self._trees: dict[str, pygit2.Tree] = {}
        self._blobs = RecentBlobs(_BLOB_BYTES)

    def reopen(self) -> None:
        """Lets go of everything that was read and kept in memory."""
        self._trees.clear()
        self._objects.free()
        self._repo.free()
        self._open(Path(self._repo.path))

    def _open(self, path: Path) -> None:
        # Without NO_SEARCH, a folder inside some repository would be mined as that repository.
        self._repo = pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
        # Without a work tree and a configuration libgit2 reads no .gitattributes and no setting: patches are the same.
        self._objects = pygit2.Repository()
        self._objects.set_odb(self._repo.odb)
        self._raw = self._repo.odb

    @property
    def identity(self) -> str:
        """The real path of the repository's git folder: equal for every way of naming the same copy."""
        return str(self._folder.resolve())

    def resolve(self, revision: str | None) -> str:
        """The full SHA of a revision, of HEAD where it is None.

        Raises:
            SourceError: the repository has no commit, or no such revision.
        """
        if revision is None:
            return self._head()
        for name in (revision, f"refs/remotes/origin/{revision}"):
            with contextlib.suppress(*_UNREADABLE):
                return str(self._repo.revparse_single(name).peel(pygit2.Commit).id)
        raise SourceError(f"{self.path} has no revision {revision!r}: check the part behind @")

    def _head(self) -> str:
        if self._repo.is_empty:
            raise SourceError(f"{self.path} has no commits")
        try:
            return str(self._repo.head.peel(pygit2.Commit).id)
        except _UNREADABLE as error:
            raise SourceError(f"HEAD of {self.path} is no commit: {error}; name a branch behind @") from error

    def references(self) -> tuple[dict[str, str], str | None]:
        """The SHA that each sound branch and tag names, by full name, and the branch or SHA that HEAD names, if any."""
        found: dict[str, str] = {}
        for name in self._repo.references:
            with contextlib.suppress(*_UNREADABLE):
                target = self._repo.references[name].resolve().target
                if name.startswith(("refs/heads/", "refs/tags/")) and target in self._repo:
                    found[name] = str(target)
        with contextlib.suppress(*_UNREADABLE):
            return found, str(self._repo.head.target) if self._repo.head_is_detached else self._repo.head.name
        return found, None

    def history(self, sha: str) -> tuple[CommitInfo, ...]:
        """The first-parent history that ends at `sha`, oldest first.

        Raises:
            GitObjectError: this copy of the repository lacks a commit of it.
            SourceError: the repository is a partial clone, and lacks objects of it.
        """
        chain: list[tuple[str, int]] = []
        commit = self._commit(sha)
        while True:
            chain.append((str(commit.id), commit.commit_time))
            self._tree_ids[chain[-1][0]] = commit.tree_id
            if not commit.parent_ids:
                break
            commit = self._commit(str(commit.parent_ids[0]))
        if self._is_partial():
            self._check_whole([name for name, _ in reversed(chain)])
        return tuple(
            CommitInfo(sha=name, history_index=index, committer_time=time)
            for index, (name, time) in enumerate(reversed(chain))
        )

    def changes(self, old_sha: str | None, new_sha: str) -> tuple[FileChange, ...]:
        """The regular `.py` files that differ between two commits, in path order, renames followed.

        Args:
            old_sha: the older commit, None for the empty tree.
            new_sha: the newer commit.

        Raises:
            GitObjectError: this copy of the repository lacks a tree or commit, or a tree is damaged.
        """
        diff = self._diff(old_sha, new_sha)
        found = tuple(_changes(diff))
        gone = any(change.path is None for change in found)
        if gone and any(change.old_path is None for change in found):
            try:
                diff.find_similar(DiffFind.FIND_RENAMES, RENAME_SIMILARITY_PERCENT, rename_limit=RENAME_LIMIT)
                found = tuple(_changes(diff))
            except _UNREADABLE as error:
                self.lacks_objects = True
                logger.warning("%s: renames at %s not followed: %s", self.path, new_sha, error)
            found = with_exact_renames(found)
        if len(found) > 1:
            refuse_repeated((change.path or change.old_path or "" for change in found), f"{self.path} at {new_sha}")
        return found

    def read(self, blob: str) -> bytes:
        """The bytes of a blob.

        Raises:
            GitObjectError: this copy of the repository lacks the blob.
        """
        known = self._blobs.get(blob)
        if known is not None:
            return known
        try:
            kind, data = self._raw.read(blob)
        except _UNREADABLE as error:
            raise self._missing(blob) from error
        if kind != ObjectType.BLOB:
            raise GitObjectError(f"{self.path}: object {blob} is not a blob")
        self._blobs.put(blob, data)
        return data

    def python_files(self, sha: str) -> tuple[TreeFile, ...]:
        """The regular `.py` files of a commit's tree, by path."""
        found: list[TreeFile] = []
        commit = self._commit(sha)
        try:
            pending: list[tuple[str, pygit2.Tree]] = [("", commit.tree)]
            while pending:
                prefix, tree = pending.pop()
                for entry in tree:
                    path = prefix + decode_path(entry.raw_name or b"")
                    if isinstance(entry, pygit2.Tree):
                        pending.append((path + "/", entry))
                    elif stat.S_ISREG(entry.filemode) and path.endswith(".py"):
                        found.append(TreeFile(path=path, blob=str(entry.id)))
        except _UNREADABLE as error:
            raise self._lacks_tree(sha, error) from error
        refuse_repeated((file.path for file in found), f"{self.path} at {sha}")
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
        return bytes(patch.data)

    def deltas(self, old_sha: str | None, new_sha: str) -> tuple[TreeDelta, ...]:
        """Every entry that differs between two commits (None: the empty tree), in path order, renames not followed."""
        return with_kinds_joined(map(_tree_delta, self._diff(old_sha, new_sha).deltas))

    def author_date(self, sha: str) -> str:
        """The author date of a commit as ISO 8601 with its own offset (`2024-05-01T10:00:00+02:00`)."""
        author = self._commit(sha).author
        return iso_date(author.time, author.offset)

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
            found = self._objects[blob]
        except _UNREADABLE as error:
            raise self._missing(blob) from error
        if not isinstance(found, pygit2.Blob):
            raise GitObjectError(f"{self.path}: object {blob} is not a blob")
        return found

    def _missing(self, blob: str) -> GitObjectError:
        self.lacks_objects = True
        return GitObjectError(f"{self.path} lacks blob {blob}: fetch the repository again in full")

    def _commit(self, sha: str) -> pygit2.Commit:
        try:
            return self._objects[sha].peel(pygit2.Commit)
        except _UNREADABLE as error:
            raise GitObjectError(
                f"{self.path} lacks commit {sha}, or it is damaged ({error}): fetch the repository again in full"
            ) from error

    def _diff(self, old_sha: str | None, new_sha: str) -> pygit2.Diff:
        try:
            new = self._tree(new_sha)
            return new.diff_to_tree(swap=True) if old_sha is None else self._tree(old_sha).diff_to_tree(new)
        except _UNREADABLE as error:
            raise self._lacks_tree(new_sha, error) from error

    def _tree(self, sha: str) -> pygit2.Tree:
        """The tree of a commit; the last few are kept, since a walk asks for each one again as a parent's."""
        found = self._trees.pop(sha, None)
        if found is None:
            known = self._tree_ids.get(sha)
            tree = self._commit(sha).tree if known is None else self._objects[known]
            if not isinstance(tree, pygit2.Tree):
                raise ValueError(f"{known} is no tree")
            found = tree
        self._trees[sha] = found
        if len(self._trees) > _TREES:
            del self._trees[next(iter(self._trees))]
        return found

    def _lacks_tree(self, sha: str, error: Exception) -> GitObjectError:
        return GitObjectError(
            f"{self.path} lacks a tree of commit {sha} or of its parent ({error}): fetch the repository again in full"
        )

    def _is_partial(self) -> bool:
        """Whether git was told that objects may be missing; they need not be."""
        marks = (entry.name for entry in self._repo.config)
        if any(name == "extensions.partialclone" or name.endswith(".promisor") for name in marks):
            return True
        return any((self._folder / "objects" / "pack").glob("*.promisor"))

    def _check_whole(self, shas: Sequence[str]) -> None:
        """Looks at some commits' trees, first and last included; what is missing elsewhere is met and named later."""
        step = max(1, len(shas) // _COMMITS_CHECKED)
        try:
            for sha in (*shas[::step], shas[-1]):
                for file in self.python_files(sha):
                    if file.blob not in self._raw:
                        raise GitObjectError(f"{self.path} lacks blob {file.blob}")
        except GitObjectError as error:
            branches = " '+refs/heads/*:refs/heads/*'" if self._repo.is_bare else ""
            command = f"git -C {shlex.quote(str(self.path))} fetch --refetch --no-filter origin{branches}"
            raise SourceError(f"{self.path} is a partial clone that lacks objects: run {command}") from error


def changed_lines(old: bytes, new: bytes) -> tuple[range, ...]:
    """The line ranges (from 1) of `new` that a line diff from `old` touches."""
    patch = pygit2.Patch.create_from(old, new, context_lines=0)
    return tuple(range(hunk.new_start, hunk.new_start + hunk.new_lines) for hunk in patch.hunks)


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


def _tree_delta(delta: pygit2.DiffDelta) -> TreeDelta:
    old, new = delta.old_file, delta.new_file
    gone, came = delta.status == DeltaStatus.DELETED, delta.status == DeltaStatus.ADDED
    return TreeDelta(
        path=decode_path(old.raw_path if gone else new.raw_path),
        blob=None if gone else str(new.id),
        old_blob=None if came else str(old.id),
        mode=0 if gone else int(new.mode),
        old_mode=0 if came else int(old.mode),
    )


def _side(file: pygit2.DiffFile) -> TreeFile | None:
    path = decode_path(file.raw_path)
    # Not a comparison with git's two modes: old histories have others (100664).
    if not stat.S_ISREG(file.mode) or not path.endswith(".py"):
        return None
    return TreeFile(path=path, blob=str(file.id))


def _common_folder(folder: Path) -> Path:
    """The git folder that all work trees of a repository share, given one's own."""
    link = folder / "commondir"
    return folder / link.read_text("utf-8").strip() if link.is_file() else folder
