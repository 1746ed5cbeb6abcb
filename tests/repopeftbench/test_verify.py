"""`repobench mine --verify`: same, other, damaged and missing files are told apart, in both protocols."""

import json
import shutil

import pytest

from harness.cli import run_command
from repopeftbench.dataset.manifest import current_versions
from repopeftbench.dataset.versions import differences
from repopeftbench.gitrepo import write_history

DAY = 86_400
FILES = ("tests/test_a.py", "tests/test_b.py")


def commits(number, count):
    def file_texts(commit):
        cases = (f"def test_{n}():\n    assert f({n}) == {number * 1000 + commit * 100 + n}\n" for n in range(32))
        return "\n\n".join(cases).encode()

    return [
        (f"commit {commit}", 1_700_000_000 + commit * DAY, [(path, file_texts(commit)) for path in FILES])
        for commit in range(count)
    ]


@pytest.fixture(params=["clean", "paper"])
def data(request, tmp_path):
    """A dataset of a path and a URL, both of which have a later commit than was mined, and of an entry that failed."""
    for number, name in enumerate(("here", "there")):
        write_history(tmp_path / name, commits(number, 5))
    listing = tmp_path / "list.txt"
    listing.write_text(f"{tmp_path}/here\nfile://{tmp_path}/there\nword\n")
    arguments = ["--cutoff", "2024-01-01", "--prefix-bytes", "900", "--mock", "--seed", "5"]
    arguments = arguments if request.param == "clean" else ["--protocol", "paper", "--cutoff", "2024-01-01"]
    arguments += ["--workers", "1"]
    folder, cache = tmp_path / "data", tmp_path / "cache"
    assert run_command(["mine", str(listing), "-o", str(folder), "--cache", str(cache), *arguments]) == 1
    for number, name in enumerate(("here", "there")):
        shutil.rmtree(tmp_path / name)
        write_history(tmp_path / name, commits(number, 7))
    return folder


def manifest_of(folder):
    return next(path for path in (folder / "manifest.json", folder / "README.json") if path.is_file())


def verify(folder, *arguments):
    options = ["--verify", "-o", str(folder), "--cache", str(folder.parent / "cache"), "--workers", "1"]
    return run_command(["mine", *arguments, *options])


def row(said, path):
    return next(line for line in said.out.splitlines() if f"│ {path} " in line)


def test_dataset_comes_out_the_same_at_the_recorded_revisions(tmp_path, data, capsys):
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert verify(data) == 0
    said = capsys.readouterr()
    files = json.loads(manifest_of(data).read_text())["files"]
    assert all(row(said, file["path"]).split()[-4:-1:2] == ["whole", "same"] for file in files)
    assert f"{len(files)} files: 0 damaged or missing on disk, 0 not the same when mined again" in said.out
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "data", "here", "list.txt", "there"]


def test_damage_on_disk_is_told_from_another_mining_result(data, capsys):
    path = manifest_of(data)
    manifest = json.loads(path.read_text())
    damaged, other, missing = (file["path"] for file in manifest["files"][:3])
    (data / damaged).write_bytes(b"damaged")
    (data / missing).unlink()
    (data / other).write_bytes(b"other")
    manifest["files"][1]["sha256"] = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    path.write_text(json.dumps(manifest))
    assert verify(data) == 1
    said = capsys.readouterr()
    assert row(said, damaged).split()[-4:-1:2] == ["damaged", "same"]
    assert row(said, missing).split()[-4:-1:2] == ["missing", "same"]
    assert row(said, other).split()[-4:-1:2] == ["whole", "differs"]
    assert "2 damaged or missing on disk, 1 not the same when mined again" in said.out


def test_other_versions_are_said_first(data, capsys):
    path = manifest_of(data)
    manifest = json.loads(path.read_text())
    manifest["versions"]["tree_sitter"] = "0.1"
    path.write_text(json.dumps(manifest))
    assert verify(data) == 0
    assert f"tree-sitter {current_versions().tree_sitter} instead of 0.1" in capsys.readouterr().err


def test_moved_repository_is_one_sentence_and_a_list_says_where_it_is(tmp_path, data, capsys):
    moved = tmp_path / "elsewhere" / "here"
    moved.parent.mkdir()
    (tmp_path / "here").rename(moved)
    assert verify(data) == 2
    said = capsys.readouterr()
    assert f"here was mined from {tmp_path}/here, which is gone: give a list that says where it is" in said.err
    assert len(said.err.strip().splitlines()) == 1
    (tmp_path / "list.txt").write_text(f"{moved}\n")
    assert verify(data, str(tmp_path / "list.txt")) == 0


def test_repository_that_cannot_be_mined_again_is_one_sentence(tmp_path, data, capsys):
    shutil.rmtree(tmp_path / "there")
    shutil.rmtree(tmp_path / "cache")
    assert verify(data) == 2
    said = capsys.readouterr()
    assert f"{data} cannot be verified" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("option", [("--seed", "3"), ("--cutoff", "none"), ("--dry-run",), ("--protocol", "paper")])
def test_options_that_the_manifest_decides_are_refused(tmp_path, capsys, option):
    assert verify(tmp_path / "data", *option) == 2
    assert f"{option[0]}" in capsys.readouterr().err


def test_without_a_dataset_or_a_list_it_is_one_sentence(tmp_path, capsys):
    assert verify(tmp_path / "none") == 2
    assert "is not a dataset" in capsys.readouterr().err
    assert run_command(["mine", "-o", str(tmp_path / "none")]) == 2
    assert "name a list of repositories" in capsys.readouterr().err


def test_equal_versions_have_no_differences():
    assert differences(current_versions(), current_versions()) == ()
