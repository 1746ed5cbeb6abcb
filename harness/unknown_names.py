"""Which names of predictions stand nowhere in their prefixes (io); a dataset is read one row group at a time."""

import re
from collections.abc import Mapping, Sequence

from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

_WORD = re.compile(r"\w+")


def unknown_names(
    dataset: Dataset, wanted: Mapping[str, frozenset[str]], tracks: Sequence[Track], splits: Sequence[Split]
) -> dict[str, frozenset[str]]:
    """By task, those of its `wanted` names that are no word of its prefix; tasks without any are left out.

    Args:
        dataset: that has the tasks.
        wanted: names by task id.
        tracks: to read.
        splits: to read.

    Raises:
        DatasetError: the dataset cannot be read.
    """
    found: dict[str, frozenset[str]] = {}
    for track in tracks:
        for split in splits:
            for table in dataset.task_tables(track, split, ("task_id", "prefix")):
                prefixes = table.column("prefix")
                for index, task_id in enumerate(table.column("task_id").to_pylist()):
                    names = wanted.get(task_id)
                    if names:
                        absent = names.difference(_WORD.findall(prefixes[index].as_py()))
                        if absent:
                            found[task_id] = absent
    return found
