import os
import signal

import pytest

from sandboxes.errors import SandboxUnavailableError

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets its background jobs ignore interrupts, and commands that tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def docker_image():
    """The base image of a running Docker engine; REPOBENCH_REQUIRE=docker makes its absence a failure."""
    from sandboxes.docker import connect, image_digest
    from sandboxes.images import BASE_IMAGE

    try:
        client = connect()
        try:
            image_digest(client, BASE_IMAGE)
        finally:
            client.close()
    except SandboxUnavailableError as error:
        if "docker" in os.environ.get("REPOBENCH_REQUIRE", "").split(","):
            pytest.fail(str(error))
        pytest.skip(str(error))
    return BASE_IMAGE
