"""Fetches checkpoints from the Hugging Face Hub (io): the only module here that imports its client, when it is called.

What was fetched stays in the client's own cache; offline, that is where it is found.
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from code2lora.checkpoint_folders import CHECKPOINT_NAME, WEIGHTS_NAME
from code2lora.errors import CheckpointError

_HUB_ID = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?::(?P<file>[\w./-]+\.pt))?", re.ASCII)


def is_hub_id(name: str) -> bool:
    """Whether a name can be `ORG/NAME` or `ORG/NAME:FILE.pt`."""
    match = _HUB_ID.fullmatch(name)
    return match is not None and ".." not in name


def fetch_checkpoint(name: str) -> Path:
    """A checkpoint of the Hub on this machine.

    Args:
        name: `ORG/NAME` with a checkpoint of ours, or `ORG/NAME:FILE.pt` with one of the authors'.

    Returns:
        The folder, or the `.pt` file.

    Raises:
        CheckpointError: the name is no id, the client is missing, or the Hub cannot be reached or has no such file.
    """
    match = _HUB_ID.fullmatch(name)
    if match is None:
        raise CheckpointError(f"{name!r} is no checkpoint: give a folder, a .pt file, ORG/NAME or ORG/NAME:FILE.pt.")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise CheckpointError("Package 'huggingface_hub' is needed to fetch checkpoints: install it.") from error
    wanted = (match["file"],) if match["file"] else (WEIGHTS_NAME, CHECKPOINT_NAME)
    try:
        with _quiet():
            paths = [Path(hf_hub_download(match["repo"], file)) for file in wanted]
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CheckpointError(
            f"Checkpoint {name!r} cannot be fetched ({reason}): check the id and the network, "
            "or fetch it by hand and name its folder or file."
        ) from error
    return paths[0] if match["file"] else paths[0].parent


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the client's lines on every retry; what comes of them is told in one sentence."""
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        yield
    finally:
        client.setLevel(level)
