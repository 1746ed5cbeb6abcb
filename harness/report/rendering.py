"""A report as Markdown and as JSON. Pure: text out, the same for the same report."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from harness.report.tables import Report, Row
from harness.stats import LEVEL, Estimate

_FORMAT = 1
_ABSENT = "–"  # noqa: RUF001 - the sign for a value that does not exist
_DIGITS = 6
_CI = f"{LEVEL:.0%} CI".replace("%", " %")
HEADINGS = ("Method", "n", "Repos", f"EM % [{_CI}]", f"EditSim [{_CI}]", "Failed")
"""The columns of a table; a table by family has the family before them."""


def footnotes(report: Report) -> tuple[str, ...]:
    """What a reader must know to read the numbers, and what keeps rows from being compared."""
    lines = [
        "EM: the share of tasks whose stopped prediction equals the target as tokens (white space, quote style and "
        "numeric underscores aside). EditSim: 2 LCS / (a + b) of both texts, from 0 to 1.",
        f"[low, high]: {LEVEL:.0%} interval of a bootstrap that resamples whole repositories with replacement "
        f"({report.resamples:,} resamples, percentiles, seed {report.seed}). [{_ABSENT}]: no interval, since all "
        "tasks are from one repository.",
        "Repos: repositories. Failed: tasks on which the predictor raised an error; they are among the n tasks and "
        "count as wrong.",
    ]
    unscored = sum(row.unscored for row in report.rows)
    if unscored:
        lines.append(f"{unscored} predictions are too long for EditSim and left out of its mean.")
    return (*lines, *report.notes)


def cells(row: Row) -> tuple[str, ...]:
    """The cells of one row, in the order of `HEADINGS`."""
    return (
        row.method,
        str(row.n),
        str(row.repositories),
        _estimate(row.em_percent, 1),
        _ABSENT if row.edit_similarity is None else _estimate(row.edit_similarity, 3),
        str(row.failures),
    )


def sections(rows: Iterable[Row]) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Sorted rows as (title, rows) by track and split; the title reads `static, cr_test`."""
    for (track, split), group in groupby(rows, key=lambda row: (row.track, row.split)):
        yield f"{track}, {split}", tuple(group)


def to_markdown(report: Report) -> str:
    """The report as a Markdown document."""
    lines = ["# Report", ""]
    families = dict(sections(report.family_rows))
    for title, rows in sections(report.rows):
        lines += [f"## {title}", "", *_table(HEADINGS, (cells(row) for row in rows)), ""]
        by_family = ((str(row.family), *cells(row)) for row in families.get(title, ()))
        lines += ["By family:", "", *_table(("Family", *HEADINGS), by_family), ""]
    if not report.rows:
        lines += ["No task was answered.", ""]
    lines += [f"- {note}" for note in footnotes(report)]
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> str:
    """The report as JSON, numbers rounded to 6 digits; an absent interval is null."""
    document = {
        "format": _FORMAT,
        "level": LEVEL,
        "resamples": report.resamples,
        "seed": report.seed,
        "rows": [_row_fields(row) for row in report.rows],
        "family_rows": [_row_fields(row) for row in report.family_rows],
        "notes": list(report.notes),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    align = ["---" if heading in ("Method", "Family") else "---:" for heading in headings]
    return [_line(headings), _line(align), *(_line(row) for row in rows)]


def _line(values: Iterable[str]) -> str:
    # A bar in a name would end its cell.
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


def _estimate(estimate: Estimate, digits: int) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.{digits}f} [{_ABSENT}]"
    return f"{estimate.mean:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _row_fields(row: Row) -> dict[str, object]:
    return {
        "method": row.method,
        "track": row.track.value,
        "split": row.split.value,
        "family": None if row.family is None else row.family.value,
        "n": row.n,
        "repositories": row.repositories,
        "em_percent": _estimate_fields(row.em_percent),
        "edit_similarity": None if row.edit_similarity is None else _estimate_fields(row.edit_similarity),
        "unscored": row.unscored,
        "failures": row.failures,
    }


def _estimate_fields(estimate: Estimate) -> dict[str, float | None]:
    return {
        "mean": round(estimate.mean, _DIGITS),
        "low": None if estimate.low is None else round(estimate.low, _DIGITS),
        "high": None if estimate.high is None else round(estimate.high, _DIGITS),
    }
