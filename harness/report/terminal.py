"""A report as rich renderables; printing them is the command line's business."""

from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.executions import execution_sections
from harness.report.sections import Grid, footnotes, sections
from harness.report.tables import Report


def to_terminal(report: Report, *, slices: Collection[str] = ()) -> Group:
    """Per section its methods and verdicts, then the breakdowns by the named slices; and the footnotes."""
    parts: list[Table | Text | Padding] = []
    for section in sections(report, slices):
        parts += [Text(f"{section.title}: {section.denominator}", style="bold"), to_table(section.methods)]
        parts += [Padding(Text(verdict), (0, 0, 0, 2)) for verdict in section.verdicts]
        parts += [Text(""), *(to_table(grid) for grid in (section.costs, *section.slices) if grid is not None)]
    for part in execution_sections(report.executions):
        parts += [Text(f"{part.title}: {part.denominator}", style="bold"), to_table(part.methods)]
        parts += [Padding(Text(verdict), (0, 0, 0, 2)) for verdict in part.verdicts]
        parts.append(Text(""))
    if not report.tables:
        parts.append(Text("There is no task that can be reported on."))
    parts += [Text(note, style="dim") for note in footnotes(report)]
    return Group(*parts)


def to_table(grid: Grid) -> Table:
    """A grid as a table."""
    # Text, not str: rich would read `[95 % CI]` as markup.
    table = Table(title=Text(grid.title) if grid.title else None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(grid.headings):
        is_text = index < grid.texts
        # Intervals stand below the name of a column, so that narrow terminals hold more columns.
        table.add_column(
            Text(heading.replace(" [", "\n[")),
            justify="left" if is_text else "right",
            no_wrap=not is_text,
            overflow="fold",
        )
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
