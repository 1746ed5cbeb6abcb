"""The dataset card: the Hub and `datasets` read its header, and what it says is what the dataset holds."""

import dataclasses
import datetime as dt
import logging

import pyarrow.parquet as pq
import pytest
import yaml
from card_cases import MIT, build_case, write_layout

from repopeftbench.audit.findings import Findings, Measure, Problem, Severity
from repopeftbench.dataset.attribution import Attribution, attribution_file, repository_url
from repopeftbench.dataset.card import MOST_IN_CARD, card_of
from repopeftbench.dataset.columns import MEANINGS, column_table
from repopeftbench.dataset.description import describe
from repopeftbench.dataset.documents import hub_documents
from repopeftbench.dataset.embeddings import EMBEDDINGS
from repopeftbench.dataset.front_matter import front_matter
from repopeftbench.dataset.hub_records import HubConfig, HubFile, HubSplit
from repopeftbench.dataset.snapshot_tables import FILES, TREES
from repopeftbench.dataset.symbol_tables import SYMBOLS
from repopeftbench.dataset.tables import COMMITS, REJECTS, TASKS
from repopeftbench.schema import Split, Track

NAME = "org/some-data"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A dataset, its folder in the Hub's layout with the card, and the configs."""
    folder = tmp_path_factory.mktemp("card")
    dataset = build_case(folder)
    configs = write_layout(dataset, folder / "hub")
    (folder / "hub" / "README.md").write_text(card_of(describe(dataset), None, NAME, configs), "utf-8")
    return dataset, folder / "hub", configs


def test_header_is_what_the_hub_library_reads(case):
    from huggingface_hub import DatasetCard, metadata_load

    _, folder, _ = case
    data = DatasetCard.load(folder / "README.md").data.to_dict()
    assert data == metadata_load(folder / "README.md")
    assert (data["license"], data["license_name"]) == ("other", "mixed")
    assert data["license_link"] == f"https://huggingface.co/datasets/{NAME}/blob/main/ATTRIBUTION.md"
    assert data["size_categories"] == ["n<1K"]
    assert data["pretty_name"] == "some-data"
    assert {"code"} == set(data["language"])


def test_load_dataset_finds_every_config_split_and_row_and_ignores_nothing(case, tmp_path, monkeypatch, caplog):
    import datasets

    monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)
    _, folder, configs = case
    assert any(len(split.files) > 1 for config in configs for split in config.splits)
    assert datasets.get_dataset_config_names(str(folder)) == [config.name for config in configs]
    for config in configs:
        loaded = datasets.load_dataset(str(folder), config.name, cache_dir=str(tmp_path))
        assert set(loaded) == {split.name for split in config.splits}
        for split in config.splits:
            rows = [row for file in split.files for row in pq.read_table(folder / file.path).to_pylist()]
            assert loaded[split.name].to_list() == rows
            assert loaded[split.name].column_names == config.schema.names
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_header_tells_features_and_rows_of_every_config(case):
    from datasets import Features
    from huggingface_hub import DatasetCard

    _, folder, configs = case
    infos = DatasetCard.load(folder / "README.md").data.to_dict()["dataset_info"]
    for config, info in zip(configs, infos, strict=True):
        assert Features._from_yaml_list(info["features"]).arrow_schema.names == config.schema.names
        types = [str(field.type) for field in Features._from_yaml_list(info["features"]).arrow_schema]
        assert types == [str(field.type) for field in config.schema]
        rows = {split.name: sum(file.rows for file in split.files) for split in config.splits}
        assert {split["name"]: split["num_examples"] for split in info["splits"]} == rows


def test_header_tells_the_length_of_embeddings():
    from datasets import Features

    split = HubSplit(name="train", files=(HubFile(path="data/e/t.parquet", rows=1, size_bytes=9, sha256="0" * 64),))
    config = HubConfig(name="embeddings", description="", schema=EMBEDDINGS, splits=(split,))
    info = yaml.safe_load(front_matter("org/x", "x", 1, (), (config,)).strip("-"))["dataset_info"][0]
    assert Features._from_yaml_list(info["features"]).arrow_schema.types == EMBEDDINGS.types


def test_one_licence_is_named_by_its_id(tmp_path):
    dataset = build_case(tmp_path, {"org/a": ("MIT", {"LICENSE": MIT}), "org/b": (None, {"LICENSE": MIT})})
    configs = write_layout(dataset, tmp_path / "hub")
    card = card_of(describe(dataset), None, NAME, configs)
    assert "\nlicense: mit\n" in card
    assert "license_name" not in card
    assert "All repositories are under MIT. Their texts are in `licenses/`" in card
    proprietary = dataclasses.replace(
        describe(dataset),
        licences=tuple(dataclasses.replace(x, declared="My Own 1") for x in describe(dataset).licences),
    )
    assert "\nlicense: other\nlicense_name: my-own-1\n" in card_of(proprietary, None, NAME, configs)


def test_counts_of_tasks_are_those_of_the_dataset(case):
    dataset, folder, _ = case
    card = (folder / "README.md").read_text("utf-8")
    for split in Split:
        counts = [sum(1 for _ in dataset.tasks(track, split)) for track in Track]
        assert (f"| `{split}` | {counts[0]:,} | {counts[1]:,} |" in card) == any(counts)
    total = sum(1 for track in Track for split in Split for _ in dataset.tasks(track, split))
    assert f"{total:,} tasks of **assertion completion** from 6 Python repositories" in card
    strings = [
        sum(task.target_type == "string" for split in Split for task in dataset.tasks(track, split)) for track in Track
    ]
    assert f"| `string` | {strings[0]:,} | {strings[1]:,} |" in card


