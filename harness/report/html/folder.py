"""The page of a report and everything beside it, written to the report's folder (io).

report.html   report-details/NNNN.js   report-figures/NAME.svg, .png

Each folder is replaced as a whole. The page comes last and knows the details that belong to it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.report.answers import Answers, group_answers
from harness.report.companions import Companions, read_companions
from harness.report.exports import table_stem
from harness.report.figures import evidence, quality, repositories
from harness.report.figures.drawing import Figure, method_colours
from harness.report.figures.files import write_figures
from harness.report.html.details import LocatedRun, write_details
from harness.report.html.leaderboard import page_tables
from harness.report.html.page import PageContent, render_page
from harness.report.html.task_index import TaskIndex
from harness.report.methods import Method, ScoredRun, combine_seeds, seed_of
from harness.report.sections import ABSENT, Grid
from harness.report.tables import Report
from harness.run_store import COMPLETE
from repopeftbench import __version__
from repopeftbench.atomic import fill_atomically, write_atomically
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

PAGE, DETAILS, FIGURES = "report.html", "report-details", "report-figures"

Progress = Callable[[str, int, int], None]
"""Called as `progress(step, done, total)`: of the step `figures` in figures, of `details` in tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """The runs of a report as the page wants them; by method: what it cost, and what lies beside its first run."""

    located: tuple[LocatedRun, ...]
    methods: tuple[Method, ...]
    seconds: Mapping[str, float]
    companions: Mapping[str, Companions]


def write_page(
    report: Report,
    runs: Sequence[tuple[Path, ScoredRun]],
    datasets: Sequence[Dataset],
    folder: Path,
    *,
    progress: Progress,
) -> Path:
    """Writes the page with its details, and the figures as files, into `folder`; gives the path of the page.

    Args:
        report: of the runs.
        runs: with the folders that they were read from.
        datasets: of the runs; tasks of others have no prefix on the page.
        folder: of the report; it exists.
        progress: is told what is being done, and how far it is.

    Raises:
        DatasetError: a dataset cannot be read.
        RunError: the predictions of a run cannot be read.
        OSError: the folder cannot be written.
    """
    arranged = _arranged(runs)
    by_sha256 = {dataset.sha256: dataset for dataset in datasets}
    report_id = _report_id(report, arranged.located, datasets)
    answers = _answers(report, [run for _, run in runs])
    colours = method_colours([method.name for method in arranged.methods])
    figures = [
        _figures(report, place, answers[place], by_sha256, arranged, colours) for place in range(len(report.tables))
    ]
    conditioning = evidence.conditioning(arranged.companions)
    _write_figures(report, figures, conditioning, folder, progress)
    progress("details", 0, len(report.tables))
    index = _write_details(
        report, arranged, by_sha256, folder, report_id=report_id, progress=partial(progress, "details")
    )
    content = PageContent(
        report_id=report_id,
        tables=page_tables(report, answers, arranged.seconds),
        figures=figures,
        conditioning=conditioning,
        colours=colours,
        datasets=_dataset_names(report, by_sha256),
        runs=[_run_fields(one, method) for one, method in _with_methods(arranged)],
        run_grid=_run_grid(arranged),
        tasks=index.columns(),
        details=DETAILS,
        remarks=[remark for found in arranged.companions.values() for remark in found.remarks],
    )
    write_atomically(folder / PAGE, render_page(report, content).encode())
    return folder / PAGE


def _arranged(runs: Sequence[tuple[Path, ScoredRun]]) -> _Runs:
    folders = {id(run): folder for folder, run in runs}
    methods = combine_seeds([run for _, run in runs])
    companions = {method.name: read_companions(folders[id(method.runs[0])]) for method in methods}
    located = tuple(
        LocatedRun(
            folder=folders[id(run)],
            run=run,
            label=method.name if len(method.runs) == 1 else f"{method.name}, seed {seed_of(run)}",
        )
        for method in methods
        for run in method.runs
    )
    paces = {method.name: [run.pace for run in method.runs if run.pace is not None] for method in methods}
    return _Runs(
        located=located,
        methods=methods,
        seconds={
            name: round(sum(pace.seconds for pace in found) / sum(pace.tasks for pace in found), 6)
            for name, found in paces.items()
            if found
        },
        companions=companions,
    )


def _with_methods(runs: _Runs) -> list[tuple[LocatedRun, Method]]:
    methods = [method for method in runs.methods for _ in method.runs]
    return list(zip(runs.located, methods, strict=True))


