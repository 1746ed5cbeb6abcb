import shutil

import pytest

from repopeftbench.copies import open_at, open_newest
from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository, write_history
from repopeftbench.sources import repository_list

OLD = [("one", 1_700_000_000, [("a.py", b"x = 1\n")])]
NEW = [*OLD, ("two", 1_700_000_100, [("a.py", b"x = 2\n")])]


def test_clone_that_is_older_than_the_wanted_commit_is_updated(tmp_path):
    write_history(tmp_path / "origin", OLD)
    source = repository_list(f"file://{tmp_path}/origin").sources[0]
    clone = open_newest(source, tmp_path / "cache")
    assert len(clone.history(clone.resolve(None))) == 1
    shutil.rmtree(tmp_path / "origin")
    tip = write_history(tmp_path / "origin", NEW)
    repository, history = open_at(source, tmp_path / "cache", tip)
    assert (history[-1].sha, len(history), repository.resolve(None)) == (tip, 2, tip)


def test_clone_that_has_the_wanted_commit_is_not_updated(tmp_path):
    tip = write_history(tmp_path / "origin", OLD)
    source = repository_list(f"file://{tmp_path}/origin").sources[0]
    open_newest(source, tmp_path / "cache")
    shutil.rmtree(tmp_path / "origin")
    assert open_at(source, tmp_path / "cache", tip)[1][-1].sha == tip


def test_commit_that_nobody_has_is_a_failure(tmp_path):
    write_history(tmp_path / "origin", OLD)
    source = repository_list(str(tmp_path / "origin")).sources[0]
    with pytest.raises(GitObjectError, match="lacks commit"):
        open_at(source, tmp_path / "cache", "1" * 40)


def test_path_that_is_not_here_says_what_to_list_instead(tmp_path):
    write_history(tmp_path / "origin", OLD)
    source = repository_list(str(tmp_path / "origin")).sources[0]
    tip = GitRepository(tmp_path / "origin").resolve(None)
    shutil.rmtree(tmp_path / "origin")
    for opened in (lambda: open_newest(source, tmp_path), lambda: open_at(source, tmp_path, tip)):
        with pytest.raises(SourceError, match="does not exist on the worker: list a URL"):
            opened()