def test_no_column_lacks_its_meaning_and_no_meaning_its_column():
    schemas = (TASKS, COMMITS, REJECTS, FILES, TREES, SYMBOLS, EMBEDDINGS)
    assert set(MEANINGS) == {name for schema in schemas for name in schema.names}
    for schema in schemas:
        assert [line.split("`")[1] for line in column_table(schema).splitlines()[2:]] == schema.names


def test_card_has_the_columns_of_every_config(case):
    _, folder, configs = case
    section = (folder / "README.md").read_text("utf-8").partition("## Columns")[2].partition("\n## ")[0]
    for config in configs:
        own = section.partition(f"### `{config.name}`\n\n")[2].partition("\n\n### ")[0].strip()
        assert own in (column_table(config.schema), "The columns of `static`.")


def test_every_repository_is_named_with_licence_role_and_tasks(case):
    dataset, folder, configs = case
    documents = hub_documents(describe(dataset), None, NAME, configs)
    for entry in dataset.manifest.repositories:
        tasks = sum(t.repo_id == entry.repo_id for x in Track for split in Split for t in dataset.tasks(x, split))
        declared = {"org/none": "unknown", "org/dual": "unknown", "org/bsd": "BSD-3-Clause"}
        licence = entry.licence or declared[entry.repo_id]
        row = f"| {entry.repo_id} | `{entry.revision[:12]}` | {licence} | {entry.role} | {tasks:,} |"
        assert row in (folder / "README.md").read_text("utf-8")
        assert row in documents["ATTRIBUTION.md"].decode()
    assert "The licence of 2 of 6 is not known" in documents["README.md"].decode()
    assert str(dataset.folder.parent) not in documents["README.md"].decode() + documents["ATTRIBUTION.md"].decode()


def test_long_table_of_repositories_is_in_its_own_file(case):
    dataset, _, configs = case
    description = describe(dataset)
    many = tuple(
        Attribution(repo_id=f"o/r{n}", url="https://github.com/o/r/tree/1", revision="1" * 40, licence="MIT",
                    role="train", tasks=n)
        for n in range(MOST_IN_CARD + 1)
    )  # fmt: skip
    card = card_of(dataclasses.replace(description, attributions=many), None, NAME, configs)
    assert "o/r7" not in card
    assert "The whole table of repositories is in `ATTRIBUTION.md`.\n\nIt has 51 rows." in card
    line = "| o/r7 | [`111111111111`](https://github.com/o/r/tree/1) | MIT | train | 7 |"
    assert line in attribution_file(many, "x")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://user:secret@github.com/a/b.git", "https://github.com/a/b"),
        ("git@github.com:a/b.git", "https://github.com/a/b"),
        ("ssh://git@host.org:22/x/y", "https://host.org/x/y"),
        ("https://host.org:8443/x", "https://host.org:8443/x"),
        ("owner/name", None),
        ("file:///home/me/b", None),
        ("/home/me/b", None),
    ],
)
def test_address_of_a_repository_has_no_password_and_no_local_path(location, url):
    assert repository_url(location) == url


def test_audit_is_summed_up_over_repositories(case):
    dataset, _, configs = case
    problems = (
        Problem(check="x", severity=Severity.WARNING, where="org/a", message="odd | thing", fix="f"),
        Problem(check="y", severity=Severity.NOTE, where="org/b", message="harmless", fix="f"),
    )
    measures = tuple(
        Measure(name=name, track=Track.STATIC, split=split, repo_id=repo_id, count=count, of=10)
        for name, split, repo_id, count in (
            ("em copy-prefix", Split.CR_TEST, "org/a", 1),
            ("em copy-prefix", Split.CR_TEST, "org/b", 4),
            ("in prefix", Split.IR_TEST, "org/a", 3),
        )
    )
    audit = card_of(describe(dataset), Findings(problems=problems, measures=measures), NAME, configs).partition(
        "## Audit"
    )[2]
    assert "found 0 errors, 1 warning, 1 note." in audit
    assert "- warning `x`, org/a: odd \\| thing" in audit
    assert "harmless" not in audit
    assert "| em copy-prefix, static | 25.0 % |" in audit
    assert "| in prefix, static | 30.0 % |" in audit
    assert "was not audited" in card_of(describe(dataset), None, NAME, configs)


def test_protocol_and_cutoff_are_told(case):
    dataset, _, configs = case
    description = describe(dataset)

    def card(**changes):
        config = description.manifest.config.model_copy(update=changes)
        manifest = description.manifest.model_copy(update={"config": config})
        return card_of(dataclasses.replace(description, manifest=manifest), None, NAME, configs)

    assert "no cutoff" in card()
    assert "ood_test`; other histories end there" not in card()
    assert "cutoff 2025-04-01" in card(cutoff="2025-04-01")
    assert "`ood_test`; other histories end there" in card(cutoff="2025-04-01")
    assert "**defects included**" in card(protocol="paper")
    assert "A target always parses" not in card(protocol="paper")


def test_documents_are_the_same_bytes_every_time_and_hold_no_other_date(case):
    dataset, _, configs = case
    day = dt.date(2026, 2, 3)
    once, again = (hub_documents(describe(dataset), None, NAME, configs, day) for _ in range(2))
    assert once == again
    assert {"README.md", "ATTRIBUTION.md", "croissant.json", "licenses/org__mit/LICENSE"} <= set(once)
    assert once["licenses/org__mit/LICENSE"] == MIT.encode()
    assert once["croissant.json"] != hub_documents(describe(dataset), None, NAME, configs)["croissant.json"]
