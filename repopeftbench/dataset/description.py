"""What the documents beside published data are written from, gathered from a dataset once (io: only reads)."""

from dataclasses import dataclass

from repopeftbench.dataset.attribution import Attribution, attributions
from repopeftbench.dataset.licences import RepositoryLicence, repository_licences
from repopeftbench.dataset.manifest import Manifest, MiningConfig
from repopeftbench.dataset.statistics import Statistics, dataset_statistics
from repopeftbench.dataset.store import Dataset

PAPER_TITLE = "Code2LoRA: Hypernetwork-Generated Adapters for Code Language Models under Software Evolution"
PAPER_URL = "https://arxiv.org/abs/2606.06492"
SENSITIVE = "Code and comments are as their authors wrote them: names, addresses and words that offend can occur."
PAPER_BIBTEX = f"""@misc{{code2lora2026,
  title         = {{{PAPER_TITLE}}},
  author        = {{Hotsko, Liliana and Li, Yinxi and Deng, Yuntian and Nie, Pengyu}},
  year          = {{2026}},
  eprint        = {{2606.06492}},
  archivePrefix = {{arXiv}}
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A dataset as its documents tell of it; `sha256` is that of its manifest."""

    manifest: Manifest
    sha256: str
    statistics: Statistics
    licences: tuple[RepositoryLicence, ...]
    attributions: tuple[Attribution, ...]


def describe(dataset: Dataset) -> Description:
    """The description of a dataset.

    Raises:
        DatasetError: the dataset cannot be read.
    """
    statistics = dataset_statistics(dataset)
    licences = repository_licences(dataset)
    return Description(
        manifest=dataset.manifest,
        sha256=dataset.sha256,
        statistics=statistics,
        licences=licences,
        attributions=attributions(dataset.manifest.repositories, licences, statistics.by_repository),
    )


def known_limits(config: MiningConfig) -> tuple[str, ...]:
    """What a user of the data should know, a sentence or two each."""
    paper = config.protocol == "paper"
    files = (
        "Python only; what counts as a test file is what the published construction took for one."
        if paper
        else "Python only, and of tests only files that are called `test_*.py` or `*_test.py`, or that lie below "
        "`tests`, `test` or `testing`."
    )
    limits = (
        "The histories are public. Models may have been trained on them, tasks after the cutoff of the data included.",
        "One answer is right: an expression that means the same but is written differently is no exact match.",
        "Tests were not run. A target is what the developers wrote, also where their test failed or was skipped.",
        files,
        "Repositories with many tests weigh more: give means over repositories, or intervals that resample them.",
        SENSITIVE,
    )
    return (*limits, "The defects of the published construction are in it on purpose.") if paper else limits


def toolkit_bibtex(description: Description) -> str:
    """How the toolkit that made the data is cited."""
    return (
        "@software{repopeftbench,\n"
        "  title   = {RepoPeftBench toolkit},\n"
        "  author  = {{The RepoPeftBench maintainers}},\n"
        f"  version = {{{description.manifest.versions.repopeftbench}}}\n}}"
    )
