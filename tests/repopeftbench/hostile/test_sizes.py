"""Absurd nesting and sizes: a task or a reject with a reason, in bounded time; never a crash, never a lost file."""

import subprocess
import sys
import time

import pytest
from raw_history import START, RawHistory, asserting

from repopeftbench.gitrepo import write_history
from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.source import decode_source
from repopeftbench.schema import Track

DEEP, WIDE = 3_000, 100_000
TARGETS = {
    "parentheses": "(" * DEEP + "1" + ")" * DEEP,
    "lists": "[" * DEEP + "1" + "]" * DEEP,
    "dictionaries": "{1: " * DEEP + "1" + "}" * DEEP,
    "calls": "f(" * DEEP + "1" + ")" * DEEP,
    "calls of calls": "f" + "()" * DEEP,
    "attributes": "x" + ".y" * DEEP,
    "subscripts": "x" + "[0]" * DEEP,
    "minus signs": "-" * DEEP + "1",
    "nots": "(" + "not " * DEEP + "1)",
    "lambdas": "(" + "lambda: " * DEEP + "1)",
    "conditions": "(" + "1 if x else " * DEEP + "1)",
    "powers": "**".join(["2"] * DEEP),
    "nested assertions": "assertEqual(x, " * DEEP + "1" + ")" * DEEP,
    "f-strings": "f'{" * 500 + "1" + "}'" * 500,
    "terms": "+".join(["1"] * WIDE),
    "comparisons": "(" + " < ".join(["x"] * WIDE) + ")",
    "ands": "(" + " and ".join(["x"] * WIDE) + ")",
    "strings": " ".join(["'x'"] * WIDE),
    "elements": "[" + "1, " * WIDE + "]",
    "arguments": "f(" + ", ".join(f"x{n}" for n in range(WIDE)) + ")",
    "digits": "1" * 10_000,
    "hexadecimal digits": "0x" + "1" * 1_000_000,
    "five megabytes of a string": "'" + "a" * 5_000_000 + "'",
    "backslashes": "\\\n" * DEEP + "1",
    "spaces": " " * 1_000_000 + "1",
    "comments in brackets": "(\n" + "# comment\n" * 50_000 + "1)",
}


@pytest.mark.parametrize("name", TARGETS)
def test_absurd_target_is_a_task_or_a_reject_and_the_file_after_it_is_mined(new_history, mine, name):
    absurd = f"def test_a():\n    assert f() == {TARGETS[name]}\n    assert g() == 0\n"
    history = new_history()
    history.commit({"tests/test_a.py": absurd, "tests/test_b.py": asserting(5)})
    history.commit({"tests/test_a.py": absurd + "    assert h() == 7\n"})
    history.commit({"tests/test_a.py": asserting(8)})
    started = time.monotonic()
    mined = mine(history.folder)
    assert time.monotonic() - started < 300  # quadratic code takes hours; a busy machine does not
    assert mined.code == 0
    assert {"5", "8"} <= set(mined.values())
    unparsable = "unparsable-file" in mined.reasons()
    assert unparsable or {"0", "7"} <= set(mined.values())
    assert mined.values(Track.STATIC) == ["5", "8"]


FILES = {
    "a hundred levels of blocks": "def test_a():\n" + "".join(" " * n + "if x:\n" for n in range(1, 99)) + " " * 99,
    "classes in classes": "".join(" " * n + f"class T{n}:\n" for n in range(95)) + " " * 95 + "def test_a(s): ",
    "functions in functions": "".join(" " * n + f"def test_{n}():\n" for n in range(95)) + " " * 95,
    "three thousand elifs": "def test_a():\n    if x: pass\n" + "    elif y: pass\n" * 3_000 + "    ",
    "a line of five megabytes": "x = '" + "a" * 5_000_000 + "'\ndef test_a():\n    ",
    "a comment of five megabytes": "# " + "a" * 5_000_000 + "\ndef test_a():\n    ",
    "a hundred thousand comments": "# comment\n" * WIDE + "def test_a():\n" + "    # comment\n" * WIDE + "    ",
    "a hundred thousand blank lines": "\n" * WIDE + "def test_a():\n" + "    \n" * WIDE + "    ",
    "twenty thousand decorators": "@x\n" * 20_000 + "def test_a():\n    ",
    "twenty thousand imports": "".join(f"from pytest import raises as r{n}\n" for n in range(20_000))
    + "def test_a():\n    ",
    "quotes of both kinds": "x = " + '""" \'\'\' """ \'\' ' * 20_000 + "\ndef test_a():\n    ",
}


