"""The page of a report as a text: nothing of the data becomes part of it, and the same input gives the same bytes."""

import base64
import hashlib
import re
import shutil
from dataclasses import replace
from importlib import resources

import pytest
from page_cases import HOSTILE, HOSTILE_REPOSITORY, MARK, hostile_tasks, write_hostile, write_usual
from report_cases import training

from harness.commands.reporting import make_report, write_all
from harness.report.html.details import CHUNK_TASKS
from harness.report.html.packing import pack, unpack
from harness.report.tables import build_report

pytest.importorskip("altair", reason="the page's libraries are not installed: pip install 'repopeftbench[report]'")

from harness.report.html.folder import write_page

_SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)
_CHUNK = re.compile(r'repobenchDetails\("([0-9a-f]{16})",(\d+),"([A-Za-z0-9+/=]+)"\);\n')


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return write_usual(tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return write_hostile(tmp_path_factory.mktemp("hostile"))


def document(out):
    found = re.search(r'id="payload">([^<]*)<', (out / "report.html").read_text("utf-8"))
    return unpack(found[1])


def chunks(out):
    texts = [path.read_text("utf-8") for path in sorted((out / "report-details").iterdir())]
    return [(found[1], int(found[2]), unpack(found[3])) for found in map(_CHUNK.fullmatch, texts)]


def test_hostile_texts_are_in_the_data_and_nowhere_else_in_the_page(hostile):
    page = (hostile / "report.html").read_text("utf-8")
    assert page.count("</script") == 3
    assert "<!--" not in page
    markup = _SCRIPT.sub("", page)
    assert f"window.{MARK}" not in markup.replace(f"window.{MARK}=1&lt;/script&gt;", "")
    assert "<img" not in markup
    assert "<script" not in markup
    assert "\N{LINE SEPARATOR}" not in page
    data = document(hostile)
    assert data["tasks"]["repository"]["texts"] == [HOSTILE_REPOSITORY]
    assert {run["method"] for run in data["runs"]} == set(HOSTILE[:2])


def test_hostile_texts_come_back_from_the_details_as_they_were(hostile):
    details = [task for _, _, tasks in chunks(hostile) for task in tasks]
    by_id = {task.task_id: task for task in hostile_tasks()}
    assert {task["id"] for task in details} == set(by_id)
    for task in details:
        assert task["prefix"] == by_id[task["id"]].prefix
        assert task["raw_target"] == by_id[task["id"]].target
        assert task["link"] is None
        assert any(answer["raw"] in HOSTILE for answer in task["answers"])


def test_lone_surrogates_can_be_packed():
    assert unpack(pack({"a": ["\ud800", 1, None]})) == {"a": ["\ud800", 1, None]}


def test_the_page_lets_no_script_run_but_its_own(usual):
    page = (usual / "report.html").read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    programs = [text for attributes, text in _SCRIPT.findall(page) if "payload" not in attributes]
    hashes = {f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in programs}
    assert set(re.findall(r"sha256-[^']+", policy)) == hashes
    assert "default-src 'none'" in policy
    scripts = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "unsafe" not in scripts


def test_the_page_loads_nothing_from_anywhere(usual):
    markup = _SCRIPT.sub("", (usual / "report.html").read_text("utf-8"))
    loaded = re.findall(r'(?:src|href)="([^"]*)"', markup)
    assert set(loaded) == {"#main", "data:,"}
    assert "url(" not in markup
    assert "@import" not in markup


def test_the_program_parses_no_markup():
    program = "".join(
        path.read_text("utf-8")
        for path in resources.files("harness.report.html").joinpath("templates").iterdir()
        if path.name.endswith(".js")
    )
    assert "textContent" in program
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "Function("):
        assert way not in program
    templates = resources.files("harness.report.html").joinpath("templates").joinpath("page.html.j2").read_text("utf-8")
    assert "safe" not in templates


def test_the_same_runs_give_the_same_bytes_and_old_chunks_go(usual, tmp_path):
    folder = usual.parent
    out = tmp_path / "again"
    (out / "report-details").mkdir(parents=True)
    (out / "report-details" / "9999.js").write_text("old")
    (out / "mine.txt").write_text("precious")
    write_all(make_report([folder / "runs"], [folder / "data"]), out)
    assert (out / "mine.txt").read_text() == "precious"
    (out / "mine.txt").unlink()
    first, second = ({path.relative_to(one): path for path in one.rglob("*") if path.is_file()} for one in (usual, out))
    assert first.keys() == second.keys()
    assert len(first) > 100
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_chunks_hold_all_tasks_in_the_order_of_the_list(usual):
    tasks = document(usual)["tasks"]
    read = chunks(usual)
    assert [number for _, number, _ in read] == list(range(len(read)))
    assert {report_id for report_id, _, _ in read} == {document(usual)["id"]}
    assert all(len(content) == CHUNK_TASKS for _, _, content in read[:-1])
    ids = [task["id"][:12] for _, _, content in read for task in content]
    assert ids == tasks["id"]
    assert tasks["count"] == len(ids) == 240
    assert all(len(column) == len(ids) for column in tasks["verdicts"])


