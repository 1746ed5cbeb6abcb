"""`croissant.json` is valid, and what mlcroissant reads by it are the rows of the parquet files."""

import datetime as dt
import json
import logging

import mlcroissant
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from card_cases import build_case, write_layout

from repopeftbench.dataset.croissant import SPLIT_FIELD, croissant_of, first_published
from repopeftbench.dataset.description import describe, known_limits
from repopeftbench.dataset.embeddings import EMBEDDINGS, WIDTH
from repopeftbench.dataset.hub_records import HubConfig, HubFile, HubSplit
from repopeftbench.dataset.manifest import file_sha256

# mlcroissant 1.1 calls rdflib 7.6 and pandas 3 in ways that these warn of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]
NAME = "org/some-data"
DAY = dt.date(2026, 2, 3)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("croissant")
    dataset = build_case(folder)
    configs = write_layout(dataset, folder / "hub")
    return dataset, folder / "hub", configs, croissant_of(describe(dataset), NAME, configs, DAY)


def test_description_is_valid_without_a_warning(case, caplog):
    *_, described = case
    with caplog.at_level(logging.WARNING):
        issues = mlcroissant.Dataset(jsonld=json.loads(json.dumps(described))).metadata.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    assert [record.message for record in caplog.records if "@context" in record.message] == []
    assert described["conformsTo"][0] == "http://mlcommons.org/croissant/1.0"


def test_limits_are_those_of_the_card(case):
    dataset, *_, described = case
    read = mlcroissant.Dataset(jsonld=described).metadata
    assert described["rai:dataLimitations"] == list(known_limits(dataset.manifest.config))
    assert sorted(read.data_limitations) == sorted(described["rai:dataLimitations"])


def test_records_of_every_config_are_its_rows(case, caplog):
    _, folder, configs, described = case
    read = mlcroissant.Dataset(jsonld=described, mapping={"repo": str(folder)})
    with caplog.at_level(logging.WARNING):
        for config in configs:
            found = [
                {name.removeprefix(f"{config.name}/"): plain(value) for name, value in record.items()}
                for record in read.records(config.name)
            ]
            expected = [
                {SPLIT_FIELD: split.name, **row}
                for split in config.splits
                for file in split.files
                for row in pq.read_table(folder / file.path).to_pylist()
            ]
            assert sorted(map(comparable, found)) == sorted(map(comparable, expected))
    assert caplog.records == []


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return None if value is None or value != value else value


def comparable(row):
    return json.dumps({name: row[name] for name in sorted(row)}, default=int)


def test_embeddings_are_lists_of_numbers(case, tmp_path):
    dataset, *_ = case
    path = tmp_path / "data" / "embeddings" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    vector = np.arange(WIDTH, dtype=np.float16)
    rows = [("o/a", "1", vector, vector), ("o/a", "2", None, vector)]
    columns = [
        pa.array(column, type=field.type) for column, field in zip(zip(*rows, strict=True), EMBEDDINGS, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=EMBEDDINGS), path)
    file = HubFile(
        path=path.relative_to(tmp_path).as_posix(), rows=2, size_bytes=path.stat().st_size, sha256=file_sha256(path)
    )
    split = HubSplit(name="train", files=(file,))
    config = HubConfig(name="embeddings", description="Vectors.", schema=EMBEDDINGS, splits=(split,))
    described = croissant_of(describe(dataset), NAME, (config,), DAY)
    read = mlcroissant.Dataset(jsonld=json.loads(json.dumps(described)), mapping={"repo": str(tmp_path)})
    assert (read.metadata.issues.errors, read.metadata.issues.warnings) == (set(), set())
    first, second = read.records("embeddings")
    assert list(first["embeddings/repo_state_embedding"]) == list(range(WIDTH))
    assert second["embeddings/diff_embedding"] is None


def test_every_file_is_there_with_size_and_hash_and_every_split_is_listed(case):
    _, _, configs, described = case
    objects = {node["@id"]: node for node in described["distribution"]}
    records = {node["@id"]: node for node in described["recordSet"]}
    for config in configs:
        paths = [file.path for split in config.splits for file in split.files]
        assert objects[f"{config.name}-files"]["includes"] == paths
        for split in config.splits:
            for file in split.files:
                node = objects[file.path]
                assert (node["sha256"], node["contentSize"]) == (file.sha256, f"{file.size_bytes} B")
        names = [row[f"{config.name}-splits/name"] for row in records[f"{config.name}-splits"]["data"]]
        assert names == [split.name for split in config.splits]
        fields = [field["name"] for field in records[config.name]["field"]]
        assert fields == [SPLIT_FIELD, *config.schema.names]


def test_provenance_names_each_repository_at_its_commit_and_no_local_path(case):
    dataset, folder, _, described = case
    sources = [node for node in described["isBasedOn"] if node["@type"] == "sc:SoftwareSourceCode"]
    revisions = {entry.repo_id: entry.revision for entry in dataset.manifest.repositories}
    assert {node["name"]: node["version"] for node in sources} == revisions
    licences = {node["name"]: node.get("license") for node in sources}
    assert (licences["org/gpl"], licences["org/bsd"], licences["org/none"]) == (
        "GPL-3.0-or-later",
        "BSD-3-Clause",
        None,
    )
    software = described["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]
    assert software["softwareVersion"] == dataset.manifest.versions.repopeftbench
    assert str(folder.parent) not in json.dumps(described)


def test_licences_are_addresses_and_unknown_ones_lead_to_the_table(case):
    *_, described = case
    assert described["license"] == [
        "https://spdx.org/licenses/BSD-3-Clause",
        "https://spdx.org/licenses/GPL-3.0-or-later",
        "https://spdx.org/licenses/MIT",
        f"https://huggingface.co/datasets/{NAME}/blob/main/ATTRIBUTION.md",
    ]


def test_day_of_the_first_publication_is_found_again(case):
    *_, described = case
    assert first_published(json.dumps(described)) == DAY
    assert [first_published(text) for text in ("", "{}", "[]", '{"datePublished": "soon"}')] == [None] * 4
