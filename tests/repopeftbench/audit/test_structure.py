import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planted import (
    CUTOFF_SECONDS,
    EVOLUTION_TRAIN,
    STATIC_TRAIN,
    as_paper,
    edit_manifest,
    edit_rows,
    in_repository,
    train_repository,
    write_rows,
)

from repopeftbench.audit.checks import run_check
from repopeftbench.audit.chronology import chronology, clocks, cutoff, files_in_one_split, splits_of_tasks
from repopeftbench.audit.conservation import commit_counts, ledgers, snapshot_ledger
from repopeftbench.audit.files import files_on_disk
from repopeftbench.audit.findings import Severity
from repopeftbench.audit.identity import repeated_task_ids, task_ids_of_content
from repopeftbench.audit.snapshots import snapshots_of_tasks
from repopeftbench.audit.structure import STRUCTURE_CHECKS
from repopeftbench.audit.values import known_values
from repopeftbench.dataset.embeddings import EMBEDDINGS
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split


def problems(check, folder):
    return check(Dataset(folder)).problems


def only(check, folder):
    (problem,) = problems(check, folder)
    return problem


@pytest.mark.parametrize("check", STRUCTURE_CHECKS, ids=lambda check: check.__name__)
def test_check_is_silent_on_a_dataset_as_mined(whole, check):
    assert problems(check, whole) == ()


def test_small_dataset_has_what_the_checks_look_at(whole):
    manifest = json.loads((whole / "manifest.json").read_text())
    assert {entry["role"] for entry in manifest["repositories"]} == {"train", "cr_val", "cr_test", "ood_test"}
    assert manifest["config"]["cutoff"] is not None
    assert manifest["blobs"]["kept"] > 0
    assert manifest["evolution"]["dropped"]["no-expected-value"] > 0


# Files.


def test_missing_file_is_found(data):
    (data / "rejects.parquet").unlink()
    found = only(files_on_disk, data)
    assert (found.severity, found.where) == (Severity.ERROR, "rejects.parquet")
    assert "missing" in found.message


def test_changed_file_is_found(data):
    edit_rows(data, EVOLUTION_TRAIN, lambda row: row.update(test_function="other"), honest=False)
    found = only(files_on_disk, data)
    assert (found.where, "changed after it was written" in found.message) == (EVOLUTION_TRAIN, True)


def test_truncated_file_is_found_once_as_changed_and_once_as_unreadable(data):
    path = data / "commits.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    messages = [found.message for found in problems(files_on_disk, data)]
    assert len(messages) == 2
    assert "its hash is not the manifest's" in messages[0]
    assert "no whole parquet file" in messages[1]


def test_table_of_another_schema_is_found(data):
    table = pq.read_table(data / "rejects.parquet").drop_columns(["reason"])
    write_rows(data, "rejects.parquet", table)
    found = only(files_on_disk, data)
    assert (found.check, "differs in reason" in found.message) == ("schema", True)


def test_column_of_another_type_is_found(data):
    table = pq.read_table(data / "commits.parquet")
    table = table.set_column(6, pa.field("tasks", pa.int64(), nullable=False), table.column("tasks").cast(pa.int64()))
    write_rows(data, "commits.parquet", table)
    assert "the type of a column" in only(files_on_disk, data).message


def test_wrong_row_count_of_the_manifest_is_found(data):
    edit_manifest(data, lambda m: m["files"][0].update(rows=m["files"][0]["rows"] + 1))
    assert "rows, the manifest says" in only(files_on_disk, data).message


def test_published_embeddings_are_a_table_of_a_dataset_and_no_stranger(data):
    pq.write_table(EMBEDDINGS.empty_table(), data / "embeddings.parquet")
    assert [found.check for found in problems(files_on_disk, data)] == ["strangers"]
    entry = {"path": "embeddings.parquet", "rows": 0, "sha256": ""}
    edit_manifest(data, lambda manifest: manifest["files"].append(entry))
    write_rows(data, "embeddings.parquet", EMBEDDINGS.empty_table())
    assert problems(files_on_disk, data) == ()
    write_rows(data, "embeddings.parquet", pq.read_table(data / "embeddings.parquet", columns=["repo_id"]))
    assert only(files_on_disk, data).check == "schema"


def test_stranger_is_a_warning_and_an_error_where_it_would_be_read(data):
    (data / "notes.txt").write_text("mine")
    (data / "tasks" / "static" / "more.parquet").write_bytes(b"")
    found = problems(files_on_disk, data)
    assert [(problem.where, problem.severity) for problem in found] == [
        ("notes.txt", Severity.WARNING),
        ("tasks/static/more.parquet", Severity.ERROR),
    ]


