"""The folder of a run (io), written so that a kill at any moment loses and repeats nothing.

* manifest.json: what the run is; written first
* predictions.jsonl: one line per task, in the order of the run; grows by whole chunks
* scores.parquet: one row per task, in the same order
* complete.json: SHA-256 of the three files above; written last, so a folder without it is unfinished
* execution.parquet, execution.json: what executing the predictions said, and how; there if the run was probed
* run.log: what happened when; the only file with clock times, and the only one that is not byte-reproducible
* .lock: empty; locked while a process writes the folder

A chunk is appended in one write and synced. Of what a kill leaves of a chunk nothing is kept: opening cuts the file
back to the last whole chunk, so that the tasks which follow are answered in the same batches as in an uninterrupted
run. A lock of this kind binds the processes of one machine; on some network file systems it binds none.

It does not know what a prediction is worth, nor how one is made.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from harness.errors import RunError
from harness.manifest import RunManifest, ScorersManifest, first_difference
from harness.records import Prediction, Score
from harness.score_table import scores_from_parquet, scores_to_parquet
from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.manifest import file_sha256

MANIFEST = "manifest.json"
PREDICTIONS = "predictions.jsonl"
SCORES = "scores.parquet"
COMPLETE = "complete.json"
LOG = "run.log"
EXECUTION, EXECUTION_MANIFEST = "execution.parquet", "execution.json"
_LOCK = ".lock"
_HASHED = (MANIFEST, PREDICTIONS, SCORES)
_EXECUTION = (EXECUTION, EXECUTION_MANIFEST)
_WRITTEN_WHOLE = (MANIFEST, SCORES, COMPLETE, *_EXECUTION)
_OURS = frozenset({*_HASHED, COMPLETE, LOG, *_EXECUTION, _LOCK, *(f".{name}.part" for name in _WRITTEN_WHOLE)})


class RunFolder:
    """One run's folder, held by this process; made by `open_run`."""

    def __init__(self, folder: Path, manifest: RunManifest) -> None:
        """Takes a folder that is locked and holds `manifest`."""
        self.folder = folder
        self.manifest = manifest

    def is_complete(self) -> bool:
        """Whether the run has ended.

        Raises:
            RunError: it has, but one of its files is no longer what it was then.
        """
        marker = self.folder / COMPLETE
        if not marker.is_file():
            return False
        changed = _changed_files(self.folder, json.loads(marker.read_bytes()))
        if changed:
            raise RunError(
                f"Run folder {self.folder} is complete, but {changed[0]} was changed since: "
                "choose another folder with -o, or start over with --overwrite."
            )
        return True

    def note(self, message: str) -> None:
        """Adds a line to the log, with the time of day in UTC."""
        with (self.folder / LOG).open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {message}\n")

    def read_predictions(self) -> tuple[Prediction, ...]:
        """The predictions written so far, up to the first line that is not whole."""
        path = self.folder / PREDICTIONS
        data = path.read_bytes() if path.is_file() else b""
        return tuple(prediction for _, prediction in _parsed_lines(data))

    def cut_to_whole_chunks(self, task_ids: Sequence[str]) -> tuple[Prediction, ...]:
        """The predictions of all whole chunks, which answer the first `task_ids`; the rest of the file is cut off."""
        path = self.folder / PREDICTIONS
        data = path.read_bytes() if path.is_file() else b""
        kept: list[Prediction] = []
        whole, size = 0, 0
        for (end, prediction), task_id in zip(_parsed_lines(data), task_ids, strict=False):
            if prediction.task_id != task_id:
                break
            kept.append(prediction)
            if len(kept) % self.manifest.chunk_tasks == 0 or len(kept) == len(task_ids):
                whole, size = len(kept), end
        if size < len(data):
            self.note(f"{len(data) - size} bytes behind the last whole chunk are cut off {PREDICTIONS}")
            with path.open("r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        return tuple(kept[:whole])

    def append_chunk(self, predictions: Sequence[Prediction]) -> None:
        """Adds one chunk's lines; once this returns they are on the disk."""
        data = b"".join(_line(prediction) for prediction in predictions)
        with (self.folder / PREDICTIONS).open("ab", buffering=0) as file:
            written = file.write(data)
            while written < len(data):  # a raw write may be short
                written += file.write(data[written:])
            os.fsync(file.fileno())

    def finish(self, scores: Sequence[Score]) -> None:
        """Writes the scores and then the mark that the run is complete."""
        path = self.folder / PREDICTIONS
        path.touch()  # a run of no tasks has the file too
        write_atomically(self.folder / SCORES, scores_to_parquet(scores, self.manifest.metric_versions))
        hashes = {name: file_sha256(self.folder / name) for name in _HASHED}
        write_atomically(self.folder / COMPLETE, _json_bytes(hashes))

    def rescore(self, scores: Sequence[Score], metric_versions: dict[str, int], scorers: ScorersManifest) -> None:
        """Replaces the scores, and what the manifest says of them; the folder is incomplete in between."""
        (self.folder / COMPLETE).unlink(missing_ok=True)
        self.manifest = self.manifest.model_copy(update={"metric_versions": metric_versions, "scorers": scorers})
        write_atomically(self.folder / MANIFEST, _manifest_bytes(self.manifest))
        self.finish(scores)


@contextmanager
def open_run(folder: Path, manifest: RunManifest) -> Iterator[RunFolder]:
    """Holds `folder` for the run that `manifest` describes: a new one, or the same one begun earlier.

    Raises:
        RunError: another process holds the folder, it belongs to another configuration, or it holds other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OURS)
    path = folder / MANIFEST
    if foreign and not path.is_file():
        raise RunError(f"Folder {folder} is no run folder: it holds {foreign[0]!r}. Choose another one with -o.")
    with _locked(folder):
        if path.is_file():
            difference = first_difference(read_manifest(folder), manifest)
            if difference is not None:
                raise RunError(
                    f"Run folder {folder} belongs to another configuration ({difference}): "
                    "choose another folder with -o, or start over with --overwrite."
                )
        else:
            write_atomically(path, _manifest_bytes(manifest))
        yield RunFolder(folder, manifest)


@contextmanager
def reopen_run(folder: Path) -> Iterator[RunFolder]:
    """Holds an existing run folder as it is.

    Raises:
        RunError: there is no run in `folder`, or another process holds it.
    """
    manifest = read_manifest(folder)
    with _locked(folder):
        yield RunFolder(folder, manifest)


def discard_run(folder: Path) -> None:
    """Deletes the files of a run, so that another can start in `folder`; files that are not a run's stay.

    Nothing happens where there is no run yet.

    Raises:
        RunError: another process holds the folder, or its manifest is not of a run.
    """
    if not (folder / MANIFEST).is_file():
        return
    read_manifest(folder)  # a dataset's folder has a manifest too, and must survive a mistaken -o
    with _locked(folder):
        # The mark goes first and the manifest last: a kill in between leaves an unfinished run, never a wrong one.
        for name in (COMPLETE, SCORES, PREDICTIONS, LOG, *sorted(_OURS - {_LOCK, MANIFEST}), MANIFEST):
            (folder / name).unlink(missing_ok=True)


def read_manifest(folder: Path) -> RunManifest:
    """The manifest of a run folder.

    Raises:
        RunError: there is none, or it is not of this version's format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} is no run folder: it has no {MANIFEST}.")
    try:
        return RunManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunError(f"{path} cannot be read: {where}: {first['msg']}. Is it a run of this version?") from error


def begun_with(folder: Path) -> RunManifest | None:
    """The manifest of the run in a folder; None where there is none yet.

    Raises:
        RunError: it is not of this version's format.
    """
    return read_manifest(folder) if (folder / MANIFEST).is_file() else None


def has_finished(folder: Path) -> bool:
    """Whether the run in `folder` is complete; false also where there is none."""
    return (folder / COMPLETE).is_file()


def read_run(folder: Path) -> tuple[RunManifest, tuple[Score, ...]]:
    """Manifest and scores of a complete run, the scores in the order of its tasks.

    Raises:
        RunError: there is no run, it is not complete, or the scores have another schema.
    """
    manifest = read_manifest(folder)
    if not has_finished(folder):
        raise RunError(f"Run folder {folder} is not complete: start the same run again to finish it.")
    return manifest, scores_from_parquet((folder / SCORES).read_bytes(), folder / SCORES)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the system releases when the process ends, however it ends."""
    with (folder / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"Run folder {folder} is in use by another process: wait for it to end.") from None
        yield


def _changed_files(folder: Path, hashes: dict[str, str]) -> list[str]:
    return [name for name in _HASHED if not (folder / name).is_file() or file_sha256(folder / name) != hashes.get(name)]


def _manifest_bytes(manifest: RunManifest) -> bytes:
    return _json_bytes(manifest.model_dump(mode="json"))


def _json_bytes(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _line(prediction: Prediction) -> bytes:
    fields = {
        "task_id": prediction.task_id,
        "raw": prediction.raw,
        "stopped": prediction.stopped,
        "complete": prediction.complete,
        "error": prediction.error,
    }
    if prediction.adapter_sha256 is not None:
        fields["adapter_sha256"] = prediction.adapter_sha256
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()


def _parsed_lines(data: bytes) -> Iterator[tuple[int, Prediction]]:
    """The predictions in `data` with the offset at which each line ends, up to the first line that is not whole."""
    position = 0
    for line in data.splitlines(keepends=True):
        position += len(line)
        try:
            prediction = Prediction(**json.loads(line)) if line.endswith(b"\n") else None
        except (ValueError, TypeError):
            prediction = None
        if prediction is None:
            return
        yield position, prediction
