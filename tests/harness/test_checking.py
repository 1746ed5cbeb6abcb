"""`repobench check` and `repobench diff` end to end."""

import json
import shutil
from types import SimpleNamespace

import pytest
from harness_cases import make_task

from harness.audit_baselines import BASELINES, _exact_matches, trivial_baselines
from harness.cli import run_command
from harness.records import Answer
from repopeftbench.audit.findings import Findings
from repopeftbench.audit.report import read_audit
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, Track

DAY, START = 86_400, 1_672_617_600


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    """Six repositories whose tests repeat values, modify assertions, and are answered in part by every baseline."""
    folder = tmp_path_factory.mktemp("checked")
    for number in range(6):
        name = f"r{number}"
        write_history(
            folder / name,
            [(f"commit {n}", START + n * DAY, [("tests/test_it.py", _test(name, n))]) for n in range(10)],
        )
    (folder / "list.txt").write_text("".join(f"{folder}/r{number}\n" for number in range(6)))
    mine = ["mine", str(folder / "list.txt"), "--cutoff", "none", "--workers", "1", "-o", str(folder / "data")]
    assert run_command([*mine, "--cache", str(folder / "cache")]) == 0
    return folder / "data"


def _test(name, number):
    lines = [f"import {name}"]
    for n in range(number + 1):
        lines += ["", "", f"def test_{n}():", f"    assert {name}.f({n}) == 1", f"    assert {name}.g({n}) == 1"]
        lines += [f"    assert {name}.version() == {number}"]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def data(mined, tmp_path):
    return shutil.copytree(mined, tmp_path / "data")


def run(capsys, *arguments):
    code = run_command([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_healthy_dataset_passes_and_is_not_changed_but_for_the_audit(data, mined, capsys):
    code, out, err = run(capsys, "check", data)
    assert code == 0
    assert "Nothing forbids publishing: 0 errors" in out
    assert "em copy-prefix" in out
    assert "target-empty" not in out
    assert "target-empty" in (data / "audit.md").read_text()
    assert err.strip() == f"written to {data / 'audit.md'}"
    assert {path.name for path in data.iterdir()} - {path.name for path in mined.iterdir()} == {
        "audit.json",
        "audit.md",
    }
    assert Dataset(data).sha256 == Dataset(mined).sha256


def test_json_is_the_report_and_the_same_at_every_place_and_time(data, mined, tmp_path, capsys):
    _, out, _ = run(capsys, "check", data, "--json")
    other = shutil.copytree(mined, tmp_path / "elsewhere")
    _, again, _ = run(capsys, "check", other, "--json")
    assert out == again
    assert (data / "audit.md").read_bytes() == (other / "audit.md").read_bytes()
    assert json.loads(out) == json.loads((data / "audit.json").read_text())
    assert read_audit(data) == read_audit(other)
    assert {measure["name"] for measure in json.loads(out)["measures"]} >= {f"em {name}" for name in BASELINES}


def test_every_list_of_checks_is_run(data, capsys, monkeypatch):
    from harness.commands import checking

    names = {check.__name__ for check in (*checking.STRUCTURE_CHECKS, *checking.CONTENT_CHECKS)}
    assert {"files_on_disk", "quality", "statements_in_train", "licences", "tombstones"} <= names
    called = []
    monkeypatch.setattr(checking, "run_check", lambda name, one, dataset: called.append(name) or Findings())
    assert run(capsys, "check", data)[0] == 0
    assert set(called) == {name.replace("_", "-") for name in names} | {"trivial-baselines"}


def test_without_baselines_none_are_run(data, capsys):
    assert run(capsys, "check", data, "--no-baselines")[0] == 0
    assert not [measure for measure in read_audit(data).measures if measure.name.startswith("em ")]


def test_truncated_table_ends_with_1_and_every_check_that_needs_it_left_out(data, capsys):
    path = data / "tasks" / "static" / "cr_test.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    code, out, _ = run(capsys, "check", data)
    assert code == 1
    assert "Not fit to be published: 2 errors" in out
    report = read_audit(data)
    notes = {problem.check: problem.message for problem in report.problems if problem.severity == "note"}
    assert {"quality", "ledgers", "repeated-task-ids", "statements-in-train", "trivial-baselines"} <= notes.keys()
    assert "chronology" not in notes
    assert all(str(data) not in message for message in notes.values())


def test_check_that_is_left_out_without_another_error_is_one_and_forbids_publishing(data, capsys, monkeypatch):
    from harness.commands import checking

    def clocks(dataset):
        raise DatasetError("the clock cannot be read")

    monkeypatch.setattr(checking, "STRUCTURE_CHECKS", (clocks,))
    code, out, _ = run(capsys, "check", data, "--no-baselines")
    errors = [problem for problem in read_audit(data).problems if problem.severity == "error"]
    assert (code, [problem.message for problem in errors]) == (1, ["left out: the clock cannot be read"])
    assert "Not fit to be published: 1 error" in out


def test_folder_that_cannot_be_written_is_one_sentence_after_the_report(data, capsys):
    (data / "audit.md").mkdir()
    code, out, err = run(capsys, "check", data, "--no-baselines")
    assert (code, "Nothing forbids publishing" in out) == (2, True)
    assert f"the audit cannot be written to {data}" in err
    assert len(err.strip().splitlines()) == 1


def test_value_that_no_record_can_hold_is_an_error_and_no_crash(data, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = data / "tasks" / "static" / "cr_test.parquet"
    table = pq.read_table(path)
    index = table.schema.get_field_index("family")
    pq.write_table(table.set_column(index, table.schema.field(index), pa.array(["hope"] * table.num_rows)), path)
    code, out, err = run(capsys, "check", data)
    assert code == 1
    assert "column family holds 'hope'" in out
    assert "quality, leakage and baselines are left out" in err
    assert not [measure for measure in read_audit(data).measures if measure.track is Track.STATIC]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "is not a dataset (no manifest.json)"),
        (lambda folder: folder.mkdir(), "is not a dataset (no manifest.json)"),
        (lambda folder: _with(folder, "manifest.json", '{"schema_version": 99}'), "install a newer repobench"),
        (lambda folder: _with(folder, "manifest.json", "{"), "is damaged"),
        (lambda folder: _with(folder, "manifest.json", "[]"), "is damaged, it holds no object: mine"),
        (lambda folder: _with(folder, "manifest.json", "\udcff"), "is damaged"),
        (lambda folder: _with(folder, "manifest.json", '{"schema_version": 3}'), "is damaged, config: Field required"),
        (lambda folder: _with(folder, "README.json", "{}"), "run repobench import-official"),
        (lambda folder: _with(folder, "half", ""), "did not finish, run the same command again"),
        (lambda folder: (folder / "data").mkdir(parents=True), "has the layout of the Hub"),
    ],
)
def test_what_is_no_dataset_ends_with_2_and_one_sentence(tmp_path, capsys, make, message):
    make(tmp_path / "data")
    code, out, err = run(capsys, "check", tmp_path / "data")
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def _with(folder, name, text):
    folder.mkdir()
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("method", BASELINES)
def test_baselines_match_as_often_as_runs_do(mined, tmp_path, capsys, method):
    findings = trivial_baselines(Dataset(mined), lambda done, total: None)
    counted = {}
    for measure in findings.measures:
        if measure.name == f"em {method}":
            place = f"{measure.track} {measure.split} {measure.repo_id}"
            counted[place] = (measure.count, measure.of)
    import pyarrow.parquet as pq

    held_out = [split for split in Split if split.role != "train" and split is not Split.OOD_TEST]
    splits = [argument for split in held_out for argument in ("--split", split)]
    command = ["run", "--method", method, "--data", mined, "-o", tmp_path / "run", *splits]
    assert run(capsys, *command)[0] == 0
    scored = {}
    for row in pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist():
        place = f"{row['track']} {row['split']} {row['repo_id']}"
        count, of = scored.get(place, (0, 0))
        scored[place] = (count + row["em_strict"], of + 1)
    assert counted == scored
    assert method == "previous-version" or sum(count for count, _ in counted.values()) > 0


