import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from contest.agreement import compare, read_walk
from contest.measure import measure
from oracle import cases, reference
from peers.statements import new_statements, statement_texts

ROOT = Path(__file__).parent.parent.parent
PEERS = ("git-plumbing", *(["pydriller"] if importlib.util.find_spec("pydriller") else []))
ONE = "def test_one():\n    assert f(1) == 1\n    assert f(2) == 2\n" + "    g()\n" * 20
TWO = "from pytest import raises as fails\n\n\ndef test_two():\n    with fails(KeyError):\n        f(3)\n"


@pytest.fixture
def small(history):
    """A merge, a new layout, a file that moves and then changes while it moves, a broken version and its repair."""
    first = history.commit({"tests/test_one.py": ONE, "f.py": "X = 1\n"})
    more = ONE.replace("f(2) == 2", "f( 2 )==2\n    assert f(4) == 4")
    second = history.commit({"tests/test_one.py": more, "f.py": "X = 2\n"})
    branch = history.commit({"tests/test_two.py": TWO}, parents=[first])
    # `fast-import` takes a merge's tree from its first parent, so the branch's file is named again.
    history.commit({"tests/test_two.py": TWO}, parents=[second, branch])
    history.commit(renames=[("tests/test_one.py", "tests/test_moved.py")])
    history.commit(
        {"tests/test_again.py": more.replace("== 4", "== 44")}, renames=[("tests/test_moved.py", "tests/test_again.py")]
    )
    history.commit({"tests/test_two.py": TWO + "def test_broken(:\n"})
    history.commit({"tests/test_two.py": TWO + "    assert f(5) == 5\n", "f.py": "X = 3\n"})
    return history.write()


def benchmark(*arguments, **environment):
    command = [sys.executable, str(ROOT / "benchmarks" / "mining.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_all_contenders_agree_on_merges_renames_and_broken_versions(small, tmp_path):
    report = tmp_path / "report.json"
    skipped = () if "pydriller" in PEERS else ("--skip", "pydriller")
    done = benchmark(small, "--json", report, *skipped)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(report.read_text("utf-8"))["results"]
    assert result["commits"] == 7, "the commit of the branch is not on the first-parent history"
    agreements = {found["one"]: found for found in result["agreements"]}
    assert set(agreements) == set(PEERS)
    for found in agreements.values():
        assert found["other"] == "repobench"
        assert (found["agreeing"], found["excused"], found["problems"]) == (7, [], [])
        assert (found["kept"], found["statements"]) == (5, 2 + 1 + 1 + 1 + 2)
    for (sample,) in result["samples"].values():
        assert sample["problem"] is None and not sample["timed_out"]
    assert "| small.git | git-plumbing = repobench | 7 | 5 | 7 | 7 | 0 | 0 |" in done.stdout


def test_peer_that_times_out_is_reported_and_is_no_failure(small):
    done = benchmark(small, "--only", "git-plumbing", "--timeout", "0.01")
    assert done.returncode == 0, done.stderr
    assert "| git-plumbing | 1 | timed out after 0 s |" in done.stdout


def test_missing_pydriller_is_one_sentence_and_the_others_go_on(small, tmp_path):
    (tmp_path / "pydriller.py").write_text("raise ImportError('absent')\n", "utf-8")
    done = benchmark(small, "--only", "pydriller,git-log", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "pip install 'repopeftbench[bench]'" in done.stderr
    assert "| git-log | 1 |" in done.stdout


def test_repository_is_left_as_it_was(small):
    before = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
    assert benchmark(small, "--only", "git-plumbing").returncode == 0
    assert {path: path.read_bytes() for path in small.rglob("*") if path.is_file()} == before


def test_statement_that_one_side_lacks_is_a_disagreement(small):
    walk = read_walk(small)
    full = {walk.commits[0]: {"tests/test_one.py": Counter(["assert a", "assert b"])}}
    less = {walk.commits[0]: {"tests/test_one.py": Counter(["assert a"])}}
    found = compare(walk, ("one", full), ("other", less))
    assert found.agreeing == 6
    assert found.problems == (f"{walk.commits[0]} tests/test_one.py: only one has 1: 'assert b'",)


def test_only_the_new_file_of_an_inexact_rename_is_excused(small):
    walk = read_walk(small)
    moved, edited = walk.commits[3], walk.commits[4]
    assert walk.doubtful == {edited: frozenset({"tests/test_again.py"})}
    answer = {edited: {"tests/test_again.py": Counter(["assert a"]), "tests/test_x.py": Counter(["assert b"])}}
    found = compare(walk, ("one", answer), ("other", {}))
    assert found.excused == (f"{edited} tests/test_again.py",)
    assert [problem.split(":")[0] for problem in found.problems] == [f"{edited} tests/test_x.py"]
    assert compare(walk, ("one", {moved: {"tests/test_moved.py": Counter(["a"])}}), ("other", {})).problems


def test_commit_outside_the_history_is_a_disagreement(small):
    assert compare(read_walk(small), ("one", {"0" * 40: {}}), ("other", {})).problems


def test_peers_see_the_assertions_that_the_reference_sees():
    source = cases.source().encode()
    found = statement_texts(source)
    assert found.total() > 200
    assert new_statements(None, found) == reference.texts(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from nose.tools import assert_equal as same\ndef test_a():\n    same(1, 2)\n", "same(1, 2)"),
        ("from pytest import *\ndef test_a():\n    raises(E)\n", "raises(E)"),
        ("# coding: latin-1\ndef test_a():\n    assert 'é' == x\n", "assert 'é' == x"),
        ("class C:\n  if x:\n    @d(self.assertTrue(1))\n    def test_a(): pass\n", "self.assertTrue(1)"),
        ("def test_a():\r\n    assert x == (\r\n    1)\r\n", "assert x == 1"),
    ],
)
def test_peers_find_the_assertion(source, expected):
    encoding = "latin-1" if "latin-1" in source else "utf-8"
    assert new_statements(None, statement_texts(source.encode(encoding))) == Counter([expected])


def test_new_layout_is_not_new_and_one_more_copy_is():
    before = statement_texts(b"def test_a():\n    assert f(1) == 1\n")
    after = statement_texts(b"def test_a():\n    assert f( 1 )==1\n    assert (f(1) ==\n 1)\n")
    assert new_statements(before, after) == Counter(["assert f(1) == 1"])


def test_cpu_time_of_children_counts():
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    sample = measure([sys.executable, "-c", parent], environment=os.environ, timeout=30)
    assert sample.problem is None
    assert sample.cpu >= 0.3


def test_process_left_behind_is_no_result():
    parent = "import subprocess; subprocess.Popen(['sleep', '60'])"
    sample = measure([sys.executable, "-c", parent], environment=os.environ, timeout=30)
    assert "left processes behind" in sample.problem


def test_failure_names_the_last_line_of_the_message():
    sample = measure([sys.executable, "-c", "raise SystemExit('broken')"], environment=os.environ, timeout=30)
    assert sample.problem == "exit code 1: broken"
