"""How many tasks a dataset has of what kind, counted in one pass over a few short columns."""

from collections import Counter
from dataclasses import dataclass

import pyarrow.compute as pc

from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts of tasks; what was not met has no entry."""

    by_split: Counter[tuple[Track, str]]
    by_repository: Counter[str]
    families: Counter[tuple[Track, str]]
    target_types: Counter[tuple[Track, str]]

    @property
    def tasks(self) -> int:
        """All tasks."""
        return self.by_split.total()


def dataset_statistics(dataset: Dataset) -> Statistics:
    """The counts of a dataset.

    Raises:
        DatasetError: the tasks cannot be read.
    """
    found = Statistics(by_split=Counter(), by_repository=Counter(), families=Counter(), target_types=Counter())
    for track in Track:
        for split in dataset.splits(track):
            for table in dataset.task_tables(track, split, ("repo_id", "family", "target_type")):
                found.by_split[track, split] += table.num_rows
                for row in pc.value_counts(table.column("repo_id")).to_pylist():
                    found.by_repository[row["values"]] += row["counts"]
                for name, counter in (("family", found.families), ("target_type", found.target_types)):
                    for row in pc.value_counts(table.column(name)).to_pylist():
                        counter[track, row["values"]] += row["counts"]
    return found
