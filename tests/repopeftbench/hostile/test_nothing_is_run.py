"""A repository's configuration, attributes and hooks name programs: none is run, and no result depends on them."""

import os
import subprocess

import pytest
from raw_history import ENVIRONMENT, asserting, git

HOOKS = (
    "post-checkout",
    "post-merge",
    "reference-transaction",
    "pre-receive",
    "post-update",
    "update",
    "fsmonitor-watchman",
)
ATTRIBUTES = "* filter=evil diff=evil merge=evil text eol=crlf ident working-tree-encoding=UTF-16 export-subst\n"


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


@pytest.fixture
def program(tmp_path, marker):
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\necho run >> {marker}\ncat\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def armed(new_history, program, tmp_path):
    made = new_history("armed")
    made.commit({"tests/test_a.py": asserting(1), "src/a.py": "x = 1\n", ".gitattributes": ATTRIBUTES})
    made.commit({"tests/test_a.py": asserting(1, 2), "src/a.py": "x = 2\n"})
    git(made.folder, "reset", "-q", "--hard")
    included = tmp_path / "included"
    included.write_text(f'[core]\n\tfsmonitor = {program}\n[diff "evil"]\n\tcommand = {program}\n')
    hooks = tmp_path / "hooks"
    for folder in (hooks, made.folder / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).write_text(program.read_text())
            (folder / name).chmod(0o755)
    (made.folder / ".gitattributes").write_text(ATTRIBUTES)
    (made.folder / ".git" / "info").mkdir(exist_ok=True)
    (made.folder / ".git" / "info" / "attributes").write_text("*.py filter=evil -diff binary\n")
    configuration = made.folder / ".git" / "config"
    configuration.write_text(
        configuration.read_text()
        + f"""
[core]
    fsmonitor = {program}
    hooksPath = {hooks}
    sshCommand = {program}
    askPass = {program}
    pager = {program}
    editor = {program}
    gitProxy = {program}
    alternateRefsCommand = {program}
    worktree = {tmp_path}
    abbrev = 30
    quotePath = false
[include]
    path = {included}
[includeIf "gitdir:/**"]
    path = {included}
[diff]
    external = {program}
    noprefix = true
    context = 9
    algorithm = patience
[diff "evil"]
    textconv = {program}
    command = {program}
    binary = true
    xfuncname = x
[filter "evil"]
    smudge = {program}
    clean = {program}
    process = {program}
    required = true
[merge "evil"]
    driver = {program}
[uploadpack]
    packObjectsHook = {program}
[credential]
    helper = !{program}
[protocol "ext"]
    allow = always
[remote "origin"]
    url = ext::{program}
    uploadpack = {program}
    vcs = evil
[alias]
    fetch = !{program}
[gpg]
    program = {program}
[trailer "x"]
    command = {program}
""",
    )
    return made


def test_the_drivers_of_this_test_would_run_under_git_itself(armed, marker):
    (armed.folder / "src" / "a.py").write_text("x = 4\n")
    subprocess.run(["git", "-C", str(armed.folder), "diff"], capture_output=True, check=False, env=ENVIRONMENT)
    assert marker.exists()


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_nothing_is_run_and_rows_are_those_of_a_plain_copy(armed, marker, mine, monkeypatch, program, prefix):
    for name in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(program))
    mined = mine(f"{prefix}{armed.folder}")
    assert (mined.code, mined.values()) == (0, ["1", "2"])
    assert not marker.exists()
    plain = armed.folder.parent / "plain" / "armed"
    plain.mkdir(parents=True)
    git(plain, "init", "-q", "--bare")
    copied = plain / "objects"
    subprocess.run(["cp", "-r", f"{armed.objects}/.", str(copied)], check=True)
    (plain / "refs" / "heads" / "main").write_text(armed.head + "\n")
    (plain / "HEAD").write_text("ref: refs/heads/main\n")
    marker.unlink(missing_ok=True)
    other = mine(plain, name="other")
    assert mined.diffs() == other.diffs() != []
    assert [task.prefix for task in mined.tasks()] == [task.prefix for task in other.tasks()]


def test_mining_writes_nothing_into_the_repository(armed, mine):
    def state():
        return {path: path.lstat().st_mtime_ns for path in sorted(armed.folder.rglob("*"))}

    before = state()
    mine(armed.folder)
    assert state() == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_repository_of_another_user_is_mined(new_history, mine):
    made = new_history()
    made.commit({"tests/test_a.py": asserting(1)})
    for path in (made.folder, *made.folder.rglob("*")):
        os.chown(path, 65534, 65534)
    mined = mine(made.folder)
    assert (mined.code, mined.values()) == (0, ["1"])
    assert mine(f"file://{made.folder}", name="cloned").values() == ["1"]


@pytest.mark.parametrize(
    "text", ["[core\n", "\0\0\0", "[core]\n\trepositoryformatversion = 9\n", "[core]\n\trepositoryformatversion = x\n"]
)
def test_configuration_that_cannot_be_read_is_a_failed_source(new_history, mine, text):
    made = new_history()
    made.commit({"tests/test_a.py": asserting(1)})
    (made.folder / ".git" / "config").write_text(text)
    mined = mine(made.folder)
    assert mined.code in (0, 1)
    assert (mined.values() == ["1"]) == (mined.code == 0)


def test_nothing_of_the_work_tree_is_opened(new_history, mine):
    made = new_history()
    made.commit({"tests/test_a.py": asserting(1), "src/a.py": "x = 1\n", ".gitattributes": ATTRIBUTES})
    made.commit({"tests/test_a.py": asserting(1, 2), "src/a.py": "x = 2\n"})
    (made.folder / "tests").mkdir()
    (made.folder / "src").mkdir()
    attributes = [made.folder / place / ".gitattributes" for place in (".", "src", "tests")]
    for path in (*attributes, made.folder / "tests" / "test_a.py"):
        os.mkfifo(path)  # whoever opens it waits without end
    assert mine(made.folder).values() == ["1", "2"]
