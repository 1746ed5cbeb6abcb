"""What the tests of execution share: repositories of a few tests, their tasks, and a sandbox that answers by rules."""

from harness.probing.records import Site
from repopeftbench.gitrepo import GitRepository, write_history
from repopeftbench.schema import Split, Track, content_id
from sandboxes.scripted import ScriptedSandbox
from sandboxes.spec import CaseReport, ExecResult, Verdict

FILE = "tests/test_a.py"
SOURCE = """import pytest


def test_right():
    assert 1 + 1 == 2
    assert len("ab") == 2 and True


def test_vacuous():
    assert 1 + 1 or 3


@pytest.mark.parametrize("value", [1, 2])
def test_cases(value):
    assert value * 0 == 0


class Mixin:
    def test_inherited(self):
        assert self.value == 5


class TestHeir(Mixin):
    value = 5
"""
TIME = 1_700_000_000


def make_history(folder, files=None, commits=()):
    """A repository whose first commit has FILE, and more commits with the given files; the SHA of the last one."""
    first = files or {FILE: SOURCE}
    history = [
        (f"commit {index}", TIME + index * 86_400, [(path, text.encode()) for path, text in changes.items()])
        for index, changes in enumerate([first, *commits])
    ]
    sha = write_history(folder, history)
    return GitRepository(folder), sha


def make_site(sha, before, target, function, *, source=SOURCE, file=FILE, **changes):
    """The task whose target stands behind the text `before`."""
    start = source.encode().index((before + target).encode()) + len(before.encode())
    fields = {
        "task_id": content_id(sha, file, start, target),
        "repo_id": "org/a",
        "track": Track.STATIC,
        "split": Split.CR_TEST,
        "commit_sha": sha,
        "committer_time": TIME,
        "test_file": file,
        "test_function": function,
        "target_start_byte": start,
        "target_end_byte": start + len(target.encode()),
        "target": target,
    }
    return Site(**(fields | changes))


def right_site(sha, **changes):
    return make_site(sha, "1 + 1 == ", "2", "test_right", **changes)


def result(verdict, reason="so it is", *, error="", when="call", output=""):
    reports = () if not error else (CaseReport(test="t", when=when, outcome="failed", error=error),)
    return ExecResult(verdict=verdict, reason=reason, reports=reports, output=output)


PASSED, FAILED = result(Verdict.PASSED, "1 passed"), result(Verdict.FAILED, "1 failed", error="AssertionError")


def answering(rule):
    """A sandbox: `rule(content, request)` gives a result; at None what is as it was committed passes, no other."""

    def answer(request):
        content = request.patch.content
        original = content == (request.source / request.patch.path).read_bytes()
        return rule(content, request) or (PASSED if original else FAILED)

    return ScriptedSandbox(answer)
