"""Files' vectors by content, in one SQLite file that survives kills and is shared by processes (io)."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from code2lora.encoder import FileVector
from code2lora.errors import EncoderError

_SECONDS_TO_WAIT = 60.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors (key TEXT NOT NULL, blob TEXT NOT NULL, tokens INTEGER NOT NULL, "
    "lines INTEGER NOT NULL, vector BLOB, PRIMARY KEY (key, blob)) WITHOUT ROWID"
)


class SqliteVectorStore:
    """A `VectorStore` on the disk; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            EncoderError: the file is no store of vectors, or cannot be made.
        """
        self._path = path
        with self._told():
            self._connection = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)
            self._connection.execute(_TABLE)

    def get(self, key: str, blob: str) -> FileVector | None:
        """What is kept of a content, None if nothing is."""
        with self._told():
            row = self._connection.execute(
                "SELECT tokens, lines, vector FROM vectors WHERE key = ? AND blob = ?", (key, blob)
            ).fetchone()
        if row is None:
            return None
        tokens, lines, raw = row
        vector_E = None if raw is None else torch.from_numpy(np.frombuffer(raw, dtype="<f4").copy())
        return FileVector(vector_E=vector_E, tokens=tokens, lines=lines)

    def put(self, key: str, blob: str, vector: FileVector) -> None:
        """Keeps a content's vector; on the disk once this returns."""
        raw = None if vector.vector_E is None else vector.vector_E.numpy().astype("<f4").tobytes()
        with self._told(), self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", (key, blob, vector.tokens, vector.lines, raw)
            )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> "SqliteVectorStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tells SQLite's failures in one sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise EncoderError(
                f"{self._path} cannot be used as a store of vectors ({error}); delete it, it is made again."
            ) from error
