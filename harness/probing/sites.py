"""The sites of tasks, straight from a dataset's tables (io): a row group at a time, no prefix is kept."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.probing.records import Site
from harness.stopping import stop_target
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track, content_id

_COLUMNS = (
    "task_id",
    "repo_id",
    "track",
    "split",
    "commit_sha",
    "committer_time",
    "test_file",
    "test_function",
    "target_start_byte",
    "target_end_byte",
    "target",
)


def read_sites(
    dataset: Dataset, tracks: Sequence[Track], splits: Sequence[Split], wanted: Collection[str] | None = None
) -> list[Site]:
    """The sites of all tasks of these tracks and splits, or of those that are wanted by id.

    A target ends where predictions do (`stopping.stop_target`), also a published one that goes on behind.

    Raises:
        DatasetError: the dataset cannot be read.
    """
    found = []
    for track in tracks:
        for split in splits:
            for table in dataset.task_tables(track, split, (*_COLUMNS, "prefix")):
                prefixes = table.column("prefix")
                rows = zip(*(table.column(name).to_pylist() for name in _COLUMNS), strict=True)
                for index, values in enumerate(rows):
                    if wanted is None or values[0] in wanted:
                        found.append(_site(dict(zip(_COLUMNS, values, strict=True)), prefixes[index].as_py()))
    return found


def _site(fields: dict[str, object], prefix: str) -> Site:
    site = Site(**{**fields, "track": Track(fields["track"]), "split": Split(fields["split"])})  # type: ignore[arg-type]
    target = stop_target(prefix, site.target)
    if target == site.target:
        return site
    return replace(site, target=target, target_end_byte=site.target_start_byte + len(target.encode("utf-8")))


def draw_sites(sites: Sequence[Site], limit: int | None, seed: int) -> frozenset[str]:
    """The ids of at most `limit` tasks of each track and repository; a larger limit keeps all of a smaller one's."""
    groups: dict[tuple[Track, str], list[str]] = {}
    for site in sites:
        groups.setdefault((site.track, site.repo_id), []).append(site.task_id)
    return frozenset(
        task_id
        for group in groups.values()
        for task_id in sorted(group, key=lambda task_id: (content_id(seed, task_id), task_id))[:limit]
    )
