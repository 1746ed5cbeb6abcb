"""`README.json` of a rebuilt dataset: what it was made from and with, and the hash of every file.

No clock and no host name. The published side files (`SMART_CAP_README.json`, `SNAPSHOTS_README.json`) hold the same
kind of facts; one file has them all here.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from repopeftbench.dataset.manifest import REBUILT_NAME, FileEntry, Versions

MANIFEST_NAME = REBUILT_NAME


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaperRepository(_Strict):
    """One repository of the dataset."""

    repo_id: str
    location: str
    revision: str
    """SHA of the last commit of the walked history; the static track's snapshot."""
    cross_repo_split: str
    commits: int
    kept_commits: int
    assertions: int
    static_extracted: int
    static_selected: int
    file_versions: int
    """Test file versions that the walk met."""
    file_versions_dropped: dict[str, int]
    """Those that gave nothing, by reason."""


class SmartCap(_Strict):
    """What the smart cap did to the training rows."""

    max_per_file: int
    max_per_commit: int
    min_target_chars: int
    rows_in_train: int
    rows_out_train_capped: int
    rows_out_eval_passthrough: int


class PaperManifest(_Strict):
    """The whole file. `versions.python` matters: its parser decides which old files parse."""

    protocol: Literal["paper"] = "paper"
    schema_version: int = 1
    seed: int
    cutoff: str | None
    """Repositories that begin at or after it are out of distribution; no history is cut off, as published."""
    versions: Versions
    repositories: tuple[PaperRepository, ...]
    left_out: dict[str, str]
    """Entries of the list that are not in the dataset, with the reason."""
    smart_cap: SmartCap
    files: tuple[FileEntry, ...]
