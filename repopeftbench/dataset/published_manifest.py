"""The manifest as it is published: the same, but for folders of the machine that mined. Pure.

Locations that are URLs stay, so a dataset mined from URLs has its manifest published byte for byte. It does not look
into what others wrote: the notes of a manifest name no folders.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath

from repopeftbench.dataset.manifest import Manifest

_FOLDER = re.compile(r"file://|(?<![\w.:/])(?:~|\.{1,2})?/\w|\b[A-Za-z]:\\")
_UNTOLD = "not mined; the reason names a folder of the machine that mined"


def published_manifest(manifest: Manifest) -> Manifest:
    """The manifest without folders: a repository that was mined from one has its id as location."""
    repositories = tuple(
        entry.model_copy(update={"location": entry.repo_id}) if names_folder(entry.location) else entry
        for entry in manifest.repositories
    )
    return manifest.model_copy(
        update={"repositories": repositories, "failed_sources": _without_folders(manifest.failed_sources)}
    )


def names_folder(text: str) -> bool:
    """Whether a text is, or has in it, a path from the root, from home or from a folder that only its writer knows."""
    return _FOLDER.search(text) is not None


def _without_folders(failed: Mapping[str, str]) -> dict[str, str]:
    """Entries of a list by name or URL, or by the last part of a path; with the reason where it names no folder."""
    return {
        PurePath(entry).name if names_folder(entry) else entry: _UNTOLD if names_folder(reason) else reason
        for entry, reason in failed.items()
    }
