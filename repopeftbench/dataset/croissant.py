"""`croissant.json`: the published files, their columns, splits, licences and provenance in Croissant 1.0. Pure.

Source: the specifications of Croissant 1.0 and of its vocabulary for responsible AI 1.0 (MLCommons). The Hub's own,
generated description stays beside it; this one says what the columns mean, what the data is based on, and the SHA-256
of every file. Files are one FileObject each, a config is one FileSet and one RecordSet, and a record's split is told
from the name of its file.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from repopeftbench.dataset.attribution import ATTRIBUTION_NAME, repository_url
from repopeftbench.dataset.columns import MEANINGS
from repopeftbench.dataset.description import PAPER_BIBTEX, PAPER_URL, SENSITIVE, Description, known_limits
from repopeftbench.dataset.front_matter import TAGS
from repopeftbench.dataset.hub_records import HubConfig
from repopeftbench.dataset.licences import RepositoryLicence

CROISSANT_NAME = "croissant.json"
CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
SPLIT_FIELD = "hub_split"
"""Field of the split on the Hub; `split` is a column of the tables."""
_HUB = "https://huggingface.co/datasets"
_SPDX = "https://spdx.org/licenses"
_REPOSITORY = "repo"
_TERMS = (
    "citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "separator", "source", "subField", "transform", "equivalentProperty", "samplingRate",
)  # fmt: skip
_TYPES = ((pa.types.is_boolean, "sc:Boolean"), (pa.types.is_integer, "sc:Integer"), (pa.types.is_floating, "sc:Float"))


def croissant_of(
    description: Description, repo_id: str, configs: Sequence[HubConfig], published: dt.date | None
) -> dict[str, Any]:
    """The description, ready for `json.dumps`.

    Args:
        description: of the dataset.
        repo_id: the name that it has on the Hub (`ORG/NAME`).
        configs: what is published.
        published: the day it was published for the first time, which the specification asks for (`first_published`).
    """
    manifest = description.manifest
    date = {} if published is None else {"datePublished": published.isoformat()}
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": repo_id.rpartition("/")[2],
        "description": (
            f"{description.statistics.tasks:,} tasks of assertion completion from {len(manifest.repositories):,} "
            f"Python repositories: code up to the point where a test says what it expects, and the expression that "
            f"the developers wrote there. Protocol {manifest.config.protocol}."
        ),
        "url": f"{_HUB}/{repo_id}",
        "version": f"{manifest.versions.repopeftbench}+{description.sha256[:12]}",
        **date,
        "license": _licences(repo_id, description.licences),
        "keywords": list(TAGS),
        "inLanguage": "python",
        "citeAs": PAPER_BIBTEX,
        "creator": {"@type": "sc:Organization", "name": repo_id.partition("/")[0], "url": _owner_url(repo_id)},
        "isBasedOn": [*_sources(description), {"@type": "sc:ScholarlyArticle", "url": PAPER_URL}],
        "prov:wasGeneratedBy": _activity(description),
        **_responsible_use(description),
        "distribution": list(_distribution(description.sha256, repo_id, configs)),
        "recordSet": [record for config in configs for record in _record_sets(config)],
    }


def first_published(croissant: str) -> dt.date | None:
    """The day that an earlier `croissant.json` gives; None where it gives none or is not ours."""
    try:
        return dt.date.fromisoformat(json.loads(croissant)["datePublished"])
    except (ValueError, KeyError, TypeError):
        return None


def _context() -> Mapping[str, Any]:
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "prov": "http://www.w3.org/ns/prov#",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in _TERMS},
    }


def _owner_url(repo_id: str) -> str:
    return f"https://huggingface.co/{repo_id.partition('/')[0]}"


def _licences(repo_id: str, licences: Sequence[RepositoryLicence]) -> list[str]:
    """A web address per licence; the table of repositories where one is unknown or an expression."""
    names = sorted({licence.spdx or "" for licence in licences})
    plain = [f"{_SPDX}/{name}" for name in names if name and " " not in name]
    return plain if len(plain) == len(names) else [*plain, f"{_HUB}/{repo_id}/blob/main/{ATTRIBUTION_NAME}"]


def _sources(description: Description) -> Iterator[dict[str, Any]]:
    for entry, one in zip(description.manifest.repositories, description.attributions, strict=True):
        url = repository_url(entry.location)
        yield {
            "@type": "sc:SoftwareSourceCode",
            "name": entry.repo_id,
            **({} if url is None else {"codeRepository": url, "url": one.url}),
            "version": entry.revision,
            **({} if one.licence is None else {"license": one.licence}),
        }


def _activity(description: Description) -> dict[str, Any]:
    manifest = description.manifest
    return {
        "@type": "prov:Activity",
        "name": f"Imported from {manifest.origin}" if manifest.origin else "Mined from git histories",
        "description": json.dumps(manifest.config.model_dump(mode="json"), sort_keys=True),
        "prov:wasAssociatedWith": {
            "@type": "sc:SoftwareApplication",
            "name": "RepoPeftBench toolkit",
            "softwareVersion": manifest.versions.repopeftbench,
        },
    }


def _responsible_use(description: Description) -> dict[str, Any]:
    """The fields of the vocabulary for responsible AI that there is something to say to."""
    return {
        "rai:dataCollection": "Assertions in the tests of public git repositories, found by their syntax; nothing of a "
        "repository was run.",
        "rai:dataCollectionType": ["Software Collection"],
        "rai:dataLimitations": list(known_limits(description.manifest.config)),
        "rai:dataUseCases": ["Measuring what a method that completes code knows about a repository."],
        "rai:personalSensitiveInformation": [SENSITIVE],
        "rai:dataReleaseMaintenancePlan": "A repository is taken down on request: it is listed in TOMBSTONES.toml, and "
        "the data is published again without it.",
    }


def _distribution(sha256: str, repo_id: str, configs: Sequence[HubConfig]) -> Iterator[dict[str, Any]]:
    yield {
        "@type": "cr:FileObject",
        "@id": _REPOSITORY,
        "name": _REPOSITORY,
        "description": "The repository of the dataset. Its hash is that of the dataset's manifest.",
        "contentUrl": f"{_HUB}/{repo_id}",
        "encodingFormat": "git+https",
        "sha256": sha256,
    }
    for config in configs:
        files = [file for split in config.splits for file in split.files]
        for file in files:
            yield {
                "@type": "cr:FileObject",
                "@id": file.path,
                "name": file.path.rpartition("/")[2],
                "description": f"{file.rows:,} rows of `{config.name}`.",
                "containedIn": {"@id": _REPOSITORY},
                "contentUrl": file.path,
                "contentSize": f"{file.size_bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": file.sha256,
            }
        yield {
            "@type": "cr:FileSet",
            "@id": f"{config.name}-files",
            "name": f"{config.name}-files",
            "description": f"The files of `{config.name}`.",
            "containedIn": {"@id": _REPOSITORY},
            "encodingFormat": "application/x-parquet",
            "includes": [file.path for file in files],
        }


def _record_sets(config: HubConfig) -> Iterator[dict[str, Any]]:
    splits = f"{config.name}-splits"
    yield {
        "@type": "cr:RecordSet",
        "@id": splits,
        "name": splits,
        "description": f"The splits of `{config.name}`.",
        "dataType": "cr:Split",
        "key": {"@id": f"{splits}/name"},
        "field": [{"@type": "cr:Field", "@id": f"{splits}/name", "name": "name", "dataType": "sc:Text"}],
        "data": [{f"{splits}/name": split.name} for split in config.splits],
    }
    yield {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": config.description,
        "field": [_split_field(config.name, splits), *(_field(config.name, field) for field in config.schema)],
    }


def _split_field(config: str, splits: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{config}/{SPLIT_FIELD}",
        "name": SPLIT_FIELD,
        "description": "The split on the Hub.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": f"{config}-files"},
            "extract": {"fileProperty": "fullpath"},
            # What it gives it also takes: mlcroissant 1.1 applies it twice where a field has a reference.
            "transform": {"regex": r"^(?:.*/)?([a-z_]+)(?:-\d+-of-\d+\.parquet)?$"},
        },
        "references": {"field": {"@id": f"{splits}/name"}},
    }


def _field(config: str, field: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_fixed_size_list(field.type)
    kind = field.type.value_type if is_list else field.type
    return {
        "@type": "cr:Field",
        "@id": f"{config}/{field.name}",
        "name": field.name,
        "description": MEANINGS[field.name],
        "dataType": next((name for is_of, name in _TYPES if is_of(kind)), "sc:Text"),
        **({"repeated": True} if is_list else {}),
        "source": {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": field.name}},
    }