def test_files_of_the_audit_and_of_killed_writes_are_no_strangers(data):
    for name in ("audit.json", "audit.md", ".audit.md.part"):
        (data / name).write_text("")
    (data / ".staging").mkdir()
    (data / ".staging" / "part").write_text("")
    assert problems(files_on_disk, data) == ()


@pytest.mark.parametrize("gone", ["rejects.parquet", "commits.parquet", "files/part-00000.parquet"])
def test_table_that_the_manifest_lacks_is_found(data, gone):
    edit_manifest(data, lambda m: m.update(files=[file for file in m["files"] if file["path"] != gone]))
    assert [found.where for found in problems(files_on_disk, data) if "not in the manifest, but" in found.message] == [
        gone
    ]


@pytest.mark.parametrize("name", ["tasks/static/dev.parquet", "../outside.parquet", "files/part-1.parquet"])
def test_name_that_no_table_has_is_found_and_not_opened(data, name):
    entry = {"path": name, "rows": 0, "sha256": ""}
    edit_manifest(data, lambda m: m["files"].append(entry))
    assert "no table of a dataset has this name" in only(files_on_disk, data).message


@pytest.mark.parametrize(
    ("path", "column"),
    [
        (EVOLUTION_TRAIN, "family"),
        (EVOLUTION_TRAIN, "track"),
        (EVOLUTION_TRAIN, "split"),
        ("rejects.parquet", "track"),
        ("rejects.parquet", "family"),
        ("commits.parquet", "split"),
    ],
)
def test_unknown_value_is_found_and_nobody_else_stumbles_over_it(data, path, column):
    edit_rows(data, path, lambda row: row.update({column: "hope"}))
    found = only(known_values, data)
    assert (found.where, f"column {column} holds 'hope'" in found.message) == (path, True)
    for check in STRUCTURE_CHECKS:
        run_check(check.__name__, check, Dataset(data))


# Ids.


def test_id_that_occurs_twice_is_found_where_it_is_met_again(data):
    taken = pq.read_table(data / "tasks/static/cr_test.parquet").column("task_id")[0].as_py()
    edit_rows(data, "tasks/evolution/ood_test.parquet", lambda row: row.update(task_id=taken))
    found = only(repeated_task_ids, data)
    assert (found.where, taken in found.message) == ("evolution/ood_test", True)


def test_edited_prefix_shows_in_the_id(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(prefix="# hint\n" + row["prefix"]))
    found = only(task_ids_of_content, data)
    assert (found.where, found.message.startswith("1 task ids")) == ("static/ir_train", True)


def test_ids_of_published_data_are_not_recomputed(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(task_id="published"))
    as_paper(data)
    assert problems(task_ids_of_content, data) == ()


# Ledgers and counts.


def test_ledger_that_does_not_add_up_is_found(data):
    def change(manifest):
        manifest["repositories"][0]["static"]["seen"] += 1
        manifest["static"]["seen"] += 1

    edit_manifest(data, change)
    assert [found.message for found in problems(ledgers, data)] == [
        "the ledger does not add up: 41 seen, 30 kept + 10 dropped"
    ]


def test_lost_task_is_found(data):
    repo_id = train_repository(data)
    edit_rows(data, EVOLUTION_TRAIN, lambda row: True, where=in_repository(repo_id))
    found = only(ledgers, data)
    assert (found.where, "rows are there" in found.message) == (f"{repo_id}, evolution", True)


def test_reject_with_another_reason_is_found(data):
    edit_rows(data, "rejects.parquet", lambda row: row.update(reason="moved"))
    message = only(ledgers, data).message
    assert "moved 1 instead of 0" in message
    assert "no-expected-value 9 instead of 10" in message


def test_total_that_is_no_sum_is_found(data):
    edit_manifest(data, lambda m: m["static"].update(seen=m["static"]["seen"] + 1))
    assert "not the sum" in only(ledgers, data).message


def test_repository_that_the_manifest_does_not_name_is_found(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(repo_id="a/stranger"))
    assert ("a/stranger", "has 1 tasks, but the manifest does not name the repository") in [
        (found.where, found.message) for found in problems(ledgers, data)
    ]
    assert "a repository that the manifest does not name" in only(splits_of_tasks, data).message


def test_snapshot_text_that_got_lost_is_found(data):
    edit_rows(data, "files/part-00000.parquet", lambda row: row.update(text=None, problem="missing-blob"))
    messages = [found.message for found in problems(snapshot_ledger, data)]
    assert len(messages) == 2
    assert "missing-blob 1 instead of 0" in messages[1]


