"""`repobench diff`: what changed between two versions of a dataset."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from harness.console import record, show
from repopeftbench.dataset.changes import DatasetChanges, Difference, compare_datasets
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError

DIFFERENT = 1
DEFAULT_EXAMPLES = 1


def diff(before: Path, after: Path, /, *, limit: int = DEFAULT_EXAMPLES, exit_code: bool = False) -> int:
    """Show what changed between two datasets: options, repositories, files, and tasks with the reason.

    Args:
        before: Folder of the first version.
        after: Folder of the second version.
        limit: How many examples to show of each way in which tasks changed.
        exit_code: End with 1 where anything differs, as `git diff --exit-code` does.
    """
    if limit < 0:
        raise ConfigError(f"--limit {limit} must not be negative: give 0 for no examples")
    changes = compare_datasets(Dataset(before), Dataset(after), examples=limit)
    _show(changes)
    record(equal=changes.equal, **asdict(changes))
    return DIFFERENT if exit_code and not changes.equal else 0


def _show(changes: DatasetChanges) -> None:
    if changes.equal:
        show(f"No difference: {changes.unchanged:,} tasks, and both manifests name the same files.")
        return
    if changes.options:
        show(_differences("Options and versions", changes.options))
    if changes.repositories:
        show(_differences("Repositories", changes.repositories))
    if changes.files:
        show(Text(f"Files that differ: {', '.join(changes.files)}"))
    if changes.counts:
        rows = ((one.change, one.track, one.split, one.reason, f"{one.count:,}") for one in changes.counts)
        show(_table("Tasks", ("change", "track", "split", "reason", "tasks"), rows))
    if changes.examples:
        places = (
            (
                one.change,
                f"{one.track} {one.split}",
                one.reason,
                one.repo_id,
                one.commit_sha[:12],
                f"{one.test_file}:{one.lineno}",
            )
            for one in changes.examples
        )
        show(_table("Examples", ("change", "where", "reason", "repository", "commit", "line"), places))
    show(f"{changes.unchanged:,} tasks are the same")


def _differences(title: str, differences: Iterable[Difference]) -> Table:
    rows = ((one.name, one.before or "-", one.after or "-") for one in differences)
    return _table(title, ("what", "before", "after"), rows)


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name == "tasks" else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
