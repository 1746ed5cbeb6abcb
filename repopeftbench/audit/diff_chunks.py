"""A production diff as its files: paths and added lines, whichever protocol wrote it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = "diff --git "
_SIDE = re.compile(r"^(?:--- |rename from |\+\+\+ |rename to )(.*?)\t?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One file of a diff; `old_path` and `path` differ where it moved. `added` are its added lines, without signs.

    A file that was created has the path it was created at on both sides, and one that was deleted the path it had.
    """

    old_path: str
    path: str
    shows_text: bool
    """Whether any line of the file is shown, added, removed or as context."""
    added: str


def chunks(diff: str) -> Iterator[Chunk]:
    """The files of a diff, in order. A line of text never looks like a header: it begins with a sign or a space."""
    part: list[str] = []
    for line in diff.split("\n"):
        if line.startswith(_HEADER):
            if part:
                yield _chunk(part)
            part = [line]
        elif part:
            part.append(line)
    if part:
        yield _chunk(part)


def _chunk(lines: list[str]) -> Chunk:
    begin = next((at for at, line in enumerate(lines) if line.startswith("@@")), len(lines))
    old_path, path = _paths(lines[:begin])
    return Chunk(
        old_path=old_path,
        path=path,
        shows_text=begin < len(lines),
        added="\n".join(line[1:] for line in lines[begin:] if line.startswith("+")),
    )


def _paths(header: list[str]) -> tuple[str, str]:
    """Old and new path: from the lines that name one side alone, else from the first line, whose sides are equal."""
    sides: dict[bool, str] = {}
    for line in header[1:]:
        match = _SIDE.match(line)
        if match and match[1] != "/dev/null":
            is_new = line.startswith(("+", "rename to"))
            sides[is_new] = match[1].strip('"') if line.startswith("rename") else match[1].strip('"')[2:]
    names = header[0][len(_HEADER) :]
    # `a/PATH b/PATH`: as long on the left of the middle space as on the right.
    first = names[: len(names) // 2].strip('"')[2:]
    return sides.get(False) or sides.get(True) or first, sides.get(True) or sides.get(False) or first