@pytest.mark.parametrize("name", FILES)
def test_absurd_file_is_mined_or_a_reject_and_the_one_after_it_is_mined(new_history, mine, name):
    history = new_history()
    history.commit({"tests/test_a.py": FILES[name] + "assert f() == 1\n"})
    history.commit({"tests/test_b.py": asserting(5)})
    started = time.monotonic()
    mined = mine(history.folder)
    assert time.monotonic() - started < 300  # quadratic code takes hours; a busy machine does not
    assert mined.code == 0
    assert "5" in mined.values()
    assert "1" in mined.values() or mined.reasons() == ["unparsable-file"]


@pytest.mark.parametrize("terms", range(900, 3_200, 150))
def test_limit_of_nesting_does_not_depend_on_the_caller(terms):
    raw = f"def test_a():\n    assert f() == {'+'.join(['1'] * terms)}\n".encode()

    def at(depth):
        return at(depth - 1) if depth else extract_sites(raw)

    one, other = at(0), at(400)
    assert (one.problem, one.sites) == (other.problem, other.sites)


def test_spans_in_a_long_file_of_another_code_are_found_in_linear_time():
    count = 20_000
    text = "# coding: latin-1\n" + "".join(f"def test_{n}():\n    assert 'é' == {n}\n" for n in range(count))
    source = decode_source(text.encode("latin-1"))
    started = time.monotonic()
    found = extract_sites(text.encode("latin-1")).sites
    raw = text.encode("latin-1")
    spans = [(source.raw_offset(site.start), source.raw_offset(site.end)) for site in found]
    assert time.monotonic() - started < 20
    assert [raw[start:end].decode("latin-1") for start, end in spans] == [f"assert 'é' == {n}" for n in range(count)]


@pytest.mark.parametrize("encoding", ["iso2022_jp", "shift_jis", "euc_kr", "gb18030", "utf-7"])
def test_spans_in_codes_of_many_bytes_are_those_of_the_raw_file(encoding):
    text = f"# coding: {encoding}\nx = '日本語'\ndef test_a():\n    assert '日' == '本'; assert y == '語'  # 日\n"
    raw = text.encode(encoding)
    source = decode_source(raw)
    for site in extract_sites(raw).sites:
        span = raw[source.raw_offset(site.target_start) : source.raw_offset(site.target_end)]
        assert span.decode(encoding) == site.target


def test_twenty_megabytes_of_tests_are_mined(new_history, mine):
    body = "".join(f"def test_{n}():\n    x = '{'y' * 900}'\n    assert f({n}) == {n}\n\n" for n in range(21_000))
    assert len(body) > 20_000_000
    history = new_history()
    history.commit({"tests/test_a.py": body})
    history.commit({"tests/test_a.py": body + "def test_last():\n    assert last() == 'end'\n"})
    mined = mine(history.folder)
    assert "'end'" in mined.values()
    assert len(mined.values(Track.STATIC)) == 21_001


def mined_apart(folder, memory):
    """Mines in a process that may have so many bytes of memory; its result."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))"
    command = [sys.executable, "-c", f"{limit}; from harness.cli import main; main()"]
    options = ["mine", str(folder), "-o", str(folder.parent / "data"), "--cutoff", "none", "--workers", "1"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_hundred_thousand_test_files_in_one_commit_are_mined(tmp_path):
    files = [
        (f"tests/d{n % 100}/test_{n}.py", f"def test_a():\n    assert f({n}) == {n}\n".encode()) for n in range(WIDE)
    ]
    write_history(tmp_path / "many", [("one", START, files)])
    done = mined_apart(tmp_path / "many", 8 << 30)
    assert done.returncode == 0, done.stderr
    assert "100,000 seen" in done.stdout


@pytest.mark.slow
def test_fifty_thousand_assertions_in_one_function_are_mined(tmp_path):
    body = "def test_a():\n" + "".join(f"    assert f({n}) == {n}\n" for n in range(50_000))
    history = RawHistory(tmp_path / "long")
    history.commit({"tests/test_a.py": body})
    done = mined_apart(history.folder, 4 << 30)
    assert done.returncode == 0, done.stderr
    assert "50,000 seen" in done.stdout
