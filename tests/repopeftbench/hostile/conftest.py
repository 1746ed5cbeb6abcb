"""Fixtures that make hostile repositories and mine them beside a healthy one through the command line's entry."""

from dataclasses import dataclass

import pytest
from raw_history import RawHistory, asserting

from harness.cli import run_command
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Track
from repopeftbench.splits.leakage import LEAKED


@dataclass(frozen=True, slots=True)
class Mined:
    """What one `repobench mine` did; the rows are without those of the healthy neighbour."""

    code: int
    remarks: str
    dataset: Dataset | None

    def tasks(self, track=Track.EVOLUTION):
        rows = (row for split in self.dataset.splits(track) for row in self.dataset.tasks(track, split))
        return [row for row in rows if row.repo_id != "neighbour"]

    def rejects(self, track=Track.EVOLUTION):
        return [row for row in self.dataset.rejects() if row.track is track and row.repo_id != "neighbour"]

    def values(self, track=Track.EVOLUTION):
        """What stands behind `==` in each statement that became a task, or would have but for the train split."""
        return sorted(row.statement.rpartition(" == ")[2] for row in self._found(track))

    def files(self, track=Track.EVOLUTION):
        return {row.test_file for row in self._found(track)}

    def _found(self, track):
        return self.tasks(track) + [row for row in self.rejects(track) if row.reason == LEAKED]

    def reasons(self, track=Track.EVOLUTION):
        return sorted(row.reason for row in self.rejects(track) if row.reason != LEAKED)

    def diffs(self):
        return [row.production_diff for row in self.dataset.commits() if row.repo_id != "neighbour"]

    @property
    def failed(self):
        return list(self.dataset.manifest.failed_sources.values())


@pytest.fixture
def new_history(tmp_path):
    """Makes an empty repository in a folder of its own."""
    return lambda name="hostile", *options: RawHistory(tmp_path / name, *options)


@pytest.fixture
def neighbour(tmp_path):
    """A healthy repository that every mining must bring, whatever its companions are."""
    history = RawHistory(tmp_path / "neighbour")
    for number in range(3):
        history.commit({f"tests/test_{number}.py": asserting(number, name="neighbour")})
    return history.folder


@pytest.fixture
def mine(tmp_path, neighbour, capsys):
    """Mines sources and the healthy neighbour; checks what holds for every dataset."""

    def run(*sources, workers=1, name="data"):
        listing = tmp_path / f"{name}.txt"
        listing.write_text("".join(f"{source}\n" for source in (neighbour, *sources)), "utf-8")
        options = ["--cutoff", "none", "--cache", str(tmp_path / "cache"), "--workers", str(workers)]
        capsys.readouterr()
        code = run_command(["mine", str(listing), "-o", str(tmp_path / name), *options])
        remarks = capsys.readouterr().err
        assert "Traceback" not in remarks
        mined = Mined(code, remarks, Dataset(tmp_path / name) if code < 2 else None)
        if mined.dataset is not None:
            check(mined.dataset)
        return mined

    return run


def check(dataset):
    """The neighbour is whole, and everything seen is a row."""
    rejects = list(dataset.rejects())
    for track, ledger in ((Track.STATIC, dataset.manifest.static), (Track.EVOLUTION, dataset.manifest.evolution)):
        tasks = [task for split in dataset.splits(track) for task in dataset.tasks(track, split)]
        leaked = [reject for reject in rejects if reject.reason == LEAKED and reject.track is track]
        near = {row.statement for row in (*tasks, *leaked) if row.repo_id == "neighbour"}
        assert near == {f"assert neighbour({n}) == {n}" for n in range(3)}
        assert len(tasks) == ledger.kept
        assert sum(reject.track is track for reject in rejects) == ledger.seen - ledger.kept
        for task in tasks:
            assert (task.prefix + task.gap + task.target + task.suffix).endswith(task.statement)
            assert task.prefix == task.prefix.rstrip()
