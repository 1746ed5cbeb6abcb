"""The base image: what it is called, what is in it, and how to get it. Runs nothing; the files beside it do.

`Dockerfile` builds it where a registry can be reached, `base-image` from Debian packages where none can. Both hold a
Python and a pytest, no compiler and no network tools; environments are mounted beside it (`spec.Environment`).
"""

from pathlib import Path

BASE_IMAGE = "repobench-base:1"
FOLDER = Path(__file__).parent
DOCKERFILE = FOLDER / "Dockerfile"
BASE_IMAGE_SCRIPT = FOLDER / "base-image"
HOW_TO_INSTALL = (
    "Install one (Debian and Ubuntu: apt-get install docker.io), start it, and let your user talk to it; "
    "for Podman set DOCKER_HOST to its socket."
)
HOW_TO_BUILD = (
    f"Build it: docker build -t {BASE_IMAGE} {FOLDER} (needs a registry), "
    f"or as root: bash {BASE_IMAGE_SCRIPT} (needs Debian's archive alone)."
)
