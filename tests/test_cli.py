"""The command line: its flags are frozen, bad input gets one sentence, and the whole path works."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from harness.cli import _COMMANDS, app, run_command

FLAGS = {
    "select": "--baseline --cache --clones --cutoff --licence --max-size-kb --metadata-only --min-size-kb "
    "--min-stars --out --profile --pushed-since --tombstones --workers",
    "mine": "--cache --compare-protocols --cutoff --dry-run --engine --mock --no-snapshots --out --prefix-bytes "
    "--protocol --ray-address --seed --tombstones --verify --workers",
    "check": "--baselines --no-baselines",
    "diff": "--exit-code --limit --no-exit-code",
    "train": "--backbone --data --device --draws --dry-run --dtype --encoder --layers --method --out --overwrite "
    "--recipe --save-minutes --seed --seeds --steps --tensorboard --vectors",
    "train-nano": "--compile --device --dry-run --minutes --out --overwrite --recipe --save-minutes --sdists --sources "
    "--tokens",
    "run": "--backbone --batch-size --cache --checkpoint --context-tokens --data --device --dry-run --dtype "
    "--embeddings --encoder --engine --k --limit --max-new-tokens --method --out --overwrite --ray-address --refresh "
    "--retrieval --seed --split --state --track",
    "adapt": "--at --backbone --cache --checkpoint --device --dtype --encoder --evo --format --method --out",
    "diagnose": "--adapters --backbone --cache --context-length --data --device --dtype --embeddings --encoder --limit "
    "--oracle --out --reference --repositories --seed --shared --shuffled --split --track",
    "score": "--codebleu-backend --data --workers",
    "report": "--by --data --html --no-html --out --seed",
    "serve": "--data --host --port",
    "probe": "--cache --check --data --disk-budget --driver --dry-run --limit --out --prepare --retry --runtime --seed "
    "--store --track --unsafe-local --workers",
    "compare": "--limit --metric --seed",
    "publish": "--create-pr --dry-run --message --private --repo-id --revision --tombstones",
    "publish-run": "--create-pr --dry-run --licence --message --private --repo-id --revision",
    "import-official": "--all-rows --expect-published --out --repo-list",
    "doctor": "--offline",
    "config": "",
    "completion": "--install",
    "synth": "--commits --count --out --repos --role --seed --templates --workers",
}


def repobench(*arguments, cwd=None):
    command = [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_the_list_of_commands_says_what_each_says_of_itself():
    listed = repobench("--help").stdout
    for command, (module, summary) in _COMMANDS.items():
        function = getattr(importlib.import_module(f"harness.commands.{module}"), command.replace("-", "_"))
        assert function.__doc__.splitlines()[0] == summary
        assert f" {command} " in listed
        assert summary in listed


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
    mined = repobench("mine", "repos/repos.toml", "--cutoff", "none", "--quiet", cwd=tmp_path)
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


def test_interrupt_ends_mining_with_several_workers_at_once(tmp_path):
    assert repobench("synth", tmp_path / "repos", "--count", 3, "--commits", 60).returncode == 0
    listing = tmp_path / "repos" / "repos.toml"
    command = [sys.executable, "-c", "from harness.cli import main; main()", "mine", str(listing), "--workers", "2"]
    mining = subprocess.Popen(
        [*command, "-o", str(tmp_path / "data"), "--cutoff", "none"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    staging = tmp_path / "data"
    while not staging.exists():
        time.sleep(0.02)
    os.killpg(mining.pid, signal.SIGINT)
    _, remarks = mining.communicate(timeout=30)
    assert "the same command goes on where it stopped" in remarks
    assert "Traceback" not in remarks
    assert mining.returncode == 130


def test_output_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("precious")
    assert repobench("synth", tmp_path / "repos", "--count", 1, "--commits", 6).returncode == 0
    for arguments in (
        ("mine", tmp_path / "repos" / "repos.toml", "-o", tmp_path / "file" / "data"),
        ("mine", tmp_path / "repos" / "repos.toml", "-o", tmp_path / "file"),
    ):
        done = repobench(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("option", [("--workers", "-1"), ("--prefix-bytes", "-1")])
def test_negative_numbers_are_refused(tmp_path, option):
    done = repobench("mine", "a/b", "-o", tmp_path / "data", *option)
    assert (done.returncode, "must not be negative" in done.stderr) == (2, True)


def test_ray_that_is_not_installed_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run_command(["mine", "a/b", "-o", str(tmp_path / "data"), "--engine", "ray"]) == 2
    assert "pip install 'repopeftbench[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_ray_address_without_ray_is_refused(tmp_path, capsys):
    assert run_command(["mine", "a/b", "-o", str(tmp_path / "data"), "--ray-address", "host:6379"]) == 2
    assert "has no meaning without --engine ray" in capsys.readouterr().err


def test_splits_may_be_repeated_and_are_called_as_everywhere(tmp_path):
    repobench("synth", "repos", "--count", 2, "--commits", 12, cwd=tmp_path)
    repobench("mine", "repos/repos.toml", "--cutoff", "none", cwd=tmp_path)
    twice = ("--split", "ir_train", "--split", "ir_train")
    assert repobench("run", "--method", "copy-prefix", *twice, cwd=tmp_path).returncode == 0
    wrong = repobench("run", "--method", "copy-prefix", "--split", "nope", cwd=tmp_path)
    assert "ir_train" in wrong.stderr + wrong.stdout
    none = repobench("run", "--method", "copy-prefix", "--limit", "0", cwd=tmp_path)
    assert "leaves no task" in none.stderr


def test_unknown_method_names_the_nearest_one(tmp_path):
    repobench("synth", "repos", "--count", 1, "--commits", 6, cwd=tmp_path)
    repobench("mine", "repos/repos.toml", "--cutoff", "none", cwd=tmp_path)
    done = repobench("run", "--method", "copy-prefx", cwd=tmp_path)
    assert (done.returncode, "Did you mean 'copy-prefix'?" in done.stderr) == (2, True)
