"""The folder beside a result in which a training keeps its things until the result is in place (io).

One process at a time may work in it. The lock binds the processes of one machine; a kill releases it.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from code2lora.errors import TrainingError
from repopeftbench.atomic import write_atomically

SETTINGS_NAME = "settings.json"
_LOCK = ".lock"


def work_folder(folder: Path) -> Path:
    """Where a training that is not finished keeps its things.

    Args:
        folder: Where its result goes.
    """
    return folder.with_name(folder.name + ".training")


@contextlib.contextmanager
def claimed(work: Path, settings: BaseModel) -> Iterator[None]:
    """Makes the folder, or takes over one of the same training, and holds it.

    Args:
        work: The folder.
        settings: Everything that its weights depend on.

    Raises:
        TrainingError: another process works in it, or it is of another training.
        OSError: it cannot be made.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(f"Another process trains in {work}; wait for it, or choose another folder.") from error
        path = work / SETTINGS_NAME
        text = json.dumps(settings.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
        if path.is_file() and path.read_text("utf-8") != text:
            raise TrainingError(f"{work} holds another training that was not finished; finish it, or give --overwrite.")
        write_atomically(path, text.encode())
        yield
