import tempfile
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshot_cases import (
    Executable,
    Link,
    Lost,
    Submodule,
    blob_id,
    dataset_of,
    record_ranges,
    text_or_error,
    write_trees,
)

from repopeftbench.dataset import snapshot_assembly, snapshot_parts, snapshots
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.dataset.snapshot_assembly import assemble_snapshots
from repopeftbench.dataset.snapshot_parts import RowGroupWriter
from repopeftbench.dataset.snapshot_tables import FILES, TREES
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.metadata import is_metadata
from repopeftbench.mining.sites import MISSING_BLOB
from repopeftbench.mining.snapshots import MOST_TEXT_BYTES, OVERSIZED
from repopeftbench.mining.source import UNDECODABLE
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.views import DatasetRepositoryView, GitRepositoryView

A, B, C = b"a = 1\n", b"b = 2\n", b"c = 3\n"
PATHS = [
    "a.py", "pkg/a.py", "pkg/é.py", "setup.py", "tests/test_a.py", "tests/data.py", "pkg/test_b.py", "README.md",
    "LICENSE", "docs/README.md", "d.py", "d.py/in.py",
]  # fmt: skip
CONTENTS = [b"", A, B, C, b"\xff", b"# coding: latin-1\n# \xe9\n", Executable(A), Link(A), Submodule()]
TREE_OF_ANYTHING = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(CONTENTS), max_size=8).map(
    lambda tree: {path: content for path, content in tree.items() if path != "d.py" or "d.py/in.py" not in tree}
)


def rows_of(folder, schema):
    found = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    assert all(table.schema.equals(schema) for table in found)
    return pa.concat_tables(found).to_pylist()


def expected_tree(tree):
    """What a snapshot has to hold of a tree, told without git."""
    raw = {path: entry.content if isinstance(entry, Executable) else entry for path, entry in tree.items()}
    wanted = (path for path in raw if path.endswith(".py") or is_metadata(path))
    return {path: blob_id(raw[path]) for path in wanted if isinstance(raw[path], bytes)}


def hashes(folder):
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*.parquet")}


@settings(max_examples=60, deadline=None)
@given(
    trees=st.lists(TREE_OF_ANYTHING, min_size=1, max_size=8),
    dropped=st.sets(st.integers(0, 7)),
    cuts=st.sets(st.integers(0, 7)),
)
def test_store_rebuilds_every_kept_tree_however_the_history_was_divided(trees, dropped, cuts):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shas = write_trees(folder / "git", *trees)
        kept = [(index, sha) for index, sha in enumerate(shas) if index not in dropped or index == len(shas) - 1]
        bounds = [0, *sorted(cut for cut in cuts if cut < len(kept)), len(kept)]
        ranges = [kept[start:end] for start, end in pairwise(bounds)]
        divided = assemble_snapshots(record_ranges(folder / "git", "r", ranges, folder / "p"), folder / "divided")
        whole = assemble_snapshots(record_ranges(folder / "git", "r", [kept], folder / "q"), folder / "whole")
        assert hashes(folder / "divided") == hashes(folder / "whole")
        assert divided == whole

        store = SnapshotStore(folder / "divided")
        assert store.commits("r") == tuple(sha for _, sha in kept)
        git = GitRepository(folder / "git")
        for index, sha in (*kept, *reversed(kept)):
            tree = store.tree("r", sha)
            assert tree == expected_tree(trees[index])
            assert {path: blob for path, blob in tree.items() if path.endswith(".py")} == {
                file.path: file.blob for file in git.python_files(sha)
            }
            check_views_agree(store, sha, folder / "git")
        rows = rows_of(folder / "divided" / "files", FILES)
        standing = [entry for index, _ in kept for entry in expected_tree(trees[index]).items()]
        outside_tests = {blob for path, blob in standing if file_kind(path) is not FileKind.TEST}
        assert len(rows) == len({row["blob"] for row in rows})
        assert {row["blob"]: row["is_test"] for row in rows} == {
            blob: blob not in outside_tests for _, blob in standing
        }


def check_views_agree(store, sha, git_folder):
    from_git, from_store = GitRepositoryView("r", sha, git_folder), DatasetRepositoryView("r", sha, store)
    assert from_store.production_files() == from_git.production_files()
    for path in from_git.production_files():
        assert text_or_error(from_store.read, path, GitObjectError) == text_or_error(
            from_git.read, path, GitObjectError
        )
    for path in store.tree("r", sha):
        if file_kind(path) is FileKind.TEST:
            for read in (from_store.read, from_store.read_metadata):
                with pytest.raises(GitObjectError, match="is not a"):
                    read(path)


