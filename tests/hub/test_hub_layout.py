"""The Hub's layout holds the rows of the store, each in the split it belongs to, in the same bytes every time."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repopeftbench.dataset import hub_layout, hub_shards
from repopeftbench.dataset.embeddings import EMBEDDINGS, EMBEDDINGS_NAME, WIDTH
from repopeftbench.dataset.hub_layout import SPLITS, split_name, write_hub_folder
from repopeftbench.dataset.snapshots import SnapshotStore
from repopeftbench.dataset.store import Dataset, read_records
from repopeftbench.schema import CommitRecord, Reject, Split, Task, Track


@pytest.fixture
def written(mined, tmp_path):
    return tmp_path / "hub", {config.name: config for config in write_hub_folder(mined, tmp_path / "hub")}


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder, config, split):
    paths = [folder / file.path for found in config.splits if found.name == split for file in found.files]
    return pa.concat_tables(pq.read_table(path) for path in paths)


def records_of(kind, folder, config, split):
    return [
        record
        for found in config.splits
        if found.name == split
        for file in found.files
        for record in read_records(kind, folder / file.path)
    ]


def test_configs_and_splits_are_those_that_have_rows(mined, written):
    _, configs = written
    assert list(configs) == ["static", "evolution", "commits", "rejects", "files", "trees", "symbols"]
    names = {name: [split.name for split in config.splits] for name, config in configs.items()}
    assert names["evolution"] == names["commits"] == list(SPLITS)
    assert (
        names["rejects"]
        == names["files"]
        == names["trees"]
        == names["symbols"]
        == ["train", "cr_val", "cr_test", "ood_test"]
    )
    assert set(names["static"]) == {split_name(split) for split in mined.splits(Track.STATIC)}


@pytest.mark.parametrize("track", list(Track))
def test_tasks_are_the_stores_task_for_task(mined, written, track):
    folder, configs = written
    assert mined.splits(track)
    for split in mined.splits(track):
        found = records_of(Task, folder, configs[track], split_name(split))
        assert found == list(mined.tasks(track, split)) != []


def test_commits_are_the_stores_by_their_split(mined, written):
    folder, configs = written
    for split in Split:
        found = records_of(CommitRecord, folder, configs["commits"], split_name(split))
        assert found == [commit for commit in mined.commits() if commit.split is split] != []


def test_rejects_are_the_stores_by_the_role_of_their_repository(mined, written):
    folder, configs = written
    for role in ("train", "cr_val", "cr_test", "ood_test"):
        own = {entry.repo_id for entry in mined.manifest.repositories if entry.role == role}
        found = records_of(Reject, folder, configs["rejects"], role)
        assert found == [reject for reject in mined.rejects() if reject.repo_id in own] != []


def test_published_embeddings_are_a_config_of_their_own(mined, tmp_path):
    copy = Path(shutil.copytree(mined.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".hub")))
    commits = list(mined.commits())
    vectors = [np.full(WIDTH, number, dtype=np.float16) for number, _ in enumerate(commits)]
    columns = ([c.repo_id for c in commits], [c.commit_sha for c in commits], [None] * len(commits), vectors)
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, EMBEDDINGS, strict=True)], schema=EMBEDDINGS)
    pq.write_table(table, copy / EMBEDDINGS_NAME)
    configs = {config.name: config for config in write_hub_folder(Dataset(copy), tmp_path / "hub")}
    found = pa.concat_tables(
        rows_of(tmp_path / "hub", configs["embeddings"], split.name) for split in configs["embeddings"].splits
    )
    assert [split.name for split in configs["embeddings"].splits] == ["train", "cr_val", "cr_test", "ood_test"]
    assert found.sort_by("commit_sha") == table.sort_by("commit_sha")


def test_each_split_of_files_has_the_blobs_of_its_trees_once(mined, written):
    folder, configs = written
    store = SnapshotStore(mined.folder)
    for split in [found.name for found in configs["trees"].splits]:
        named = set(rows_of(folder, configs["trees"], split).column("blob").drop_null().to_pylist())
        files = rows_of(folder, configs["files"], split)
        assert sorted(files.column("blob").to_pylist()) == sorted(named)
        for blob, text in zip(files.column("blob").to_pylist(), files.column("text").to_pylist(), strict=True):
            assert store.read(blob) == text


def test_trees_are_divided_by_the_role_of_their_repository(mined, written):
    folder, configs = written
    seen = {}
    for split in configs["trees"].splits:
        for repo_id in rows_of(folder, configs["trees"], split.name).column("repo_id").unique().to_pylist():
            seen[repo_id] = split.name
    assert seen == {repository.repo_id: repository.role for repository in mined.manifest.repositories}


def test_description_of_each_file_is_right(written):
    folder, configs = written
    for config in configs.values():
        for file in (file for split in config.splits for file in split.files):
            found = pq.ParquetFile(folder / file.path)
            assert (found.metadata.num_rows, found.schema_arrow) == (file.rows, config.schema)
            assert (folder / file.path).stat().st_size == file.size_bytes
            assert hub_layout.file_sha256(folder / file.path) == file.sha256


def test_bytes_are_the_same_again_and_nothing_else_stays_in_the_folder(mined, written, tmp_path):
    folder, _ = written
    before = files_of(folder)
    (folder / "data" / "stale").mkdir()
    (folder / "data" / "stale" / "old.parquet").write_bytes(b"old")
    (folder / "README.md").write_text("old")
    write_hub_folder(mined, folder)
    write_hub_folder(mined, tmp_path / "other")
    assert files_of(folder) == files_of(tmp_path / "other") == before


def test_large_splits_are_sharded_in_order(mined, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_shards, "SHARD_BYTES", 1)
    configs = {config.name: config for config in write_hub_folder(mined, tmp_path / "hub")}
    train = next(split for split in configs["trees"].splits if split.name == "train")
    roles = [repository.role for repository in mined.manifest.repositories]
    assert len(train.files) == roles.count("train") > 1
    count = len(train.files)
    assert [file.path for file in train.files] == [
        f"data/trees/train-{index:05d}-of-{count:05d}.parquet" for index in range(count)
    ]
    whole = {config.name: config for config in write_hub_folder(mined, tmp_path / "other")}
    assert rows_of(tmp_path / "hub", configs["trees"], "train") == rows_of(tmp_path / "other", whole["trees"], "train")


def test_finished_configs_are_kept_and_damaged_ones_written_again(mined, written, monkeypatch):
    folder, configs = written
    before = files_of(folder)
    damaged = folder / configs["commits"].splits[0].files[0].path
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    made = []
    write = hub_layout._write

    def watched(source, dataset, root):
        made.append(source.name)
        return write(source, dataset, root)

    monkeypatch.setattr(hub_layout, "_write", watched)
    write_hub_folder(mined, folder)
    assert made == ["commits"]
    assert files_of(folder) == before


def test_another_dataset_keeps_nothing(mined, written, tmp_path):
    folder, _ = written
    copy = tmp_path / "copy"
    shutil.copytree(mined.folder, copy)
    (copy / "manifest.json").write_text((copy / "manifest.json").read_text() + "\n")
    shutil.rmtree(copy / "trees")
    configs = write_hub_folder(Dataset(copy), folder)
    assert [config.name for config in configs] == ["static", "evolution", "commits", "rejects"]
    assert not list(folder.glob("data/trees*"))
