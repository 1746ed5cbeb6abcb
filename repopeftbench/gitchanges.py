r"""What differs between two trees, as records, and how git's paths and dates are written down. Pure: no git, no disk.

To git a path is any bytes without NUL. Here it is text that can stand in a table, a terminal or a diff and that names
no place outside a folder: whatever could not is escaped with a backslash. Different paths stay different.
"""

import datetime as dt
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from repopeftbench.errors import GitObjectError

_ODD_BYTES = re.compile(rb"[\x00-\x1f\x7f\\]|(?:^|/)\.{0,2}(?:/|\Z)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DOTS = {"": r"\x2f", ".": r"\x2e", "..": r"\x2e\x2e"}


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
    """One entry of any kind (file, link, submodule) that differs between two trees; renames are not followed.

    A side that does not exist has no blob and mode 0. `path` is written as `decode_path` does.
    """

    path: str
    blob: str | None
    old_blob: str | None
    mode: int
    old_mode: int


@lru_cache(maxsize=65_536)
def decode_path(raw: bytes) -> str:
    r"""A path of git as text, on one line; equal only for equal paths.

    Backslashes are doubled; bytes that are not UTF-8 become `\xNN`, control characters and those that change the
    direction of writing `\xNN` or `\uNNNN`, components that are empty, `.` or `..` `\x2f`, `\x2e` and `\x2e\x2e`.
    """
    if raw.isascii() and not _ODD_BYTES.search(raw):
        return raw.decode("ascii")
    text = raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    text = _CONTROLS.sub(_escaped, text)
    return "/".join(_DOTS.get(component, component) for component in text.split("/"))


def _escaped(match: re.Match[str]) -> str:
    # Above 0x7f the short form means a byte that is not UTF-8.
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def with_exact_renames(found: Sequence[FileChange]) -> tuple[FileChange, ...]:
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


def with_kinds_joined(deltas: Iterable[TreeDelta]) -> tuple[TreeDelta, ...]:
    """The deltas by path; a change of kind (file to link), which libgit2 tells as two of them, is one."""
    found: dict[str, TreeDelta] = {}
    for entry in deltas:
        other = found.get(entry.path)
        if other is None:
            found[entry.path] = entry
        else:
            gone, came = (other, entry) if other.blob is None else (entry, other)
            found[entry.path] = replace(came, old_blob=gone.old_blob, old_mode=gone.old_mode)
    return tuple(found[path] for path in sorted(found, key=lambda path: path.encode("utf-8")))


def refuse_repeated(paths: Iterable[str], where: str) -> None:
    """Makes sure that no path occurs twice: a damaged tree may hold two entries of one name.

    Raises:
        GitObjectError: one does; the message begins with `where`.
    """
    found = list(paths)
    if len(found) != len(set(found)):
        repeated = next(path for path in sorted(found) if found.count(path) > 1)
        raise GitObjectError(f"{where} has two entries {repeated!r}: see what git fsck says of it")


def iso_date(time: int, offset: int) -> str:
    """A moment as ISO 8601 with its own offset; the epoch, as git shows it, where no calendar has such a date.

    Args:
        time: seconds since the epoch.
        offset: of the time zone, in minutes.
    """
    try:
        return dt.datetime.fromtimestamp(time, dt.timezone(dt.timedelta(minutes=offset))).isoformat()
    except (ValueError, OverflowError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC).isoformat()


class RecentBlobs:
    """The blobs that were read last, up to so many bytes in all."""

    def __init__(self, most_bytes: int) -> None:
        """Starts empty."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._found: OrderedDict[str, bytes] = OrderedDict()

    def get(self, blob: str) -> bytes | None:
        """The bytes of a blob, None where they are not kept."""
        data = self._found.get(blob)
        if data is not None:
            self._found.move_to_end(blob)
        return data

    def put(self, blob: str, data: bytes) -> None:
        """Keeps the bytes of a blob that is not kept; the ones that were not asked for the longest go."""
        self._found[blob] = data
        self._bytes += len(data)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._found.popitem(last=False)[1])
