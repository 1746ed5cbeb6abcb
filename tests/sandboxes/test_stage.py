"""The tree that a box sees: a copy without history, and no path leads out of it."""

import os

import pytest

from sandboxes.boxes import make_order
from sandboxes.errors import RequestError
from sandboxes.spec import Environment, ExecRequest, Patch
from sandboxes.stage import Stage


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_a.py").write_text("one")
    (folder / "tests" / "conftest.py").write_text("inner")
    (folder / "conftest.py").write_text("outer")
    return folder


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "stage").mkdir()
    return Stage(tmp_path / "stage")


def request_of(source, **changes):
    given = {"source": source, "source_key": "a", "test": "tests/test_a.py::test_a", **changes}
    return ExecRequest(**given)


def test_history_compiled_files_and_odd_files_stay_behind(source, stage):
    for name in (".git", "pkg/__pycache__"):
        (source / name).mkdir(parents=True)
        (source / name / "x").write_text("x")
    os.mkfifo(source / "pipe")
    stage.place(request_of(source))
    assert sorted(path.name for path in stage.tree.iterdir()) == ["conftest.py", "pkg", "tests"]
    assert list((stage.tree / "pkg").iterdir()) == []


def test_link_is_copied_as_a_link_and_never_followed(source, stage, tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text("secret")
    (source / "link.py").symlink_to(secret)
    (source / "folder").symlink_to(tmp_path)
    stage.place(request_of(source))
    assert (stage.tree / "link.py").is_symlink()
    for path in ("link.py", "folder/secret.py"):
        with pytest.raises(RequestError, match="symbolic link"):
            stage.place(request_of(source, patch=Patch(path=path, content=b"x")))
    assert secret.read_text() == "secret"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "", "tests/../../x", "a\0b"])
def test_path_that_leaves_the_tree_is_refused(source, stage, path):
    with pytest.raises(RequestError, match="leaves the source tree"):
        stage.place(request_of(source, patch=Patch(path=path, content=b"x")))


@pytest.mark.parametrize("path", ["tests/test_b.py", "tests"])
def test_patch_replaces_a_file_that_is_there(source, stage, path):
    with pytest.raises(RequestError, match="no file of the source tree"):
        stage.place(request_of(source, patch=Patch(path=path, content=b"x")))


def test_source_that_is_not_there_is_one_sentence(source, stage):
    with pytest.raises(RequestError, match="is no folder"):
        stage.place(request_of(source / "missing"))


def test_patch_is_taken_back_before_the_next_one(source, stage):
    stage.place(request_of(source, patch=Patch(path="tests/test_a.py", content=b"two")))
    assert (stage.tree / "tests" / "test_a.py").read_text() == "two"
    stage.place(request_of(source, patch=Patch(path="conftest.py", content=b"three")))
    assert (stage.tree / "tests" / "test_a.py").read_text() == "one"
    stage.place(request_of(source))
    assert (stage.tree / "conftest.py").read_text() == "outer"
    assert (source / "conftest.py").read_text() == "outer"


def test_tree_changes_with_its_key_alone(source, stage):
    stage.place(request_of(source))
    (source / "new.py").write_text("x")
    stage.place(request_of(source))
    assert not (stage.tree / "new.py").exists()
    stage.place(request_of(source, source_key="b"))
    assert (stage.tree / "new.py").exists()


def test_digests_cover_the_test_and_every_conftest_above_it(source, stage):
    stage.place(request_of(source))
    before = stage.digests("tests/test_a.py::test_a")
    assert sorted(before) == ["conftest.py", "tests/conftest.py", "tests/test_a.py"]
    (stage.tree / "conftest.py").write_text("changed")
    after = stage.digests("tests/test_a.py::test_a")
    assert [path for path in before if before[path] != after[path]] == ["conftest.py"]


def test_digests_cover_the_patched_file_too(source, stage):
    (source / "tests" / "base.py").write_text("base")
    stage.place(request_of(source, patch=Patch(path="tests/base.py", content=b"two")))
    assert "tests/base.py" in stage.digests("tests/test_a.py::test_a")
    stage.place(request_of(source))
    assert "tests/base.py" not in stage.digests("tests/test_a.py::test_a")


def test_copied_files_can_be_read_by_everybody_and_written_by_nobody_else(source, stage):
    (source / "private.py").write_text("x")
    (source / "private.py").chmod(0o600)
    (source / "tests").chmod(0o700)
    stage.place(request_of(source))
    assert (stage.tree / "private.py").stat().st_mode & 0o777 == 0o644
    assert (stage.tree / "tests").stat().st_mode & 0o777 == 0o755


def with_files(*files):
    return Environment(files=tuple(Patch(path=path, content=content) for path, content in files))


def test_file_of_the_environment_is_added_where_the_tree_has_none(source, stage):
    environment = with_files(
        ("tests/_version.py", b"made"), ("tests/conftest.py", b"made"), ("absent/_version.py", b"made")
    )
    stage.place(request_of(source, environment=environment))
    assert (stage.tree / "tests" / "_version.py").read_bytes() == b"made"
    assert (stage.tree / "tests" / "conftest.py").read_text() == "inner"
    assert not (stage.tree / "absent").exists()
    assert not (source / "tests" / "_version.py").exists()


def test_file_of_the_environment_goes_through_no_link(source, stage, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (source / "pkg").symlink_to(tmp_path / "elsewhere")
    stage.place(request_of(source, environment=with_files(("pkg/_version.py", b"made"))))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with pytest.raises(RequestError, match="leaves the source tree"):
        stage.place(request_of(source, source_key="b", environment=with_files(("../x.py", b"made"))))


def test_import_paths_of_the_environment_come_before_those_of_the_request(source, stage):
    environment = Environment(import_paths=("src", "."))
    order = make_order(request_of(source, environment=environment), tree="/t", work="/w", variables={})
    assert order["import_paths"] == ["src", "."]
    with pytest.raises(RequestError, match="import path"):
        stage.place(request_of(source, environment=Environment(import_paths=("../up",))))
