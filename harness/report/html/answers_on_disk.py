"""The raw predictions of a finished run, one at a time from its file (io), so that no run has to be in memory."""

import json
from array import array
from pathlib import Path
from types import TracebackType

from harness.errors import RunError
from harness.records import Prediction
from harness.run_store import PREDICTIONS


class StoredPredictions:
    """The predictions of one run by their place, which is that of their scores; use it as a context manager."""

    def __init__(self, run: Path, count: int) -> None:
        """Finds where every line begins.

        Raises:
            RunError: there are not `count` of them.
        """
        self._path = run / PREDICTIONS
        self._starts = array("Q")
        position = 0
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise RunError(f"{self._path} cannot be read ({error.strerror}): start the same run again.") from error
        for line in self._file:
            self._starts.append(position)
            position += len(line)
        if len(self._starts) != count:
            self._file.close()
            raise RunError(
                f"{self._path} has {len(self._starts)} predictions and the run {count} scores: "
                "start the same run again, or score it again."
            )

    def __enter__(self) -> "StoredPredictions":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def __getitem__(self, place: int) -> Prediction:
        """The prediction at `place`, from 0.

        Raises:
            RunError: the line cannot be read.
        """
        self._file.seek(self._starts[place])
        try:
            return Prediction(**json.loads(self._file.readline()))
        except (ValueError, TypeError) as error:
            raise RunError(
                f"{self._path}, line {place + 1} is no prediction ({error}): start the run again."
            ) from error
