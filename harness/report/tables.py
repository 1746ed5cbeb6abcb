"""Scored runs -> the tables of a report. Pure: no disk, no layout; rendering is done elsewhere.

A table is of one dataset, track and split, and has one denominator: the tasks that every method in it answered. What a
method answered beyond them is left out and counted. Failed and unscored predictions are among the tasks and count as
not solved; how many they are, and the mean without them, stands beside.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.pairing import Pair, compare_values, corrected
from harness.report.answers import Answers, TableKey, group_answers
from harness.report.cost_columns import MethodCosts, method_costs
from harness.report.methods import ScoredRun, seed_of
from harness.report.metrics import HEADLINE, METRICS, Metric, counted_value, has_value
from harness.slices import SLICES, Slice
from harness.stats import RESAMPLES, Estimate, estimate_difference, estimate_share, total
from harness.taxonomy import ErrorClass, classify
from repopeftbench.schema import Split, Track

if TYPE_CHECKING:
    from harness.report.executions import ExecutionTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric of one method, in [0, 1]; of several seeds, the mean of each task is what counts.

    `micro` gives every task the same weight, `macro` every repository. `without` is the mean over the answers that
    have a value, `valued` of them (a task counts once per seed); None where none has.
    """

    micro: Estimate
    macro: Estimate
    valued: int
    without: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method in a table.

    `left_out` counts the tasks of this split that it answered and another method did not. `gap` is `em_paper` less
    `em_strict`. `seed_means` are the exact matches of each seed, in [0, 1], `seed_deviation` their standard deviation,
    None of a single one. `failures` and `mistakes` count answers, once per seed.
    """

    method: str
    left_out: int
    metrics: Mapping[str, Measured]
    gap: Estimate
    failures: int
    seeds: tuple[int, ...]
    seed_means: tuple[float, ...]
    seed_deviation: float | None
    mistakes: Mapping[ErrorClass, int]
    costs: MethodCosts = field(default_factory=MethodCosts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPair:
    """A comparison of two methods on the headline; the first has the higher mean."""

    first: str
    second: str
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """The tasks of one label: exact matches of every method, in the order of the table's rows."""

    label: str
    tasks: int
    repositories: int
    em_strict: tuple[Estimate, ...]
    em_paper: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The methods on the `tasks` of `repositories` that all of them answered; the best row first."""

    dataset: str
    track: Track
    split: Split
    tasks: int
    repositories: int
    rows: tuple[Row, ...]
    pairs: tuple[NamedPair, ...]
    slices: Mapping[str, tuple[SliceRow, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tables by dataset, track and split; `notes` say what keeps numbers from being compared."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    seed: int
    resamples: int
    names_known: bool
    executions: "tuple[ExecutionTable, ...]" = ()
    """Of the runs that were probed."""


UnknownNames = Mapping[str, frozenset[str]]
"""By task: the doubtful names of its predictions that its prefix does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    seed: int
    resamples: int
    unknown: UnknownNames


def build_report(
    runs: Sequence[ScoredRun],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    unknown: UnknownNames | None = None,
) -> Report:
    """The report on `runs`; their order does not matter, except that it numbers runs which nothing else tells apart.

    Args:
        runs: finished and scored.
        seed: of resamples and flips.
        resamples: of every interval.
        unknown: as from `unknown_names`; None if nobody looked, and then no name counts as hallucinated.
    """
    options = _Options(seed=seed, resamples=resamples, unknown=unknown or {})
    tables, notes = [], []
    for group in group_answers(runs):
        if group.answers:
            tables.append(_table(group.key, group.answers, options))
        else:
            names = ", ".join(sorted(group.methods))
            notes.append(f"No table of {group.key[1]}, {group.key[2]}: no task was answered by all of {names}.")
    if len({table.dataset for table in tables}) > 1:
        notes.append("The runs read different datasets; methods are compared within one only.")
    pairs = corrected_pairs([table.pairs for table in tables])
    return Report(
        tables=tuple(replace(table, pairs=fixed) for table, fixed in zip(tables, pairs, strict=True)),
        notes=tuple(notes),
        seed=seed,
        resamples=resamples,
        names_known=unknown is not None,
    )


