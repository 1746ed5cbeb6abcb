"""What the scripted history must give, written out by hand: labels, moves, copies, caps, and production diffs."""

import os
import subprocess  # `git apply` is the judge of a diff
from collections import Counter

import pytest

from oracle.comparison import load
from oracle.conftest import mine_into
from oracle.reference import is_test_file
from oracle.scripting import Script

ADDED, MODIFIED = "added", "modified"


def rows_of(scripted, commit, name="history"):
    sha = scripted.scripts[name].named[commit]
    return [row for row in scripted.mined[name].rows("evolution") if row["commit_sha"] == sha]


def labels(rows):
    return {row["statement"]: (row["event"], row["old_target"]) for row in rows if "event" in row}


@pytest.mark.parametrize(
    "commit",
    [
        "readme",
        "inserted",
        "reformatted",
        "numbers again",
        "renamed",
        "deleted",
        "other function",
        "linked",
        "linked again",
        "mode",
        "production",
        "promoted",
        "demoted",
        "nothing",
        "split",
        "lf",
        "utf-8",
        "path renamed",
    ],
)
def test_change_that_brings_no_assertion_gives_no_row(scripted, commit):
    assert rows_of(scripted, commit) == []


def test_added_and_modified_assertions_are_told_apart(scripted):
    found = labels(rows_of(scripted, "modified"))
    expected = {
        "assert core.limit() == 20": (MODIFIED, "10"),
        "pytest.raises(KeyError)": (MODIFIED, "ValueError"),
        "self.assertEqual(core.name(), 'new')": (MODIFIED, '"old"'),
        "assert core.pair() == 3": (MODIFIED, "2"),
        "self.assertEqual(core.extra(), 5)": (ADDED, None),
        "assert core.added() is None": (ADDED, None),
    }
    assert len(found) == 4
    assert found.items() <= expected.items()
    reasons = Counter(row.get("reason") for row in rows_of(scripted, "modified"))
    assert reasons[None] == 4
    assert len(reasons) == 3


def test_rename_with_edits_keeps_old_targets(scripted):
    assert labels(rows_of(scripted, "edited in a rename")) == {
        "self.assertEqual(core.name(), 'newer')": (MODIFIED, "'new'"),
        "assert core.added() is not None": (ADDED, None),
        "assert fresh() == 1": (ADDED, None),
    }


def test_another_message_is_not_another_target(scripted):
    assert labels(rows_of(scripted, "message again")) == {"assert m() == 1, 'two'": (ADDED, None)}


def test_revert_is_a_modification(scripted):
    assert labels(rows_of(scripted, "reverted")) == {"assert core.limit() == 10": (MODIFIED, "20")}


def test_assertions_that_left_another_file_are_moved(scripted):
    rows = rows_of(scripted, "moved")
    assert labels(rows) == {"assert own() == 3": (ADDED, None)}
    assert {row["statement"] for row in rows if row.get("reason") == "moved"} == {
        'assert moved() == "here"',
        "assert moved_too(1) == 2",
    }
    assert {row.get("reason") for row in rows_of(scripted, "swapped")} == {"moved"}


def test_merge_brings_the_whole_side_branch(scripted):
    assert set(labels(rows_of(scripted, "merge"))) == {
        "assert only_in_merge() == 1",
        "assert side() == 1",
        "assert side(2) == 2",
    }
    side = {scripted.scripts["history"].named[name] for name in ("side", "side again")}
    assert not side & {row["commit_sha"] for row in scripted.mined["history"].rows("evolution")}


def test_of_equal_copies_the_inserted_ones_are_new(scripted):
    rows = rows_of(scripted, "copied above")
    assert [(row["lineno"], row["test_function"]) for row in rows] == [(2, "test_zero"), (3, "test_zero")]


def test_caps_are_filled_and_the_rest_is_rejected(scripted):
    many = rows_of(scripted, "many")
    assert sum("event" in row for row in many) == 8
    assert Counter(row["test_file"] for row in many if "event" in row) == {
        f"tests/test_many_{index}.py": 2 for index in range(4)
    }
    functions = Counter((row["test_file"], row["test_function"]) for row in many if "event" in row)
    assert set(functions.values()) == {1}
    assert sum("event" in row for row in rows_of(scripted, "six in a file")) == 4
    assert sum("event" in row for row in rows_of(scripted, "nine files")) == 8


def test_file_that_does_not_parse_is_one_reject(scripted):
    for commit in ("broken", "undecodable"):
        (row,) = rows_of(scripted, commit)
        assert row["lineno"] is None
        assert row["statement"] is None
        assert row["test_file"] == "tests/test_half.py"


def is_production(path):
    return path.endswith(".py") and not is_test_file(path)


def production_tree(git, sha):
    files = {} if sha is None else git.files(sha)
    blobs = git.load(set(files.values()))
    return {path: blobs[oid] for path, oid in files.items() if is_production(path)}


@pytest.mark.parametrize("name", ["history", "born", "snapshot", "prefixes"])
def test_production_diffs_lead_from_one_kept_commit_to_the_next(scripted, name, tmp_path):
    git = scripted.git(name)
    history = git.history()
    kept = scripted.mined[name].commits
    assert [history[row["history_index"]] for row in kept] == [row["commit_sha"] for row in kept]
    first = kept[0]["history_index"]
    before = history[first - 1] if first else None
    for number, row in enumerate(kept):
        old, new = production_tree(git, before), production_tree(git, row["commit_sha"])
        before = row["commit_sha"]
        if row["production_diff_truncated"]:
            assert name == "prefixes"
            assert 150_000 < len(row["production_diff"].encode()) <= 204_800
            continue
        folder = tmp_path / str(number)
        assert applied(folder, old, row["production_diff"]) == new
        if old == new:
            assert row["production_diff"] == ""


def applied(folder, files, diff):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    if diff:
        command = ["git", "-c", "core.autocrlf=false", "-C", str(folder), "apply", "--whitespace=nowarn", "-"]
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
        result = subprocess.run(command, input=diff.encode(), capture_output=True, env=environment, check=False)
        assert result.returncode == 0, result.stderr.decode()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_diff_that_is_too_long_is_cut_and_flagged(scripted):
    flags = {row["commit_sha"]: row["production_diff_truncated"] for row in scripted.mined["prefixes"].commits}
    named = scripted.scripts["prefixes"].named
    assert [flags[named[commit]] for commit in ("first", "long", "again")] == [False, True, True]


def test_renames_are_followed_however_many_there_are(tmp_path):
    count = 1_050  # beyond the 1,000 at which git and libgit2 stop comparing by default; exact ones cost nothing
    script = Script(tmp_path / "many")
    files = {f"test_{i}.py": f"x = {i}\n\n\ndef test_x():\n    assert f({i}) == {i} + g(x)\n" for i in range(count)}
    script.commit("one", files)
    moved = {f"tests/{path}": content for path, content in files.items()}
    script.commit("two", dict.fromkeys(files) | moved)
    assert mine_into(script.folder, tmp_path / "data", tmp_path / "cache", "--workers", "1") == 0
    (mined,) = load(tmp_path / "data").values()
    assert [row["statement"] for row in mined.rows("evolution") if row["commit_sha"] == script.named["two"]] == []
