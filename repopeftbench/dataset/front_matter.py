"""The YAML block at the head of a dataset card: what the Hub and `load_dataset` read of it. Pure.

Sources: the Hub's documentation of dataset cards (fields), of licences (names) and of manual configuration (`configs`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from repopeftbench.dataset.attribution import ATTRIBUTION_NAME
from repopeftbench.dataset.hub_records import HubConfig
from repopeftbench.dataset.licences import RepositoryLicence

TAGS = ("code", "python", "assertion-completion", "repository-level", "software-evolution", "repopeftbench")
_HUB_LICENCES = {
    "AGPL-3.0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "CC0-1.0", "ECL-2.0",
    "EPL-2.0", "EUPL-1.1", "EUPL-1.2", "GPL-2.0", "GPL-3.0", "ISC", "LGPL-2.1", "LGPL-3.0", "MIT", "MPL-2.0", "NCSA",
    "PostgreSQL", "Unlicense", "WTFPL", "Zlib",
}  # fmt: skip
"""SPDX ids that the Hub knows, in lower case, as values of `license`."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGEST = "10M<n<100M"
_TYPES = {"bool": "bool", "halffloat": "float16", "float": "float32", "double": "float64"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def front_matter(
    repo_id: str, title: str, tasks: int, licences: Sequence[RepositoryLicence], configs: Sequence[HubConfig]
) -> str:
    """The block, between its two lines of dashes.

    Args:
        repo_id: the dataset's name on the Hub.
        title: for people.
        tasks: how many tasks there are.
        licences: of the repositories.
        configs: what `load_dataset` reads.
    """
    data: dict[str, Any] = {
        "pretty_name": title,
        **_licence(repo_id, licences),
        "language": ["code"],
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in _SIZES if tasks < limit), _LARGEST)],
        "tags": list(TAGS),
        "configs": [_config(config) for config in configs],
        "dataset_info": [_info(config) for config in configs],
    }
    return "\n".join(["---", *_mapping(data, ""), "---"])


def common_licence(licences: Sequence[RepositoryLicence]) -> str | None:
    """The one licence that all repositories have, None where they differ or one is unknown."""
    names = {licence.spdx for licence in licences}
    return names.pop() if len(names) == 1 else None


def _licence(repo_id: str, licences: Sequence[RepositoryLicence]) -> dict[str, str]:
    common = common_licence(licences)
    if common in _HUB_LICENCES:
        return {"license": common.lower()}
    name = "mixed" if common is None else re.sub(r"[^a-z0-9.-]+", "-", common.lower()).strip("-")
    link = f"https://huggingface.co/datasets/{repo_id}/blob/main/{ATTRIBUTION_NAME}"
    return {"license": "other", "license_name": name, "license_link": link}


def _config(config: HubConfig) -> dict[str, Any]:
    files = [
        {
            "split": split.name,
            "path": [file.path for file in split.files] if len(split.files) > 1 else split.files[0].path,
        }
        for split in config.splits
    ]
    return {"config_name": config.name, "data_files": files}


def _info(config: HubConfig) -> dict[str, Any]:
    return {
        "config_name": config.name,
        "features": [_feature(field) for field in config.schema],
        # All three, or `datasets` ignores the whole of it with a warning.
        "splits": [
            {
                "name": split.name,
                "num_bytes": sum(file.size_bytes for file in split.files),
                "num_examples": sum(file.rows for file in split.files),
            }
            for split in config.splits
        ],
        "download_size": sum(file.size_bytes for split in config.splits for file in split.files),
    }


def _feature(field: pa.Field) -> dict[str, str | int]:
    if pa.types.is_fixed_size_list(field.type):
        return {"name": field.name, "list": _type_name(field.type.value_type), "length": field.type.list_size}
    return {"name": field.name, "dtype": _type_name(field.type)}


def _type_name(kind: pa.DataType) -> str:
    return _TYPES.get(str(kind), str(kind))


def _mapping(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, list):
            yield f"{indent}{key}:"
            yield from _items(value, indent)
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _items(values: Sequence[Any], indent: str) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict):
            first, *rest = _mapping(value, f"{indent}  ")
            yield f"{indent}- {first[len(indent) + 2 :]}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(value)}"


def _scalar(value: str | int) -> str:
    """A string in quotes, as JSON writes it, wherever YAML could take it for something else."""
    if isinstance(value, int):
        return str(value)
    return value if _PLAIN.match(value) and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)
