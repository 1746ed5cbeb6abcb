"""Everything of a dataset that goes to the Hub, in one folder (io): layout, documents, tombstones, audit.

Only a dataset whose audit is there, is of this very dataset, and found no error becomes a folder. It does not know
the network.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from repopeftbench.atomic import write_atomically
from repopeftbench.audit.findings import Findings, Severity
from repopeftbench.audit.report import read_audit
from repopeftbench.dataset.documents import hub_documents
from repopeftbench.dataset.hub_changes import Ownership
from repopeftbench.dataset.hub_layout import DATA_NAME, write_hub_folder
from repopeftbench.dataset.licences import TEXTS_NAME
from repopeftbench.dataset.manifest import MANIFEST_NAME
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN, HUB, Dataset
from repopeftbench.errors import HubError
from repopeftbench.tombstones import PUBLISHED_NAME, listed_tombstones, tombstones, tombstones_toml

OWNERSHIP = Ownership(marker=MANIFEST_NAME, patterns=(f"{DATA_NAME}/*", f"{TEXTS_NAME}/*", AUDIT_JSON, AUDIT_MARKDOWN))
"""What a later publication of a dataset may delete of an earlier one."""
_FOLDER = "upload"


def publishable_findings(dataset: Dataset) -> Findings:
    """What the audit of a dataset found, if it may be published.

    Raises:
        HubError: it was not audited, the audit found errors, or a repository was taken down since.
        DatasetError: the audit cannot be read, or is of an earlier dataset.
    """
    report = read_audit(dataset.folder)
    if report is None:
        raise HubError(f"{dataset.folder} was not audited: run repobench check {dataset.folder}")
    problems = [*report.problems, *tombstones(dataset).problems]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        count = "an error" if len(errors) == 1 else f"{len(errors):,} errors, the first"
        raise HubError(
            f"{dataset.folder} has {count} in {errors[0].where}: {errors[0].message.rstrip('.')}: {errors[0].fix}"
        )
    return Findings(problems=report.problems, measures=report.measures)


def build_publication(
    dataset: Dataset,
    findings: Findings,
    repo_id: str,
    published: dt.date,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """The folder to publish, inside the dataset's; what an earlier call finished of it is kept.

    Args:
        dataset: the dataset.
        findings: of its audit (`publishable_findings`).
        repo_id: the name that it has, or will have, on the Hub (`ORG/NAME`).
        published: the day it was, or is, published for the first time.
        progress: called with the configs that are done, and all.

    Raises:
        DatasetError: the dataset cannot be read.
        OSError: the folder cannot be written.
    """
    folder = dataset.folder / HUB / _FOLDER
    configs = write_hub_folder(dataset, folder, progress)
    documents = hub_documents(dataset, findings, repo_id, configs, published)
    for path, content in {**documents, PUBLISHED_NAME: tombstones_toml(listed_tombstones()).encode()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / path, content)
    return folder


def local_sources(dataset: Dataset) -> tuple[str, ...]:
    """The folders of this machine that the manifest names as places of repositories; a publisher should know."""
    return tuple(entry.location for entry in dataset.manifest.repositories if Path(entry.location).is_absolute())