def test_file_that_stays_the_same_is_stored_once(tmp_path):
    shas = write_trees(tmp_path / "git", *({"same.py": A, "b.py": f"{n}\n".encode()} for n in range(50)))
    data, summary = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    assert sum(row["blob"] == blob_id(A) for row in rows_of(data / "files", FILES)) == 1
    assert sum(row["path"] == "same.py" for row in rows_of(data / "trees", TREES)) == 1
    assert (summary.files.seen, summary.commits, summary.changes) == (51, 50, 51)
    assert all(SnapshotStore(data).tree("r", sha)["same.py"] == blob_id(A) for sha in shas)


def test_files_are_in_order_of_first_appearance_over_all_repositories(tmp_path):
    one = write_trees(tmp_path / "one", {"z.py": A, "b.py": B})
    two = write_trees(tmp_path / "two", {"a.py": A, "b.py": b"0\n"}, {"a.py": A, "b.py": C})
    data, _ = dataset_of(tmp_path, ("o/two", tmp_path / "two", two), ("o/one", tmp_path / "one", one))
    assert [row["blob"] for row in rows_of(data / "files", FILES)] == [blob_id(raw) for raw in (A, b"0\n", C, B)]


def test_production_code_of_any_repository_makes_a_blob_no_test(tmp_path):
    one = write_trees(tmp_path / "one", {"tests/a.py": A, "tests/b.py": B})
    two = write_trees(tmp_path / "two", {"a.py": A})
    data, summary = dataset_of(tmp_path, ("one", tmp_path / "one", one), ("two", tmp_path / "two", two))
    store = SnapshotStore(data)
    assert (store.is_test(blob_id(A)), store.is_test(blob_id(B))) == (False, True)
    assert summary.test_files == 1
    assert DatasetRepositoryView("one", one[0], store).production_files() == ()


def test_blob_that_one_copy_lacks_has_the_text_of_another_copy(tmp_path):
    one = write_trees(tmp_path / "one", {"a.py": Lost(A), "b.py": B})
    two = write_trees(tmp_path / "two", {"a.py": A})
    data, summary = dataset_of(tmp_path, ("one", tmp_path / "one", one), ("two", tmp_path / "two", two))
    assert SnapshotStore(data).read(blob_id(A)) == A.decode()
    assert summary.files.dropped == {}


def test_blobs_without_text_are_rows_and_are_counted(tmp_path):
    big = b"#" * (MOST_TEXT_BYTES + 1)
    shas = write_trees(
        tmp_path / "git", {"a.py": A, "big.py": big, "lost.py": Lost(B), "u.py": b"\xff", "v.py": b"\xfe"}
    )
    data, summary = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    assert summary.files.balanced
    assert (summary.files.seen, summary.files.kept) == (5, 1)
    assert summary.files.dropped == {MISSING_BLOB: 1, OVERSIZED: 1, UNDECODABLE: 2}
    assert summary.text_bytes == len(A)
    assert [row["problem"] for row in rows_of(data / "files", FILES) if row["text"] is None] == [
        OVERSIZED, MISSING_BLOB, UNDECODABLE, UNDECODABLE,
    ]  # fmt: skip
    with pytest.raises(GitObjectError, match=rf"{blob_id(B)} has no text in .*: {MISSING_BLOB}"):
        SnapshotStore(data).read(blob_id(B))


def test_commit_that_changed_nothing_has_a_tree(tmp_path):
    shas = write_trees(tmp_path / "git", {}, {"x.txt": A}, {"a.py": A}, {"a.py": A, "x.txt": B})
    data, summary = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    store = SnapshotStore(data)
    assert [dict(store.tree("r", sha)) for sha in shas] == [{}, {}, {"a.py": blob_id(A)}, {"a.py": blob_id(A)}]
    assert (summary.commits, summary.changes) == (4, 1)
    assert [row["history_index"] for row in rows_of(data / "trees", TREES)] == [0, 1, 2, 3]


def test_blob_id_that_ends_in_a_zero_byte_is_found(tmp_path):
    raws = [f"{n}\n".encode() for n in range(2_000)]
    ending = next(raw for raw in raws if blob_id(raw).endswith("00"))
    shas = write_trees(tmp_path / "git", {"a.py": ending, "b.py": B})
    store = SnapshotStore(dataset_of(tmp_path, ("r", tmp_path / "git", shas))[0])
    assert store.read(blob_id(ending)) == ending.decode()


