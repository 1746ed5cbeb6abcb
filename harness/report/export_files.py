"""The tables of a report as files (io): `report-tables/NAME.csv`, `.md`, `.tex` and `.json`."""

from pathlib import Path

from harness.report.exports import table_exports, to_csv, to_json_rows, to_latex, to_markdown_table
from harness.report.tables import Report
from repopeftbench.atomic import fill_atomically

TABLES = "report-tables"
_FORMATS = {"csv": to_csv, "md": to_markdown_table, "tex": to_latex, "json": to_json_rows}


def write_tables(report: Report, folder: Path) -> None:
    """Writes every table of `report` as CSV, Markdown, LaTeX and JSON into `report-tables` in `folder`.

    Raises:
        OSError: the folder cannot be written.
    """

    def fill(tables: Path) -> None:
        for export in table_exports(report):
            for suffix, text in _FORMATS.items():
                (tables / f"{export.name}.{suffix}").write_text(text(export), "utf-8")

    fill_atomically(folder / TABLES, fill)
