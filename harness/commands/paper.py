"""`repobench mine --protocol paper` and `--compare-protocols`: the published benchmark rebuilt, and what is in it."""

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from harness.console import Tracker, record, repository_count, say, show
from repopeftbench.paper.build import PaperOptions, build_paper_dataset, compare_protocols
from repopeftbench.paper.compare import Comparison, Counts
from repopeftbench.pool import Engine
from repopeftbench.sources import RepositoryList

PARTIAL, NOTHING = 1, 2


def mine_paper(repositories: RepositoryList, options: PaperOptions) -> int:
    """Rebuilds the published benchmark from a list; 1 where something was left out, which is named."""
    with Tracker("commits") as tracker:
        manifest = build_paper_dataset(repositories, options, tracker.update)
    title = f"{repository_count(len(manifest.repositories))} in {options.folder}, paper protocol"
    table = Table(title=title, title_justify="left")
    table.add_column("file")
    table.add_column("rows", justify="right")
    for file in manifest.files:
        table.add_row(file.path, f"{file.rows:,}")
    show(table)
    record(folder=options.folder, files={file.path: file.rows for file in manifest.files})
    versions = sum(repository.file_versions for repository in manifest.repositories)
    dropped = sum(sum(repository.file_versions_dropped.values()) for repository in manifest.repositories)
    show(f"{versions:,} test file versions seen = {versions - dropped:,} read + {dropped:,} not read (see README.json)")
    taken_down = {entry.text for entry in repositories.taken_down}
    failed = {text: problem for text, problem in manifest.left_out.items() if text not in taken_down}
    record(failed=failed)
    for text, problem in failed.items():
        say(f"not in the dataset: {text}: {problem}")
    return PARTIAL if failed else 0


def show_comparison(repositories: RepositoryList, *, engine: Engine, cache: Path) -> int:
    """Shows, per repository, how far the paper protocol's tasks are new, unseen and hidden."""
    with Tracker("commits") as tracker:
        found, failed = compare_protocols(repositories, engine=engine, cache=cache, report=tracker.update)
    record(comparisons=[asdict(one) for one in found], failed=failed)
    if found:
        show(_table(found))
        show("Statement: test function, in-line prefix and target. Target: without the parenthesis that closes a call.")
    for text, problem in failed.items():
        say(f"not compared: {text}: {problem}")
    return 0 if not failed else PARTIAL if found else NOTHING


def _table(found: list[Comparison]) -> Table:
    table = Table(title="Evolution tasks of the paper protocol", title_justify="left")
    for name in ("repository", "of each commit"):
        table.add_column(name)
    for name in ("tasks", "statement unchanged", "target in prefix", "ir_test tasks", "statement in train"):
        table.add_column(name, justify="right")
    for comparison in found:
        _add(table, comparison.repo_id, comparison.all, comparison.capped)
    if len(found) > 1:
        whole = sum((comparison.all for comparison in found), Counts())
        _add(table, "all", whole, sum((comparison.capped for comparison in found), Counts()))
    return table


def _add(table: Table, name: str, whole: Counts, capped: Counts) -> None:
    for label, counts in (("all", whole), ("first 8", capped)):
        table.add_row(
            name if counts is whole else "",
            label,
            f"{counts.tasks:,}",
            _share(counts.unchanged, counts.tasks),
            _share(counts.verbatim, counts.tasks),
            f"{counts.test_tasks:,}",
            _share(counts.in_train, counts.test_tasks),
        )


def _share(part: int, whole: int) -> str:
    return f"{part:,} {100 * part / whole:.1f}%" if whole else "none"
