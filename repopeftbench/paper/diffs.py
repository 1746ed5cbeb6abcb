"""`production_code_diff`: what `git diff -U3` prints between two kept commits, production files only (io: reads git).

Source: `get_diff` and `filter_diff` of `build_commit_assertion_db.py`. Headers are written here, with git's own idea
of a rename (`renames`); hunks come from libgit2. Blob ids in `index` lines have 7 digits always, where git takes more
in large repositories.
"""

import logging
import re
from collections.abc import Iterator

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository, TreeDelta
from repopeftbench.paper.renames import MOST_SCORE, File, Rename, renames
from repopeftbench.paper.testpaths import is_production_path

logger = logging.getLogger(__name__)

# Behind a hunk's header git shows the enclosing line and ends it before white space; libgit2 leaves the white space.
_HUNK_HEADER = re.compile(rb"^(@@ [^\n]*?)[ \t\r\f\v]+$", re.MULTILINE)
_SHORT = 7
_NOWHERE = "0" * 40
_SUBMODULE = 0o160000
_REGULAR = frozenset({0o100644, 0o100755})


def production_diff(repository: GitRepository, previous_kept: str | None, sha: str) -> str:
    """The diff of code and documents against the previous kept commit, the empty tree for the first; no cap."""
    deltas = repository.deltas(previous_kept, sha)
    deleted = [old_file(delta) for delta in deltas if delta.blob is None]
    added = [new_file(delta) for delta in deltas if delta.old_blob is None]

    def read(blob: str) -> bytes | None:
        try:
            return repository.read(blob)
        except GitObjectError:
            return None

    moved = renames(deleted, added, read)
    gone = {rename.old.path for rename in moved.values()}
    parts: list[bytes] = []
    for delta in deltas:
        if not is_production_path(delta.path) or (delta.blob is None and delta.path in gone):
            continue
        for old, new, rename in _steps(delta, moved.get(delta.path)):
            try:
                parts.append(_chunk(repository, old, new, rename))
            except GitObjectError as error:
                logger.warning("a file is left out of the diff at %s: %s", sha, error)
    return b"".join(parts).decode("utf-8", "replace")


def old_file(delta: TreeDelta) -> File:
    """The old side of a delta that has one."""
    return _file(delta.path, delta.old_blob or "", delta.old_mode)


def new_file(delta: TreeDelta) -> File:
    """The new side of a delta that has one."""
    return _file(delta.path, delta.blob or "", delta.mode)


def _steps(delta: TreeDelta, rename: Rename | None) -> Iterator[tuple[File | None, File | None, Rename | None]]:
    """The sides to print: one pair, or a deletion and an addition where a file became a link."""
    if _SUBMODULE in (delta.mode, delta.old_mode):
        return
    old = old_file(delta) if delta.old_blob is not None else None
    new = new_file(delta) if delta.blob is not None else None
    if old is not None and new is not None and old.regular != new.regular:
        yield old, None, None
        yield None, new, None
    else:
        yield (rename.old if rename is not None else old), new, rename


def _chunk(repository: GitRepository, old: File | None, new: File | None, rename: Rename | None) -> bytes:
    old_path, new_path = _paths(old, new)
    lines = [f"diff --git a/{old_path} b/{new_path}"]
    if old is None and new is not None:
        lines.append(f"new file mode {new.mode:o}")
    elif old is not None and new is None:
        lines.append(f"deleted file mode {old.mode:o}")
    elif old is not None and new is not None and old.mode != new.mode:
        lines += [f"old mode {old.mode:o}", f"new mode {new.mode:o}"]
    if rename is not None:
        share = rename.score * 100 // MOST_SCORE
        lines += [f"similarity index {share}%", f"rename from {old_path}", f"rename to {new_path}"]
    old_blob, blob = old.blob if old else None, new.blob if new else None
    body = b""
    if old_blob != blob:
        same_mode = old is not None and new is not None and old.mode == new.mode
        ids = f"{(old_blob or _NOWHERE)[:_SHORT]}..{(blob or _NOWHERE)[:_SHORT]}"
        lines.append(f"index {ids} {new.mode:o}" if same_mode and new is not None else f"index {ids}")
        body = _HUNK_HEADER.sub(rb"\1", repository.hunks(old_blob, blob))
        sides = ("/dev/null" if old is None else f"a/{old_path}", "/dev/null" if new is None else f"b/{new_path}")
        if body.startswith(b"Binary files"):
            body = f"Binary files {sides[0]} and {sides[1]} differ\n".encode()
        elif body:
            lines += [f"--- {sides[0]}{_mark(sides[0])}", f"+++ {sides[1]}{_mark(sides[1])}"]
    return "".join(f"{line}\n" for line in lines).encode() + body


def _paths(old: File | None, new: File | None) -> tuple[str, str]:
    present = [file.path for file in (old, new) if file is not None]
    return present[0], present[-1]


def _mark(side: str) -> str:
    # git ends a name with a space in it by a tab, so that patch programs find its end.
    return "\t" if " " in side else ""


def _file(path: str, blob: str, mode: int) -> File:
    return File(path=path, blob=blob, mode=mode, regular=mode in _REGULAR)
