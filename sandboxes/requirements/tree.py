"""A source tree as its files tell it: paths, texts, parsed configuration (io: reads the folder, never outside of it).

Every file is what a stranger wrote: links are not followed, sizes are bounded, and what does not parse is as if it said
nothing, because the tools that read these files in their own time were as lenient.
"""

import configparser
import os
import stat
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from sandboxes.requirements.ini import parse_ini
from sandboxes.requirements.scripts import read_setup_script

_MOST_BYTES = 2_000_000
_MOST_PATHS = 200_000
_SKIPPED = frozenset({".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "__pycache__"})


def texts(value: Any) -> list[str]:
    """The texts of a list, or the one text; nothing of anything else."""
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The table; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


class Tree:
    """The files of one folder, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self._folder = folder

    @cached_property
    def paths(self) -> frozenset[str]:
        """All regular files, relative, with `/`."""
        found: list[str] = []
        for place, folders, names in os.walk(self._folder):
            folders[:] = sorted(set(folders) - _SKIPPED)
            prefix = Path(place).relative_to(self._folder).as_posix()
            found += [name if prefix == "." else f"{prefix}/{name}" for name in names]
            if len(found) > _MOST_PATHS:
                break
        return frozenset(found)

    def read(self, path: str) -> str | None:
        """The text at this path of the tree; None for what is not there, is outside, is a link, or is too large."""
        parts = PurePosixPath(path)
        if not path or parts.is_absolute() or ".." in parts.parts or "\0" in path:
            return None
        place = self._folder
        for part in parts.parts:
            place = place / part
            if place.is_symlink():
                return None
        try:
            status = place.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                return None
            return place.read_bytes().decode("utf-8-sig", "replace")
        except OSError:
            return None

    @cached_property
    def _pyproject(self) -> Mapping[str, Any]:
        try:
            return tomllib.loads(self.read("pyproject.toml") or "")
        except (ValueError, RecursionError):  # numbers may have more digits than Python reads
            return {}

    def table(self, *names: str) -> Mapping[str, Any]:
        """A table of pyproject.toml; empty where it has none."""
        found: Any = self._pyproject
        for name in names:
            found = mapping(found).get(name)
        return mapping(found)

    @cached_property
    def _setup_cfg(self) -> configparser.RawConfigParser:
        return parse_ini(self.read("setup.cfg") or "")

    def setup_cfg(self, section: str, option: str) -> str:
        """An option of setup.cfg; empty where it has none."""
        return str(self.setup_cfg_section(section).get(option) or "")

    def setup_cfg_section(self, section: str) -> Mapping[str, Any]:
        """A section of setup.cfg."""
        return dict(self._setup_cfg[section]) if self._setup_cfg.has_section(section) else {}

    @cached_property
    def setup_script(self) -> Mapping[str, Any]:
        """The keywords of setup.py's call of `setup` that can be known without running it."""
        return read_setup_script(self.read("setup.py") or "", self.read)
