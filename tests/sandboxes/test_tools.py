"""What building needs of this machine is found, or its absence is one sentence with a remedy."""

import pytest

from sandboxes import tools
from sandboxes.errors import SandboxUnavailableError


@pytest.fixture
def without_uv(monkeypatch, tmp_path):
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_uv_is_found_beside_the_interpreter_or_on_the_path(without_uv, monkeypatch):
    other = without_uv / "other"
    other.mkdir()
    for folder in (other, without_uv):
        (folder / "uv").write_text("")
        (folder / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        assert tools.find_uv() == folder / "uv"


def test_missing_uv_is_one_sentence_with_a_remedy(without_uv):
    with pytest.raises(SandboxUnavailableError, match=r"no uv .*pip install 'repopeftbench\[sandbox\]'"):
        tools.find_uv()


def test_certificates_are_those_that_the_user_names(monkeypatch, tmp_path):
    (tmp_path / "own.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert tools.find_certificates() == tmp_path / "own.pem"


def test_missing_certificates_are_named_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(SandboxUnavailableError, match=r"none\.pem: .*SSL_CERT_FILE"):
        tools.find_certificates()


def test_tools_are_copied_once_and_named_by_their_content(without_uv, monkeypatch):
    (without_uv / "uv").write_text("one")
    (without_uv / "uv").chmod(0o755)
    (without_uv / "own.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(without_uv / "own.pem"))
    first, digest = tools.copy_tools(without_uv / "store")
    assert sorted(path.name for path in first.iterdir()) == ["certificates.pem", "installing.py", "uv"]
    assert tools.copy_tools(without_uv / "store") == (first, digest)
    (without_uv / "uv").write_text("two")
    second, other = tools.copy_tools(without_uv / "store")
    assert second != first
    assert other != digest


def test_default_folder_of_root_is_not_below_its_home(monkeypatch, tmp_path):
    monkeypatch.setattr(tools.os, "getuid", lambda: 0)
    assert tools.default_folder().parts[:3] == ("/", "var", "cache")
    monkeypatch.setattr(tools.os, "getuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tools.default_folder() == tmp_path / "repobench" / "environments"