def test_task_whose_commit_has_no_tree_is_found(data):
    edit_rows(data, "trees/part-00000.parquet", lambda row: row.update(commit_sha="0" * 40))
    found = problems(snapshots_of_tasks, data)
    assert found == ()  # the other file of the same commit still says that it has a tree
    for _ in range(2):
        edit_rows(data, "trees/part-00000.parquet", lambda row: True)
    found = only(snapshots_of_tasks, data)
    assert "3 tasks have no snapshot, the first is of r0 at" in found.message


def test_file_of_a_tree_that_is_stored_nowhere_is_found(data):
    edit_rows(data, "trees/part-00000.parquet", lambda row: row.update(blob="0" * 40))
    found = only(snapshots_of_tasks, data)
    assert (found.where, "1 files are stored nowhere" in found.message) == ("trees", True)


def test_dataset_without_snapshots_lacks_none(data):
    shutil.rmtree(data / "trees")
    shutil.rmtree(data / "files")

    def change(manifest):
        manifest["config"]["snapshots"] = False
        manifest["blobs"] = None
        manifest["files"] = [file for file in manifest["files"] if not file["path"].startswith(("files/", "trees/"))]

    edit_manifest(data, change)
    assert [problem for check in STRUCTURE_CHECKS for problem in problems(check, data)] == []


def test_commit_that_counts_other_tasks_is_found(data):
    edit_rows(data, "commits.parquet", lambda row: row.update(tasks=7))
    assert "3 tasks and 1 rejects, and counts 7 and 1" in only(commit_counts, data).message


def test_commit_of_tasks_that_is_not_kept_is_found(data):
    repo_id = train_repository(data)
    edit_rows(data, "commits.parquet", lambda row: True, where=in_repository(repo_id))
    found = only(commit_counts, data)
    assert found.where.startswith(repo_id)
    assert "things do not agree" in found.message


def test_commits_out_of_order_are_found(data):
    repo_id = train_repository(data)
    edit_rows(data, "commits.parquet", lambda row: row.update(history_index=5), where=in_repository(repo_id))
    assert "out of order" in only(commit_counts, data).message


def test_published_rows_of_unknown_commits_and_gaps_between_commits_are_no_error(data):
    rejected = lambda row: row["track"] == "evolution"  # noqa: E731
    edit_rows(data, "rejects.parquet", lambda row: row.update(commit_sha="", history_index=-1), where=rejected)
    edit_rows(data, "commits.parquet", lambda row: row.update(rejects=0))
    assert problems(commit_counts, data) == ()
    edit_rows(data, "commits.parquet", lambda row: row.update(commit_index=7))
    assert "out of order" in only(commit_counts, data).message
    as_paper(data)
    assert problems(commit_counts, data) == ()


# Splits and time.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "ir_test"}, "says evolution/ir_test of itself"),
        ({"track": "static"}, "says static/ir_train of itself"),
        ({"commit_sha": "0" * 40}, "which is no kept commit"),
        ({"history_index": 9}, "has history index 9, its commit 0"),
        ({"committer_time": 1}, "has committer time 1, its commit"),
    ],
)
def test_task_that_is_not_where_it_belongs_is_found(data, change, message):
    edit_rows(data, EVOLUTION_TRAIN, lambda row: row.update(change))
    found = only(splits_of_tasks, data)
    assert (found.where, message in found.message) == ("evolution/ir_train", True)


def test_split_that_is_not_the_role_of_the_repository_is_found(data):
    held_out = pq.read_table(data / "tasks/static/cr_test.parquet").column("repo_id")[0].as_py()
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(repo_id=held_out))
    assert "the role of its repository is cr_test" in only(splits_of_tasks, data).message


def test_commit_in_another_split_than_its_tasks_is_found(data):
    edit_rows(
        data, "commits.parquet", lambda row: row.update(split="ir_val"), where=in_repository(train_repository(data))
    )
    assert "has split ir_train, its commit ir_val" in only(splits_of_tasks, data).message


def test_static_task_of_another_commit_than_the_snapshot_is_found(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(commit_sha="0" * 40))
    assert "the snapshot is" in only(splits_of_tasks, data).message


@pytest.mark.parametrize(("paper", "severity"), [(False, Severity.ERROR), (True, Severity.WARNING)])
def test_test_file_in_two_splits_is_an_error_and_known_of_published_data(data, paper, severity):
    test = pq.read_table(data / "tasks/static/ir_test.parquet").to_pylist()[0]
    edit_rows(
        data,
        STATIC_TRAIN,
        lambda row: row.update(test_file=test["test_file"]),
        where=in_repository(test["repo_id"]),
    )
    if paper:
        as_paper(data)
    found = only(files_in_one_split, data)
    assert (found.severity, test["test_file"] in found.message) == (severity, True)


