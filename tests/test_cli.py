"""The command line: its flags are frozen, bad input gets one sentence, and the whole path works."""

import os
import subprocess
import sys

import pytest

from harness.cli import app

FLAGS = {
    "mine": "--cache --cutoff --mock --out --prefix-bytes --seed --workers",
    "run": "--backbone --batch-size --data --device --dtype --limit --max-new-tokens --method --out --overwrite --seed "
    "--split --track",
    "score": "--data",
    "report": "--families --no-families --out --seed",
    "synth": "--commits --count --seed",
}


def repobench(*arguments, cwd=None):
    command = [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


@pytest.mark.parametrize("command", sorted(FLAGS))
def test_flags_are_frozen(command):
    arguments = app[command].assemble_argument_collection()
    found = {name for argument in arguments for name in argument.names + argument.negatives if name.startswith("--")}
    assert sorted(found) == FLAGS[command].split()


def test_commands_are_frozen():
    assert sorted(name for name in app if not name.startswith("-")) == sorted(FLAGS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing", "does not exist: check the path"),
        (lambda folder: "word", "'word' is no URL, no owner/name and no existing path"),
        (lambda folder: folder / "missing.txt", "does not exist: write one source per line"),
    ],
)
def test_argument_that_names_nothing_is_one_sentence(tmp_path, make, message):
    done = repobench("mine", make(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_empty_repository_is_one_sentence(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "empty"], check=True)
    done = repobench("mine", tmp_path / "empty", cwd=tmp_path)
    assert (done.returncode, "has no commits" in done.stderr) == (2, True)
    assert len(done.stderr.strip().splitlines()) == 1


def test_typo_in_a_list_is_named_and_the_rest_is_mined(tmp_path):
    assert repobench("synth", tmp_path / "repos", "--count", 1, "--commits", 6).returncode == 0
    listing = tmp_path / "repos" / "repos.toml"
    listing.write_text(listing.read_text() + '\n[[repository]]\nsource = "htps://example.org/a/b"\n')
    done = repobench("mine", listing, "--cutoff", "none", "-o", tmp_path / "data")
    assert done.returncode == 1
    assert "unknown scheme 'htps'" in done.stderr
    assert (tmp_path / "data" / "manifest.json").is_file()


def test_whole_path_works_with_defaults(tmp_path):
    assert repobench("synth", "repos", "--count", 2, "--commits", 12, cwd=tmp_path).returncode == 0
    mined = repobench("mine", "repos/repos.toml", "--cutoff", "none", cwd=tmp_path)
    assert (mined.returncode, mined.stderr) == (0, "")
    assert "seen =" in mined.stdout
    for method in ("most-frequent", "copy-prefix", "previous-version"):
        assert repobench("run", "--method", method, cwd=tmp_path).returncode == 0
    reported = repobench("report", cwd=tmp_path)
    assert reported.returncode == 0
    assert all(method in reported.stdout for method in ("most-frequent", "copy-prefix", "previous-version"))
    assert "most-frequent" in (tmp_path / "repobench-out" / "report" / "report.md").read_text()
    scored = repobench("score", "repobench-out/runs/copy-prefix", cwd=tmp_path)
    assert scored.returncode == 0


def test_run_and_report_without_anything_say_what_to_do_first(tmp_path):
    assert "run repobench mine first" in repobench("run", "--method", "copy-prefix", cwd=tmp_path).stderr
    assert "run a method first" in repobench("report", cwd=tmp_path).stderr


def test_unknown_method_names_the_nearest_one(tmp_path):
    repobench("synth", "repos", "--count", 1, "--commits", 6, cwd=tmp_path)
    repobench("mine", "repos/repos.toml", "--cutoff", "none", cwd=tmp_path)
    done = repobench("run", "--method", "copy-prefx", cwd=tmp_path)
    assert (done.returncode, "Did you mean 'copy-prefix'?" in done.stderr) == (2, True)
