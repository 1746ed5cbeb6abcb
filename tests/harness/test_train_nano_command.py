"""`repobench train-nano`: its budgets, its dry run, and what it leaves, on a corpus of a few files."""

import io
import json
import tarfile
from hashlib import sha256

import pytest

from harness.cli import run_command

TINY = """
batch_size = 4
context_length = 32
vocab_size = 320
hidden_size = 32
intermediate_size = 64
layers = 1
steps = 12
log_every = 4
checkpoint_every = 4
val_fraction = 0.2
val_windows = 8
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a list, the one source distribution that it names, and a tiny recipe."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for index in range(40):
            data = f"def test_{index}():\n    assert length_of('word {index}') == {index}\n".encode()
            member = tarfile.TarInfo(f"made-1.0/tests/test_{index}.py")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    content = buffer.getvalue()
    (tmp_path / "sdists").mkdir()
    (tmp_path / "sdists" / "made-1.0.tar.gz").write_bytes(content)
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "list.toml").write_text(
        'cutoff = "2025-04-01"\nsource_bytes = 1000000\n[[source]]\nname = "made"\nversion = "1.0"\nlicence = "MIT"\n'
        f'released = "2024-01-02"\nfile = "made-1.0.tar.gz"\nsize = {len(content)}\n'
        f'sha256 = "{sha256(content).hexdigest()}"\n'
    )
    return tmp_path


def train(place, *options):
    fixed = ("--sources", place / "list.toml", "--sdists", place / "sdists", "--recipe", place / "tiny.toml")
    return run_command(["train-nano", *map(str, fixed), "-o", str(place / "nano"), "--device", "cpu", *options])


def record_of(place):
    return json.loads((place / "nano" / "training.json").read_text())


def test_backbone_is_trained_and_said_in_one_line(place, capsys):
    assert train(place) == 0
    shown = capsys.readouterr().out
    figure = f"{record_of(place)['validation']['bits_per_byte']:.3f}"
    assert shown.startswith("nano: 12 steps, 1,536 tokens, ")
    assert shown.rstrip().endswith(f"{figure} bits per byte held out; in {place / 'nano'}")
    assert sorted(path.name for path in place.iterdir()) == ["list.toml", "nano", "sdists", "tiny.toml"]


def test_document_is_the_record(place, capsys):
    assert train(place, "--tokens", "600", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("folder") == str(place / "nano")
    assert document == record_of(place)
    assert (document["steps"], document["tokens"]) == (4, 512)


def test_budget_of_time_is_made_into_steps_once(place, capsys):
    assert train(place, "--minutes", "0.002") == 0
    steps = record_of(place)["steps"]
    assert steps >= 1
    weights = (place / "nano" / "model.safetensors").read_bytes()
    assert train(place, "--minutes", "0.002") == 0  # is measured no more: the training is there
    assert (record_of(place)["steps"], (place / "nano" / "model.safetensors").read_bytes()) == (steps, weights)


def test_dry_run_says_what_would_be_downloaded_and_writes_nothing(place, capsys):
    (place / "sdists" / "made-1.0.tar.gz").unlink()
    assert train(place, "--dry-run", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["releases"], document["missing"], document["steps"]) == (1, ["made-1.0.tar.gz"], 12)
    assert 0 < document["download_bytes"] < 10_000
    assert document["seconds"] > 12 * document["seconds_per_step"] > 0
    assert sorted(path.name for path in place.iterdir()) == ["list.toml", "sdists", "tiny.toml"]


def test_dry_run_is_said_in_two_lines(place, capsys):
    assert train(place, "--dry-run", "--tokens", "1280") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "1 source distributions, 0 to download: 0.0 MB"
    assert second.startswith("10 steps, 1,280 tokens: about ")


def test_compiling_without_a_compiler_is_one_sentence(place, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert train(place, "--compile") == 2
    assert "--compile needs a C++ compiler (g++): install one, or leave --compile out" in capsys.readouterr().err


def test_file_with_another_hash_ends_in_one_sentence(place, capsys):
    (place / "sdists" / "made-1.0.tar.gz").write_bytes(b"changed")
    assert train(place) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"repobench: made-1.0.tar.gz of {place}")
    assert "the list says" in error
    assert not (place / "nano").exists()


def test_other_training_is_replaced_only_if_that_is_asked_for(place, capsys):
    assert train(place) == 0
    assert train(place, "--tokens", "128") == 2
    assert "holds another training; choose another folder, or give --overwrite" in capsys.readouterr().err
    assert train(place, "--tokens", "128", "--overwrite") == 0
    assert record_of(place)["steps"] == 1
