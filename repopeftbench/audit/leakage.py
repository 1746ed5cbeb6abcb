"""The leakage audit: the checks, in the order in which their findings are reported."""

from collections.abc import Callable

from repopeftbench.audit.conditioning import diffs_with_tests
from repopeftbench.audit.findings import Findings
from repopeftbench.audit.near_duplicates import near_duplicates
from repopeftbench.audit.origins import old_content
from repopeftbench.audit.repetition import statements_in_train, unchanged_statements
from repopeftbench.audit.shared_files import shared_files
from repopeftbench.audit.visible_answers import targets_in_diff, targets_in_prefix
from repopeftbench.audit.visible_tests import views_with_tests
from repopeftbench.dataset.store import Dataset

LEAKAGE_CHECKS: tuple[Callable[[Dataset], Findings], ...] = (
    statements_in_train,
    unchanged_statements,
    near_duplicates,
    shared_files,
    targets_in_prefix,
    targets_in_diff,
    diffs_with_tests,
    views_with_tests,
    old_content,
)
