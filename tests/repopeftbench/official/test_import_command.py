"""`repobench import-official`: what it shows, the list it writes, and that methods run on what it wrote."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published_cases import COMMITS, QNA, commit, row, sha, write, write_commits, write_snapshots

import repopeftbench.dataset.hub
from harness.cli import run_command
from harness.stopping import stop_prediction
from repopeftbench.dataset.store import Dataset
from repopeftbench.official.layout import HUB_PATTERNS
from repopeftbench.official.listing import repository_list_text
from repopeftbench.schema import Split, Track
from repopeftbench.sources import repository_list


@pytest.fixture
def published(tmp_path):
    folder = write_commits(tmp_path / "published")
    calls = [
        row("o/b", 0, "cr_test", 1, prefix="import os\n\n\ndef test_1():\n    self.assertEqual(f(), ", target="1)"),
        row("o/b", 0, "cr_test", 2),
    ]
    calls[0]["assertion_type"] = "self.assertEqual"
    write(folder, "qna/cr_test.parquet", QNA, calls)
    rows = [row("o/a", index, "ir_train", n) for index in range(2) for n in range(2)]
    write(folder, "qna/train.parquet", QNA, rows)
    (folder / "figure.png").write_bytes(b"x")
    return folder


def test_files_tasks_and_ledgers_are_shown(tmp_path, published, capsys):
    assert run_command(["import-official", str(published), "-o", str(tmp_path / "data")]) == 0
    shown = capsys.readouterr().out
    for text in (
        "published/commits/cr_test.parquet",
        "evolution tasks",
        "published/figure.png",
        "left: not known",
        "side file",
        "evolution: 6 seen = 6 kept + 0 dropped (none)",
    ):
        assert text in shown
    assert "Sizes against" not in shown


def test_many_unknown_files_are_counted_and_all_named_in_the_manifest(tmp_path, published, capsys):
    for number in range(25):
        (published / f"cache_{number:02}.json").write_text("{}")
    pq.write_table(pa.table({"x": [1]}), published / "other.parquet")
    assert run_command(["import-official", str(published), "-o", str(tmp_path / "data")]) == 0
    shown = capsys.readouterr().out
    assert "7 more files are left; the manifest's notes name them" in shown
    notes = Dataset(tmp_path / "data").manifest.notes
    assert "Left: published/cache_24.json: not known." in notes
    assert "Left: published/other.parquet: columns of no published file." in notes


def test_sizes_that_differ_end_with_exit_code_1(tmp_path, published, capsys):
    assert run_command(["import-official", str(published), "-o", str(tmp_path / "data"), "--expect-published"]) == 1
    said = capsys.readouterr()
    assert "DIFFERS" in said.out
    assert "sizes are not the published ones" in said.err
    assert Dataset(tmp_path / "data").manifest.origin == "published"


def test_methods_run_on_imported_data_without_any_clone(tmp_path, published, capsys):
    data = str(tmp_path / "data")
    assert run_command(["import-official", str(published), "-o", data]) == 0
    for method in ("copy-prefix", "most-frequent", "previous-version"):
        command = ["run", "--method", method, "--data", data, "-o", str(tmp_path / "runs" / method)]
        assert run_command([*command, "--cache", str(tmp_path / "nowhere")]) == 0
    assert run_command(["report", str(tmp_path / "runs"), "-o", str(tmp_path / "report")]) == 0
    assert "evolution, cr_test" in capsys.readouterr().out
    assert run_command(["score", str(tmp_path / "runs" / "copy-prefix"), "--data", data]) == 0


@pytest.mark.parametrize(
    ("prefix", "raw", "text"),
    [
        ("    assert f(1) == ", "2\n    assert g() == 3", "2"),
        ("    assert f(1) == ", "  2, 'why'", "2"),
        ("    self.assertEqual(f(1), ", "2)\n", "2"),
        ("    with pytest.raises(", "ValueError, match='x')", "ValueError"),
        ("    assert x in ", "(1, 2)", "(1, 2)"),
        ("    m.assert_called_once_with(, ", "7)", "7"),
        ("def t():\n    assert (\n        ", "False\n    )", "False"),
        ("def t():\n    x = 1  # why \n    ", "assert y", ""),
    ],
)
def test_a_prefix_that_ends_in_white_space_stops_a_prediction_as_any_other(prefix, raw, text):
    assert stop_prediction(prefix, raw).text == text
    assert stop_prediction(prefix.rstrip(" "), raw).text == text


def test_list_of_repositories_is_read_by_mine(tmp_path, published):
    listing = tmp_path / "lists" / "repos.toml"
    arguments = ["import-official", str(published), "-o", str(tmp_path / "data"), "--repo-list", str(listing)]
    assert run_command(arguments) == 0
    parsed = repository_list(str(listing))
    assert [(source.repo_id, source.url, source.revision, source.role) for source in parsed.sources] == [
        ("o/a", "https://github.com/o/a.git", sha("o/a", 3), "train"),
        ("o/b", "https://github.com/o/b.git", sha("o/b", 0), "cr_test"),
    ]
    assert parsed.bad == ()


def test_list_quotes_whatever_a_name_holds(tmp_path, published):
    odd = 'x"\\\n/é'
    folder = tmp_path / "odd"
    write(folder, "commits.parquet", COMMITS, [commit(odd, 0, "ood_test")])
    write(folder, "qna.parquet", QNA, [row(odd, 0, "ood_test")])
    assert run_command(["import-official", str(folder), "-o", str(tmp_path / "data")]) == 0
    text = repository_list_text(Dataset(tmp_path / "data").manifest.repositories, "two\nlines")
    assert tomllib.loads(text)["repository"] == [
        {"source": odd, "name": odd, "revision": sha(odd, 0), "role": "ood_test"}
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is nothing to import: name a folder, or a dataset of the Hub"),
        (("word",), "'word' is no existing folder and no dataset of the Hub (OWNER/NAME): check the spelling"),
        (("a/b", "--repo-list", "list.txt"), "name a file that ends in .toml"),
    ],
)
def test_bad_arguments_are_one_sentence(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run_command(["import-official", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_set_of_the_hub_is_downloaded_at_its_revision(tmp_path, monkeypatch):
    folder = write_snapshots(tmp_path / "hub" / "0123abc")
    asked = []

    def download(target, patterns):
        asked.append((target.repo_id, target.revision, patterns))
        return folder

    monkeypatch.setattr(repopeftbench.dataset.hub, "download_dataset", download)
    monkeypatch.chdir(tmp_path)
    assert run_command(["import-official", "code2lora/set@v1", "-o", "data"]) == 0
    assert asked == [("code2lora/set", "v1", HUB_PATTERNS)]
    dataset = Dataset(Path("data"))
    assert dataset.manifest.origin == "code2lora/set@0123abc"
    assert dataset.splits(Track.EVOLUTION) == (Split.IR_VAL, Split.IR_TEST, Split.CR_TEST)


def test_hub_client_is_not_loaded_for_a_folder(tmp_path, published):
    code = (
        "import sys; from harness.cli import run_command; "
        f"run_command(['import-official', {str(published)!r}, '-o', {str(tmp_path / 'data')!r}]); "
        "print('huggingface_hub' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_imported_data_is_not_mined_again(tmp_path, published, capsys):
    assert run_command(["import-official", str(published), "-o", str(tmp_path / "data")]) == 0
    assert run_command(["mine", "--verify", "-o", str(tmp_path / "data")]) == 2
    assert "was imported from published, not mined" in " ".join(capsys.readouterr().err.split())
