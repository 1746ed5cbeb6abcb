"""What every command shares: help with examples, one JSON document, files of options, completion, a quick start."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness.cli import _COMMANDS, app, run_command
from harness.commands.examples import EXAMPLES, EXIT_CODES, GROUPS

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "scipy",
    "numpy",
    "pyarrow",
    "pygit2",
    "tree_sitter",
    "pydantic",
    "huggingface_hub",
    "docker",
    "ray",
    "altair",
    "jinja2",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A small dataset with one run, in the folders that commands look into by themselves."""
    folder = tmp_path_factory.mktemp("place")
    before = os.getcwd()  # noqa: PTH109 - given back below
    os.chdir(folder)
    try:
        assert run_command(["synth", "repos", "--count", "2", "--commits", "12"]) == 0
        assert run_command(["mine", "repos/repos.toml", "--cutoff", "none", "--workers", "1", "-q"]) == 0
        for method in ("copy-prefix", "most-frequent"):
            assert run_command(["run", "--method", method]) == 0
    finally:
        os.chdir(before)
    return folder


def loaded_after(statement, names):
    code = f"import sys; {statement}; print([name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.strip().splitlines()[-1]


def test_help_loads_nothing_heavy():
    assert loaded_after("from harness.cli import run_command; run_command(['--help'])", HEAVY) == "[]"


def test_mine_starts_without_models_statistics_and_tables():
    statement = "from harness.cli import run_command; run_command(['mine', '--help'])"
    without = tuple(name for name in HEAVY if name not in ("tree_sitter", "pydantic"))
    assert loaded_after(statement, without) == "[]"


def test_every_command_is_in_one_group_and_has_examples():
    grouped = [command for commands in GROUPS.values() for command in commands]
    assert len(grouped) == len(set(grouped))
    assert set(_COMMANDS) <= set(grouped)
    assert set(_COMMANDS) <= set(EXAMPLES)


@pytest.mark.parametrize("line", [line for name in _COMMANDS for line in EXAMPLES[name]])
def test_example_is_understood(line):
    program, *arguments = line.split()
    assert program == "repobench"
    _, bound, _ = app.parse_args(
        [argument for argument in arguments if argument != "--json"], exit_on_error=False, print_error=False
    )
    assert bound is not None


def test_help_of_a_command_has_its_examples_shared_options_and_exit_codes(capsys):
    run_command(["compare", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert EXAMPLES["compare"][0] in shown
    assert all(option in shown for option in ("--json", "--config", "--quiet", "--verbose"))
    assert all(f"{code} {meaning}" in shown for code, meaning in EXIT_CODES.items())


def documents(capsys, *arguments, code=0):
    """The JSON documents that a command line prints to stdout; there has to be one."""
    capsys.readouterr()
    assert run_command([*map(str, arguments), "--json"]) == code
    out = capsys.readouterr().out
    document = json.loads(out)  # fails on a second one
    assert out.count("\n}") == 1
    return document


def test_json_of_every_command_is_one_document_alone_on_stdout(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    runs = ("repobench-out/runs/copy-prefix", "repobench-out/runs/most-frequent")
    (tmp_path / "options.toml").write_text('[run]\nmethod = "copy-prefix"\n')
    (tmp_path / "candidates.jsonl").write_text("")
    found = {
        "synth": documents(capsys, "synth", tmp_path / "more", "--count", 1, "--commits", 6),
        "mine": documents(capsys, "mine", "repos/repos.toml", "--cutoff", "none", "--workers", 1),
        "mine --dry-run": documents(capsys, "mine", "repos/repos.toml", "--dry-run"),
        "check": documents(capsys, "check", "--no-baselines"),
        "diff": documents(capsys, "diff", "repobench-out/data", "repobench-out/data"),
        "run": documents(capsys, "run", "--method", "copy-prefix"),
        "run --dry-run": documents(capsys, "run", "--method", "copy-prefix", "--dry-run"),
        "score": documents(capsys, "score", runs[0]),
        "report": documents(capsys, "report", "-o", tmp_path / "report"),
        "compare": documents(capsys, "compare", *runs),
        "config": documents(capsys, "config", "check", tmp_path / "options.toml"),
        "completion": documents(capsys, "completion", "bash"),
        "select": documents(
            capsys, "select", tmp_path / "candidates.jsonl", "--metadata-only", "-o", tmp_path / "list.txt", code=1
        ),
    }
    assert all(found.values())
    assert found["mine"]["repositories"] == ["duskcask", "mossember"]
    assert found["mine"]["ledgers"]["static"]["kept"] > 0
    assert found["run"]["tasks"] == found["run --dry-run"]["tasks"] > 0
    assert found["diff"]["equal"] is True
    assert found["report"]["tables"]
    assert found["mine --dry-run"]["estimates"][0]["commits"] == 12


def test_json_of_a_failure_is_one_document_with_the_sentence(tmp_path, capsys):
    document = documents(capsys, "score", tmp_path, code=2)
    assert document["error"] == f"{tmp_path} is no run folder: it has no manifest.json."
    document = documents(capsys, "run", "--methud", "copy-prefix", code=2)
    assert "--help" in document["error"]


def test_flag_goes_before_the_file_and_the_file_before_the_default(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    file = tmp_path / "options.toml"
    file.write_text('[run]\nmethod = "most-frequent"\nlimit = 3\nsplit = ["ir_test"]\ntrack = ["static"]\n')
    document = documents(capsys, "run", "--config", file, "--limit", "2", "-o", tmp_path / "run")
    assert (document["method"], document["tasks"]) == ("most-frequent", 2)


def test_config_check_tells_each_value_and_where_it_comes_from(tmp_path, capsys):
    file = tmp_path / "options.toml"
    file.write_text('[run]\nmethod = "copy-prefix"\nbatch-size = 4\noverwrite = true\n')
    options = documents(capsys, "config", "check", file)["commands"]["run"]
    assert options["batch-size"] == {"value": 4, "from": f"{file} [run]"}
    assert options["overwrite"]["value"] is True
    assert options["seed"] == {"value": 0, "from": "default"}
    file.write_text("[run]\nseed = 1\n")
    assert documents(capsys, "config", "check", file)["commands"]["run"]["method"]["from"] == "required"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[run]\nbatch-sise = 4\n", ", [run]: Unknown key 'batch-sise'. Did you mean 'batch-size'?"),
        ("[rum]\n", ": Unknown key 'rum'. Did you mean 'run'?"),
        ("run = 3\n", ": run = 3 is no table: write [run] and options below it"),
        ("[run\n", " is no TOML: "),
        ('[run]\nbatch-size = "many"\n', "[run] batch-size: Invalid value for [batch-size] from"),
    ],
)
def test_file_of_options_that_is_wrong_is_one_sentence(tmp_path, capsys, text, sentence):
    file = tmp_path / "options.toml"
    file.write_text(text)
    assert run_command(["config", "check", str(file)]) == 2
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.strip().splitlines())) == ("", 1)
    assert str(file) in captured.err
    assert sentence in captured.err


