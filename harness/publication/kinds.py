"""What kind of thing a folder is that is to be published, and the folder of files that it becomes (io)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RunError
from harness.publication.adapters import ADAPTERS, find_adapters, write_adapter_repository
from harness.publication.runs import REPORT, RUN, write_report_repository, write_run_repository
from harness.report.files import REPORT_JSON, REPORT_MARKDOWN
from harness.run_store import MANIFEST, PREDICTIONS
from repopeftbench.dataset.hub_changes import Ownership, RepoType


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of folder is published.

    `write` takes source, empty target, repository id and licence, and gives what the publisher should know.
    """

    repo_type: RepoType
    ownership: Ownership
    write: Callable[[Path, Path, str, str | None], tuple[str, ...]]


def kind_of(folder: Path) -> Kind:
    """The kind of `folder`.

    Raises:
        RunError: it holds nothing that can be published.
    """
    if (folder / MANIFEST).is_file() and (folder / PREDICTIONS).is_file():
        return Kind(repo_type="dataset", ownership=RUN, write=write_run_repository)
    if (folder / REPORT_JSON).is_file() and (folder / REPORT_MARKDOWN).is_file():
        return Kind(repo_type="dataset", ownership=REPORT, write=write_report_repository)
    if find_adapters(folder):
        return Kind(repo_type="model", ownership=ADAPTERS, write=write_adapter_repository)
    raise RunError(
        f"{folder} is no run ({MANIFEST}, {PREDICTIONS}), no report ({REPORT_JSON}, {REPORT_MARKDOWN}) and holds no "
        "adapter (adapter_config.json, adapter_model.safetensors): name the folder of one of these"
    )