def corrected_pairs(of_tables: Sequence[Sequence[NamedPair]]) -> list[tuple[NamedPair, ...]]:
    """The pairs of tables with the p values of all of them corrected together, by Holm."""
    fixed = iter(corrected([named.pair for pairs in of_tables for named in pairs]))
    return [tuple(replace(named, pair=next(fixed)) for named in pairs) for pairs in of_tables]


def _table(key: TableKey, group: Sequence[Answers], options: _Options) -> Table:
    answers = sorted(group, key=lambda one: (-statistics.fmean(one.values(HEADLINE)), one.method.name))
    dataset, track, split = key
    return Table(
        dataset=dataset,
        track=track,
        split=split,
        tasks=len(answers[0].repositories),
        repositories=len(set(answers[0].repositories)),
        rows=tuple(_row(one, options) for one in answers),
        pairs=tuple(
            NamedPair(first=one.method.name, second=other.method.name, pair=_compare(one, other, options))
            for index, one in enumerate(answers)
            for other in answers[index + 1 :]
        ),
        slices={name: _slice_rows(division, answers, options) for name, division in SLICES.items()},
    )


def _row(answers: Answers, options: _Options) -> Row:
    headline = [
        statistics.fmean(counted_value(METRICS[HEADLINE], score) for score in scores) for scores in answers.scores
    ]
    every = [score for scores in answers.scores for score in scores]
    gaps = [paper - strict for paper, strict in zip(answers.values("em_paper"), answers.values(HEADLINE), strict=True)]
    mistakes = dict.fromkeys(ErrorClass, 0)
    for score in every:
        if not score.em_strict and not score.failed:
            mistakes[classify(score, options.unknown.get(score.task_id, frozenset()))] += 1
    return Row(
        method=answers.method.name,
        left_out=answers.left_out,
        metrics={name: _measure(metric, name, answers, options) for name, metric in METRICS.items()},
        gap=estimate_difference(total(answers.repositories, gaps), seed=options.seed, resamples=options.resamples),
        failures=sum(score.failed for score in every),
        seeds=tuple(seed_of(run) for run in answers.method.runs),
        seed_means=tuple(headline),
        seed_deviation=statistics.stdev(headline) if len(headline) > 1 else None,
        mistakes=mistakes,
        costs=method_costs(answers.method.runs),
    )


def _measure(metric: Metric, name: str, answers: Answers, options: _Options) -> Measured:
    totals = total(answers.repositories, answers.values(name))
    with_value = [
        counted_value(metric, score) for scores in answers.scores for score in scores if has_value(metric, score)
    ]
    return Measured(
        micro=estimate_share(totals, seed=options.seed, resamples=options.resamples),
        macro=estimate_share(totals.of_equal_weight(), seed=options.seed, resamples=options.resamples),
        valued=len(with_value),
        without=statistics.fmean(with_value) if with_value else None,
    )


def _compare(one: Answers, other: Answers, options: _Options) -> Pair:
    first, second = one.values(HEADLINE), other.values(HEADLINE)
    return compare_values(one.repositories, first, second, seed=options.seed, resamples=options.resamples)


def _slice_rows(division: Slice, answers: list[Answers], options: _Options) -> tuple[SliceRow, ...]:
    places: dict[str, list[int]] = {}
    for index, score in enumerate(answers[0].scores[0]):
        places.setdefault(division.label(score), []).append(index)
    rows = []
    for label in (label for label in division.labels if label in places):
        chosen = places[label]
        repositories = [answers[0].repositories[index] for index in chosen]
        estimates, published = [], []
        for one in answers:
            strict, paper = one.values(HEADLINE), one.values("em_paper")
            totals = total(repositories, [strict[index] for index in chosen])
            estimates.append(estimate_share(totals, seed=options.seed, resamples=options.resamples))
            published.append(statistics.fmean(paper[index] for index in chosen))
        rows.append(
            SliceRow(
                label=label,
                tasks=len(chosen),
                repositories=len(set(repositories)),
                em_strict=tuple(estimates),
                em_paper=tuple(published),
            )
        )
    return tuple(rows)
