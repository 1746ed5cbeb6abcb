"""doctor: every failing line has the command that mends it, and only what the base needs ends in 1."""

import hashlib
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness import doctor
from harness.cli import run_command
from harness.examination import Finding, State, guarded, is_broken


def test_bundled_weights_are_those_that_are_listed_and_all_are_listed():
    found = list(doctor.bundled_weights(doctor.ASSETS))
    assert {finding.state for finding in found} == {State.OK}
    there = {path.relative_to(doctor.ASSETS).as_posix() for path in doctor.ASSETS.rglob("*.safetensors")}
    assert there <= {finding.name for finding in found}


def test_weights_that_changed_or_are_missing_are_broken(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"changed")
    sums = (
        f"{hashlib.sha256(b'whole').hexdigest()}  a.safetensors\n{hashlib.sha256(b'').hexdigest()}  gone.safetensors\n"
    )
    (tmp_path / "SHA256SUMS").write_text(sums)
    found = list(doctor.bundled_weights(tmp_path))
    assert [finding.state for finding in found] == [State.BROKEN, State.BROKEN]
    assert "SHA-256 differs" in found[0].detail
    assert "is missing" in found[1].detail
    assert all(finding.fix.startswith("pip install") for finding in found)


def test_missing_extra_is_absent_and_missing_base_is_broken():
    wanted = [Requirement("no-such-distribution>=1"), Requirement("numpy>=99")]
    extra = doctor.packages("models", "run", wanted, needed=False)
    assert (extra.state, extra.fix) == (State.ABSENT, "pip install 'repopeftbench[models]'")
    assert "no-such-distribution is not installed" in extra.detail
    assert "is not >=99" in extra.detail
    base = doctor.packages("base", "everything", wanted, needed=True)
    assert (base.state, is_broken([base])) == (State.BROKEN, True)


def test_everything_that_is_not_there_has_a_command(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 10**18)
    monkeypatch.setenv("HF_TOKEN", "")
    found = list(doctor.examine(offline=True))
    assert {finding.area for finding in found} >= {
        "python",
        "packages",
        "weights",
        "git",
        "disk",
        "gpu",
        "docker",
        "hub",
    }
    assert all(finding.fix for finding in found if finding.state is not State.OK)
    assert {(finding.area, finding.name) for finding in found if finding.state is State.ABSENT} >= {
        ("git", "program"),
        ("disk", "here"),
        ("disk", "cache"),
    }


def test_offline_is_no_error(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    network = [finding for finding in doctor._hub(offline=False, seconds=0.1) if finding.name == "network"]
    assert [(finding.state, "no route" in finding.detail) for finding in network] == [(State.OK, True)]


def test_look_that_fails_is_a_finding_and_the_others_go_on():
    def fails():
        yield Finding(area="gpu", name="driver", state=State.OK, detail="there")
        raise OSError("libcuda.so: cannot open")

    found = list(guarded("gpu", fails))
    assert [finding.name for finding in found] == ["driver", "gpu"]
    assert "libcuda.so" in found[1].detail


@pytest.mark.parametrize(("state", "code"), [(State.OK, 0), (State.ABSENT, 0), (State.BROKEN, 1)])
def test_exit_code_is_one_only_where_the_base_is_broken(state, code, monkeypatch, capsys):
    fix = "" if state is State.OK else "mend it"
    finding = Finding(area="packages", name="base", state=state, detail="found", fix=fix)
    monkeypatch.setattr(doctor, "examine", lambda offline: iter([finding]))
    assert run_command(["doctor", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is (code == 0)
    assert document["findings"][0]["fix"] == fix
    assert run_command(["doctor"]) == code
    assert ("mend it" in capsys.readouterr().out) == bool(fix)


def test_examination_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    list(doctor.examine(offline=True))
    assert list(Path(tmp_path).iterdir()) == []