def _report_id(report: Report, runs: Sequence[LocatedRun], datasets: Sequence[Dataset]) -> str:
    """What the page and its details must have in common: the content of the runs, the datasets, this version."""
    parts = [__version__, str(report.seed), str(report.resamples), *sorted(dataset.sha256 for dataset in datasets)]
    parts += [hashlib.sha256((one.folder / COMPLETE).read_bytes()).hexdigest() for one in runs]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _answers(report: Report, runs: Sequence[ScoredRun]) -> list[list[Answers]]:
    """Of each table the answers in the order of its rows."""
    groups = [group for group in group_answers(runs) if group.answers]
    found = []
    for table, group in zip(report.tables, groups, strict=True):
        by_name = {one.method.name: one for one in group.answers}
        found.append([by_name[row.method] for row in table.rows])
    return found


def _figures(
    report: Report,
    place: int,
    answers: Sequence[Answers],
    datasets: Mapping[str, Dataset],
    runs: _Runs,
    colours: Mapping[str, str],
) -> list[Figure]:
    table = report.tables[place]
    train = _train_tasks(datasets.get(table.dataset), table.track)
    figures = [
        quality.ranking(table, colours),
        quality.history(table, colours),
        *repositories.repositories(answers, colours),
        repositories.training_data(answers, train, colours),
        quality.reliability(table),
        quality.mistakes(table),
        evidence.cost(table, runs.seconds, colours),
        evidence.execution(answers),
    ]
    return [figure for figure in figures if figure is not None]


def _train_tasks(dataset: Dataset | None, track: Track) -> dict[str, int]:
    counts: dict[str, int] = {}
    if dataset is not None:
        for table in dataset.task_tables(track, Split.IR_TRAIN, ("repo_id",)):
            for entry in table.column("repo_id").value_counts().to_pylist():
                counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    return counts


def _write_figures(
    report: Report,
    figures: Sequence[Sequence[Figure]],
    conditioning: Sequence[Figure],
    folder: Path,
    progress: Progress,
) -> None:
    named = [
        replace(figure, name=f"{table_stem(report, table)}-{figure.name}")
        for table, of_table in zip(report.tables, figures, strict=True)
        for figure in of_table
    ]
    drawn = [*named, *conditioning]
    progress("figures", 0, len(drawn))
    fill_atomically(folder / FIGURES, lambda target: write_figures(drawn, target, partial(progress, "figures")))


def _write_details(
    report: Report,
    runs: _Runs,
    datasets: Mapping[str, Dataset],
    folder: Path,
    *,
    report_id: str,
    progress: Callable[[int, int], None],
) -> TaskIndex:
    keys = [(table.dataset, table.track, table.split) for table in report.tables]
    written: list[TaskIndex] = []
    fill_atomically(
        folder / DETAILS,
        lambda target: written.append(write_details(runs.located, datasets, keys, target, report_id, progress)),
    )
    return written[0]


def _dataset_names(report: Report, datasets: Mapping[str, Dataset]) -> dict[str, str]:
    """By hash, in the order of the tables: the protocol where the dataset is there, and the beginning of the hash."""
    return {
        table.dataset: f"{datasets[table.dataset].manifest.config.protocol} ({table.dataset[:8]})"
        if table.dataset in datasets
        else f"dataset {table.dataset[:8]}"
        for table in report.tables
    }


def _run_fields(one: LocatedRun, method: Method) -> dict[str, Any]:
    return {"label": one.label, "method": method.name, "dataset": one.run.manifest.dataset_sha256}


def _run_grid(runs: _Runs) -> Grid:
    rows = []
    for one, method in _with_methods(runs):
        manifest = one.run.manifest
        settings = manifest.settings
        seconds = runs.seconds.get(method.name)
        rows.append(
            (
                one.label,
                settings.backbone,
                settings.checkpoint or ABSENT,
                settings.state.value,
                str(seed_of(one.run)),
                f"{manifest.task_count:,}",
                ABSENT if seconds is None else f"{seconds:.4f}",
                (manifest.weights_sha256 or ABSENT)[:12],
                manifest.dataset_sha256[:12],
                manifest.tool_version,
            )
        )
    headings = (
        "Run",
        "Backbone",
        "Checkpoint",
        "State",
        "Seed",
        "Tasks",
        "s / task",
        "Weights",
        "Dataset",
        "repobench",
    )
    return Grid(title="", headings=headings, rows=tuple(rows))