@pytest.fixture
def small_groups(monkeypatch):
    """Row groups of two small files, shards of two row groups; one row group and two texts in memory."""
    monkeypatch.setattr(snapshot_assembly, "GROUP_BYTES", 2 * snapshot_parts._ROW_BYTES)
    monkeypatch.setattr(snapshot_assembly, "SHARD_BYTES", 4 * snapshot_parts._ROW_BYTES)
    monkeypatch.setattr(snapshot_assembly, "GROUP_ROWS", 3)
    monkeypatch.setattr(snapshot_assembly, "SHARD_ROWS", 6)
    monkeypatch.setattr(snapshots, "CACHED_GROUPS", 1)
    monkeypatch.setattr(snapshots, "CACHED_CHARACTERS", 9)
    monkeypatch.setattr(snapshots, "CACHED_REPOSITORIES", 1)
    monkeypatch.setattr(snapshots, "COMMITS_PER_CHECKPOINT", 3)


def many_files(number):
    return {f"m{n:02}.py": f"{n} {number}\n".encode() for n in range(9) if n <= number}


@pytest.mark.usefixtures("small_groups")
def test_many_shards_and_row_groups_read_back_the_same(tmp_path):
    trees = [many_files(number) for number in range(12)]
    shas = {repo_id: write_trees(tmp_path / repo_id, *trees[skip:]) for skip, repo_id in enumerate(("one", "two"))}
    data, summary = dataset_of(tmp_path, *((repo_id, tmp_path / repo_id, shas[repo_id]) for repo_id in shas))
    assert len(list((data / "files").iterdir())) > 5
    assert len(list((data / "trees").iterdir())) > 5
    assert sum(entry.rows for entry in summary.entries if entry.path.startswith("files/")) == summary.files.seen
    assert {entry.path: entry.sha256 for entry in summary.entries} == hashes(data)
    store = SnapshotStore(data)
    for number in (11, 3, 7, 1, 10, 2):
        for skip, repo_id in enumerate(("one", "two")):
            tree = store.tree(repo_id, shas[repo_id][number - skip])
            assert {path: store.read(blob).encode() for path, blob in tree.items()} == trees[number]


@pytest.mark.usefixtures("small_groups")
def test_row_group_of_trees_is_of_one_repository(tmp_path):
    shas = write_trees(tmp_path / "git", {"a.py": A}, {"a.py": B})
    data, _ = dataset_of(tmp_path, *((name, tmp_path / "git", shas) for name in "abc"))
    files = [pq.ParquetFile(path) for path in sorted((data / "trees").iterdir())]
    groups = [file.read_row_group(group).column("repo_id") for file in files for group in range(file.num_row_groups)]
    assert [set(group.to_pylist()) for group in groups] == [{"a"}, {"b"}, {"c"}]


@pytest.mark.usefixtures("small_groups")
def test_reading_a_file_reads_one_row_group_of_texts(tmp_path, monkeypatch):
    shas = write_trees(tmp_path / "git", many_files(8))
    data, _ = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    read, real = [], snapshots.read_group

    def spy(file, path, group, columns):
        read.append((path.name, group, columns))
        return real(file, path, group, columns)

    monkeypatch.setattr(snapshots, "read_group", spy)
    store = SnapshotStore(data)
    assert read == []
    blobs = [store.tree("r", shas[0])[f"m{n:02}.py"] for n in (0, 1, 8)]
    assert not store.is_test(blobs[0])
    assert not any("text" in columns for _, _, columns in read)
    del read[:]
    assert [store.read(blob) for blob in blobs] == ["0 8\n", "1 8\n", "8 8\n"]
    assert [entry[:2] for entry in read] == [("part-00000.parquet", 0), ("part-00002.parquet", 0)]
    # The last two texts are still here, the first one is not, nor its row group.
    assert [store.read(blob) for blob in reversed(blobs)] == ["8 8\n", "1 8\n", "0 8\n"]
    assert [entry[:2] for entry in read[2:]] == [("part-00000.parquet", 0)]


def test_row_groups_do_not_depend_on_how_rows_arrive(tmp_path):
    table = pa.table({"blob": [f"{n:040x}" for n in range(99)]}, schema=pa.schema([("blob", pa.string())]))
    for name, step in (("one", 1), ("seven", 7), ("all", 99)):
        path = tmp_path / name
        writer = snapshot_parts.RowGroupWriter(lambda _, path=path: path, table.schema, level=1, group=6, shard=None)
        for start in range(0, 99, step):
            part = table.slice(start, step)
            writer.add(part, [1 + (start + row) % 3 for row in range(part.num_rows)])
        writer.finish()
        assert writer.rows == {path: 99}
    assert pq.ParquetFile(tmp_path / "one").num_row_groups > 30
    assert file_sha256(tmp_path / "one") == file_sha256(tmp_path / "seven") == file_sha256(tmp_path / "all")


