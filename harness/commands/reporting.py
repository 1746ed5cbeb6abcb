"""`repobench report` and `compare`: tables of runs, and two runs against each other."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from harness.commands.folders import REPORT_FOLDER, RUNS_FOLDER
from harness.console import record, say, show
from harness.errors import RunError
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError
from repopeftbench.near import near


def report(
    *runs: Path,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = REPORT_FOLDER,
    by: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    data: Path | None = None,
    seed: int = 0,
) -> int:
    """Compare runs: metrics with intervals over repositories, paired verdicts, breakdowns, kinds of mistakes.

    Args:
        runs: Folders of runs, or of folders of runs. Default: every run in repobench-out/runs.
        out: Folder of report.md and report.json, which hold every breakdown.
        by: Break the printed tables down; may be repeated. family, event, target-type, target-length, prefix-length,
            position, target-in-prefix or repository-size.
        data: Dataset of the runs, to tell hallucinated names from other mistakes.
        seed: Seed of the bootstrap.
    """
    from harness.report.files import find_runs, find_unknown_names, load_runs, write_report
    from harness.report.tables import build_report
    from harness.report.terminal import to_terminal
    from harness.run_store import has_finished
    from harness.slices import SLICES

    unknown_slices = [name for name in by if name not in SLICES]
    if unknown_slices:
        hint = near(unknown_slices[0], SLICES)
        raise ConfigError(f"--by {unknown_slices[0]} is no slice:{hint} choose from {', '.join(SLICES)}")
    roots = runs or (RUNS_FOLDER,)
    # A run that is named twice must not become two methods.
    folders = list({folder.resolve(): folder for root in roots for folder in find_runs(root)}.values())
    if not folders:
        where = ", ".join(str(root) for root in roots)
        raise RunError(f"no run in {where}: name the folder of a run, or run a method first")
    unfinished = [folder for folder in folders if not has_finished(folder)]
    for folder in unfinished:
        say(f"left out: {folder} is not finished; start the same run again to finish it")
    loaded = load_runs(folder for folder in folders if folder not in unfinished)
    names = None if data is None else find_unknown_names(loaded, Dataset(data))
    made = build_report(loaded, seed=seed, unknown=names)
    show(to_terminal(made, slices=by))
    markdown, as_json = write_report(made, out)
    record(markdown=markdown, left_out=unfinished, **json.loads(as_json.read_text("utf-8")))
    say(f"written to {markdown} and {as_json}")
    return 1 if unfinished else 0


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
