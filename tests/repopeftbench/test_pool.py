import os
import signal
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pytest

from repopeftbench import pool
from repopeftbench.errors import SourceError
from repopeftbench.pool import Failure, LocalEngine


@dataclass(frozen=True)
class Item:
    number: int
    folder: Path


def silent(_name, _done, _total):
    pass


def write(item, folder, _report):
    (folder / "half").write_text(str(item.number))
    if item.number == 1:
        raise SourceError("one is odd")
    (folder / "other half").write_text(str(item.number))


@pytest.mark.parametrize("workers", [1, 2])
def test_folders_are_filled_whole_or_not_at_all(tmp_path, workers):
    items = [Item(number, tmp_path / f"folder{number}") for number in range(3)]
    items[2].folder.mkdir()
    (items[2].folder / "old").write_text("replaced")
    failures = LocalEngine(workers).fill(items, write, silent)
    assert failures == (Failure(item=items[1], problem="one is odd"),)
    assert not items[1].folder.exists()
    for item in (items[0], items[2]):
        assert {path.name: path.read_text() for path in item.folder.iterdir()} == {
            "half": str(item.number),
            "other half": str(item.number),
        }


def test_workers_get_no_interrupt_even_while_they_start():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    blocked = LocalEngine(2).map([1, 2], blocked_signals, silent)
    assert all(signal.SIGINT in signals for signals in blocked)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def blocked_signals(_item, _report):
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


class PoolThatBreaksAtTheSecondStart(pool.ProcessPoolExecutor):
    """A pool whose first worker is dead when its second one is to start."""

    def submit(self, *arguments, **named):
        if self.started:
            with pytest.raises(BrokenProcessPool):
                self.started[0].result()
            if len(self.started) == 1:
                self.started.append(None)
                raise ValueError("process object is closed")
        self.started.append(super().submit(os._exit, 1))
        return self.started[-1]

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.started = []


def test_worker_that_dies_while_another_starts_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "ProcessPoolExecutor", PoolThatBreaksAtTheSecondStart)
    items = [Item(number, tmp_path / f"folder{number}") for number in range(2)]
    with pytest.raises(SourceError, match="fewer --workers"):
        LocalEngine(2).fill(items, write, silent)


def test_error_of_starting_without_a_dead_worker_is_no_killed_worker(tmp_path, monkeypatch):
    def refuse(*_arguments, **_named):
        raise ValueError("not started")

    monkeypatch.setattr(pool.ProcessPoolExecutor, "submit", refuse)
    items = [Item(number, tmp_path / f"folder{number}") for number in range(2)]
    with pytest.raises(ValueError, match="not started"):
        LocalEngine(2).fill(items, write, silent)
