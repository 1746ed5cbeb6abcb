"""`repobench publish` and `publish-run`: datasets, runs, reports and adapters to the Hub, in one commit each."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import Parameter
from rich.table import Table

from harness.commands.folders import DATA_FOLDER
from harness.console import Tracker, record, say, show
from repopeftbench.dataset.documents import CARD_NAME
from repopeftbench.dataset.hub_changes import (
    Change,
    FileChange,
    HubTarget,
    Ownership,
    RemoteState,
    check_ownership,
    compare_folder,
    needs_commit,
)
from repopeftbench.dataset.store import Dataset, writing


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """What both commands can be told."""

    repo_id: str
    """ORG/NAME of the repository on the Hub; it is made where it does not exist."""
    dry_run: bool = False
    """Show what would be added, changed and deleted; change nothing on the Hub."""
    private: bool = False
    """Make a new repository private."""
    revision: str = "main"
    """Branch to publish to; it is made where it does not exist."""
    create_pr: bool = False
    """Open a pull request in place of changing the branch."""
    message: str = "Publish with repobench"
    """Message of the commit."""


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRunOptions(HubOptions):
    """What `publish-run` can be told."""

    licence: str | None = None
    """Licence for the card, as the Hub calls it (`apache-2.0`). Default: the card names none."""


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishDatasetOptions(HubOptions):
    """What `publish` can be told."""

    tombstones: Path | None = None
    """TOML list of repositories that were taken down on request, beside the bundled one."""


def publish(data: Path = DATA_FOLDER, /, *, options: PublishDatasetOptions) -> int:
    """Publish a dataset on the Hugging Face Hub, in one commit.

    Args:
        data: Folder of the dataset, audited by `repobench check` without an error.
        options: Options.
    """
    from repopeftbench.dataset import hub
    from repopeftbench.dataset.croissant import CROISSANT_NAME, first_published
    from repopeftbench.dataset.publication import OWNERSHIP, build_publication, publishable_audit
    from repopeftbench.tombstones import listed_tombstones

    hub.check_repo_id(options.repo_id)
    listed = listed_tombstones(options.tombstones)
    dataset = Dataset(data)
    audit = publishable_audit(dataset, listed)
    target = HubTarget(repo_id=options.repo_id, revision=options.revision)
    remote = _asked(target, OWNERSHIP, options)
    earlier = hub.read_remote_file(target, remote, CROISSANT_NAME) or b""
    published = first_published(earlier.decode(errors="replace")) or dt.datetime.now(dt.UTC).date()
    with writing(dataset.folder):
        with Tracker("configs") as tracker:

            def report(done: int, total: int) -> None:
                tracker.update("layout", done, total)

            folder = build_publication(dataset, audit, options.repo_id, published, listed, report)
        return _publish_folder(folder, remote, target, OWNERSHIP, options)


def publish_run(folder: Path, /, *, options: PublishRunOptions) -> int:
    """Publish a run, a report or a folder of adapters on the Hugging Face Hub, in one commit.

    Args:
        folder: Folder of a complete run, of a report, or of adapters in PEFT's layout (one, or one per subfolder).
        options: Options.
    """
    from harness.publication.kinds import kind_of
    from repopeftbench.dataset.hub import check_repo_id

    check_repo_id(options.repo_id)
    kind = kind_of(folder)
    if options.licence is None:
        say("the card names no licence: add --licence if others may use this")
    target = HubTarget(repo_id=options.repo_id, repo_type=kind.repo_type, revision=options.revision)
    with TemporaryDirectory(prefix="repobench-") as made:
        for remark in kind.write(folder, Path(made), options.repo_id, options.licence):
            say(remark)
        remote = _asked(target, kind.ownership, options)
        return _publish_folder(Path(made), remote, target, kind.ownership, options)


def _asked(target: HubTarget, ownership: Ownership, options: HubOptions) -> RemoteState:
    """What is on the Hub, if it may become what is to be published."""
    from repopeftbench.dataset import hub

    remote = hub.remote_state(target)
    hub.check_visibility(target, remote, private=options.private)
    check_ownership(remote, ownership, target)
    return remote


def _publish_folder(
    folder: Path, remote: RemoteState, target: HubTarget, ownership: Ownership, options: HubOptions
) -> int:
    from repopeftbench.dataset import hub

    hub.check_card((folder / CARD_NAME).read_text("utf-8"), target)
    changes = compare_folder(folder, remote, ownership)
    _show_changes(target, changes)
    record(
        repo_id=target.repo_id,
        revision=target.revision,
        dry_run=options.dry_run,
        changes=[asdict(one) for one in changes if one.change is not Change.UNCHANGED],
    )
    if remote.commit is None and options.dry_run:
        say(f"{target.repo_id} is not on the Hub, as far as this token may see: it would be made")
    new_branch = remote.commit is not None and not remote.has_revision
    if new_branch and options.dry_run:
        say(f"{target.repo_id} has no branch {target.revision}: it would be made from its main branch")
    if not needs_commit(changes) and not new_branch:
        show(f"{target.repo_id} ({target.revision}) holds the same already: nothing to publish")
    elif options.dry_run:
        show("nothing was changed on the Hub")
    else:
        how = hub.PublishOptions(message=options.message, private=options.private, create_pr=options.create_pr)
        published = hub.publish_folder(folder, target, remote, changes, how)
        show(f"published: {published.url}")
        record(url=published.url)
    return 0


def _show_changes(target: HubTarget, changes: Sequence[FileChange]) -> None:
    table = Table(title=f"{target.repo_id} ({target.revision}) on the Hub", title_justify="left")
    for name in ("file", "change"):
        table.add_column(name)
    for name in ("size before", "size after"):
        table.add_column(name, justify="right")
    for change in changes:
        if change.change is not Change.UNCHANGED:
            table.add_row(change.path, change.change, _size(change.size_before), _size(change.size_after))
    if table.row_count:
        show(table)
    counts = {kind: [change for change in changes if change.change is kind] for kind in Change}
    parts = [f"{len(found):,} {kind} ({_size(_total(found))})" for kind, found in counts.items() if found]
    show(", ".join(parts))


def _total(changes: Sequence[FileChange]) -> int:
    return sum(change.size_before or 0 if change.size_after is None else change.size_after for change in changes)


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count:,} B" if count < 10_000 else f"{count / 1e6:,.2f} MB"
