"""Every published layout, written in its schema, becomes the dataset that its rows say, row by row."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published_cases import (
    ANCHOR,
    COMMITS,
    COMMITS_V2,
    QNA,
    QNA_EVENTS,
    anchor,
    commit,
    pair,
    row,
    sha,
    vector,
    write,
    write_commits,
    write_smart_cap,
    write_snapshots,
    write_static,
)

from repopeftbench.dataset.embeddings import EMBEDDINGS, embedding_tables, has_embeddings
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError
from repopeftbench.official.build import ImportOptions, import_published
from repopeftbench.official.columns import TEXT_ROWS, batches
from repopeftbench.official.layout import Kind, Root
from repopeftbench.schema import Event, Split, Track

EVOLUTION, STATIC = Track.EVOLUTION, Track.STATIC


@pytest.fixture
def imported(tmp_path):
    """Imports folders and returns the dataset and what was made of every file."""

    def run(*folders, **options):
        roots = [Root(label=folder.name, folder=folder) for folder in folders]
        out = tmp_path / "out"
        result = import_published(roots, ImportOptions(folder=out, **options), lambda *_: None)
        return Dataset(out), result

    return run


def targets(dataset, track, split):
    return [task.target for task in dataset.tasks(track, split)]


def reasons(dataset, track=EVOLUTION):
    return dict((dataset.manifest.evolution if track is EVOLUTION else dataset.manifest.static).dropped)


def check_ledgers(dataset):
    """Every row is a task or a reject, in the whole and in each repository; files are as the manifest says."""
    manifest = dataset.manifest
    for track in Track:
        whole = manifest.static if track is STATIC else manifest.evolution
        entries = [entry.static if track is STATIC else entry.evolution for entry in manifest.repositories]
        assert whole.seen == whole.kept + sum(whole.dropped.values()) == sum(entry.seen for entry in entries)
        tasks = [task for split in dataset.splits(track) for task in dataset.tasks(track, split)]
        rejects = [reject for reject in dataset.rejects() if reject.track is track]
        assert (len(tasks), len(rejects)) == (whole.kept, sum(whole.dropped.values()))
        assert len({task.task_id for task in tasks}) == len(tasks)
    for entry in manifest.files:
        assert file_sha256(dataset.folder / entry.path) == entry.sha256
    in_commits = sum(record.tasks for record in dataset.commits())
    assert in_commits == manifest.evolution.kept


def test_snapshot_set_gives_the_anchor_and_the_first_eight(tmp_path, imported):
    dataset, result = imported(write_snapshots(tmp_path / "snapshots"))
    check_ledgers(dataset)
    assert targets(dataset, STATIC, Split.IR_TRAIN) == ["1000", "1001"]
    assert dataset.splits(EVOLUTION) == (Split.IR_VAL, Split.IR_TEST, Split.CR_TEST)
    for split in (Split.IR_VAL, Split.IR_TEST):
        assert targets(dataset, EVOLUTION, split) == [str(1000 + n) for n in range(8)]
    assert reasons(dataset) == {"beyond-first-8": 4}
    kinds = {file.name: file.kind for file in result.files}
    assert kinds["snapshots/qna/train.parquet"] is Kind.ANCHOR
    assert kinds["snapshots/SNAPSHOTS_README.json"] is Kind.SIDE
    assert dataset.manifest.config.protocol == "paper"
    assert dataset.manifest.origin == "snapshots"
    anchored = next(iter(dataset.tasks(STATIC, Split.IR_TRAIN)))
    assert (anchored.commit_sha, anchored.event, anchored.commit_index) == (sha("o/a", 1), Event.SNAPSHOT, 1)


def test_commits_of_a_repository_are_in_history_order_though_they_lie_in_three_files(tmp_path, imported):
    dataset, _ = imported(write_snapshots(tmp_path / "snapshots"))
    records = list(dataset.commits())
    assert [(record.repo_id, record.commit_index) for record in records] == [
        ("o/a", 0),
        ("o/a", 1),
        ("o/a", 2),
        ("o/a", 3),
        ("o/b", 0),
    ]
    assert [record.split for record in records][1:4] == [Split.IR_TRAIN, Split.IR_VAL, Split.IR_TEST]
    assert [(record.tasks, record.rejects) for record in records] == [(0, 0), (0, 0), (8, 2), (8, 2), (3, 0)]
    # 10:00 at +02:00 on the first of March 2024.
    assert records[0].committer_time == 1_709_280_000


def test_published_embeddings_are_kept_bit_by_bit_and_zero_ones_are_missing(tmp_path, imported):
    dataset, _ = imported(write_snapshots(tmp_path / "snapshots"), write_commits(tmp_path / "commits"))
    (table,) = embedding_tables(dataset.folder)
    assert table.schema.equals(EMBEDDINGS)
    assert table.column("commit_sha").to_pylist() == [record.commit_sha for record in dataset.commits()]
    diffs = table.column("diff_embedding")
    # The diff embeddings of the first commits are zero throughout.
    assert diffs.is_valid().to_pylist() == [False, True, True, True, False]
    assert np.array_equal(np.array(diffs[2].as_py()), np.full(2048, 2.0))
    states = table.column("repo_state_embedding")
    # Of the snapshot set, which is named first, but for the last one, which it lacks.
    assert [float(value.as_py()[0]) for value in states] == [0.5, 0.5, 2.0, 3.0, 2.0]
    assert states.type.value_type == pa.float16()
    assert "embeddings.parquet" in {entry.path for entry in dataset.manifest.files}


def test_a_column_comes_from_whichever_set_has_it(tmp_path, imported):
    folder = write_snapshots(tmp_path / "snapshots")
    alone, _ = imported(folder)
    assert {record.production_diff for record in alone.commits()} == {""}
    both, _ = imported(folder, write_commits(tmp_path / "commits"))
    assert [record.production_diff[-3:] for record in both.commits()] == ["+0\n", "+1\n", "+2\n", "+3\n", "+0\n"]


def test_embeddings_of_an_earlier_import_do_not_stay(tmp_path, imported):
    dataset, _ = imported(write_snapshots(tmp_path / "snapshots"))
    assert has_embeddings(dataset.folder)
    plain = tmp_path / "plain"
    write(plain, "commits.parquet", COMMITS, [commit("o/z", 0, "ood_test")])
    write(plain, "qna.parquet", QNA, [row("o/z", 0, "ood_test")])
    dataset, _ = imported(plain)
    assert not has_embeddings(dataset.folder)
    with pytest.raises(DatasetError, match=r"has no embeddings\.parquet: import published data"):
        next(embedding_tables(dataset.folder))


def test_val_and_test_rows_of_the_training_file_never_become_training(tmp_path, imported):
    dataset, _ = imported(write_smart_cap(tmp_path / "smart-cap"), write_commits(tmp_path / "commits"))
    check_ledgers(dataset)
    assert targets(dataset, EVOLUTION, Split.IR_TRAIN) == ["0000", "0001", "0002", "1000", "1001", "1002"]
    # There is no other file of val and test rows, so they are read from here, as evaluation takes them.
    assert targets(dataset, EVOLUTION, Split.IR_VAL) == [str(1000 + n) for n in range(8)]
    assert reasons(dataset) == {"beyond-first-8": 4}


def test_val_and_test_rows_are_read_once_where_they_have_files_of_their_own(tmp_path, imported):
    folders = [write(tmp_path) for tmp_path, write in _sets(tmp_path)]
    dataset, _ = imported(*folders)
    check_ledgers(dataset)
    assert targets(dataset, EVOLUTION, Split.IR_TRAIN) == ["0000", "0001", "0002", "1000", "1001", "1002"]
    assert reasons(dataset) == {"beyond-first-8": 4, "not-train": 20}
    again = {split: targets(dataset, EVOLUTION, split) for split in dataset.splits(EVOLUTION)}
    reverse, _ = imported(*reversed(folders))
    assert {split: targets(reverse, EVOLUTION, split) for split in reverse.splits(EVOLUTION)} == again


def _sets(folder):
    return (
        (folder / "smartcap", write_smart_cap),
        (folder / "snapshots", write_snapshots),
        (folder / "commits", write_commits),
    )


def test_smart_capped_file_wins_over_raw_training_rows(tmp_path, imported):
    raw = tmp_path / "raw"
    write(raw, "qna/train.parquet", QNA, [row("o/a", 0, "ir_train", n) for n in range(9)])
    dataset, result = imported(raw, write_smart_cap(tmp_path / "capped"), write_commits(tmp_path / "commits"))
    assert len(targets(dataset, EVOLUTION, Split.IR_TRAIN)) == 6
    left = {file.name: file.reason for file in result.files if file.kind is Kind.LEFT}
    assert left == {"raw/qna/train.parquet": "its rows are read from other files"}


def test_raw_training_rows_are_capped_here(tmp_path, imported):
    raw = write_commits(tmp_path / "raw")
    rows = [row("o/a", 0, "ir_train", n, test_file=f"tests/test_{n % 3}.py") for n in range(30)]
    rows += [row("o/a", 1, "ir_train", n, target=target) for n, target in enumerate(("f(1)", "7", "True)", "12345"))]
    write(raw, "qna/train.parquet", QNA, rows)
    dataset, _ = imported(raw)
    check_ledgers(dataset)
    kept = list(dataset.tasks(EVOLUTION, Split.IR_TRAIN))
    assert [task.commit_index for task in kept].count(0) == 8
    assert [task.target for task in kept if task.commit_index == 1] == ["12345"]
    assert reasons(dataset) == {"smart-cap": 22, "trivial-target": 3}
    everything, _ = imported(raw, all_rows=True)
    assert everything.manifest.evolution.dropped == {}
    assert len(targets(everything, EVOLUTION, Split.IR_TRAIN)) == 34


def test_the_smart_cap_keeps_all_of_a_capped_file(tmp_path, imported):
    """What is left of raw rows is left again, whatever the draws are."""
    raw = write_commits(tmp_path / "raw")
    rows = [row("o/a", n % 2, "ir_train", n, test_file=f"tests/test_{n % 5}.py") for n in range(60)]
    write(raw, "qna/train.parquet", QNA, sorted(rows, key=lambda given: given["commit_index"]))
    first, _ = imported(raw)
    kept = {(task.commit_sha, task.target) for task in first.tasks(EVOLUTION, Split.IR_TRAIN)}
    capped = [given for given in rows if (given["commit_sha"], given["target"]) in kept]
    write(raw, "qna/train.parquet", QNA, sorted(capped, key=lambda given: given["commit_index"]))
    second, _ = imported(raw)
    assert {(task.commit_sha, task.target) for task in second.tasks(EVOLUTION, Split.IR_TRAIN)} == kept
    assert second.manifest.evolution.dropped == {}


def test_out_of_distribution_set_has_no_event_columns_and_no_embeddings(tmp_path, imported):
    ood = tmp_path / "ood"
    write(ood, "commits.parquet", COMMITS, [commit("o/z", index, "ood_test") for index in range(2)])
    write(ood, "qna.parquet", QNA, [row("o/z", index, "ood_test", n) for index in range(2) for n in range(2)])
    dataset, _ = imported(ood)
    check_ledgers(dataset)
    tasks = list(dataset.tasks(EVOLUTION, Split.OOD_TEST))
    assert [(task.commit_index, task.target, task.event, task.old_target) for task in tasks] == [
        (0, "1000", Event.ADDED, None),
        (0, "1001", Event.ADDED, None),
        (1, "1000", Event.ADDED, None),
        (1, "1001", Event.ADDED, None),
    ]
    assert dataset.manifest.repositories[0].role == "ood_test"
    assert not has_embeddings(dataset.folder)


def test_event_columns_say_what_was_modified(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    rows = [
        row("o/b", 0, "cr_test", 0, assertion_event_type="modified", old_target="1)"),
        row("o/b", 0, "cr_test", 1, assertion_event_type="added", old_target="2"),
        row("o/b", 0, "cr_test", 2, assertion_event_type="modified"),
        row("o/b", 0, "cr_test", 3),
    ]
    write(folder, "qna/cr_test.parquet", QNA_EVENTS, rows)
    dataset, _ = imported(folder)
    assert [(task.event, task.old_target) for task in dataset.tasks(EVOLUTION, Split.CR_TEST)] == [
        (Event.MODIFIED, "1)"),
        (Event.ADDED, None),
        (Event.MODIFIED, None),
        (Event.ADDED, None),
    ]


def test_rows_that_cannot_be_tasks_are_rejects_with_their_reason(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    rows = [
        row("o/b", 0, "cr_test", 0, target=""),
        row("o/b", 0, "cr_test", 1, target=None),
        row("o/b", 0, "cr_test", 2, target=", 1)"),
        row("o/b", 0, "cr_test", 3, prefix=""),
        row("o/b", 0, "cr_test", 4),
        row("o/b", 0, "cr_test", 4),
        row("o/b", 9, "cr_test", 5),
    ]
    write(folder, "qna/cr_test.parquet", QNA, rows)
    # The commit says ir_test, the row ir_train.
    write(folder, "qna/train.parquet", QNA, [row("o/a", 3, "ir_train", 6)])
    dataset, _ = imported(folder)
    check_ledgers(dataset)
    found = [(reject.reason, reject.lineno, reject.history_index) for reject in dataset.rejects()]
    assert found == [
        ("empty", 5, 0),
        ("empty", 5, 0),
        ("leading-comma", 5, 0),
        ("empty", 5, 0),
        ("unknown-commit", 5, -1),
        ("split-disagrees", 5, 3),
    ]
    # Of two equal rows both stay, as published, under ids of their own.
    assert targets(dataset, EVOLUTION, Split.CR_TEST) == ["1004", "1004"]
    assert [record.rejects for record in dataset.commits()] == [0, 0, 0, 1, 4]


def test_text_beyond_ascii_is_kept_byte_for_byte(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    prefix = "# Ünïcode \U0001f600\r\ndef test_é():\r\n\tassert 'ß' in "
    given = row("o/b", 0, "cr_test", prefix=prefix, target="'größe'", lineno=3, col_offset=1, test_function="test_é")
    write(folder, "qna/cr_test.parquet", QNA, [given])
    dataset, _ = imported(folder)
    (task,) = dataset.tasks(EVOLUTION, Split.CR_TEST)
    assert (task.prefix, task.target, task.test_function) == (prefix, "'größe'", "test_é")
    assert task.statement == "assert 'ß' in 'größe'"


def test_static_splits_with_embeddings_are_read_alone(tmp_path, imported):
    folder = tmp_path / "static"
    names = ("train", "ir_val", "ir_test", "cr_val", "cr_test")
    for number, name in enumerate(names):
        repo_id = "o/a" if number < 3 else f"o/{name}"
        write_static(folder, f"splits/main/{name}.json", {repo_id: [pair(number)]}, embeddings=True)
    write_static(folder, "splits/expanded/train.json", {"o/x": [pair()]})
    (folder / "oracle_context_cache").mkdir()
    (folder / "oracle_context_cache" / "o_a.json").write_text("[]")
    dataset, result = imported(folder)
    check_ledgers(dataset)
    assert dataset.splits(STATIC) == (Split.IR_TRAIN, Split.IR_VAL, Split.IR_TEST, Split.CR_VAL, Split.CR_TEST)
    (task,) = dataset.tasks(STATIC, Split.IR_VAL)
    assert (task.target, task.lineno, task.test_file, task.commit_sha) == ("2001", 40, "test_a.py", "")
    assert task.statement == "assert value(1) == 2001"
    assert {file.name: file.reason for file in result.files if file.kind is Kind.LEFT} == {
        "static/oracle_context_cache/o_a.json": "not known",
        "static/splits/expanded/train.json": "splits of the scaling sweep",
    }
    roles = {entry.repo_id: entry.role for entry in dataset.manifest.repositories}
    assert roles == {"o/a": "train", "o/cr_val": "cr_val", "o/cr_test": "cr_test"}
    assert not has_embeddings(dataset.folder)


def test_static_rows_carry_the_commit_they_name_or_the_last_kept_one(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    write(folder, "commits/ood_test.parquet", COMMITS, [commit("o/z", index, "ood_test") for index in range(3)])
    write_static(folder, "splits/ir_test.json", {"o/a": [pair(0), pair(1, target=", x)")]})
    write_static(folder, "splits/ood_test.json", {"o/z": [pair(1, commit_idx=1, metadata={"commit_idx": 1})]})
    dataset, _ = imported(folder)
    check_ledgers(dataset)
    (inside,) = dataset.tasks(STATIC, Split.IR_TEST)
    (outside,) = dataset.tasks(STATIC, Split.OOD_TEST)
    assert (inside.commit_sha, inside.commit_index) == (sha("o/a", 3), 3)
    assert (outside.commit_sha, outside.commit_index) == (sha("o/z", 1), 1)
    assert reasons(dataset, STATIC) == {"leading-comma": 1}


def test_train_json_wins_over_the_anchor(tmp_path, imported):
    folder = write_snapshots(tmp_path / "snapshots")
    write_static(folder, "splits/train.json", {"o/a": [pair(0), pair(1), pair(2)]})
    dataset, result = imported(folder)
    assert targets(dataset, STATIC, Split.IR_TRAIN) == ["2000", "2001", "2002"]
    left = [file.name for file in result.files if file.kind is Kind.LEFT]
    assert left == ["snapshots/qna/train.parquet"]


def test_anchor_of_an_unknown_commit_or_of_evaluation_is_no_training(tmp_path, imported):
    folder = write_snapshots(tmp_path / "snapshots")
    write(folder, "qna/train.parquet", ANCHOR, [anchor("o/a", 1), anchor("o/a", 3, 1), anchor("o/x", 0, 2)])
    dataset, _ = imported(folder)
    check_ledgers(dataset)
    assert targets(dataset, STATIC, Split.IR_TRAIN) == ["1000"]
    assert reasons(dataset, STATIC) == {"split-disagrees": 1, "unknown-commit": 1}


def test_files_may_have_repositories_in_any_order_that_they_share(tmp_path, imported):
    folder = tmp_path / "set"
    for name, repo_ids in (("one", ("o/d", "o/b")), ("two", ("o/c", "o/d", "o/a", "o/b"))):
        columns = {"two": {"repo_state_embedding": vector(1)}}.get(name, {"diff_embedding": vector(1)})
        records = [commit(repo_id, index, "cr_test", **columns) for repo_id in repo_ids for index in range(2)]
        write(folder, f"commits/{name}.parquet", COMMITS_V2, records)
    write(folder, "qna.parquet", QNA, [row("o/d", 0, "cr_test")])
    dataset, _ = imported(folder)
    found = [(record.repo_id, record.commit_index) for record in dataset.commits()]
    assert found == [(repo_id, index) for repo_id in ("o/c", "o/d", "o/a", "o/b") for index in range(2)]
    (table,) = embedding_tables(dataset.folder)
    assert table.column("repo_id").to_pylist() == [repo_id for repo_id, _ in found]
    assert table.column("diff_embedding").is_valid().to_pylist() == [False, False, True, True, False, False, True, True]
    assert table.column("repo_state_embedding").null_count == 0


def test_rows_of_a_commit_need_not_be_beside_each_other(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    rows = [row("o/a", index, "ir_val" if index == 2 else "ir_test") for index in (2, 3) * 6]
    write(folder, "qna/train.parquet", QNA, rows)
    dataset, _ = imported(folder)
    check_ledgers(dataset)
    assert len(targets(dataset, EVOLUTION, Split.IR_VAL)) == 6


def test_parts_of_one_split_are_read_one_after_the_other(tmp_path, imported):
    folder = write_commits(tmp_path / "set")
    rows = [row("o/b", 0, "cr_test", n) for n in range(10)]
    write(folder, "qna/cr_test-00000-of-00002.parquet", QNA, rows[:5])
    write(folder, "qna/cr_test-00001-of-00002.parquet", QNA, rows[5:])
    dataset, _ = imported(folder)
    assert targets(dataset, EVOLUTION, Split.CR_TEST) == [str(1000 + n) for n in range(8)]
    assert reasons(dataset) == {"beyond-first-8": 2}


def test_a_row_group_of_any_size_is_read_in_small_batches(tmp_path):
    rows = [row("o/b", 0, "cr_test", n) for n in range(1000)]
    path = write(tmp_path, "qna/cr_test.parquet", QNA, rows)
    assert pq.ParquetFile(path).num_row_groups == 1
    sizes = [batch.num_rows for batch in batches(path, ("prefix", "target"), TEXT_ROWS)]
    assert (sum(sizes), max(sizes)) == (1000, TEXT_ROWS)


def test_equal_input_gives_equal_bytes(tmp_path, imported):
    folders = [write(folder) for folder, write in _sets(tmp_path)]
    first = {path.name: path.read_bytes() for path in imported(*folders)[0].folder.rglob("*") if path.is_file()}
    second = {path.name: path.read_bytes() for path in imported(*folders)[0].folder.rglob("*") if path.is_file()}
    assert first == second


def test_manifest_names_every_file_and_what_is_unknown(tmp_path, imported):
    dataset, _ = imported(write_smart_cap(tmp_path / "capped"), write_commits(tmp_path / "commits"))
    notes = "\n".join(dataset.manifest.notes)
    read = tmp_path / "capped" / "qna" / "train.parquet"
    assert f"Read: capped/qna/train.parquet: evolution tasks, sha256 {file_sha256(read)}." in notes
    assert "committer_time the author's date" in notes
    assert "of the smart cap with seed 3407" in notes
    entry = dataset.manifest.repositories[0]
    assert (entry.repo_id, entry.location, entry.revision) == ("o/a", "https://github.com/o/a.git", sha("o/a", 3))
    assert (entry.commits, entry.kept_commits, entry.role, entry.licence) == (4, 4, "train", None)


def test_dates_that_are_no_dates_are_counted(tmp_path, imported):
    folder = tmp_path / "set"
    write(folder, "commits.parquet", COMMITS, [commit("o/z", 0, "ood_test", commit_timestamp="20x4")])
    write(folder, "qna.parquet", QNA, [row("o/z", 0, "ood_test")])
    dataset, _ = imported(folder)
    assert next(iter(dataset.commits())).committer_time == 0
    assert "1 commits have no date that can be read; their time is 0." in dataset.manifest.notes


def test_rebuilt_dataset_is_imported_with_its_repositories(tmp_path, imported, make_repository):
    from harness.cli import run_command

    for number, name in enumerate("abc"):
        make_repository(
            *(
                {
                    f"tests/test_{file}.py": "\n\n".join(
                        f"def test_{n}():\n    assert f({n}) == {number * 10_000 + commit * 1000 + n}\n"
                        for n in range(20)
                    )
                    for file in (1, 2)
                }
                for commit in range(4)
            ),
            name=name,
        )
    (tmp_path / "list.txt").write_text("a\nb\nc\n")
    rebuilt = tmp_path / "rebuilt"
    assert (
        run_command(["mine", str(tmp_path / "list.txt"), "--protocol", "paper", "--workers", "1", "-o", str(rebuilt)])
        == 0
    )
    dataset, _ = imported(rebuilt)
    check_ledgers(dataset)
    recorded = {entry["repo_id"]: entry for entry in json.loads((rebuilt / "README.json").read_text())["repositories"]}
    for entry in dataset.manifest.repositories:
        assert entry.location == recorded[entry.repo_id]["location"]
        assert entry.revision == recorded[entry.repo_id]["revision"]
    capped = pq.read_table(rebuilt / "smartcap" / "qna" / "train.parquet").to_pylist()
    train = [(given["prefix"], given["target"]) for given in capped if given["in_repo_split"] == "train"]
    assert [(task.prefix, task.target) for task in dataset.tasks(EVOLUTION, Split.IR_TRAIN)] == train
    # From the raw rows alone, the cap that was applied when they were rebuilt is applied again, draw by draw.
    (rebuilt / "smartcap" / "qna" / "train.parquet").unlink()
    alone, _ = imported(rebuilt)
    assert [(task.prefix, task.target) for task in alone.tasks(EVOLUTION, Split.IR_TRAIN)] == train
    assert reasons(alone)["smart-cap"] > 0
