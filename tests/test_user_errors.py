"""Every error that a user can make on the command line, and the exact sentence that answers it.

In a sentence `{place}` is the folder of the case. A message says what is wrong, the value, where, and what to do.
"""

import os
from pathlib import Path

import pytest

from harness.cli import run_command
from harness.predictors.protocol import METHODS

EXAMPLES = Path(__file__).parent.parent / "examples"
AVAILABLE = ", ".join(METHODS)
SLICES = "family, event, target-type, target-length, prefix-length, position, target-in-prefix, repository-size"
ERRORS = [
    # Names.
    ("compar a b", "Unknown command 'compar'. Did you mean 'compare'?"),
    (
        "run --method copy-prefix --splt cr_test",
        "Unknown option: --splt. Did you mean --split?: see repobench run --help",
    ),
    (
        "run --method copy-prefix --split cr_tset",
        'Invalid value "cr_tset" for --split. Choose from: "ir_train", "ir_val", "ir_test", "cr_val", "cr_test", '
        '"ood_test". Did you mean "cr_test"?: see repobench run --help',
    ),
    (
        "run --method copy-prefx --data {data}",
        f"Unknown method 'copy-prefx'. Did you mean 'copy-prefix'? Available: {AVAILABLE}.",
    ),
    (
        "run --method nowhere:Mine --data {data}",
        "--method nowhere:Mine: there is no module 'nowhere' in the current folder",
    ),
    ("run --method json:Mine --data {data}", "--method json:Mine: json has no 'Mine': check the spelling"),
    ("report --by famly {place}", f"--by famly is no slice: Did you mean 'family'? choose from {SLICES}"),
    (
        "train --method shared-lora --recipe cleen",
        "nor a file. Did you mean 'clean'?",
    ),
    ("completion bush", 'Invalid value "bush" for SHELL. Choose from: "bash", "zsh", "fish". Did you mean "bash"?'),
    ("synth", "there is nowhere to write to: name a folder for histories, or --repos and -o"),
    ("probe --driver local", "--driver local contains nothing: tests run with all your rights"),
    ("probe --disk-budget lots", "--disk-budget 'lots' is no size: write one like 20GB or 500MB"),
    ("serve --port 70000", "--port 70000 is no port: give 0 to 65535"),
    # What is not there.
    ("mine word", "'word' is no URL, no owner/name and no existing path"),
    ("mine", "there is nothing to mine: name a list of repositories, or one repository"),
    ("mine {place}/missing.txt", "does not exist: write one source per line"),
    ("check {place}", "{place} is not a dataset (no manifest.json): run repobench mine first"),
    ("diff {data} {place}", "{place} is not a dataset (no manifest.json): run repobench mine first"),
    (
        "run --method copy-prefix --data {place}",
        "{place} is not a dataset (no manifest.json): run repobench mine first",
    ),
    (
        "train --method fft --recipe nano --data {place}",
        "{place} is not a dataset (no manifest.json): run repobench mine first",
    ),
    ("score {place}", "{place} is no run folder: it has no manifest.json."),
    ("report {place}", "no run in {place}: name the folder of a run, or run a method first"),
    ("import-official", "there is nothing to import: name a folder, or a dataset of the Hub (OWNER/NAME)"),
    ("import-official ./nothing", "'./nothing' is no existing folder and no dataset of the Hub (OWNER/NAME)"),
    (
        "select {place}/missing.jsonl --metadata-only -o {place}/list.txt",
        "candidates {place}/missing.jsonl cannot be read",
    ),
    ("config check {place}/missing.toml", "--config {place}/missing.toml cannot be read"),
    ("run --config {place}/missing.toml", "--config {place}/missing.toml cannot be read"),
    # Values.
    ("mine a/b --workers -1", "--workers and --prefix-bytes must not be negative; 0 means one per core and no limit"),
    ("mine a/b --ray-address host:1", "--ray-address host:1 has no meaning without --engine ray: add it"),
    ("mine a/b --cutoff soon", "cutoff 'soon'"),
    (
        "mine a/b --protocol paper --seed 3",
        "--seed 3 has no meaning in the paper protocol, which fixes it: leave --seed out",
    ),
    ("run --method copy-prefix --data {data} --limit 0", "--limit 0 leaves no task: give 1 or more"),
    ("run --method copy-prefix --data {data} --batch-size 0", "--batch-size 0 is too small: give 1 or more"),
    (
        "run --method copy-prefix --data {data} --split ood_test",
        "{data} has no task in ood_test: choose other splits or tracks",
    ),
    (
        "run --method pretrained --data {data} --backbone ./missing",
        "Backbone './missing': folder missing does not exist",
    ),
    ("train --method fft --draws 1 --steps 1", "--draws and --steps say the same: give one of them"),
    ("train --method fft --seeds 0", "--seeds 0 trains nothing: give 1 or more"),
    ("train --method fft --steps 0", "--steps 0 trains nothing: give 1 or more"),
    ("train-nano --sources {place}/missing.toml", "{place}/missing.toml cannot be read as a list of sources"),
    ("train-nano --sources {sources} --tokens 5 --minutes 1", "--tokens and --minutes say the same: give one of them"),
    ("train-nano --sources {sources} --minutes 0", "--minutes 0.0 trains nothing: give more than 0"),
    ("train-nano --sources {sources} --recipe {place}/missing.toml", "Recipe {place}/missing.toml cannot be read"),
    ("train-nano --sources {sources} --device tpu9", "Device 'tpu9' is not a torch device; use auto, cpu or cuda:0."),
    (
        "train-nano --sources {sources} --overwrite -o {data}",
        "{data} holds something that is no training: choose another folder",
    ),
    ("score {place} --workers 0", "--workers 0 leaves nobody to score: give 1 or more"),
    ("compare {place} {place} --limit -1", "--limit -1 must not be negative"),
    ("diff {data} {data} --limit -1", "--limit -1 must not be negative: give 0 for no examples"),
    ("synth {place}/more --count some", 'Invalid value for --count: unable to convert "some" into int'),
    ("select {place}/x.jsonl --min-stars -1 --metadata-only -o {place}/l.txt", "--min-stars -1 must not be negative"),
    ("publish {data} --repo-id no", "'no'"),
    ("publish-run {place} --repo-id a/b", "{place}"),
    ("run", 'Command "run" parameter --method requires an argument: see repobench run --help'),
    ("doctor -q -v", "--quiet and --verbose are opposites: give one of them"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errors")
    assert run_command(["synth", str(folder / "repos"), "--count", "1", "--commits", "6"]) == 0
    listing = str(folder / "repos" / "repos.toml")
    assert run_command(["mine", listing, "--cutoff", "none", "--workers", "1", "-o", str(folder / "data")]) == 0
    return folder / "data"


@pytest.mark.parametrize(("line", "sentence"), ERRORS, ids=[line for line, _ in ERRORS])
def test_mistake_is_answered_by_one_sentence_and_nothing_is_done(line, sentence, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    capsys.readouterr()
    named = {"place": tmp_path, "data": data, "sources": EXAMPLES / "nano-sources.toml"}
    assert run_command([word.format(**named) for word in line.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.err.startswith("repobench: ")
    assert sentence.format(**named) in captured.err
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names alone
