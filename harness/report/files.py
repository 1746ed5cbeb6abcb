"""Finished runs read from their folders, and a report written to its own (io)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.costs import read_costs
from harness.errors import RunError
from harness.probing.results import read_executions
from harness.report.methods import ScoredRun
from harness.report.rendering import to_json, to_markdown
from harness.report.tables import Report
from harness.run_store import MANIFEST, read_run
from harness.taxonomy import doubtful_names
from harness.unknown_names import unknown_names
from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, State, Track

REPORT_MARKDOWN = "report.md"
REPORT_JSON = "report.json"


def find_runs(root: Path) -> tuple[Path, ...]:
    """The folders with a manifest that are `root` or lie directly in it, finished or not, sorted by name."""
    if (root / MANIFEST).is_file():
        return (root,)
    if not root.is_dir():
        return ()
    return tuple(sorted(folder for folder in root.iterdir() if (folder / MANIFEST).is_file()))


def load_runs(folders: Iterable[Path]) -> tuple[ScoredRun, ...]:
    """The runs in `folders`, in that order.

    Raises:
        ProbeError: what probing a run came to cannot be used.
        RunError: a folder holds no run, or one that is not complete, or the runs saw different states of commits.
    """
    runs = []
    states: dict[State, Path] = {}
    for folder in folders:
        manifest, scores = read_run(folder)
        states.setdefault(manifest.settings.state, folder)
        probed = read_executions(folder)
        executions = None if probed is None else probed[1]
        costs, pace = read_costs(folder)
        runs.append(ScoredRun(manifest=manifest, scores=scores, executions=executions, costs=costs, pace=pace))
    if len(states) > 1:
        seen = ", ".join(f"{folder} saw {state}" for state, folder in sorted(states.items()))
        raise RunError(f"Runs that saw different states of commits cannot be compared ({seen}): name those of one.")
    return tuple(runs)


def find_unknown_names(runs: Sequence[ScoredRun], dataset: Dataset) -> dict[str, frozenset[str]]:
    """By task of `dataset`: the doubtful names of the runs' wrong predictions that its prefix does not have.

    Raises:
        DatasetError: the dataset cannot be read.
        RunError: none of the runs was on it.
    """
    ours = [run for run in runs if run.manifest.dataset_sha256 == dataset.sha256]
    if not ours:
        raise RunError(f"None of the runs is of the dataset in {dataset.folder}: name the one they were run on.")
    wanted: dict[str, frozenset[str]] = {}
    for run in ours:
        for score in run.scores:
            if not score.em_strict and not score.failed:
                names = doubtful_names(score)
                if names:
                    wanted[score.task_id] = wanted.get(score.task_id, frozenset()) | names
    return unknown_names(dataset, wanted, tuple(Track), tuple(Split))


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Writes `report.md` and `report.json` into `folder`, created if absent; their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    markdown, as_json = folder / REPORT_MARKDOWN, folder / REPORT_JSON
    write_atomically(markdown, to_markdown(report).encode())
    write_atomically(as_json, to_json(report).encode())
    return markdown, as_json