def test_baselines_match_published_targets_as_runs_do():
    task = make_task(1, target="2)")

    def predict(requests):
        return [Answer(task_id=request.task.task_id, text=" 2)\n") for request in requests]

    assert _exact_matches(SimpleNamespace(predict=predict), [task]) == 1


def test_progress_of_the_baselines_ends_at_all_tasks(mined):
    calls = []
    trivial_baselines(Dataset(mined), lambda done, total: calls.append((done, total)))
    dataset = Dataset(mined)
    tasks = sum(
        len(list(dataset.tasks(track, split)))
        for track in Track
        for split in dataset.splits(track)
        if split.role != "train"
    )
    assert calls[-1] == (tasks, tasks)


def test_diff_of_a_dataset_with_itself_is_nothing(mined, data, capsys):
    code, out, err = run(capsys, "diff", mined, data, "--exit-code")
    assert (code, err) == (0, "")
    assert out.startswith("No difference: ")


@pytest.fixture
def smaller(mined, tmp_path):
    """The dataset of the first five repositories."""
    source = mined.parent
    (tmp_path / "five.txt").write_text("".join(f"{source}/r{number}\n" for number in range(5)))
    mine = ["mine", str(tmp_path / "five.txt"), "--cutoff", "none", "--workers", "1", "-o", str(tmp_path / "five")]
    assert run_command([*mine, "--cache", str(tmp_path / "cache")]) == 0
    return tmp_path / "five"


def test_diff_ends_with_0_and_with_1_only_when_asked(mined, smaller, capsys):
    capsys.readouterr()
    code, out, _ = run(capsys, "diff", mined, smaller)
    assert code == 0
    assert "no such repository" in out
    assert "r5" in out
    assert run(capsys, "diff", mined, smaller, "--exit-code")[0] == 1


def test_json_of_a_diff_has_counts_and_as_many_examples_as_asked(mined, smaller, capsys):
    capsys.readouterr()
    _, out, _ = run(capsys, "diff", mined, smaller, "--json", "--limit", 0)
    changes = json.loads(out)
    assert (changes["equal"], changes["examples"]) == (False, [])
    assert {count["change"] for count in changes["counts"]} >= {"removed", "changed"}


def test_diff_with_something_else_is_one_sentence(mined, tmp_path, capsys):
    code, out, err = run(capsys, "diff", mined, tmp_path)
    assert (code, out) == (2, "")
    assert "is not a dataset" in err
    code, _, err = run(capsys, "diff", mined, mined, "--limit", "-1")
    assert (code, "--limit -1 must not be negative" in err) == (2, True)
