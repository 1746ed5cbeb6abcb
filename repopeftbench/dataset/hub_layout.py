"""A dataset folder in the form that the Hub shows and `load_dataset` reads (io): configs, splits, numbered shards.

data/<config>/<split>-<shard>-of-<shards>.parquet

Tasks and commits are divided by their own split, rejects, trees, symbols and embeddings by the role of their
repository; `files` has in each split the blobs that the trees of that split name, each once. Rows are the store's,
column for column. It does not know the Hub, nor the documents beside the data.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.embeddings import EMBEDDINGS, EMBEDDINGS_NAME, embedding_tables, has_embeddings
from repopeftbench.dataset.hub_records import HubConfig, HubFile, HubSplit
from repopeftbench.dataset.hub_shards import ShardedSplit
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.dataset.snapshot_tables import (
    FILES,
    FILES_NAME,
    TREES,
    TREES_NAME,
    blob_keys,
    contained,
    read_groups,
    shards,
)
from repopeftbench.dataset.snapshots import has_snapshots
from repopeftbench.dataset.store import DATA_NAME, Dataset
from repopeftbench.dataset.symbol_tables import SYMBOLS, SYMBOLS_NAME, has_symbols
from repopeftbench.dataset.tables import COMMITS, REJECTS, TASKS
from repopeftbench.errors import DatasetError
from repopeftbench.schema import Split, Track

SPLITS = ("train", "cr_val", "cr_test", "ir_val", "ir_test", "ood_test")
"""The Hub's splits in their order: `train` is our `ir_train`, the others are called as here."""
_LAYOUT = 2
"""Counts up when other bytes are made of the same dataset."""
_GROUP_BYTES = 8 << 20
_BY_ROLE = "by the role of the whole repository: those of ir_val and ir_test are in train."

