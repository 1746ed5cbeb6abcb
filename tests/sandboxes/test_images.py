"""What a user without an engine, or without the image, is told."""

import os
import subprocess

import pytest

from sandboxes import docker as driver
from sandboxes.errors import SandboxUnavailableError
from sandboxes.images import BASE_IMAGE, BASE_IMAGE_SCRIPT, DOCKERFILE


def test_engine_that_is_not_there_is_one_sentence_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(
        SandboxUnavailableError,
        match=r"No Docker engine answers: .*none\.sock: No such file.*apt-get install docker\.io",
    ):
        driver.DockerSandbox()


@pytest.mark.docker
def test_image_that_is_not_there_is_named_with_a_remedy(docker_image):
    with pytest.raises(SandboxUnavailableError, match=r"no image repobench-none:1.*Build it: .*base-image"):
        driver.DockerSandbox("repobench-none:1")


@pytest.mark.docker
def test_base_image_that_is_there_is_kept(docker_image):
    done = subprocess.run([BASE_IMAGE_SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == f"{BASE_IMAGE} is there already\n"


def test_files_that_make_the_image_are_part_of_the_package():
    assert DOCKERFILE.read_text().splitlines()[1].startswith("FROM python:")
    assert os.access(BASE_IMAGE_SCRIPT, os.X_OK)
