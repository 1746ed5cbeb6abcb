"""Everything of a dataset that goes to the Hub, in one folder (io): layout, card, Croissant, licences, audit.

Only a dataset whose audit is there, is of this very dataset, and found no error becomes a folder. It does not know
the network.
"""

from pathlib import Path

from repopeftbench.atomic import write_atomically
from repopeftbench.audit.findings import Severity
from repopeftbench.audit.report import read_audit
from repopeftbench.dataset.hub_changes import Ownership
from repopeftbench.dataset.hub_layout import DATA_NAME, write_hub_folder
from repopeftbench.dataset.hub_records import HubConfig
from repopeftbench.dataset.manifest import MANIFEST_NAME
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN, HUB, Dataset
from repopeftbench.errors import PublishError

CARD_NAME = "README.md"
_FOLDER = "upload"

OWNERSHIP = Ownership(marker=MANIFEST_NAME, patterns=(f"{DATA_NAME}/*", AUDIT_JSON, AUDIT_MARKDOWN))
"""What a later publication of a dataset may delete of an earlier one."""


def build_publication(dataset: Dataset, repo_id: str) -> Path:
    """The folder to publish as `repo_id`, inside the dataset's; what an earlier call finished of it is kept.

    Raises:
        PublishError: the dataset was not audited, or the audit found errors.
        DatasetError: the dataset or its audit cannot be read, or the audit is of an earlier dataset.
        OSError: the folder cannot be written.
    """
    _check_audit(dataset)
    folder = dataset.folder / HUB / _FOLDER
    configs = write_hub_folder(dataset, folder)
    write_atomically(folder / CARD_NAME, _card(configs).encode())
    return folder


def _card(configs: tuple[HubConfig, ...]) -> str:
    lines = ["---", "configs:"]
    for config in configs:
        lines += [f"- config_name: {config.name}", "  data_files:"]
        for split in config.splits:
            lines += [f"  - split: {split.name}", f"    path: data/{config.name}/{split.name}-*"]
    return "\n".join([*lines, "---", "", "# x", ""])


def local_sources(dataset: Dataset) -> tuple[str, ...]:
    """The folders of this machine that the manifest names as places of repositories; a publisher should know."""
    return tuple(entry.location for entry in dataset.manifest.repositories if Path(entry.location).is_absolute())


def _check_audit(dataset: Dataset) -> None:
    report = read_audit(dataset.folder)
    if report is None:
        raise PublishError(f"{dataset.folder} was not audited: run repobench check {dataset.folder}")
    errors = [problem for problem in report.problems if problem.severity is Severity.ERROR]
    if errors:
        count = "an error" if len(errors) == 1 else f"{len(errors):,} errors, the first"
        raise PublishError(
            f"the audit of {dataset.folder} found {count} in {errors[0].where}: {errors[0].message}: "
            f"mend it and run repobench check {dataset.folder}"
        )
