"""Folders of ours on the disk (io): whole or not there, and never in the place of somebody else's."""

from collections.abc import Callable
from pathlib import Path

from repopeftbench.atomic import fill_atomically


def replace_folder(folder: Path, marker: str, write: Callable[[Path], None]) -> bool:
    """Lets `write` fill a new folder, which then takes the place of `folder`.

    Args:
        folder: Where it goes. What is there is replaced only if it is empty or holds `marker`.
        marker: A file that only our folders of this kind have.
        write: Fills the folder that it is given.

    Returns:
        Whether it was written; False where something else is in its place, which is left alone.

    Raises:
        OSError: the folder cannot be made.
    """
    if folder.exists() and not (folder / marker).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        return False

    def write_readably(partial: Path) -> None:
        write(partial)
        mode = (partial / marker).stat().st_mode
        for path in partial.iterdir():
            path.chmod(mode)  # safetensors writes for the owner alone, servers run as somebody else

    fill_atomically(folder, write_readably)
    return True
