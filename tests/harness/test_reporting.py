"""`repobench report` and `compare` on runs of a synthetic dataset."""

import json

import pytest

from harness.cli import run_command
from harness.slices import SLICES
from harness.unknown_names import unknown_names
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

METHODS = ("most-frequent", "copy-prefix", "previous-version")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a dataset in `data` and finished runs of three methods in `runs`."""
    folder = tmp_path_factory.mktemp("reporting")
    assert run_command(["synth", str(folder / "repos"), "--count", "8", "--commits", "8"]) == 0
    listing, data = str(folder / "repos" / "repos.toml"), str(folder / "data")
    assert run_command(["mine", listing, "--cutoff", "none", "-o", data, "--workers", "1"]) == 0
    for method in METHODS:
        options = ["--data", data, "-o", str(folder / "runs" / method)]
        assert run_command(["run", "--method", method, "--split", "ir_train", *options]) == 0
    return folder


def test_report_prints_the_chosen_slices_and_writes_all(place, tmp_path, capsys):
    out = tmp_path / "report"
    chosen = ["--by", "event", "--by", "position", "--data", str(place / "data")]
    assert run_command(["report", str(place / "runs"), "-o", str(out), *chosen]) == 0
    shown = capsys.readouterr().out
    assert all(method in shown for method in METHODS)
    assert "EM % by event" in shown
    assert "EM % by family" not in shown
    document = json.loads((out / "report.json").read_bytes())
    assert document["names_known"] is True
    for table in document["tables"]:
        assert len(table["rows"]) == 3
        assert len(table["pairs"]) == 3
        assert set(table["slices"]) == set(SLICES)
        assert all(pair["sentence"] for pair in table["pairs"])


def test_run_that_is_named_twice_is_one_method(place, tmp_path):
    run = str(place / "runs" / "copy-prefix")
    assert run_command(["report", run, f"{place}/runs/../runs/copy-prefix", "-o", str(tmp_path), "--no-html"]) == 0
    (row,) = json.loads((tmp_path / "report.json").read_bytes())["tables"][0]["rows"]
    assert row["method"] == "copy-prefix"


def test_unfinished_run_is_left_out_and_named(place, tmp_path, capsys):
    unfinished = tmp_path / "runs" / "half"
    unfinished.mkdir(parents=True)
    (unfinished / "manifest.json").write_bytes((place / "runs" / "copy-prefix" / "manifest.json").read_bytes())
    out = str(tmp_path / "out")
    code = run_command(["report", str(place / "runs"), str(unfinished), "-o", out, "--no-html"])
    assert (code, "half is not finished" in capsys.readouterr().err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "RUNS", "--by", "colour"], "--by colour is no slice: choose from family, event"),
        (["report", "RUNS", "--data", "RUNS"], "is not a dataset"),
        (["report", "RUNS/nowhere"], "no run in"),
        (["compare", "RUNS/copy-prefix", "RUNS/nowhere"], "is no run folder"),
        (
            ["compare", "RUNS/copy-prefix", "RUNS/most-frequent", "--metric", "bleu"],
            "Unknown metric 'bleu'. Did you mean 'codebleu'? Available: ",
        ),
        (["compare", "RUNS/copy-prefix", "RUNS/most-frequent", "--limit", "-1"], "--limit -1 must not be negative"),
    ],
)
def test_bad_input_is_one_sentence(place, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run_command([part.replace("RUNS", str(place / "runs")) for part in arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert shown.out == ""


def test_report_without_the_libraries_of_the_page_says_how_to_get_it(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("harness.commands.reporting.PAGE_LIBRARIES", ("json", "no_such_library"))
    assert run_command(["report", str(place / "runs"), "-o", str(tmp_path)]) == 0
    remark = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no_such_library is not installed; pip install 'repopeftbench[report]' brings it" in remark
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md", "report-tables"}


def test_page_is_written_unless_it_is_declined(place, tmp_path, capsys):
    runs = [str(place / "runs" / "copy-prefix"), "--data", str(place / "data")]
    assert run_command(["report", *runs, "-o", str(tmp_path / "without"), "--no-html"]) == 0
    assert "open " not in capsys.readouterr().err
    assert run_command(["report", *runs, "-o", str(tmp_path / "with")]) == 0
    assert "report.html" in capsys.readouterr().err.splitlines()[-1]
    more = {"report.html", "report-details", "report-figures"}
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("without", "with")]
    assert names[1] - names[0] == more


def test_data_of_other_runs_is_refused(place, tmp_path, capsys):
    assert run_command(["synth", str(tmp_path / "repos"), "--count", "1", "--commits", "6"]) == 0
    listing, data = str(tmp_path / "repos" / "repos.toml"), str(tmp_path / "data")
    assert run_command(["mine", listing, "--cutoff", "none", "-o", data, "--workers", "1"]) == 0
    assert run_command(["report", str(place / "runs"), "-o", str(tmp_path), "--data", data]) == 2
    assert "None of the runs is of the dataset in" in capsys.readouterr().err


def test_compare_prints_a_verdict_and_the_flipped_tasks(place, capsys):
    runs = [str(place / "runs" / name) for name in ("copy-prefix", "most-frequent")]
    assert run_command(["compare", *runs, "--limit", "1"]) == 0
    shown = capsys.readouterr().out
    assert "copy-prefix" in shown
    assert "p by sign flips of repositories" in shown
    assert run_command(["compare", *runs, "--json", "--metric", "edit_similarity"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["first"], document["second"], document["metric"]) == (
        "copy-prefix",
        "most-frequent",
        "edit_similarity",
    )
    assert {part["track"] for part in document["parts"]} == {"static", "evolution"}


def test_run_compared_with_itself_shows_no_difference(place, capsys):
    run = str(place / "runs" / "copy-prefix")
    assert run_command(["compare", run, run]) == 0
    shown = capsys.readouterr().out
    assert "No difference shown between copy-prefix (nano) #1 and copy-prefix (nano) #2: 0.0 points" in shown
    assert "Target" not in shown


def test_names_are_looked_up_as_words_in_the_prefix_of_their_task(place):
    dataset = Dataset(place / "data")
    task = next(dataset.tasks(Track.STATIC, Split.IR_TRAIN))
    word = next(word for word in task.prefix.split() if word.isidentifier())
    wanted = {task.task_id: frozenset({word, word + "xq"}), "other": frozenset({"a"})}
    assert unknown_names(dataset, wanted, tuple(Track), tuple(Split)) == {task.task_id: frozenset({word + "xq"})}
