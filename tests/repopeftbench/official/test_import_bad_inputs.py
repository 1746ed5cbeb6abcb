"""What is not published data, or not as it was published, is one sentence that says where and what to do."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published_cases import (
    ANCHOR,
    COMMITS,
    COMMITS_V2,
    QNA,
    anchor,
    commit,
    pair,
    row,
    sha,
    write,
    write_commits,
    write_smart_cap,
    write_snapshots,
    write_static,
)

from repopeftbench.dataset.store import writing
from repopeftbench.errors import DatasetError
from repopeftbench.official.build import ImportOptions, import_published
from repopeftbench.official.layout import Root


def refusal(out, *folders):
    """The one sentence that an import ends with; nothing that was in the output folder is lost."""
    roots = [Root(label=folder.name, folder=folder) for folder in folders]
    with pytest.raises(DatasetError) as raised:
        import_published(roots, ImportOptions(folder=out), lambda *_: None)
    assert not (out / "manifest.json").exists()
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    return message


def without(schema, *names):
    return pa.schema([field for field in schema if field.name not in names])


def test_folder_with_nothing_known(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / "README.md").write_text("x")
    assert "holds no published data: a folder with commits/ and qna/ is expected" in refusal(tmp_path / "out", folder)
    assert "is no folder" in refusal(tmp_path / "out", tmp_path / "missing")


def test_tasks_without_commits(tmp_path):
    assert "has tasks but no commits" in refusal(tmp_path / "out", write_smart_cap(tmp_path / "capped"))
    write(tmp_path / "anchor", "qna/train.parquet", ANCHOR, [anchor("o/a", 1)])
    assert "has tasks but no commits" in refusal(tmp_path / "out", tmp_path / "anchor")


@pytest.mark.parametrize("column", ["target", "prefix", "in_repo_split", "cross_repo_split", "repo_id"])
def test_task_file_without_a_column(tmp_path, column):
    folder = write_commits(tmp_path / "set")
    write(folder, "qna/cr_test.parquet", without(QNA, column), [row("o/b", 0, "cr_test")])
    assert f"cr_test.parquet has no column {column}" in refusal(tmp_path / "out", folder)


def test_commit_file_without_columns(tmp_path):
    folder = tmp_path / "set"
    write(folder, "commits/cr_test.parquet", without(COMMITS, "commit_timestamp", "commit_index"), [])
    write(folder, "qna/cr_test.parquet", QNA, [row("o/b", 0, "cr_test")])
    assert "cr_test.parquet has no column commit_index, commit_timestamp" in refusal(tmp_path / "out", folder)


def test_column_of_another_type(tmp_path):
    folder = write_commits(tmp_path / "set")
    place = QNA.get_field_index("lineno")
    write(
        folder,
        "qna/cr_test.parquet",
        QNA.set(place, pa.field("lineno", pa.string())),
        [row("o/b", 0, "cr_test", lineno="5")],
    )
    assert "column lineno is of type string" in refusal(tmp_path / "out", folder)


def test_truncated_parquet(tmp_path):
    folder = write_snapshots(tmp_path / "set")
    path = folder / "qna" / "ir_test.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    message = refusal(tmp_path / "out", folder)
    assert str(path) in message
    assert message.endswith("download it again")


def test_parquet_that_is_damaged_in_its_middle(tmp_path):
    folder = write_commits(tmp_path / "set")
    many = [row("o/b", 0, "cr_test", n, target=sha("o/b", n)) for n in range(2000)]
    path = write(folder, "qna/cr_test.parquet", QNA, many)
    raw = bytearray(path.read_bytes())
    raw[1000 : len(raw) // 2] = bytes(len(raw) // 2 - 1000)
    path.write_bytes(raw)
    assert "cr_test.parquet cannot be read as parquet" in refusal(tmp_path / "out", folder)


def test_unknown_split(tmp_path):
    folder = write_commits(tmp_path / "set")
    write(folder, "qna/x.parquet", QNA, [row("o/b", 0, "cr_test", in_repo_split="dev", cross_repo_split="train")])
    assert "cross_repo_split 'train' with in_repo_split 'dev' is no known split" in refusal(tmp_path / "out", folder)


def test_two_files_of_one_split(tmp_path):
    folder = write_commits(tmp_path / "set")
    for name in ("one", "two"):
        write(folder, f"{name}/qna/cr_test.parquet", QNA, [row("o/b", 0, "cr_test")])
    message = refusal(tmp_path / "out", folder)
    assert "both hold cr_test rows of o/b: import one of them at a time" in message


def test_two_static_files_of_one_split(tmp_path):
    for name in ("one", "two"):
        write_static(tmp_path / name, "train.json", {"o/a": [pair()]})
    message = refusal(tmp_path / "out", tmp_path / "one", tmp_path / "two")
    assert "hold the same part of the static track" in message


def test_sets_that_contradict_each_other(tmp_path):
    folder = write_commits(tmp_path / "set")
    write(tmp_path / "other", "commits.parquet", COMMITS, [commit("o/b", 1, "cr_test", commit_sha=sha("o/b", 0))])
    message = refusal(tmp_path / "out", folder, tmp_path / "other")
    assert "index 1, cr_test; another file says index 0, cr_test: import one published set at a time" in message


def test_commits_of_repositories_that_are_mixed(tmp_path):
    folder = tmp_path / "set"
    records = [commit("o/b", 0, "cr_test"), commit("o/c", 0, "cr_test"), commit("o/b", 1, "cr_test")]
    write(folder, "commits.parquet", COMMITS, records)
    write(folder, "qna.parquet", QNA, [row("o/b", 0, "cr_test")])
    message = refusal(tmp_path / "out", folder)
    assert "o/b" in message
    assert "are mixed, or stand in another order in another file" in message


def test_rows_without_a_repository(tmp_path):
    folder = write_commits(tmp_path / "set")
    write(folder, "qna/cr_test.parquet", QNA, [row("o/b", 0, "cr_test") | {"repo_id": None}])
    assert "has rows without repo_id" in refusal(tmp_path / "out", folder)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (pa.list_(pa.float32(), 2048), "column diff_embedding is of type fixed_size_list"),
        (pa.list_(pa.float16(), 1024), "holds vectors that are not 2048 numbers long"),
        (pa.float16(), "column diff_embedding is of type halffloat"),
    ],
)
def test_embeddings_of_another_form(tmp_path, kind, message):
    folder = tmp_path / "set"
    width = getattr(kind, "list_size", 0)
    value = np.ones(width, dtype=np.float32 if width == 2048 else np.float16) if width else np.float16(1)
    place = COMMITS_V2.get_field_index("diff_embedding")
    schema = COMMITS_V2.set(place, pa.field("diff_embedding", kind))
    write(folder, "commits.parquet", schema, [commit("o/b", 0, "cr_test", diff_embedding=value)])
    write(folder, "qna.parquet", QNA, [row("o/b", 0, "cr_test")])
    assert message in refusal(tmp_path / "out", folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"repositories": {"o/a": {"qna_pairs": [{"prefix": "x"}]}}}', "\x00"])
def test_static_split_of_another_form(tmp_path, text):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.json").write_text(text)
    assert "train.json is no split of the static track" in refusal(tmp_path / "out", tmp_path / "set")


def test_data_without_a_single_task(tmp_path):
    folder = write_commits(tmp_path / "set")
    write(folder, "qna/cr_test.parquet", QNA, [row("o/b", 0, "cr_test", target="")])
    assert "no row of" in refusal(tmp_path / "out", folder)
    shutil.rmtree(folder / "qna")
    assert "no row of" in refusal(tmp_path / "out", folder)


def test_dataset_of_ours_needs_no_import(tmp_path):
    out = tmp_path / "out"
    folder = write_snapshots(tmp_path / "set")
    import_published([Root(label="set", folder=folder)], ImportOptions(folder=out), lambda *_: None)
    with pytest.raises(DatasetError, match="is a dataset already"):
        import_published([Root(label="out", folder=out)], ImportOptions(folder=tmp_path / "x"), lambda *_: None)


def test_publication_of_ours_is_told_from_published_data(tmp_path):
    out = tmp_path / "out"
    folder = write_snapshots(tmp_path / "set")
    import_published([Root(label="set", folder=folder)], ImportOptions(folder=out), lambda *_: None)
    (out / "tasks").rename(out / "data")
    with pytest.raises(DatasetError, match="has the layout of the Hub"):
        import_published([Root(label="out", folder=out)], ImportOptions(folder=tmp_path / "x"), lambda *_: None)


def test_folder_that_another_command_writes_is_left_alone(tmp_path):
    folder, options = write_snapshots(tmp_path / "set"), ImportOptions(folder=tmp_path / "out")
    with writing(options.folder), pytest.raises(DatasetError, match="another command is writing"):
        import_published([Root(label="set", folder=folder)], options, lambda *_: None)
    import_published([Root(label="set", folder=folder)], options, lambda *_: None)


def test_failed_import_leaves_the_dataset_that_was_there(tmp_path):
    out = tmp_path / "out"
    folder = write_snapshots(tmp_path / "set")
    options = ImportOptions(folder=out)
    import_published([Root(label="set", folder=folder)], options, lambda *_: None)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    pq.write_table(pa.table({"x": [1]}), folder / "commits" / "cr_val.parquet")
    with pytest.raises(DatasetError):
        import_published([Root(label="set", folder=folder)], options, lambda *_: None)
    assert {path: path.read_bytes() for path in before} == before


def test_folder_that_holds_something_else_is_not_written_to(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    message = refusal(tmp_path / "out", write_snapshots(tmp_path / "set"))
    assert "holds other things (thesis.tex)" in message
