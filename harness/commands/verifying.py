"""`repobench mine --verify`: a dataset is mined again beside itself, and every file is compared."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from harness.console import Tracker, record, say, show
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.versions import differences
from repopeftbench.pool import Engine
from repopeftbench.sources import Source
from repopeftbench.verify import FileCheck, MinedAgain, OnDisk, mine_again, read_recorded, recorded_sources

DIFFERENT = 1


def verify_dataset(folder: Path, places: Sequence[Source], *, engine: Engine, cache: Path) -> int:
    """Mines a dataset again and shows what became of every file; 1 where one is not what the manifest says."""
    recorded = read_recorded(folder)
    sources = recorded_sources(recorded, places)
    different = differences(recorded.versions, current_versions())
    if different:
        say(f"other versions are at work than when {folder} was mined, so files may differ: {'; '.join(different)}")
    with Tracker("commits") as tracker:
        checks = mine_again(recorded, sources, engine=engine, cache=cache, report=tracker.update)
    show(_table(folder, checks))
    record(folder=folder, files=[asdict(check) for check in checks])
    damaged = sum(check.on_disk is not OnDisk.WHOLE for check in checks if check.mined_again is not MinedAgain.EXTRA)
    other = sum(check.mined_again is not MinedAgain.SAME for check in checks)
    show(f"{len(checks)} files: {damaged} damaged or missing on disk, {other} not the same when mined again")
    return 0 if all(check.passed for check in checks) else DIFFERENT


def _table(folder: Path, checks: Sequence[FileCheck]) -> Table:
    table = Table(title=f"{folder} against its manifest", title_justify="left")
    table.add_column("file")
    table.add_column("rows", justify="right")
    table.add_column("on disk")
    table.add_column("mined again")
    for check in checks:
        table.add_row(check.path, f"{check.rows:,}", check.on_disk, check.mined_again)
    return table
