"""Harvests on disk between mining and assembly: one folder per repository, complete or not there.

A folder is keyed by what decides its content (repository id, tip, cutoff, options, versions), so that mining again
after an interruption, or with a longer list, reuses what is still right and nothing else.
"""

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from repopeftbench.dataset.store import read_records, write_records
from repopeftbench.mining.harvest import Harvest
from repopeftbench.schema import CommitRecord, Reject, Task, Track, content_id

_SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRepository:
    """One mined repository; its rows are in `folder`."""

    folder: Path
    repo_id: str
    location: str
    identity: str
    """Where the git repository really is, whatever it is called in the list."""
    revision: str
    licence: str | None
    is_ood: bool
    ended_by_cutoff: bool
    commits: int
    kept_commits: int
    tasks: int

    def load(self) -> Harvest:
        """The repository's rows, still without splits."""
        extra = json.loads((self.folder / "extra.json").read_text("utf-8"))
        return Harvest(
            tasks=tuple(read_records(Task, self.folder / "tasks.parquet", drafts=True)),
            rejects=tuple(read_records(Reject, self.folder / "rejects.parquet", drafts=True)),
            commits=tuple(read_records(CommitRecord, self.folder / "commits.parquet", drafts=True)),
            last_new=extra["last_new"],
            seen={Track(track): count for track, count in extra["seen"].items()},
        )


def staging_folder(root: Path, repo_id: str, *key: str | int) -> Path:
    """Where the repository's harvest with this content key belongs."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "+", repo_id)
    return root / f"{name}-{content_id(repo_id, *key)[:16]}"


def find_staged(folder: Path) -> StagedRepository | None:
    """The finished harvest in a staging folder, or None."""
    summary = folder / _SUMMARY
    if not summary.is_file():
        return None
    return StagedRepository(folder=folder, **json.loads(summary.read_text("utf-8")))


def stage(staged: StagedRepository, harvest: Harvest) -> None:
    """Writes a harvest to its folder; the folder appears whole or not at all."""
    partial = staged.folder.with_name(staged.folder.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    write_records(Task, partial / "tasks.parquet", harvest.tasks)
    write_records(Reject, partial / "rejects.parquet", harvest.rejects)
    write_records(CommitRecord, partial / "commits.parquet", harvest.commits)
    (partial / "extra.json").write_text(json.dumps({"last_new": harvest.last_new, "seen": harvest.seen}), "utf-8")
    summary = {key: value for key, value in asdict(staged).items() if key != "folder"}
    (partial / _SUMMARY).write_text(json.dumps(summary), "utf-8")
    if staged.folder.exists():
        shutil.rmtree(staged.folder)
    partial.rename(staged.folder)
