"""The numbers of the leaderboard: every metric of every method, for all tasks and for each family and event. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.answers import Answers
from harness.report.letters import table_letters
from harness.report.metrics import HEADLINE, METRICS
from harness.report.sections import footnotes
from harness.report.tables import NamedPair, Report, Row, Table
from harness.report.verdicts import verdict_sentence
from harness.stats import Estimate, estimate_share, total

Plain = dict[str, Any]
ANY = ""
"""In place of a family or an event: all of them."""
_DIGITS = 5


def page_tables(report: Report, answers: Sequence[Sequence[Answers]], seconds: Mapping[str, float]) -> list[Plain]:
    """The tables of `report` as the page reads them.

    Args:
        report: the tables.
        answers: of each table, in the order of its rows.
        seconds: per task, by method, where a log tells of them.
    """
    return [_table(report, table, of_table, seconds) for table, of_table in zip(report.tables, answers, strict=True)]


def page_notes(report: Report) -> list[str]:
    """What a reader must know to read the numbers."""
    return [
        *footnotes(report),
        "Letters: methods that share one were not shown to differ in EM on all tasks of the table, by the corrected "
        "pairwise tests. Seconds: per task by the run's log, loading left out.",
    ]


def _table(report: Report, table: Table, answers: Sequence[Answers], seconds: Mapping[str, float]) -> Plain:
    letters = table_letters(table)
    first = answers[0].scores[0]
    families = sorted({score.family.value for score in first})
    events = sorted({score.event.value for score in first})
    chosen: dict[str, list[int]] = {f"{family}|{event}": [] for family in (ANY, *families) for event in (ANY, *events)}
    for index, score in enumerate(first):
        for family in (ANY, score.family.value):
            for event in (ANY, score.event.value):
                chosen[f"{family}|{event}"].append(index)
    return {
        "dataset": table.dataset,
        "track": table.track.value,
        "split": table.split.value,
        "suite": table.split.suite,
        "families": families,
        "events": events,
        "rows": [_row(row, letters.get(row.method, ""), seconds.get(row.method)) for row in table.rows],
        "cells": {
            key: _cells(report, answers, indices, table if key == f"{ANY}|{ANY}" else None)
            for key, indices in chosen.items()
            if indices
        },
        "pairs": [_pair(named) for named in table.pairs],
    }


def _row(row: Row, letters: str, seconds: float | None) -> Plain:
    return {
        "method": row.method,
        "letters": letters,
        "seconds": seconds,
        "failed": row.failures,
        "left_out": row.left_out,
        "scored": {name: row.metrics[name].valued for name in METRICS},
        "answers": row.metrics[HEADLINE].valued + row.failures,
        "macro": {name: _interval(row.metrics[name].macro) for name in METRICS},
        "gap": _interval(row.gap),
        "seeds": len(row.seeds),
        "deviation": None if row.seed_deviation is None else round(row.seed_deviation, _DIGITS),
    }


def _cells(report: Report, answers: Sequence[Answers], indices: Sequence[int], whole: Table | None) -> Plain:
    """Tasks, repositories, and by metric the interval of every method; of a whole table those it has already."""
    names = [answers[0].repositories[index] for index in indices]
    values: dict[str, list[list[float | None]]] = {}
    for metric in METRICS:
        if whole is not None:
            values[metric] = [_interval(row.metrics[metric].micro) for row in whole.rows]
            continue
        estimates = []
        for one in answers:
            column = one.values(metric)
            totals = total(names, [column[index] for index in indices])
            estimates.append(estimate_share(totals, seed=report.seed, resamples=report.resamples))
        values[metric] = [_interval(estimate) for estimate in estimates]
    return {"tasks": len(indices), "repositories": len(set(names)), "values": values}


def _interval(estimate: Estimate) -> list[float | None]:
    return [
        None if value is None else round(value, _DIGITS) + 0.0 for value in (estimate.mean, estimate.low, estimate.high)
    ]


def _pair(named: NamedPair) -> Plain:
    pair = named.pair
    return {
        "first": named.first,
        "second": named.second,
        "sentence": verdict_sentence(named.first, named.second, pair),
        "verdict": pair.verdict.value,
        "difference": _interval(pair.difference),
        "mcnemar": pair.mcnemar,
        "sign_flip": pair.sign_flip,
        "corrected": pair.corrected,
    }
