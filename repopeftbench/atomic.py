"""Writes that survive a kill at any moment (io): a file or a folder holds either what it held or all of what is new."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

_PARTIAL = ".partial"


def write_atomically(path: Path, data: bytes) -> None:
    """Puts `data` at `path`; once this returns it is on the disk.

    The data is first written beside `path`, under one fixed name: what a killed write leaves there, the next one
    replaces.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    waiting = path.with_name(waiting_name(path.name))
    with waiting.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)
    _sync_folder(path.parent)


def waiting_name(name: str) -> str:
    """What a file is called until it is whole; a kill leaves it there."""
    return f".{name}.part"


def fill_atomically(folder: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill an empty folder, which then takes the place of `folder`.

    It waits beside `folder`, under one fixed name: what a killed `write` leaves there, the next one replaces.

    Raises:
        OSError: the folder cannot be made.
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    write(partial)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last; without it a power failure may undo the rename, though a kill cannot."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
