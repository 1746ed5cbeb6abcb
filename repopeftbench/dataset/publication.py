"""Everything of a dataset that goes to the Hub, in one folder (io): layout, manifest, audit, documents, tombstones.

Only a dataset whose audit is there, is of this very dataset, and found no error becomes a folder. Where the published
manifest is not that of the dataset folder (`published_manifest`), audit and documents have its hash, not the other
one's. It does not know the network.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from repopeftbench.atomic import write_atomically
from repopeftbench.audit.findings import Findings, Severity
from repopeftbench.audit.report import AuditReport, read_audit, write_audit
from repopeftbench.dataset.description import describe
from repopeftbench.dataset.documents import hub_documents
from repopeftbench.dataset.hub_changes import Ownership
from repopeftbench.dataset.hub_layout import write_hub_folder
from repopeftbench.dataset.licences import TEXTS_NAME
from repopeftbench.dataset.manifest import MANIFEST_NAME, manifest_json
from repopeftbench.dataset.published_manifest import published_manifest
from repopeftbench.dataset.store import AUDIT_JSON, AUDIT_MARKDOWN, DATA_NAME, HUB, Dataset
from repopeftbench.errors import HubError
from repopeftbench.tombstones import PUBLISHED_NAME, Tombstone, tombstones, tombstones_toml

OWNERSHIP = Ownership(marker=MANIFEST_NAME, patterns=(f"{DATA_NAME}/*", f"{TEXTS_NAME}/*", AUDIT_JSON, AUDIT_MARKDOWN))
"""What a later publication of a dataset may delete of an earlier one."""
_FOLDER = "upload"


def publishable_audit(dataset: Dataset, listed: Sequence[Tombstone]) -> AuditReport:
    """The audit of a dataset, if it may be published.

    Args:
        dataset: the dataset.
        listed: repositories that were taken down.

    Raises:
        HubError: it was not audited, the audit found errors, or a repository was taken down since.
        DatasetError: the audit cannot be read, or is of an earlier dataset.
    """
    report = read_audit(dataset.folder)
    if report is None:
        raise HubError(f"{dataset.folder} was not audited: run repobench check {dataset.folder}")
    problems = [*report.problems, *tombstones(dataset, listed).problems]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        count = "an error" if len(errors) == 1 else f"{len(errors):,} errors, the first"
        raise HubError(
            f"{dataset.folder} has {count} in {errors[0].where}: {errors[0].message.rstrip('.')}: {errors[0].fix}"
        )
    return report


def build_publication(
    dataset: Dataset,
    audit: AuditReport,
    repo_id: str,
    published: dt.date,
    listed: Sequence[Tombstone],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """The folder to publish, inside the dataset's; what an earlier call finished of it is kept.

    Args:
        dataset: the dataset.
        audit: of it (`publishable_audit`).
        repo_id: the name that it has, or will have, on the Hub (`ORG/NAME`).
        published: the day it was, or is, published for the first time.
        listed: repositories that were taken down; their list is published, too.
        progress: called with the configs that are done, and all.

    Raises:
        DatasetError: the dataset cannot be read.
        OSError: the folder cannot be written.
    """
    folder = dataset.folder / HUB / _FOLDER
    configs = write_hub_folder(dataset, folder, progress)
    manifest = published_manifest(dataset.manifest)
    whole = (dataset.folder / MANIFEST_NAME).read_bytes() if manifest == dataset.manifest else manifest_json(manifest)
    sha256 = hashlib.sha256(whole).hexdigest()
    write_audit(audit.model_copy(update={"dataset_sha256": sha256}), folder)
    findings = Findings(problems=audit.problems, measures=audit.measures)
    description = replace(describe(dataset), manifest=manifest, sha256=sha256)
    documents = hub_documents(description, findings, repo_id, configs, published)
    beside = {MANIFEST_NAME: whole, PUBLISHED_NAME: tombstones_toml(listed).encode()}
    for path, content in {**documents, **beside}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / path, content)
    return folder
