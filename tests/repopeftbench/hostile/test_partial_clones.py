"""Shallow and partial clones: refused with the command that repairs them, and that command does repair them."""

import re
import subprocess

import pytest
from raw_history import ENVIRONMENT, asserting, git


@pytest.fixture
def upstream(new_history):
    made = new_history("upstream")
    made.commit({"tests/test_a.py": asserting(1), "src/a.py": "x = 1\n"})
    made.commit({"tests/test_a.py": asserting(1, 2), "src/a.py": "x = 2\n"})
    made.commit({"tests/test_b.py": asserting(3), "src/a.py": "x = 3\n"})
    git(made.folder, "config", "uploadpack.allowFilter", "true")
    return made.folder


def clone(upstream, *options):
    folder = upstream.parent / "a copy"
    git(upstream.parent, "clone", "-q", *options, f"file://{upstream}", str(folder))
    return folder


def repair(problem):
    command = re.search(r"run (git -C .*)", problem).group(1)
    done = subprocess.run(command, shell=True, capture_output=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


SHALLOW = [("--depth=1",), ("--depth=2", "--bare")]
PARTIAL = [
    ("--filter=blob:none", "--no-checkout"),
    ("--filter=blob:none",),
    ("--filter=blob:none", "--bare"),
    ("--filter=tree:0", "--bare"),
    ("--filter=blob:limit=10", "--no-checkout"),
]


@pytest.mark.parametrize(("options", "word"), [(o, "shallow") for o in SHALLOW] + [(o, "partial") for o in PARTIAL])
def test_named_command_makes_the_clone_minable(upstream, mine, options, word):
    folder = clone(upstream, *options)
    mined = mine(folder)
    assert mined.code == 1
    (problem,) = mined.failed
    assert f"is a {word} clone" in problem
    repair(problem)
    again = mine(folder, name="again")
    assert (again.code, again.values()) == (0, ["1", "2", "3"])


def test_partial_clone_by_an_older_git_is_recognised_too(upstream, mine):
    folder = clone(upstream, "--filter=blob:none", "--bare")
    git(folder, "config", "extensions.partialClone", "origin")
    (problem,) = mine(folder).failed
    assert "is a partial clone" in problem
    repair(problem)
    assert mine(folder, name="again").values() == ["1", "2", "3"]


def test_partial_clone_without_its_configuration_is_recognised_by_its_packs(upstream, mine):
    folder = clone(upstream, "--filter=blob:none", "--bare")
    (folder / "config").unlink()
    assert "is a partial clone" in mine(folder).failed[0]


def test_work_tree_of_a_shallow_clone_is_refused_too(upstream, mine):
    folder = clone(upstream, "--depth=1")
    beside = upstream.parent / "beside"
    git(folder, "worktree", "add", "-q", "--detach", str(beside))
    (problem,) = mine(beside).failed
    assert "is a shallow clone" in problem
    repair(problem)
    assert mine(beside, name="again").values() == ["1", "2", "3"]


@pytest.mark.parametrize("options", [SHALLOW[0], PARTIAL[0]])
def test_url_of_such_a_clone_is_refused_with_the_same_command(upstream, mine, options):
    folder = clone(upstream, *options)
    (problem,) = mine(f"file://{folder}").failed
    assert "cannot be cloned or updated" in problem
