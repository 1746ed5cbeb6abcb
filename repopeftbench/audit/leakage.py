"""The leakage audit: the checks, in the order in which their findings are reported."""

from collections.abc import Callable

from repopeftbench.audit.findings import Findings
from repopeftbench.audit.near_duplicates import near_duplicates
from repopeftbench.audit.repetition import statements_in_train, unchanged_statements
from repopeftbench.dataset.store import Dataset

LEAKAGE_CHECKS: tuple[Callable[[Dataset], Findings], ...] = (
    statements_in_train,
    unchanged_statements,
    near_duplicates,
)
