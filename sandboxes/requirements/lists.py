"""Requirements files and tox.ini: the lines that name distributions.

A file may include others of the same tree (`-r`, `-c` is left alone: what is installed is bounded by its day). Nothing
outside of the tree is read.
"""

import configparser
import posixpath
import re
from collections.abc import Callable, Iterator

from sandboxes.requirements.specifiers import without_bounds

Read = Callable[[str], str | None]
_MOST_FILES = 50


def read_list(path: str, read: Read, seen: set[str] | None = None) -> Iterator[str]:
    """The lines of a requirements file at `path` of the tree, and of those it includes; as they are written.

    `-e .[extra]` and `.[extra]` come out as `.[extra]`.
    """
    seen = set() if seen is None else seen
    text = None if path in seen or len(seen) > _MOST_FILES else read(path)
    seen.add(path)
    for line in (text or "").replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#(?!egg=).*$", "", line).strip()
        if included := re.match(r"^(?:-r|--requirement)[=\s]*(\S+)", line):
            yield from read_list(posixpath.normpath(posixpath.join(posixpath.dirname(path), included[1])), read, seen)
        elif editable := re.match(r"^(?:-e|--editable)[=\s]*(\S.*)$", line):
            yield editable[1].strip("'\"")
        elif line and not line.startswith("-"):
            yield line


def read_tox(text: str, read: Read) -> tuple[list[str], list[str], list[str]]:
    """What `[testenv]` installs: requirements, extras of the project, dependency groups.

    A line for some factors only (`django42: django>=4.2`) gives its distribution in any version: which factors a commit
    is tested with is nobody's word but its CI's.
    """
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return [], [], []
    if not parser.has_section("testenv"):
        return [], [], []
    section = parser["testenv"]
    requirements: list[str] = []
    for line in (section.get("deps") or "").splitlines():
        conditional, wanted = _without_factors(line.strip())
        if not wanted or "{" in wanted.replace("{toxinidir}", "") or re.search(r"\{\w+:", line):
            continue
        if included := re.match(r"^(?:-r|--requirement)[=\s]*(\S+)", wanted):
            requirements += read_list(posixpath.normpath(included[1].replace("{toxinidir}/", "")), read)
        elif not wanted.startswith("-"):
            requirements.append(without_bounds(wanted) if conditional and "://" not in wanted else wanted)
    extras = [_without_factors(line.strip())[1] for line in (section.get("extras") or "").splitlines()]
    groups = [
        wanted
        for line in (section.get("dependency_groups") or "").splitlines()
        for conditional, wanted in [_without_factors(line.strip())]
        if not conditional
    ]
    names = [name.strip() for line in extras for name in line.split(",")]
    return requirements, [name for name in names if name], [group for group in groups if group]


def _without_factors(line: str) -> tuple[bool, str]:
    """Whether the line is for some factors only, and what it installs."""
    line = re.sub(r"(^|\s)#(?!egg=).*$", "", line).strip()
    found = re.match(r"^[!\w{},.\s-]+?:\s+(.*)$|^[!\w{},.-]+:(?!//)(.*)$", line)
    return (True, (found[1] or found[2] or "").strip()) if found else (False, line)
