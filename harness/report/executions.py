"""What executing predictions says of methods: pass rates on runnable tasks, and where they and exact match disagree.

Pure. A table is of one dataset, track and split; its denominator is the runnable tasks that every probed method
executed. What says nothing about a prediction, and what a predictor did not answer, is among them, and no pass.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.pairing import Verdict, compare_values
from harness.probing.records import Execution, Outcome
from harness.records import Score
from harness.report.answers import TableKey, table_order
from harness.report.methods import Method, ScoredRun, combine_seeds
from harness.report.sections import Grid, percent_cell, shortened
from harness.report.tables import NamedPair, Report, corrected_pairs
from harness.report.verdicts import verdict_sentence
from harness.stats import Estimate, estimate_share, total
from repopeftbench.schema import Split, Track

_MOST_LISTED = 20
_SHOWN = tuple(outcome for outcome in Outcome if outcome.counts and outcome is not Outcome.PASSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A prediction of which execution and exact match say different things."""

    repo_id: str
    task_id: str
    target: str
    prediction: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One method on the runnable tasks.

    `exec_pass` gives every task the same weight, `macro` every repository; `em_strict` is of the same tasks. `outcomes`
    and both lists count answers, once per seed.
    """

    method: str
    exec_pass: Estimate
    macro: Estimate
    em_strict: Estimate
    outcomes: Mapping[Outcome, int]
    passes_without_match: tuple[Disagreement, ...]
    matches_without_pass: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTable:
    """The probed methods on the `tasks` that are runnable, of the `executed` ones; the best row first."""

    dataset: str
    track: Track
    split: Split
    executed: int
    tasks: int
    repositories: int
    rows: tuple[ExecutionRow, ...]
    pairs: tuple[NamedPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSection:
    """A table as grids of text: the methods, the verdicts, and some of the disagreements of each method."""

    title: str
    denominator: str
    methods: Grid
    verdicts: tuple[str, ...]
    disagreements: tuple[Grid, ...]


_Answer = tuple[Execution, Score]


def with_executions(report: Report, runs: Sequence[ScoredRun]) -> Report:
    """The report, with a table for every track and split in which a run was probed."""
    groups: dict[TableKey, list[tuple[Method, list[dict[str, _Answer]]]]] = {}
    methods = combine_seeds(runs)
    for method in methods:
        if any(run.executions is None for run in method.runs):
            continue
        for track, split in sorted({(score.track, score.split) for run in method.runs for score in run.scores}):
            by_seed = [_answers(run, track, split) for run in method.runs]
            groups.setdefault((method.dataset, track, split), []).append((method, by_seed))
    made = (_table(key, groups[key], report) for key in sorted(groups, key=table_order))
    tables = [table for table in made if table is not None]
    pairs = corrected_pairs([table.pairs for table in tables])
    return replace(
        report,
        executions=tuple(replace(table, pairs=fixed) for table, fixed in zip(tables, pairs, strict=True)),
        notes=(*report.notes, *_notes(methods)),
    )


def _notes(methods: Sequence[Method]) -> tuple[str, ...]:
    unprobed = [method.name for method in methods if any(run.executions is None for run in method.runs)]
    if not unprobed or len(unprobed) == len(methods):
        return ()
    return (f"Not executed, and so without Exec: {', '.join(unprobed)} (repobench probe RUN).",)


def _answers(run: ScoredRun, track: Track, split: Split) -> dict[str, _Answer]:
    """The executed predictions of one run, by task."""
    executed = run.executed()
    return {
        score.task_id: (executed[score.task_id], score)
        for score in run.scores
        if score.task_id in executed and (score.track, score.split) == (track, split)
    }


def _table(
    key: TableKey, methods: Sequence[tuple[Method, list[dict[str, _Answer]]]], report: Report
) -> ExecutionTable | None:
    every = [answers for _, by_seed in methods for answers in by_seed]
    common = sorted(set.intersection(*map(set, every)))
    runnable = [task_id for task_id in common if all(answers[task_id][0].outcome.counts for answers in every)]
    if not runnable:
        return None
    repositories = tuple(every[0][task_id][0].repo_id for task_id in runnable)
    values = {
        method.name: [
            statistics.fmean(answers[task_id][0].outcome is Outcome.PASSED for answers in by_seed)
            for task_id in runnable
        ]
        for method, by_seed in methods
    }
    ordered = sorted(methods, key=lambda one: (-statistics.fmean(values[one[0].name]), one[0].name))
    names = [method.name for method, _ in ordered]
    dataset, track, split = key
    return ExecutionTable(
        dataset=dataset,
        track=track,
        split=split,
        executed=len(common),
        tasks=len(runnable),
        repositories=len(set(repositories)),
        rows=tuple(
            _row(method.name, [[answers[task_id] for task_id in runnable] for answers in by_seed], report)
            for method, by_seed in ordered
        ),
        pairs=tuple(
            NamedPair(
                first=first,
                second=second,
                pair=compare_values(
                    repositories, values[first], values[second], seed=report.seed, resamples=report.resamples
                ),
            )
            for index, first in enumerate(names)
            for second in names[index + 1 :]
        ),
    )


def _row(name: str, by_seed: Sequence[Sequence[_Answer]], report: Report) -> ExecutionRow:
    repositories = [execution.repo_id for execution, _ in by_seed[0]]
    passes = [
        statistics.fmean(execution.outcome is Outcome.PASSED for execution, _ in of_task)
        for of_task in zip(*by_seed, strict=True)
    ]
    matches = [statistics.fmean(_matches(score) for _, score in of_task) for of_task in zip(*by_seed, strict=True)]
    totals = total(repositories, passes)
    every = [answer for answers in by_seed for answer in answers]
    counts = Counter(execution.outcome for execution, _ in every)

    def share(values: Sequence[float]) -> Estimate:
        return estimate_share(total(repositories, values), seed=report.seed, resamples=report.resamples)

    return ExecutionRow(
        method=name,
        exec_pass=share(passes),
        macro=estimate_share(totals.of_equal_weight(), seed=report.seed, resamples=report.resamples),
        em_strict=share(matches),
        outcomes={outcome: counts[outcome] for outcome in Outcome if outcome.counts},
        passes_without_match=_disagreements(every, passes=True),
        matches_without_pass=_disagreements(every, passes=False),
    )


def _matches(score: Score) -> bool:
    return score.em_strict and not score.failed


def _disagreements(answers: Sequence[_Answer], *, passes: bool) -> tuple[Disagreement, ...]:
    """The predictions that pass and do not match, or match and do not pass."""
    return tuple(
        Disagreement(
            repo_id=execution.repo_id,
            task_id=execution.task_id,
            target=score.target,
            prediction=score.prediction,
            outcome=execution.outcome,
            detail=execution.detail,
        )
        for execution, score in answers
        if (execution.outcome is Outcome.PASSED) is passes and _matches(score) is not passes
    )


def execution_sections(tables: Sequence[ExecutionTable]) -> tuple[ExecutionSection, ...]:
    """The tables as text."""
    several = len({table.dataset for table in tables}) > 1
    return tuple(_section(table, several_datasets=several) for table in tables)


def _section(table: ExecutionTable, *, several_datasets: bool) -> ExecutionSection:
    title = f"Execution: {table.track.value}, {table.split.value}"
    repositories = f"{table.repositories:,} repositor{'y' if table.repositories == 1 else 'ies'}"
    return ExecutionSection(
        title=f"{title} (dataset {table.dataset[:12]})" if several_datasets else title,
        denominator=f"{table.tasks:,} runnable of {table.executed:,} executed tasks, of {repositories}.",
        methods=_methods(table),
        verdicts=tuple(
            f"Exec: {verdict_sentence(named.first, named.second, named.pair)}"
            for named in table.pairs
            if named.pair.verdict is not Verdict.TOO_FEW
        ),
        disagreements=tuple(grid for row in table.rows for grid in _listed(row)),
    )


def _methods(table: ExecutionTable) -> Grid:
    headings = ("Method", "Exec % [95 % CI]", "Per repository % [95 % CI]", "EM % [95 % CI]", "Passes, no match")
    rows = tuple(
        (
            row.method,
            percent_cell(row.exec_pass),
            percent_cell(row.macro),
            percent_cell(row.em_strict),
            f"{len(row.passes_without_match):,}",
            f"{len(row.matches_without_pass):,}",
            *(f"{row.outcomes[outcome]:,}" for outcome in _SHOWN),
        )
        for row in table.rows
    )
    shown = tuple(outcome.capitalize() for outcome in _SHOWN)
    return Grid(title="", headings=(*headings, "Matches, no pass", *shown), rows=rows)


def _listed(row: ExecutionRow) -> list[Grid]:
    grids = []
    for what, found in (("passes", row.passes_without_match), ("matches", row.matches_without_pass)):
        if found:
            ending = "without a match" if what == "passes" else "without a pass"
            first = f", the first {_MOST_LISTED} of {len(found):,}" if len(found) > _MOST_LISTED else ""
            rows = tuple(
                (
                    one.repo_id,
                    one.task_id,
                    shortened(one.target),
                    shortened(one.prediction),
                    one.outcome,
                    shortened(one.detail),
                )
                for one in found[:_MOST_LISTED]
            )
            headings = ("Repository", "Task", "Target", "Prediction", "Outcome", "Detail")
            grids.append(Grid(title=f"{row.method} {what} {ending}{first}", headings=headings, rows=rows, texts=6))
    return grids
