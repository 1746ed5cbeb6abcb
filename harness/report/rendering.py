"""A report as Markdown and as JSON, a comparison as JSON. Pure: text out, the same for the same report."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum

from harness.comparison import Comparison, Part
from harness.pairing import Pair
from harness.report.executions import ExecutionTable, execution_sections
from harness.report.metrics import METRICS
from harness.report.sections import Grid, footnotes, sections
from harness.report.tables import Report, Table
from harness.report.verdicts import verdict_sentence
from harness.slices import SLICES
from harness.stats import LEVEL

_FORMAT = 2
_DIGITS = 6


def to_markdown(report: Report, *, slices: Collection[str] = tuple(SLICES)) -> str:
    """The report as a Markdown document, broken down by the named `slices`."""
    lines = ["# Report", ""]
    for section in sections(report, slices):
        lines += [f"## {section.title}", "", section.denominator, ""]
        lines += [*grid_lines(section.methods), ""]
        if section.verdicts:
            lines += ["### Verdicts", "", *(f"- {verdict}" for verdict in section.verdicts), ""]
        for grid in (section.costs, section.tests, section.mistakes, *section.slices):
            if grid is not None:
                lines += [f"### {grid.title}", "", *grid_lines(grid), ""]
    for part in execution_sections(report.executions):
        lines += [f"## {part.title}", "", part.denominator, "", *grid_lines(part.methods), ""]
        if part.verdicts:
            lines += ["### Verdicts", "", *(f"- {verdict}" for verdict in part.verdicts), ""]
        for grid in part.disagreements:
            lines += [f"### {grid.title}", "", *grid_lines(grid), ""]
    if not report.tables:
        lines += ["There is no task that can be reported on.", ""]
    lines += [f"- {note}" for note in footnotes(report)]
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> str:
    """The report as JSON: everything that Markdown shows and more; numbers are rounded to 6 digits.

    Every mean is a share of 1; an absent number is null.
    """
    document = {
        "format": _FORMAT,
        "level": LEVEL,
        "resamples": report.resamples,
        "seed": report.seed,
        "names_known": report.names_known,
        "tables": [_table_fields(table) for table in report.tables],
        "executions": [_table_fields(table) for table in report.executions],
        "notes": list(report.notes),
    }
    return _json_text(document)


def comparison_to_json(comparison: Comparison) -> str:
    """The comparison of two runs as JSON, with every flipped task; numbers as in `to_json`."""
    points = METRICS[comparison.metric].points
    parts = [
        _fields(part) | _pair_fields(comparison.first, comparison.second, part.pair, points=points)
        for part in comparison.parts
    ]
    return _json_text({"format": _FORMAT, "level": LEVEL} | _fields(comparison) | {"parts": parts})


def grid_lines(grid: Grid) -> list[str]:
    """The lines of a grid as a table of Markdown."""
    align = ["---" if index < grid.texts else "---:" for index in range(len(grid.headings))]
    return [_line(grid.headings), _line(align), *(_line(row) for row in grid.rows)]


def _json_text(value: object) -> str:
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _table_fields(table: Table | ExecutionTable) -> dict[str, object]:
    pairs = [
        {"first": named.first, "second": named.second, **_pair_fields(named.first, named.second, named.pair)}
        for named in table.pairs
    ]
    return _fields(table) | {"pairs": pairs}


def _pair_fields(first: str, second: str, pair: Pair, *, points: bool = True) -> dict[str, object]:
    sentence = verdict_sentence(first, second, pair, points=points)
    return {"verdict": pair.verdict, "sentence": sentence, "pair": pair}


def _fields(record: Table | ExecutionTable | Part | Comparison) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value


def _line(values: Iterable[str]) -> str:
    # A bar in a name would end its cell.
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