@pytest.mark.parametrize("spelling", ["unsafe-local", "unsafe_local", "unsafelocal", "no-unsafe-local"])
def test_no_file_of_options_lets_tests_run_without_a_sandbox(tmp_path, capsys, spelling):
    file = tmp_path / "options.toml"
    file.write_text(f'[probe]\ndriver = "local"\n{spelling} = true\n')
    for command in (["probe", "--config", str(file), "--data", str(tmp_path)], ["config", "check", str(file)]):
        assert run_command(command) == 2
        told = capsys.readouterr().err
        assert ("type --unsafe-local yourself" if spelling == "unsafe-local" else "Unknown key") in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_the_shared_options(shell, capsys):
    assert run_command(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in _COMMANDS)
    assert "prefix-bytes" in script
    assert "verbose" in script
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=script, text=True, check=True, capture_output=True)


def test_bash_completes_a_command_and_an_option(capsys):
    assert run_command(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, wanted in (
        (("repobench", "comp"), "completion"),
        (("repobench", "mine", "--prefix-b"), "--prefix-bytes"),
    ):
        line = (
            f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; COMP_LINE='{' '.join(words)}'; "
            "COMP_POINT=${#COMP_LINE}; "
            "$(complete -p repobench | sed 's/.*-F \\([^ ]*\\).*/\\1/') repobench; echo ${COMPREPLY[@]}"
        )
        done = subprocess.run(["bash", "-c", f"{script}\n{line}"], capture_output=True, text=True, check=True)
        assert wanted in done.stdout.split()


def test_install_writes_the_script_to_where_the_shell_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    file = documents(capsys, "completion", "fish", "--install")["file"]
    assert "import-official" in (tmp_path / file).read_text()
    assert str(tmp_path) in file


@pytest.mark.parametrize(
    "line", ["train --method fft --recipe nano --data {data}", "adapt . -o adapter", "run --method fft --data {data}"]
)
def test_command_that_needs_an_extra_says_how_to_install_it(line, place, tmp_path):
    blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'peft', 'safetensors']))"
    arguments = line.format(data=place / "repobench-out" / "data").split()
    code = f"{blocked}; from harness.cli import run_command; sys.exit(run_command({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "pip install" in done.stderr
    assert "repopeftbench[models]" in done.stderr


def test_quiet_and_verbose_together_are_refused(capsys):
    assert run_command(["completion", "bash", "-q", "-v"]) == 2
    assert "--quiet and --verbose are opposites" in capsys.readouterr().err


def test_verbose_shows_where_an_expected_failure_comes_from(tmp_path, capsys):
    assert run_command(["score", str(tmp_path), "-v"]) == 2
    remarks = capsys.readouterr().err
    assert "Traceback" in remarks
    assert remarks.strip().splitlines()[-1].startswith("repobench: ")
