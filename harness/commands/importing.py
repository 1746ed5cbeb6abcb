"""`repobench import-official`: published data from the Hub or from folders into a dataset."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from harness.commands.folders import DATA_FOLDER
from harness.commands.mining import show_counts
from harness.console import Tracker, record, say, show
from repopeftbench.atomic import write_atomically
from repopeftbench.errors import ConfigError
from repopeftbench.official.build import ImportOptions, import_published
from repopeftbench.official.layout import HUB_PATTERNS, Kind, PublishedFile, Root
from repopeftbench.official.listing import repository_list_text
from repopeftbench.official.published import SizeCheck

DIFFERENT = 1
_HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[\w.-]+)(?:@([\w./-]+))?\Z")
_MOST_LEFT = 20


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOfficialOptions:
    """What `import-official` can be told."""

    out: Annotated[Path, Parameter(name=("--out", "-o"))] = DATA_FOLDER
    """Folder of the dataset."""
    all_rows: bool = False
    """Keep every row: no smart cap on training, and more than the first 8 of each commit elsewhere."""
    expect_published: bool = False
    """Compare sizes with the published ones even if the data has fewer than 400 training repositories."""
    repo_list: Path | None = None
    """Also write a list (.toml) of the repositories for `mine`: the last commit that the data knows of each, and its
    published role."""


_DEFAULT_IMPORT = ImportOfficialOptions()


def import_official(*sources: str, options: ImportOfficialOptions = _DEFAULT_IMPORT) -> int:
    """Read the benchmark's published data, or a rebuilt one, into a dataset.

    Args:
        sources: Folders, or Hub ids such as code2lora/code2lora-evo with optional @revision; together one dataset.
        options: Options.
    """
    if not sources:
        raise ConfigError("there is nothing to import: name a folder, or a dataset of the Hub (OWNER/NAME)")
    listing = options.repo_list
    if listing is not None and (listing.suffix != ".toml" or listing.is_dir()):
        raise ConfigError(f"--repo-list {listing} is no name for a list with roles: name a file that ends in .toml")
    roots = [_root(source) for source in sources]
    with Tracker("rows") as tracker:
        result = import_published(
            roots,
            ImportOptions(folder=options.out, all_rows=options.all_rows, expect_published=options.expect_published),
            tracker.update,
        )
    _show_files(result.files)
    show_counts(result.manifest, options.out)
    if listing is not None:
        text = repository_list_text(result.manifest.repositories, result.manifest.origin or "")
        listing.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(listing, text.encode())
        show(f"{len(result.manifest.repositories)} repositories in {listing}")
    record(sizes=[asdict(check) for check in result.checks])
    if result.checks:
        _show_sizes(result.checks)
    different = [check for check in result.checks if not check.agrees]
    if different:
        say(
            f"{len(different)} of {len(result.checks)} sizes are not the published ones; the manifest's notes name them"
        )
    return DIFFERENT if different else 0


def _root(source: str) -> Root:
    """A folder as it is, or what of a dataset of the Hub is imported, downloaded to the Hub's own cache."""
    from repopeftbench.dataset.hub import download_dataset
    from repopeftbench.dataset.hub_changes import HubTarget

    folder = Path(source).expanduser()
    if folder.exists():
        return Root(label=folder.resolve().name, folder=folder)
    named = _HUB_ID.match(source)
    if named is None:
        raise ConfigError(
            f"{source!r} is no existing folder and no dataset of the Hub (OWNER/NAME): check the spelling"
        )
    repo_id, revision = named.groups()
    say(f"{source} is no folder: its files are taken from the Hub, which can be gigabytes")
    folder = download_dataset(HubTarget(repo_id=repo_id, revision=revision or "main"), HUB_PATTERNS)
    return Root(label=f"{repo_id}@{folder.name}", folder=folder)


def _show_files(files: Sequence[PublishedFile]) -> None:
    """Shows what every file was taken for; of those that are left, the first ones."""
    table = Table(title="Files", title_justify="left")
    table.add_column("file")
    table.add_column("taken for")
    table.add_column("rows", justify="right")
    left = [file for file in files if file.kind is Kind.LEFT]
    for file in files:
        if file.kind is Kind.LEFT and file in left[_MOST_LEFT:]:
            continue
        kind = f"{file.kind}: {file.reason}" if file.reason else str(file.kind)
        table.add_row(file.name, kind, "" if file.rows is None else f"{file.rows:,}")
    show(table)
    if len(left) > _MOST_LEFT:
        show(f"{len(left) - _MOST_LEFT:,} more files are left; the manifest's notes name them")


def _show_sizes(checks: Sequence[SizeCheck]) -> None:
    table = Table(title="Sizes against the published ones", title_justify="left")
    table.add_column("what")
    for name in ("published", "here"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for check in checks:
        about = "about " if check.tolerance else ""
        verdict = "agrees" if check.agrees else "DIFFERS"
        table.add_row(check.what, f"{about}{check.expected:,}", f"{check.measured:,}", verdict)
    show(table)