def test_what_the_list_says_of_answers_is_what_the_details_say(usual):
    data = document(usual)
    details = [task for _, _, content in chunks(usual) for task in content]
    seen = set()
    for number, column in enumerate(data["tasks"]["verdicts"]):
        for verdict, task in zip(column, details, strict=True):
            answer = task["answers"][number]
            seen.add(verdict)
            assert (verdict == "x") == (answer["error"] is not None)
            assert (verdict == "1") == (answer["values"]["em_strict"] == 1.0)
    assert {"0", "1", "x"} <= seen


def test_leaderboard_has_every_family_and_event_and_all_its_numbers(usual):
    data = document(usual)
    table = next(table for table in data["tables"] if table["track"] == "evolution")
    assert {"|", "assert|", "|added", "assert|modified"} <= set(table["cells"])
    whole = table["cells"]["|"]
    parts = [table["cells"][f"|{event}"] for event in table["events"]]
    assert whole["tasks"] == sum(part["tasks"] for part in parts)
    means = whole["values"]["em_strict"]
    assert [row["method"] for row in table["rows"]] == ["able", "seeded", "plain"]
    assert means == sorted(means, reverse=True)
    assert all(low <= mean <= high for mean, low, high in means)
    for place in range(3):
        weighted = sum(part["tasks"] * part["values"]["em_strict"][place][0] for part in parts) / whole["tasks"]
        assert abs(weighted - means[place][0]) < 1e-4
    able = table["rows"][0]
    assert able["failed"] > 0
    assert able["answers"] - able["failed"] - able["scored"]["em_strict"] == 0
    assert able["letters"].startswith("a")


def test_figures_have_words_and_numbers(usual):
    table = document(usual)["tables"][-1]
    titles = [figure["title"] for figure in table["figures"]]
    assert len(set(titles)) == len(titles) >= 7
    for figure in table["figures"]:
        assert len(figure["caption"]) > 30
        assert figure["rows"]
        assert all(len(row) == len(figure["headings"]) for row in figure["rows"])
        assert figure["spec"]["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    files = {path.name for path in (usual / "report-figures").iterdir()}
    assert "evolution-cr_test-exact-match.svg" in files
    assert {name.removesuffix(".svg") for name in files if name.endswith("svg")} == {
        name.removesuffix(".png") for name in files if name.endswith("png")
    }
    svg = (usual / "report-figures" / "evolution-cr_test-exact-match.svg").read_text("utf-8")
    assert "Exact match by three rules" in svg
    assert (usual / "report-figures" / "evolution-cr_test-exact-match.png").read_bytes().startswith(b"\x89PNG")


def test_runs_of_one_method_are_told_apart_by_the_seed_of_their_training(usual, tmp_path):
    made = make_report([usual.parent / "runs" / f"seeded-{seed}" for seed in (0, 1)], [])
    first = made.runs[0][1].manifest
    runs = []
    for seed, (folder, run) in enumerate(made.runs):
        runs.append((folder, replace(run, manifest=first.model_copy(update={"training": training(seed=seed)}))))
    report = build_report([run for _, run in runs], resamples=50)
    write_page(report, runs, [], tmp_path, progress=lambda *_: None)
    assert [run["label"] for run in document(tmp_path)["runs"]] == ["seeded, seed 0", "seeded, seed 1"]


def test_costs_are_on_the_page_where_a_log_has_them(usual):
    for table in document(usual)["tables"]:
        assert [row[0] for row in table["costs"]["rows"]] == [row["method"] for row in table["rows"]]
        assert {row[0]: row[6] for row in table["costs"]["rows"]}["able"] == "15"
        assert table["costs"]["headings"][6] == "Prompt tokens"


def test_without_a_dataset_there_is_no_prefix_and_no_file(usual, tmp_path):
    write_all(make_report([usual.parent / "runs" / "able"], []), tmp_path)
    task = chunks(tmp_path)[0][2][0]
    assert "prefix" not in task
    assert task["target"]
    assert document(tmp_path)["tasks"]["file"]["texts"] == [""]


def test_predictions_that_are_not_those_of_the_scores_are_named(usual, tmp_path):
    from harness.errors import RunError

    shutil.copytree(usual.parent / "runs" / "able", tmp_path / "able")
    lines = (tmp_path / "able" / "predictions.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "able" / "predictions.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(RunError, match="has 239 predictions and the run 240 scores"):
        write_all(make_report([tmp_path / "able"], []), tmp_path / "out")
    assert not (tmp_path / "out" / "report.html").exists()
