"""A training's log for TensorBoard: loss, learning rate, validation loss and target tokens by step (io).

What is in `run.log` is what is shown: the event files that this module wrote before are written anew when a training is
gone on with, so that no step is there twice. Other files in the folder stay.
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from code2lora.errors import TrainingError
from code2lora.training.log import Line

_SUFFIX = ".repobench"
_TAGS = {
    "loss": "loss/train",
    "validation_loss": "loss/validation",
    "learning_rate": "learning_rate",
    "target_tokens": "target_tokens",
}


class TensorBoardLog:
    """Event files in a folder, one subfolder for everything that is trained; a context manager that closes them."""

    def __init__(self, folder: Path) -> None:
        """Finds the library; nothing is written yet.

        Args:
            folder: Where `tensorboard --logdir` is pointed to.

        Raises:
            TrainingError: tensorboard is not installed.
        """
        self._folder = folder
        self._open_file, self._event = _library()
        self._files: dict[str, Any] = {}
        self._began: dict[str, float] = {}

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()

    def begin(self, name: str, lines: list[Line]) -> None:
        """Starts what is trained from the lines that are there already.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob(f"events.out.tfevents.*{_SUFFIX}")):
            old.unlink()
        self._files[name] = self._open_file(str(folder), filename_suffix=_SUFFIX)
        self._began[name] = time.time() - (float(lines[-1]["seconds"]) if lines else 0.0)
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> None:
        """Adds a step."""
        name = str(line["name"])
        values = [{"tag": tag, "simple_value": float(line[key])} for key, tag in _TAGS.items() if key in line]
        at = self._began[name] + float(line["seconds"])
        self._files[name].add_event(self._event(wall_time=at, step=int(line["step"]), summary={"value": values}))


def _library() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What opens an event file, and what makes an event."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise TrainingError(
            "--tensorboard needs TensorBoard, which is not installed: pip install 'repopeftbench[tracking]' brings it."
        ) from error
    return EventFileWriter, Event
