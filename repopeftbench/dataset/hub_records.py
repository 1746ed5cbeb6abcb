"""What a dataset looks like on the Hub: configs, their splits, and the parquet files of each. Records only."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One file of the Hub's repository, by its path there."""

    path: str
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSplit:
    """One split of a config: `train`, `cr_val`, `cr_test`, `ir_val`, `ir_test` or `ood_test`; its shards in order."""

    name: str
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """One config (`evolution`): what `load_dataset(REPO_ID, name)` reads; all its files have one schema."""

    name: str
    description: str
    schema: pa.Schema
    splits: tuple[HubSplit, ...]