@pytest.mark.parametrize(("paper", "severity"), [(False, Severity.ERROR), (True, Severity.WARNING)])
def test_train_that_is_not_before_test_is_found(data, paper, severity):
    repo_id = train_repository(data)
    edit_rows(data, "commits.parquet", lambda row: row.update(history_index=9), where=in_repository(repo_id))
    if paper:
        as_paper(data)
    found = problems(chronology, data)
    assert {problem.severity for problem in found} == {severity}
    assert [problem.message for problem in found] == [
        "ir_train ends at history index 9, not before ir_val begins at 8",
        "ir_train ends at history index 9, not before ir_test begins at 9",
    ]


def test_clock_that_runs_backwards_is_named_and_counted(data):
    repo_id = train_repository(data)
    chosen = lambda row: row["repo_id"] == repo_id and row["history_index"] == 4  # noqa: E731
    edit_rows(data, "commits.parquet", lambda row: row.update(committer_time=1), where=chosen)
    findings = clocks(Dataset(data))
    (found,) = findings.problems
    (named,) = [commit.commit_sha for commit in Dataset(data).commits() if commit.committer_time == 1]
    assert (found.severity, found.where) == (Severity.WARNING, f"commits.parquet, {repo_id}")
    assert found.message.endswith(f"before them: {named}")
    counts = {(m.repo_id, m.split): (m.count, m.of) for m in findings.measures}
    assert counts[repo_id, Split.IR_TRAIN] == (1, 8)
    assert sum(count for count, _ in counts.values()) == 1


@pytest.mark.parametrize(("paper", "severity"), [(False, Severity.ERROR), (True, Severity.WARNING)])
def test_commit_beyond_the_cutoff_is_found(data, paper, severity):
    repo_id = train_repository(data)
    late = {"committer_time": CUTOFF_SECONDS}
    edit_rows(data, "commits.parquet", lambda row: row.update(late), where=in_repository(repo_id))
    if paper:
        as_paper(data)
    found = only(cutoff, data)
    assert (found.severity, "1 kept commits are in distribution" in found.message) == (severity, True)


def test_repository_that_begins_before_the_cutoff_is_not_out_of_distribution(data):
    early = {"committer_time": CUTOFF_SECONDS - 1}
    edit_rows(data, "commits.parquet", lambda row: row.update(early), where=in_repository("young"))
    assert "are out of distribution, and before the cutoff" in only(cutoff, data).message


def test_commit_of_unknown_time_is_on_no_side_of_the_cutoff_and_no_earlier_one(data):
    chosen = lambda row: row["repo_id"] == "young" and row["history_index"] == 0  # noqa: E731
    edit_rows(data, "commits.parquet", lambda row: row.update(committer_time=0), where=chosen)
    chosen = lambda row: row["repo_id"] == "young" and row["history_index"] == 5  # noqa: E731
    edit_rows(data, "commits.parquet", lambda row: row.update(committer_time=0), where=chosen)
    assert problems(cutoff, data) == problems(clocks, data) == ()


def test_wrong_clock_inside_a_young_repository_is_no_matter_of_the_cutoff(data):
    chosen = lambda row: row["repo_id"] == "young" and row["history_index"] == 4  # noqa: E731
    edit_rows(data, "commits.parquet", lambda row: row.update(committer_time=1), where=chosen)
    assert problems(cutoff, data) == ()


@pytest.mark.parametrize("text", ["soon", "2025-04-01T00:00:00"])
def test_cutoff_that_is_no_moment_is_found(data, text):
    edit_manifest(data, lambda manifest: manifest["config"].update(cutoff=text))
    assert f"the cutoff {text!r} is no moment" in only(cutoff, data).message


# Damage.


def test_check_that_needs_a_truncated_file_is_left_out_with_a_note(data):
    path = data / "commits.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    found = [
        problem for check in STRUCTURE_CHECKS for problem in run_check(check.__name__, check, Dataset(data)).problems
    ]
    notes = [problem for problem in found if problem.severity is Severity.NOTE]
    assert {problem.check for problem in notes} == {
        "known_values",
        "commit_counts",
        "splits_of_tasks",
        "chronology",
        "clocks",
        "cutoff",
        "symbols_of_production",
    }
    assert all(problem.message.startswith("left out: commits.parquet cannot be read") for problem in notes)


def test_bytes_that_are_no_text_are_a_note_and_no_crash(data):
    table = pq.read_table(data / STATIC_TRAIN)
    index = table.schema.get_field_index("task_id")
    broken = pa.array([b"\xff" * 32] * table.num_rows, pa.binary()).view(pa.string())
    write_rows(data, STATIC_TRAIN, table.set_column(index, table.schema.field(index), broken))
    (found,) = run_check("repeated-task-ids", repeated_task_ids, Dataset(data)).problems
    assert (found.severity, "holds other bytes" in found.message) == (Severity.NOTE, True)