_Rows = Iterator[tuple[str, pa.Table]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the rows of a config come from, in pieces, each of one split; `group_bytes` is `ShardedSplit`'s."""

    name: str
    description: str
    schema: pa.Schema
    rows: Callable[[Dataset], _Rows]
    group_bytes: int = _GROUP_BYTES


def split_name(split: Split) -> str:
    """What a split of ours is called on the Hub."""
    return "train" if split is Split.IR_TRAIN else split.value


def write_hub_folder(
    dataset: Dataset, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[HubConfig, ...]:
    """Makes `folder` hold the dataset's layout on the Hub and nothing else; the configs that have rows.

    Configs that an earlier, killed call finished are kept if their bytes are still what they were; a file beside the
    folder (`FOLDER.json`) remembers them. Equal datasets give equal bytes, as long as pyarrow is the same.

    Args:
        dataset: the dataset.
        folder: where to.
        progress: called with the configs that are done, and all.

    Raises:
        DatasetError: the dataset cannot be read.
        OSError: the folder cannot be written.
    """
    memory = _Memory(folder, key=f"{_LAYOUT} {pa.__version__} {dataset.sha256}")
    kept = memory.whole()
    _clear(folder, {file.path for splits in kept.values() for split in splits for file in split.files})
    configs = []
    sources = _sources(dataset)
    for number, source in enumerate(sources):
        progress(number, len(sources))
        splits = kept.get(source.name)
        if splits is None:
            splits = _write(source, dataset, folder)
            memory.remember(source.name, splits)
        if splits:
            configs.append(
                HubConfig(name=source.name, description=source.description, schema=source.schema, splits=splits)
            )
    progress(len(sources), len(sources))
    return tuple(configs)


def _sources(dataset: Dataset) -> tuple[_Source, ...]:
    tasks = (
        _Source(
            name=Track.STATIC.value,
            description="Tasks of one snapshot per repository.",
            schema=TASKS,
            rows=partial(_task_rows, Track.STATIC),
        ),
        _Source(
            name=Track.EVOLUTION.value,
            description="Tasks of the commits that added or modified an assertion.",
            schema=TASKS,
            rows=partial(_task_rows, Track.EVOLUTION),
        ),
        _Source(
            name="commits",
            description="Kept commits with the production diff since the kept commit before.",
            schema=COMMITS,
            rows=_commit_rows,
        ),
        _Source(
            name="rejects",
            description=f"Assertions and test files that are no tasks, with the reason, {_BY_ROLE}",
            schema=REJECTS,
            rows=_reject_rows,
        ),
    )
    embeddings = _Source(
        name=PurePath(EMBEDDINGS_NAME).stem,
        description=f"Embeddings of commits as they were published, {_BY_ROLE}",
        schema=EMBEDDINGS,
        rows=_embedding_rows,
    )
    beside = (embeddings,) if has_embeddings(dataset.folder) else ()
    return (*tasks, *beside, *(_snapshot_sources(dataset) if has_snapshots(dataset.folder) else ()))


def _snapshot_sources(dataset: Dataset) -> tuple[_Source, ...]:
    files = _Source(
        name=FILES_NAME,
        description="Texts by blob id: in each split those that its trees name, each once.",
        schema=FILES,
        rows=_file_rows,
    )
    # A row group of trees or symbols is of one repository, here as in the dataset.
    trees = _Source(
        name=TREES_NAME,
        description=f"Paths that changed since the kept commit before, {_BY_ROLE}",
        schema=TREES,
        rows=_tree_rows,
        group_bytes=0,
    )
    symbols = _Source(
        name=PurePath(SYMBOLS_NAME).stem,
        description=f"Definitions that a kept commit added or removed since the kept commit before, {_BY_ROLE}",
        schema=SYMBOLS,
        rows=_symbol_rows,
        group_bytes=0,
    )
    return (files, trees, symbols) if has_symbols(dataset.folder) else (files, trees)


def _write(source: _Source, dataset: Dataset, root: Path) -> tuple[HubSplit, ...]:
    folder = root / DATA_NAME / source.name
    folder.mkdir(parents=True, exist_ok=True)
    growing: dict[str, ShardedSplit] = {}
    try:
        for split, piece in source.rows(dataset):
            if piece.num_rows and split not in growing:
                growing[split] = ShardedSplit(folder, split, source.schema, group_bytes=source.group_bytes)
            if piece.num_rows:
                growing[split].add(piece)
        return tuple(
            HubSplit(name=split, files=growing[split].described(growing[split].finish(), root))
            for split in SPLITS
            if split in growing
        )
    finally:
        for writer in growing.values():
            writer.abandon()


def _task_rows(track: Track, dataset: Dataset) -> _Rows:
    for split in dataset.splits(track):
        for table in dataset.task_tables(track, split, TASKS.names):
            yield split_name(split), table


def _commit_rows(dataset: Dataset) -> _Rows:
    for table in dataset.commit_tables(COMMITS.names):
        for split in Split:
            yield split_name(split), table.filter(pc.equal(table.column("split"), split.value))


def _reject_rows(dataset: Dataset) -> _Rows:
    return _by_role(dataset, dataset.reject_tables(REJECTS.names))


def _embedding_rows(dataset: Dataset) -> _Rows:
    return _by_role(dataset, embedding_tables(dataset.folder))


def _symbol_rows(dataset: Dataset) -> _Rows:
    return _by_role(dataset, read_groups(dataset.folder / SYMBOLS_NAME, SYMBOLS))


def _by_role(dataset: Dataset, tables: Iterable[pa.Table]) -> _Rows:
    entries = dataset.manifest.repositories
    names = {role: pa.array([entry.repo_id for entry in entries if entry.role == role]) for role in SPLITS}
    for table in tables:
        for role, own in names.items():
            yield role, table.filter(pc.is_in(table.column("repo_id"), own.cast(pa.string())))


def _tree_rows(dataset: Dataset) -> _Rows:
    roles = {repository.repo_id: repository.role for repository in dataset.manifest.repositories}
    for path, table in _groups(dataset.folder / TREES_NAME, TREES):
        if table.num_rows:
            repo_id = table.column("repo_id")[0].as_py()
            if repo_id not in roles:
                raise DatasetError(f"{path} has trees of {repo_id}, which the manifest lacks: mine the dataset again")
            yield roles[repo_id], table


def _file_rows(dataset: Dataset) -> _Rows:
    needed = _blobs_by_split(dataset)
    for path, table in _groups(dataset.folder / FILES_NAME, FILES):
        keys = blob_keys(table.column("blob"), path)
        for split, blobs in needed.items():
            yield split, table.filter(pa.array(contained(keys, blobs)))


def _blobs_by_split(dataset: Dataset) -> dict[str, npt.NDArray[np.bytes_]]:
    """For each split the ids of all blobs that its trees name, sorted, each once."""
    found: dict[str, list[npt.NDArray[np.bytes_]]] = {}
    for split, table in _tree_rows(dataset):
        named = pc.unique(table.column("blob").drop_null())
        found.setdefault(split, []).append(np.unique(blob_keys(pa.chunked_array([named]), dataset.folder / TREES_NAME)))
    return {split: np.unique(np.concatenate(found[split])) for split in SPLITS if split in found}


def _groups(folder: Path, schema: pa.Schema) -> Iterator[tuple[Path, pa.Table]]:
    for path in shards(folder):
        for table in read_groups(path, schema):
            yield path, table


class _Memory:
    """Which configs are finished, and what their files are; valid for one dataset, layout and pyarrow (`key`)."""

    def __init__(self, folder: Path, *, key: str) -> None:
        self._folder = folder
        self._path = folder.with_name(f"{folder.name}.json")
        self._key = key
        self._configs: dict[str, dict[str, list[dict[str, object]]]] = {}

    def whole(self) -> dict[str, tuple[HubSplit, ...]]:
        """The finished configs whose files all are what they were."""
        try:
            raw = json.loads(self._path.read_text("utf-8"))
            if raw["key"] != self._key:
                return {}
            found = {
                name: tuple(
                    HubSplit(name=split, files=tuple(HubFile(**file) for file in files))
                    for split, files in splits.items()
                )
                for name, splits in raw["configs"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Absent, or not what this version writes: everything is made again.
            return {}
        whole = {name: splits for name, splits in found.items() if self._unchanged(splits)}
        self._configs = {name: raw["configs"][name] for name in whole}
        return whole

    def remember(self, name: str, splits: tuple[HubSplit, ...]) -> None:
        """Adds a finished config."""
        self._configs[name] = {split.name: [asdict(file) for file in split.files] for split in splits}
        raw = {"key": self._key, "configs": self._configs}
        write_atomically(self._path, (json.dumps(raw, indent=2) + "\n").encode())

    def _unchanged(self, splits: tuple[HubSplit, ...]) -> bool:
        return all(
            path.is_file() and path.stat().st_size == file.size_bytes and file_sha256(path) == file.sha256
            for split in splits
            for file in split.files
            for path in (self._folder / file.path,)
        )


def _clear(folder: Path, kept: set[str]) -> None:
    """Makes the folder, empty but for the files in `kept`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in kept:
            path.unlink()
