"""A report as rich renderables; printing them is the command line's business."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.report.rendering import HEADINGS, cells, footnotes, sections
from harness.report.tables import Report, Row

_ON_THE_LEFT = ("Method", "Family")


def to_terminal(report: Report, *, families: bool = True) -> Group:
    """One table per track and split, each followed by its breakdown by family if `families`, and the footnotes."""
    by_family = dict(sections(report.family_rows)) if families else {}
    parts: list[Table | Text] = []
    for title, rows in sections(report.rows):
        parts.append(_table(title, rows))
        if title in by_family:
            parts.append(_family_table(f"{title}, by family", by_family[title]))
    parts += [Text(note, style="dim") for note in footnotes(report)]
    return Group(*parts)


def _table(title: str, rows: tuple[Row, ...]) -> Table:
    table = _empty(title, HEADINGS)
    for row in rows:
        table.add_row(*(Text(cell) for cell in cells(row)))
    return table


def _family_table(title: str, rows: tuple[Row, ...]) -> Table:
    table = _empty(title, ("Family", *HEADINGS))
    for row in rows:
        table.add_row(*(Text(cell) for cell in (str(row.family), *cells(row))))
    return table


def _empty(title: str, headings: tuple[str, ...]) -> Table:
    # Text, not str: rich would read `[95 % CI]` as markup.
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(
            Text(heading),
            justify="left" if heading in _ON_THE_LEFT else "right",
            no_wrap=heading not in _ON_THE_LEFT,
            overflow="fold",
        )
    return table
