"""`repobench report` and `compare`: tables of runs, and two runs against each other."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from harness.commands.running import RUNS_FOLDER
from harness.console import Tracker, say, show
from harness.errors import RunError
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError

if TYPE_CHECKING:
    from harness.report.methods import ScoredRun
    from harness.report.tables import Report

REPORT_FOLDER = Path("repobench-out/report")
PAGE_LIBRARIES = ("altair", "jinja2", "vl_convert")


def report(
    *runs: Path,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = REPORT_FOLDER,
    by: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    data: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    seed: int = 0,
    html: bool = True,
) -> int:
    """Compare runs: metrics with intervals over repositories, paired verdicts, breakdowns, kinds of mistakes.

    Args:
        runs: Folders of runs, or of folders of runs. Default: every run in repobench-out/runs.
        out: Folder of report.md, report.json and report-tables, which hold every breakdown, and of report.html with its
            details and figures.
        by: Break the printed tables down; may be repeated. family, event, target-type, target-length, prefix-length,
            position, target-in-prefix or repository-size.
        data: Dataset of the runs, to show prefixes, files and commits, and to tell hallucinated names from other
            mistakes; may be repeated.
        seed: Seed of the bootstrap.
        html: Write the page and the figures.
    """
    from harness.report.export_files import write_tables
    from harness.report.files import find_runs, find_unknown_names, load_runs, write_report
    from harness.report.tables import build_report
    from harness.report.terminal import to_terminal
    from harness.run_store import has_finished
    from harness.slices import SLICES

    unknown_slices = [name for name in by if name not in SLICES]
    if unknown_slices:
        raise ConfigError(f"--by {unknown_slices[0]} is no slice: choose from {', '.join(SLICES)}")
    roots = runs or (RUNS_FOLDER,)
    # A run that is named twice must not become two methods.
    folders = list({folder.resolve(): folder for root in roots for folder in find_runs(root)}.values())
    if not folders:
        where = ", ".join(str(root) for root in roots)
        raise RunError(f"no run in {where}: name the folder of a run, or run a method first")
    unfinished = [folder for folder in folders if not has_finished(folder)]
    for folder in unfinished:
        say(f"left out: {folder} is not finished; start the same run again to finish it")
    finished = [folder for folder in folders if folder not in unfinished]
    loaded = load_runs(finished)
    datasets = [Dataset(folder) for folder in data]
    names = {task: found for one in datasets for task, found in find_unknown_names(loaded, one).items()}
    made = build_report(loaded, seed=seed, unknown=names if datasets else None)
    show(to_terminal(made, slices=by))
    markdown, as_json = write_report(made, out)
    write_tables(made, out)
    say(f"written to {markdown} and {as_json}")
    if html:
        _write_page(made, list(zip(finished, loaded, strict=True)), datasets, out)
    return 1 if unfinished else 0


def _write_page(
    report: "Report", runs: "Sequence[tuple[Path, ScoredRun]]", datasets: Sequence[Dataset], out: Path
) -> None:
    missing = [name for name in PAGE_LIBRARIES if find_spec(name) is None]
    if missing:
        say(f"no page and no figures: {missing[0]} is not installed; pip install 'repopeftbench[report]' brings it")
        return
    from harness.report.html.folder import write_page

    with Tracker("steps") as tracker:
        page = write_page(report, runs, datasets, out, progress=lambda step: tracker.update("page", 0, 1, step))
    hint = "" if datasets else "; with --data it shows the prefixes of tasks, too"
    say(f"open {page}{hint}")


def compare(
    run_a: Path,
    run_b: Path,
    /,
    *,
    metric: str = "em_strict",
    limit: int = 10,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Compare two runs task by task: the paired verdict, and the tasks that flipped.

    Args:
        run_a: Folder of a run.
        run_b: Folder of another run on the same dataset.
        metric: em_strict, em_ast, em_paper, edit_similarity, edit_similarity_paper, codebleu or codebleu_paper.
        limit: Most flipped tasks to print of each track and split.
        seed: Seed of the bootstrap.
        json: Print JSON, with every flipped task.
    """
    from harness.comparison import compare_runs
    from harness.report.comparing import comparison_to_terminal
    from harness.report.files import load_runs
    from harness.report.methods import name_runs
    from harness.report.rendering import comparison_to_json

    if limit < 0:
        raise ConfigError(f"--limit {limit} must not be negative")
    loaded = load_runs((run_a, run_b))
    first, second = name_runs([run.manifest for run in loaded])
    compared = compare_runs((first, loaded[0]), (second, loaded[1]), metric=metric, seed=seed)
    show(comparison_to_json(compared).rstrip() if json else comparison_to_terminal(compared, limit=limit))
    return 0
