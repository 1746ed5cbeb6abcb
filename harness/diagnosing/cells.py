"""Likelihoods that were measured, kept by content (io): what was interrupted goes on, and ends in the same numbers.

A cell is one call of `likelihoods`: some tasks under adapters, on one backbone. Its key is of all of it, so that a file
of cells serves any diagnosis of the folder. A line that is not whole is measured again.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from code2lora.adapters import Adapter
from code2lora.backbone import Backbone
from code2lora.diagnostics.likelihood import EncodedTarget, Likelihood, encoded_target, likelihoods
from harness.diagnosing.cases import Case
from repopeftbench.schema import content_id

CELLS_NAME = "cells.jsonl"


class Cells:
    """Measures, or remembers."""

    def __init__(self, backbone: Backbone, context_length: int, path: Path) -> None:
        """Reads what is there.

        Args:
            backbone: The model.
            context_length: Most tokens of a sequence.
            path: The file; its folder exists.

        Raises:
            OSError: it cannot be read or written.
        """
        self._backbone = backbone
        self._context_length = context_length
        self._path = path
        self._found: dict[str, list[Likelihood]] = {}
        self._targets: dict[str, EncodedTarget] = {}
        self._read()

    def measure(self, cases: Sequence[Case], adapters: Sequence[Adapter | None]) -> dict[str, Likelihood]:
        """The likelihood of every case under its adapter, by task id.

        Args:
            cases: Their order is part of the key.
            adapters: One each; None, for all of them alone, is the bare model.

        Raises:
            AdapterError: an adapter does not fit.
        """
        if not cases:
            return {}
        targets = [self._target(case) for case in cases]
        key = content_id(
            self._backbone.weights_sha256,
            self._backbone.device,
            str(self._backbone.model.dtype),
            *(f"{','.join(map(str, target.ids))}/{target.counted}" for target in targets),
            *_names(adapters),
        )
        found = self._found.get(key)
        if found is None:
            found = likelihoods(self._backbone, targets, adapters)
            self._found[key] = found
            self._append(key, found)
        return {case.task_id: one for case, one in zip(cases, found, strict=True)}

    def _target(self, case: Case) -> EncodedTarget:
        name = content_id(case.prefix, case.continuation)
        if name not in self._targets:
            self._targets[name] = encoded_target(self._backbone, case.prefix, case.continuation, self._context_length)
        return self._targets[name]

    def _append(self, key: str, found: Sequence[Likelihood]) -> None:
        rows = [[one.nll, one.total, one.exact] for one in found]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, rows]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> None:
        data = self._path.read_bytes() if self._path.is_file() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        for line in whole.splitlines():
            try:
                key, rows = json.loads(line)
                self._found[str(key)] = [Likelihood(nll=nll, total=total, exact=exact) for nll, total, exact in rows]
            except (ValueError, TypeError):
                continue  # measured again


def _names(adapters: Sequence[Adapter | None]) -> list[str]:
    """What the adapters are; each is hashed once, and none is held: blends of large ones would fill the memory."""
    known = {id(adapter): adapter.sha256() for adapter in {id(a): a for a in adapters if a is not None}.values()}
    return ["" if adapter is None else known[id(adapter)] for adapter in adapters]
