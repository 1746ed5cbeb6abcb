"""What a machine lacks is said in seconds, each with its remedy; the image is made where it is missing."""

import time

import pytest

from sandboxes import readiness, tools
from sandboxes.errors import SandboxUnavailableError
from sandboxes.images import BASE_IMAGE
from sandboxes.readiness import check, prepare


def by_name(checks):
    return {found.name: found for found in checks}


def test_machine_without_an_engine_is_told_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = by_name(check(tmp_path))
    assert (found["engine"].ok, "apt-get install docker.io" in found["engine"].fix) == (False, True)
    assert found["engine"].detail.endswith("none.sock: No such file or directory.")
    assert "image" not in found


def test_missing_uv_and_certificates_are_told_with_their_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda name: str(tmp_path))
    found = by_name(check(tmp_path))
    assert (found["uv"].ok, found["uv"].fix) == (False, "pip install 'repopeftbench[sandbox]'")
    assert (found["certificates"].ok, "SSL_CERT_FILE" in found["certificates"].fix) == (False, True)


@pytest.mark.parametrize(("free", "ok"), [(10**9, False), (10**11, True)])
def test_disk_without_room_is_told(monkeypatch, tmp_path, free, ok):
    monkeypatch.setattr(readiness.shutil, "disk_usage", lambda place: type("Usage", (), {"free": free}))
    assert readiness._disk(tmp_path / "absent" / "folder").ok is ok


def test_folder_that_no_box_may_see_is_told(monkeypatch):
    monkeypatch.setattr(readiness.os, "access", lambda place, mode: True)
    found = readiness._disk(readiness.Path("/etc"))
    assert (found.ok, "may not be seen by a box" in found.detail) == (False, True)


@pytest.mark.parametrize(
    ("info", "ok", "words"),
    [
        ({"CgroupVersion": "2", "MemoryLimit": True, "SwapLimit": True, "PidsLimit": True}, True, "version 2"),
        (
            {"CgroupVersion": "1", "MemoryLimit": True, "SwapLimit": False, "PidsLimit": False},
            False,
            "no swap, no processes",
        ),
    ],
)
def test_kernel_that_holds_no_limits_is_told(info, ok, words):
    found = readiness._limits(info)
    assert (found.ok, words in found.detail, bool(found.fix)) == (ok, True, not ok)


@pytest.mark.docker
def test_machine_that_has_everything_is_told_so_in_seconds(docker_image, tmp_path):
    began = time.monotonic()
    found = check(tmp_path)
    assert [each.name for each in found] == ["engine", "limits", "image", "uv", "certificates", "disk"]
    assert [each for each in found if not each.ok] == []
    assert time.monotonic() - began < 5


@pytest.mark.docker
def test_missing_image_is_told_with_its_remedy(docker_image, tmp_path):
    found = by_name(check(tmp_path, image="repobench-none:1"))["image"]
    assert (found.ok, "repobench probe --prepare" in found.fix) == (False, True)


@pytest.mark.docker
def test_image_that_is_there_is_kept(docker_image):
    said = []
    prepare(said.append)
    assert said[0].startswith(f"The image {BASE_IMAGE} is there: sha256:")
    assert len(said) == 1


@pytest.mark.docker
def test_image_that_cannot_be_made_is_one_error_with_both_reasons(docker_image, monkeypatch, tmp_path):
    monkeypatch.setattr(readiness, "DOCKERFILE", tmp_path / "Dockerfile")
    monkeypatch.setattr(readiness, "BASE_IMAGE_SCRIPT", tmp_path / "script")
    (tmp_path / "Dockerfile").write_text("FROM repobench-none:1\n")
    (tmp_path / "script").write_text("echo no debootstrap >&2; exit 2\n")
    said = []
    with pytest.raises(SandboxUnavailableError, match=r"From the registry: .*From Debian: no debootstrap"):
        prepare(said.append, image="repobench-made-by-test:1")
    assert [sentence.split()[0] for sentence in said] == ["Building", "That", "Making"]


@pytest.mark.docker
def test_image_is_made_from_the_dockerfile(docker_image, monkeypatch, tmp_path):
    from sandboxes.docker import connect

    monkeypatch.setattr(readiness, "DOCKERFILE", tmp_path / "Dockerfile")
    (tmp_path / "Dockerfile").write_text(f"FROM {docker_image}\nENV MADE=1\n")
    said = []
    client = connect()
    try:
        prepare(said.append, image="repobench-made-by-test:1")
        assert client.inspect_image("repobench-made-by-test:1")["Config"]["Env"][-1] == "MADE=1"
    finally:
        client.remove_image("repobench-made-by-test:1", force=True)
        client.close()
    assert said[-1] == "The image repobench-made-by-test:1 is made."
