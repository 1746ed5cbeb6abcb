"""The tables of a report as files: CSV and JSON with every number, Markdown and LaTeX as people read them. Pure."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.report.metrics import METRICS
from harness.report.rendering import grid_lines
from harness.report.sections import Grid, sections
from harness.report.tables import NamedPair, Report, Row, Table
from harness.slices import SLICES
from harness.stats import Estimate
from harness.taxonomy import ErrorClass

Cell = str | int | float | None
_DIGITS = 6
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",  # noqa: RUF001 - the sign for a value that does not exist
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExport:
    """One table: `columns` and `rows` hold every number by itself, `grid` is what people read."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    grid: Grid


def table_exports(report: Report) -> Iterator[TableExport]:
    """Every table of `report`; names are those of files, all different."""
    for table, section in zip(report.tables, sections(report), strict=True):
        stem = table_stem(report, table)
        yield _export(f"{stem}-methods", section.methods, [_method_record(row) for row in table.rows])
        if section.tests is not None:
            yield _export(f"{stem}-pairs", section.tests, [_pair_record(named) for named in table.pairs])
        if section.costs is not None:
            yield _export(f"{stem}-costs", section.costs, [_cost_record(row) for row in table.rows])
        yield _export(f"{stem}-mistakes", section.mistakes, [_mistake_record(row) for row in table.rows])
        for name, grid in zip(SLICES, section.slices, strict=True):
            yield _export(f"{stem}-by-{name}", grid, _slice_records(table, name))


def table_stem(report: Report, table: Table) -> str:
    """How files of a table begin: its track and split, and its dataset where the report has several."""
    several = len({one.dataset for one in report.tables}) > 1
    stem = f"{table.track.value}-{table.split.value}"
    return f"{stem}-{table.dataset[:12]}" if several else stem


def to_csv(export: TableExport) -> str:
    """Comma-separated values with a line of names; an absent number is an empty field."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(export.columns)
    writer.writerows(export.rows)
    return sink.getvalue()


def to_json_rows(export: TableExport) -> str:
    """A list of objects, one per row; an absent number is null."""
    rows = [dict(zip(export.columns, row, strict=True)) for row in export.rows]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown_table(export: TableExport) -> str:
    """A table of Markdown."""
    return "\n".join(grid_lines(export.grid)) + "\n"


def to_latex(export: TableExport) -> str:
    """A `tabular` with the rules of the package booktabs; put it into a `table`."""
    grid = export.grid
    columns = "l" * grid.texts + "r" * (len(grid.headings) - grid.texts)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _latex_row(grid.headings),
        "\\midrule",
        *(_latex_row(row) for row in grid.rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    # A bracket behind \\ would be read as its argument, so every row begins with an empty group.
    return "{}" + " & ".join(_latex_text(cell) for cell in cells) + r" \\"


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def _export(name: str, grid: Grid, records: Sequence[Mapping[str, Cell]]) -> TableExport:
    columns = tuple(records[0]) if records else ()
    rows = tuple(tuple(_rounded(record[column]) for column in columns) for record in records)
    return TableExport(name=name, columns=columns, rows=rows, grid=grid)


def _rounded(value: Cell) -> Cell:
    return round(value, _DIGITS) + 0.0 if isinstance(value, float) else value


def _interval(name: str, estimate: Estimate) -> dict[str, Cell]:
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _method_record(row: Row) -> dict[str, Cell]:
    record: dict[str, Cell] = {"method": row.method}
    for name in METRICS:
        measured = row.metrics[name]
        record |= _interval(name, measured.micro) | {f"{name}_per_repository": measured.macro.mean}
        record |= {f"{name}_without_unscored": measured.without, f"{name}_scored": measured.valued}
    record |= _interval("gap", row.gap)
    return record | {
        "failed": row.failures,
        "left_out": row.left_out,
        "seeds": len(row.seeds),
        "seed_deviation": row.seed_deviation,
    }


def _mistake_record(row: Row) -> dict[str, Cell]:
    return {"method": row.method, **{kind.value: row.mistakes[kind] for kind in ErrorClass}}


def _cost_record(row: Row) -> dict[str, Cell]:
    return {"method": row.method, **asdict(row.costs)}


def _pair_record(named: NamedPair) -> dict[str, Cell]:
    pair = named.pair
    names: dict[str, Cell] = {"first": named.first, "second": named.second}
    tests: dict[str, Cell] = {
        "first_only": pair.first_only,
        "second_only": pair.second_only,
        "mcnemar_p": pair.mcnemar,
        "sign_flip_p": pair.sign_flip,
        "holm_p": pair.corrected,
        "verdict": pair.verdict.value,
    }
    return names | _interval("difference", pair.difference) | tests


def _slice_records(table: Table, name: str) -> list[dict[str, Cell]]:
    records = []
    for row in table.slices[name]:
        facts: dict[str, Cell] = {"label": row.label, "tasks": row.tasks, "repositories": row.repositories}
        for method, estimate, paper in zip(table.rows, row.em_strict, row.em_paper, strict=True):
            named: dict[str, Cell] = {**facts, "method": method.method}
            records.append(named | _interval("em_strict", estimate) | {"em_paper": paper})
    return records
