"""`repobench probe`: from a mined repository to executed predictions, with real executions by the local driver."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from probe_driver import arguments
from probing_cases import PASSED, make_history

from harness.cli import run_command
from harness.commands.probing import ProbeOptions, _machine
from harness.probing.remembering import ExecutionStore
from harness.run_store import COMPLETE, EXECUTION, EXECUTION_MANIFEST, PREDICTIONS
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

SOURCE = """import pytest

from calc import add


def test_add():
    assert add(20, 1) == 21


@pytest.mark.parametrize("value", [1, 2])
def test_cases(value):
    assert add(value, 0) - value == 0


@pytest.mark.skip
def test_skipped():
    assert add(2, 2) == 44


def test_wrong():
    assert add(2, 2) == 55
"""
ANSWERS = {"21": "22 - 1", "0": "value - 1", "44": "1", "55": "4"}
OUTCOMES = {
    "21": ("passed", "runnable", True),
    "0": ("failed", "runnable", False),
    "44": ("not-runnable", "skipped", None),
    "55": ("not-runnable", "original-fails", None),
}


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    """The dataset of one repository, and a run on it."""
    root = tmp_path_factory.mktemp("probe")
    make_history(root / "repo", {"calc.py": "def add(a, b):\n    return a + b\n", "tests/test_calc.py": SOURCE})
    (root / "repos.txt").write_text(str(root / "repo"))
    assert run_command(["mine", str(root / "repos.txt"), "--cutoff", "none", "-o", str(root / "data")]) == 0
    options = ["--method", "copy-prefix", "--data", str(root / "data"), "--track", "static"]
    splits = [f"--split={split}" for split in Dataset(root / "data").splits(Track.STATIC)]
    assert run_command(["run", *options, *splits, "-o", str(root / "run")]) == 0
    return root


@pytest.fixture
def run(mined, tmp_path):
    """A copy of the run with other answers, one for each target."""
    folder = tmp_path / "run"
    shutil.copytree(mined / "run", folder)
    dataset = Dataset(mined / "data")
    targets = {task.task_id: task.target for split in Split for task in dataset.tasks(Track.STATIC, split)}
    lines = [json.loads(line) for line in (folder / PREDICTIONS).read_text().splitlines()]
    for line in lines:
        line["raw"] = line["stopped"] = ANSWERS[targets[line["task_id"]]]
    (folder / PREDICTIONS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run_command(["score", str(folder), "--data", str(mined / "data")]) == 0
    return folder


def rows_of(run, mined):
    dataset = Dataset(mined / "data")
    targets = {task.task_id: task.target for split in Split for task in dataset.tasks(Track.STATIC, split)}
    return {targets[row["task_id"]]: row for row in pq.read_table(run / EXECUTION).to_pylist()}


@pytest.mark.slow
def test_predictions_are_executed_once_and_the_report_has_their_pass_rate(mined, run, tmp_path, capsys):
    before = (run / COMPLETE).read_bytes()
    assert run_command(arguments(mined / "data", run, tmp_path / "store")) == 0
    rows = rows_of(run, mined)
    assert {target: (row["outcome"], row["reason"], row["exec_pass"]) for target, row in rows.items()} == OUTCOMES
    assert "test_cases[2] failed in call" in rows["0"]["detail"]
    manifest = json.loads((run / EXECUTION_MANIFEST).read_bytes())
    assert (manifest["driver"], manifest["contained"]) == ("local", False)
    assert (run / COMPLETE).read_bytes() == before
    files = [(run / name).read_bytes() for name in (EXECUTION, EXECUTION_MANIFEST)]
    assert not capsys.readouterr().err.startswith("0 executions; ")
    assert run_command([*arguments(mined / "data", run, tmp_path / "store"), "--workers", "2", "--json"]) == 0
    second = capsys.readouterr()
    assert second.err.startswith("0 executions; ")
    assert "nothing contained these tests" in second.err
    document = json.loads(second.out)
    assert document["outcomes"][0]["exec_pass"] == 0.5
    assert document["yields"][-1]["reasons"] == {"skipped": 1, "original-fails": 1}
    assert [(run / name).read_bytes() for name in (EXECUTION, EXECUTION_MANIFEST)] == files
    assert run_command(["report", str(run), "-o", str(tmp_path / "report")]) == 0
    assert "2 runnable of 4 executed tasks, of 1 repository." in (tmp_path / "report" / "report.md").read_text()
    (run / PREDICTIONS).write_bytes((run / PREDICTIONS).read_bytes() + b"\n")
    assert run_command(["report", str(run), "-o", str(tmp_path / "report")]) == 2
    assert "is of other predictions than the run has now: probe the run again" in capsys.readouterr().err


@pytest.mark.slow
def test_dataset_alone_gives_the_funnel(mined, tmp_path, capsys):
    options = ["--driver", "local", "--unsafe-local", "--track", "static", "--store", str(tmp_path / "store")]
    options += ["--data", str(mined / "data"), "-o", str(tmp_path / "out"), "--limit", "1"]
    assert run_command(["probe", *options]) == 0
    document = json.loads((tmp_path / "out" / "funnel.json").read_bytes())
    assert (document["driver"], document["limit"], document["predictions_sha256"]) == ("local", 1, None)
    assert document["yields"][0]["reached"]["tasks"] == 1
    assert pq.read_table(tmp_path / "out" / "runnable.parquet").num_rows == 1
    assert "Runnable" in capsys.readouterr().out


def test_dry_run_counts_without_engine_and_store_and_writes_nothing(mined, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no.sock'}")
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    options = ["--data", str(mined / "data"), "--store", str(tmp_path / "store"), "--dry-run", "--json"]
    assert run_command(["probe", str(run), *options]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert [document[name] for name in ("tasks", "repositories", "trees", "test_functions")] == [4, 1, 1, 4]
    # Each test has one task, whose target is a number: three other values.
    assert [document[name] for name in ("originals", "mutants", "predictions", "executions")] == [12, 12, 8, 32]
    assert (document["seconds"], document["measured_executions"], document["store_bytes"]) == (None, 0, 0)
    assert "has no execution by docker to take a rate from" in told.err
    assert run_command(["probe", *options, "--track", "static", "--limit", "1", "-o", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["executions"] == 6
    assert not (tmp_path / "store").exists() and not (tmp_path / "out").exists()
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_dry_run_takes_its_rate_from_the_executions_of_its_driver(mined, tmp_path, capsys):
    with ExecutionStore(tmp_path / "store" / "executions.sqlite") as store:
        store.put("a", replace(PASSED, seconds=2.0, driver="docker"))
        store.put("b", replace(PASSED, seconds=4.0, driver="docker"))
        store.put("c", replace(PASSED, seconds=60.0, driver="local"))
    options = ["--data", str(mined / "data"), "--track", "static", "--store", str(tmp_path / "store"), "--dry-run"]
    assert run_command(["probe", *options, "--workers", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["executions"], document["measured_executions"]) == (24, 2)
    assert document["seconds"] == 24 * 3.0 / 2
    (tmp_path / "store" / "executions.sqlite").write_bytes(b"no database" * 100)
    assert run_command(["probe", *options]) == 2
    assert "delete it, or name another --store" in capsys.readouterr().err


@pytest.mark.slow
def test_no_more_is_executed_than_the_dry_run_says(mined, run, tmp_path, capsys):
    command = arguments(mined / "data", run, tmp_path / "store")
    assert run_command([*command, "--dry-run", "--json"]) == 0
    most = json.loads(capsys.readouterr().out)["executions"]
    assert run_command(command) == 0
    assert 0 < executed(tmp_path / "store") <= most
    capsys.readouterr()
    assert run_command([*command, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] > 0


def test_missing_clone_is_one_sentence_and_never_a_snapshot(mined, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(mined / "data", data)
    manifest = data / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(mined / "repo"), str(tmp_path / "nowhere")))
    options = ["--driver", "local", "--unsafe-local", "--data", str(data), "--track", "static"]
    assert run_command(["probe", *options, "--store", str(tmp_path / "store"), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "is not executed, its tree comes from the clone alone:" in said
    assert f"{tmp_path / 'nowhere'} does not exist" in said
    (total,) = json.loads((tmp_path / "out" / "funnel.json").read_bytes())["yields"][-1:]
    assert total["reasons"] == {"no-clone": 4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--driver", "local"], "--driver local contains nothing"),
        (["--workers", "0"], "--workers 0 leaves nobody to execute"),
        (["--limit", "0"], "--limit 0 leaves no task"),
        (["--disk-budget", "much"], "--disk-budget 'much' is no size: write one like 20GB or 500MB"),
        (["--disk-budget", "0GB"], "--disk-budget '0GB' is no size"),
        (["--disk-budget", "0.1B"], "--disk-budget '0.1B' is no size"),
        (["--data", "nowhere"], "nowhere is not a dataset"),
    ],
)
def test_bad_options_end_in_one_sentence(options, message, capsys):
    assert run_command(["probe", *options]) == 2
    assert message in capsys.readouterr().err


def test_run_on_another_dataset_is_refused(mined, run, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(mined / "data", data)
    (data / "manifest.json").write_text((data / "manifest.json").read_text() + "\n")
    assert run_command(arguments(data, run, tmp_path / "store")) == 2
    assert f"{run} is no run on the dataset in {data}" in capsys.readouterr().err


def test_engine_that_does_not_answer_is_one_sentence(mined, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no.sock'}")
    assert run_command(["probe", "--data", str(mined / "data"), "--store", str(tmp_path / "store")]) == 2
    assert "No Docker engine answers" in capsys.readouterr().err
    assert run_command(["probe", "--check", "--store", str(tmp_path / "store"), "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [(one["name"], one["ok"]) for one in checks if one["name"] == "engine"] == [("engine", False)]


@pytest.mark.parametrize(("user", "cache"), [(0, "/var/cache/repobench"), (1000, None)])
def test_store_of_nobodys_choice_can_be_shown_to_boxes(tmp_path, monkeypatch, user, cache):
    from sandboxes.policy import may_be_shown

    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    machine = _machine(ProbeOptions())
    assert machine.store == Path(cache or tmp_path / "repobench")
    assert may_be_shown(machine.store / "environments")


def test_folder_that_cannot_be_made_is_said_before_anything_is_executed(mined, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no.sock'}")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    assert run_command(["probe", "--data", str(mined / "data"), "--store", str(tmp_path / "s"), "-o", str(out)]) == 2
    assert f"--out {out} cannot be made: Not a directory: choose another folder" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_with_what_was_executed(mined, run, tmp_path):
    """The one under way is lost, nothing is executed twice, and the files end with the same bytes."""
    whole = tmp_path / "whole"
    shutil.copytree(run, whole)
    assert run_command(arguments(mined / "data", whole, tmp_path / "other-store")) == 0
    store = tmp_path / "store"
    driver = [sys.executable, str(Path(__file__).with_name("probe_driver.py"))]
    command = [*driver, str(mined / "data"), str(run), str(store)]
    counts = [0]
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + 60
        while executed(store) <= counts[-1] + 1 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        counts.append(executed(store))
    assert counts == sorted(counts) and counts[-1] > counts[1] > 0
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    new, known = (int(word.replace(",", "")) for word in done.stderr.split() if word.replace(",", "").isdigit())
    assert (executed(store), known >= counts[-1]) == (counts[-1] + new, True)
    assert executed(store) == executed(tmp_path / "other-store")
    for name in (EXECUTION, EXECUTION_MANIFEST):
        assert (run / name).read_bytes() == (whole / name).read_bytes()


def executed(store):
    if not (store / "executions.sqlite").is_file():
        return 0
    database = sqlite3.connect(store / "executions.sqlite", timeout=30)
    try:
        return database.execute("SELECT COUNT(*) FROM executions").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        database.close()
