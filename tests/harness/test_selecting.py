"""`repobench select`: from candidates and their histories to a list that `mine` takes."""

import datetime as dt
import json
import shutil
import tomllib

import pytest

from harness.cli import run_command
from repopeftbench.gitrepo import write_history
from repopeftbench.sources import cached_clone, repository_list

BEFORE = int(dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp())
AFTER = int(dt.datetime(2025, 6, 1, tzinfo=dt.UTC).timestamp())
TEST = b"import pytest\n\ndef test_a():\n    assert f() == 1\n"
HISTORIES = {
    "org/imports": ({"tests/test_a.py": TEST}, BEFORE),
    "org/names": ({"tests/test_a.py": b"def test_a(): assert f() == 1\n", "tox.ini": b"deps = PyTest\n"}, BEFORE),
    "org/unit": ({"a/thing_test.py": b"from unittest import TestCase\n"}, BEFORE),
    "org/neither": ({"tests/test_a.py": b"def test_a(): assert f() == 1\n", "setup.cfg": b"nose\n"}, BEFORE),
    "org/untested": ({"latest/code.py": TEST, "pyproject.toml": b"pytest\n"}, BEFORE),
    "org/young": ({"tests/test_a.py": TEST + b"# young\n"}, AFTER),
}


def row(number, name, **more):
    return {
        "id": number,
        "full_name": name,
        "html_url": f"https://github.com/{name}",
        "stars": 1_000 + number,
        "size_kb": 4_000,
        "license": "MIT",
        "created_at": "2024-01-01T00:00:00Z",
        "pushed_at": "2026-01-01T00:00:00Z",
        **more,
    }


@pytest.fixture
def case(tmp_path):
    """Candidates of every kind, and clones of all but one."""
    for name, (files, start) in HISTORIES.items():
        write_history(tmp_path / "clones" / name, [("first", start, list(files.items()))])
    shutil.copytree(tmp_path / "clones/org/imports", tmp_path / "clones/org__renamed")
    names = [*HISTORIES, "org/renamed", "org/missing"]
    rows = [row(number, name) for number, name in enumerate(names)] + [row(50, "org/few", stars=3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows) + "no json\n")
    return tmp_path


def select(case, *arguments, out="repos.txt", workers=1):
    options = ["-o", str(case / out), "--workers", str(workers)]
    done = run_command(["select", str(case / "rows.jsonl"), *options, *arguments])
    rejects = (case / f"{out}.rejects.jsonl").read_text().splitlines()
    return done, {one["full_name"]: one for one in map(json.loads, rejects)}


def test_histories_decide_and_every_candidate_is_accounted_for(case, capsys):
    code, rejects = select(case, "--clones", str(case / "clones"))
    said = capsys.readouterr()
    # 1: org/missing could not be looked into.
    assert code == 1
    assert "not looked into: org/missing" in said.err
    assert {name: one["reason"] for name, one in rejects.items()} == {
        "org/neither": "no-test-framework",
        "org/untested": "no-test-file",
        "org/young": "begins-after-cutoff",
        "org/imports": "same-history",
        "org/missing": "unreachable",
        "org/few": "stars",
        None: "bad-row",
    }
    assert "org/renamed" in rejects["org/imports"]["detail"]
    assert rejects[None]["line"] == 10
    listed = repository_list(str(case / "repos.txt"))
    assert [source.repo_id for source in listed.sources] == ["org/names", "org/renamed", "org/unit"]
    assert "candidates: 10 seen = 3 kept + 7 dropped" in said.out


def test_list_in_toml_has_licences_and_cutoff(case):
    code, _ = select(case, "--metadata-only", out="repos.toml")
    assert code == 0
    listed = repository_list(str(case / "repos.toml"))
    assert {source.licence for source in listed.sources} == {"MIT"}
    assert [source.repo_id for source in listed.sources] == sorted([*HISTORIES, "org/missing", "org/renamed"])
    assert tomllib.loads((case / "repos.toml").read_text())["cutoff"] == "2025-04-01T00:00:00+00:00"


def test_same_bytes_with_two_processes_and_when_selected_again(case):
    select(case, "--clones", str(case / "clones"))
    once = [(case / name).read_bytes() for name in ("repos.txt", "repos.txt.rejects.jsonl")]
    select(case, "--clones", str(case / "clones"), workers=2)
    assert once == [(case / name).read_bytes() for name in ("repos.txt", "repos.txt.rejects.jsonl")]


def test_without_clones_they_are_made_in_the_cache(case):
    url = f"file://{case}/clones/org/unit"
    (case / "rows.jsonl").write_text(json.dumps(row(1, "org/unit", html_url=url)) + "\n")
    code, rejects = select(case, "--cache", str(case / "cache"))
    assert (code, rejects) == (0, {})
    assert (case / "repos.txt").read_text().splitlines()[1:] == [url]
    assert cached_clone(url, case / "cache").is_dir()


def test_flags_change_the_rules(case):
    changes = ("--min-stars", "1", "--licence", "ISC", "--licence", "mit", "--cutoff", "none")
    code, rejects = select(case, "--metadata-only", *changes, "--pushed-since", "2026-01-01")
    assert (code, list(rejects)) == (0, [None])
    _, rejects = select(case, "--metadata-only", "--licence", "ISC", "--max-size-kb", "1")
    assert {one["reason"] for name, one in rejects.items() if name} == {"licence"}
    _, rejects = select(case, "--metadata-only", "--profile", "ood")
    assert {one["reason"] for name, one in rejects.items() if name not in (None, "org/few")} == {"begins-before-cutoff"}


def test_baseline_and_tombstones_are_left_out(case):
    (case / "base.txt").write_text("Org/Unit\n")
    (case / "gone.toml").write_text('[[tombstone]]\nsource = "org/names"\ndate = 2026-01-31\nreason = "asked for"\n')
    arguments = ("--baseline", str(case / "base.txt"), "--tombstones", str(case / "gone.toml"))
    _, rejects = select(case, "--metadata-only", *arguments)
    assert (rejects["org/unit"]["reason"], rejects["org/names"]["reason"]) == ("in-baseline", "taken-down")


def test_nothing_left_is_said_and_the_reasons_are_there(case, capsys):
    code, rejects = select(case, "--metadata-only", "--min-stars", "1000000")
    assert (code, len(rejects)) == (1, 10)
    assert "no candidate is left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pushed-since", "soon"), "--pushed-since 'soon' is no date"),
        (("--min-stars", "-1"), "--min-stars -1 must not be negative"),
        (("--workers", "-1"), "--workers -1 must not be negative"),
        (("--cutoff", "soon"), "cutoff 'soon' is no date"),
        (("--baseline", "missing.txt"), "does not exist"),
        (("--tombstones", "missing.toml"), "cannot be read"),
    ],
)
def test_option_that_cannot_be_used_is_one_sentence(case, capsys, arguments, message):
    assert run_command(["select", str(case / "rows.jsonl"), "-o", str(case / "out.txt"), *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (case / "out.txt").exists()


def test_file_of_candidates_that_is_not_there_is_one_sentence(case, capsys):
    assert run_command(["select", str(case / "none.jsonl"), "-o", str(case / "out.txt")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_list_that_someone_wrote_is_not_overwritten(case, capsys):
    (case / "mine.txt").write_text("a/b\n")
    assert run_command(["select", str(case / "rows.jsonl"), "-o", str(case / "mine.txt"), "--metadata-only"]) == 2
    assert "no list that select wrote" in capsys.readouterr().err
    assert (case / "mine.txt").read_text() == "a/b\n"
