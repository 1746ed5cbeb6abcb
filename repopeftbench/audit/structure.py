"""The structure audit: the checks, in the order in which their findings are reported."""

from repopeftbench.audit.checks import Check
from repopeftbench.audit.chronology import chronology, clocks, cutoff, files_in_one_split, splits_of_tasks
from repopeftbench.audit.conservation import commit_counts, ledgers, snapshot_ledger
from repopeftbench.audit.files import files_on_disk
from repopeftbench.audit.identity import repeated_task_ids, task_ids_of_content
from repopeftbench.audit.snapshots import snapshots_of_tasks
from repopeftbench.audit.symbols import symbols_of_production
from repopeftbench.audit.values import known_values

STRUCTURE_CHECKS: tuple[Check, ...] = (
    files_on_disk,
    known_values,
    repeated_task_ids,
    task_ids_of_content,
    ledgers,
    snapshot_ledger,
    snapshots_of_tasks,
    symbols_of_production,
    commit_counts,
    splits_of_tasks,
    files_in_one_split,
    chronology,
    clocks,
    cutoff,
)
