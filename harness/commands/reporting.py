"""`repobench report` and `compare`: tables of runs, and two runs against each other."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from harness.commands.folders import REPORT_FOLDER, RUNS_FOLDER
from harness.console import Tracker, record, say, show
from harness.errors import RunError
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.truth import has_truth, read_truth
from repopeftbench.errors import ConfigError
from repopeftbench.near import near

if TYPE_CHECKING:
    from harness.report.methods import ScoredRun
    from harness.report.tables import Report

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
            mistakes; may be repeated. Of a controlled benchmark also to hold every stratum against its best possible
            score.
        seed: Seed of the bootstrap.
        html: Write the page and the figures.
    """
    from harness.report.terminal import to_terminal
    from harness.slices import SLICES

    unknown_slices = [name for name in by if name not in SLICES]
    if unknown_slices:
        hint = near(unknown_slices[0], SLICES)
        raise ConfigError(f"--by {unknown_slices[0]} is no slice:{hint} choose from {', '.join(SLICES)}")
    made = make_report(runs or (RUNS_FOLDER,), data, seed=seed)
    show(to_terminal(made.report, slices=by))
    for dataset in made.datasets:
        if has_truth(dataset.folder):
            _show_known_best([run for _, run in made.runs], dataset, seed)
    write_all(made, out, html=html)
    return 1 if made.is_partial else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeReport:
    """A report with the runs and the datasets that it was made of; partial if unfinished runs were left out."""

    report: "Report"
    runs: "tuple[tuple[Path, ScoredRun], ...]"
    datasets: tuple[Dataset, ...]
    is_partial: bool


def make_report(roots: Sequence[Path], data: Sequence[Path], *, seed: int = 0) -> MadeReport:
    """The report on the runs that are `roots` or lie in them; unfinished ones are left out and named on stderr.

    Raises:
        RunError: there is no run, or one cannot be read or is not of the datasets in `data`.
        DatasetError: a dataset cannot be read.
    """
    from harness.report.executions import with_executions
    from harness.report.files import find_runs, find_unknown_names, load_runs
    from harness.report.tables import build_report
    from harness.run_store import has_finished

    # A run that is named twice must not become two methods.
    folders = list({folder.resolve(): folder for root in roots for folder in find_runs(root)}.values())
    if not folders:
        where = ", ".join(str(root) for root in roots)
        raise RunError(f"no run in {where}: name the folder of a run, or run a method first")
    finished = [folder for folder in folders if has_finished(folder)]
    for folder in folders:
        if folder not in finished:
            say(f"left out: {folder} is not finished; start the same run again to finish it")
    loaded = load_runs(finished)
    datasets = tuple(Dataset(folder) for folder in data)
    names = {task: found for one in datasets for task, found in find_unknown_names(loaded, one).items()}
    return MadeReport(
        report=with_executions(build_report(loaded, seed=seed, unknown=names if datasets else None), loaded),
        runs=tuple(zip(finished, loaded, strict=True)),
        datasets=datasets,
        is_partial=len(finished) < len(folders),
    )


def write_all(made: MadeReport, out: Path, *, html: bool = True) -> None:
    """Writes a report to `out`: Markdown, JSON, tables, and the page with its figures where their libraries are there.

    Raises:
        OSError: the folder cannot be written.
    """
    from harness.report.export_files import write_tables
    from harness.report.files import write_report

    markdown, as_json = write_report(made.report, out)
    write_tables(made.report, out)
    record(markdown=markdown, **json.loads(as_json.read_text("utf-8")))
    say(f"written to {markdown} and {as_json}")
    missing = missing_page_library()
    if not html or missing is not None:
        if html:
            say(f"no page and no figures: {missing} is not installed; pip install 'repopeftbench[report]' brings it")
        return
    from harness.report.html.folder import write_page

    with Tracker("figures") as tracker:
        page = write_page(
            made.report,
            made.runs,
            made.datasets,
            out,
            progress=lambda step, done, total: tracker.update(
                step, done, total, unit="tables" if step == "details" else step
            ),
        )
    hint = "" if made.datasets else "; with --data it shows the prefixes of tasks, too"
    say(f"open {page}{hint}")


def missing_page_library() -> str | None:
    """The first of the page's libraries that is not installed."""
    return next((name for name in PAGE_LIBRARIES if find_spec(name) is None), None)


def _show_known_best(runs: Sequence["ScoredRun"], dataset: Dataset, seed: int) -> None:
    from harness.known_best import against_known_best
    from harness.report.methods import name_runs
    from harness.report.sections import Grid, percent_cell
    from harness.report.terminal import to_table

    ours = [run for run in runs if run.manifest.dataset_sha256 == dataset.sha256]
    truths = {truth.task_id: truth for truth in read_truth(dataset.folder)}
    rows = []
    for name, run in zip(name_runs([run.manifest for run in ours]), ours, strict=True):
        for one in against_known_best(run.scores, truths, seed=seed):
            best = (one.best_prefix, one.best_domain, one.best_repository)
            cells = (f"{one.exact.n:,}", percent_cell(one.exact), *(f"{100 * score:.1f}" for score in best))
            rows.append((name, one.stratum.value, *cells))
    headings = ("method", "stratum", "tasks", "EM %", "best: prefix", "with domain", "with repository")
    show(to_table(Grid(title="Against the best possible scores", headings=headings, rows=tuple(rows), texts=2)))


def compare(
    run_a: Path,
    run_b: Path,
    /,
    *,
    metric: str = "em_strict",
    limit: int = 10,
    seed: int = 0,
) -> int:
    """Compare two runs task by task: the paired verdict, and the tasks that flipped.

    Args:
        run_a: Folder of a run.
        run_b: Folder of another run on the same dataset.
        metric: em_strict, em_ast, em_paper, edit_similarity, edit_similarity_paper, codebleu or codebleu_paper.
        limit: Most flipped tasks to print of each track and split.
        seed: Seed of the bootstrap.
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
    show(comparison_to_terminal(compared, limit=limit))
    record(**json.loads(comparison_to_json(compared)))
    return 0
