"""D6, the strata: what the answer to a task is to be had from, and from nothing less.

    copy              the target stands in the prefix, as whole tokens
    idiom             it is a target in at least 5 % of the training repositories
    private           not in the prefix, in the production code of the task's commit, a target in less than 1 % of them
    private-composed  of controlled benchmarks: private, but no definition says it as it is
    rest              all others

Controlled benchmarks know it (`truth.parquet`; their `domain` is counted as idiom, `private-direct` as private, `none`
as rest); of other data the rules tell. The task's own repository is not counted among those that were trained on.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from harness.diagnosing.cases import Case, Reference
from repopeftbench.audit.occurrences import occurs
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.truth import Stratum as KnownStratum
from repopeftbench.dataset.truth import has_truth, read_truth
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import HistoryView, Track

IDIOM_SHARE, PRIVATE_SHARE = 0.05, 0.01


class Stratum(StrEnum):
    """The strata, in the order of reports."""

    COPY = "copy"
    IDIOM = "idiom"
    PRIVATE = "private"
    COMPOSED = "private-composed"
    REST = "rest"


_KNOWN = {
    KnownStratum.COPY: Stratum.COPY,
    KnownStratum.DOMAIN: Stratum.IDIOM,
    KnownStratum.PRIVATE_DIRECT: Stratum.PRIVATE,
    KnownStratum.PRIVATE_COMPOSED: Stratum.COMPOSED,
    KnownStratum.NONE: Stratum.REST,
}


def known_strata(dataset: Dataset, track: Track) -> Mapping[str, Stratum] | None:
    """The strata of a controlled benchmark's tasks, by task id; None of other data.

    Raises:
        DatasetError: the truth is damaged.
    """
    if not has_truth(dataset.folder):
        return None
    return {truth.task_id: _KNOWN[truth.stratum] for truth in read_truth(dataset.folder) if truth.track is track}


def stratum_of(case: Case, known: Reference, in_code: Callable[[], bool]) -> Stratum:
    """The stratum by the rules.

    Args:
        case: The task.
        known: Of the training repositories.
        in_code: Whether the target stands in the production code of the task's commit; called only where it matters.
    """
    if occurs(case.target, case.prefix):
        return Stratum.COPY
    own = case.target in known.targets.get(case.repo_id, frozenset())
    others = len(known.targets) - (case.repo_id in known.targets)
    share = (known.target_repositories.get(case.target, 0) - own) / max(1, others)
    if share >= IDIOM_SHARE:
        return Stratum.IDIOM
    return Stratum.PRIVATE if share < PRIVATE_SHARE and in_code() else Stratum.REST


def stands_in_code(view: HistoryView, text: str) -> bool:
    """Whether a text stands in a view's production code, as whole tokens; files that cannot be read hold nothing."""
    for path in view.production_files():
        try:
            if occurs(text, view.read(path)):
                return True
        except GitObjectError:
            continue
    return False