def test_nothing_recorded_is_a_dataset_without_snapshots_of_anything(tmp_path):
    summary = assemble_snapshots([], tmp_path / "data")
    assert (summary.files.seen, summary.commits) == (0, 0)
    assert has_snapshots(tmp_path / "data")
    assert not has_snapshots(tmp_path)
    with pytest.raises(DatasetError, match="no snapshots of r"):
        SnapshotStore(tmp_path / "data").tree("r", "1" * 40)
    with pytest.raises(DatasetError, match="no blob 1111"):
        SnapshotStore(tmp_path / "data").read("1" * 40)


def test_what_the_dataset_lacks_is_named(tmp_path):
    shas = write_trees(tmp_path / "git", {"a.py": A})
    store = SnapshotStore(dataset_of(tmp_path, ("r", tmp_path / "git", shas))[0])
    with pytest.raises(DatasetError, match="no snapshot of r at 1111"):
        store.tree("r", "1" * 40)
    with pytest.raises(DatasetError, match="no snapshots of other"):
        store.commits("other")
    for blob in ("0" * 40, "f" * 40):
        with pytest.raises(DatasetError, match=f"no blob {blob}"):
            store.is_test(blob)
    with pytest.raises(DatasetError, match=r"'a.py' is no blob id"):
        store.read("a.py")


def test_tree_stays_as_it_was_whatever_is_read_after_it(tmp_path):
    trees = [{"a.py": A}, {"a.py": B}, {"a.py": B, "b.py": B}]
    shas = write_trees(tmp_path / "git", *trees)
    store = SnapshotStore(dataset_of(tmp_path, ("r", tmp_path / "git", shas))[0])
    found = [store.tree("r", sha) for sha in shas]
    with pytest.raises(TypeError):
        found[0]["b.py"] = "x"
    assert [dict(tree) for tree in found] == [expected_tree(tree) for tree in trees]


def test_damaged_or_foreign_tables_are_refused(tmp_path):
    shas = write_trees(tmp_path / "git", {"a.py": A})
    data, _ = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    files, trees = data / "files/part-00000.parquet", data / "trees/part-00000.parquet"
    pq.write_table(pq.read_table(files).drop_columns("is_test"), files)
    with pytest.raises(DatasetError, match="another schema \\(differs in is_test\\)"):
        SnapshotStore(data).read(blob_id(A))
    trees.write_bytes(trees.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"part-00000.parquet cannot be read: .*mine the dataset again"):
        SnapshotStore(data).tree("r", shas[0])
    trees.rename(trees.with_name("part-00001.parquet"))
    with pytest.raises(DatasetError, match=r"part-00000.parquet is missing"):
        SnapshotStore(data).tree("r", shas[0])
    files.unlink()
    with pytest.raises(DatasetError, match=r"holds no part-00000.parquet"):
        SnapshotStore(data).read(blob_id(A))


def test_trees_and_ids_that_were_written_by_others_are_refused(tmp_path):
    shas = write_trees(tmp_path / "git", {"a.py": A})
    data, _ = dataset_of(tmp_path, ("r", tmp_path / "git", shas))
    for name, column, value, schema in (("files", "blob", "zz", FILES), ("trees", "repo_id", "other", TREES)):
        path = data / name / "part-00000.parquet"
        (row,) = pq.read_table(path).to_pylist()
        pq.write_table(pa.Table.from_pylist([row, row | {column: value}], schema=schema), path)
    with pytest.raises(DatasetError, match="mixes repositories"):
        SnapshotStore(data).tree("r", shas[0])
    with pytest.raises(DatasetError, match="no SHA-1"):
        SnapshotStore(data).read(blob_id(A))


def test_parts_that_do_not_follow_on_each_other_are_a_bug(tmp_path):
    shas = list(enumerate(write_trees(tmp_path / "git", {"a.py": A}, {"a.py": B}, {"a.py": C})))
    first, second, third = record_ranges(tmp_path / "git", "r", [[sha] for sha in shas], tmp_path / "parts")
    (other,) = record_ranges(tmp_path / "git", "s", [shas], tmp_path / "parts")
    with pytest.raises(AssertionError, match="follows on"):
        assemble_snapshots([first, third], tmp_path / "one")
    with pytest.raises(AssertionError, match="not beside each other"):
        assemble_snapshots([first, other, second], tmp_path / "two")


def test_how_rows_are_chunked_does_not_show_in_the_bytes(tmp_path):
    rows = pa.table({"path": [f"{n:060d}" for n in range(60_000)]})
    found = set()
    for size in (7_000, 20_000, 60_000):
        path = tmp_path / f"{size}.parquet"
        writer = RowGroupWriter(lambda _, path=path: path, rows.schema, level=1, group=1 << 20, shard=None)
        for start in range(0, rows.num_rows, size):
            part = rows.slice(start, size)
            writer.add(part, [1] * part.num_rows)
        writer.finish()
        found.add(path.read_bytes())
    assert len(found) == 1
