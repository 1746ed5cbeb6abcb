"""`audit.md`: verdict, problems, tables of measures per split, then the same per repository. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from repopeftbench.audit.findings import Measure, Problem, Severity
from repopeftbench.audit.summary import SummaryTable, by_repository, summarised

_PLURALS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.NOTE: "notes"}


def to_markdown(problems: Sequence[Problem], measures: Sequence[Measure]) -> str:
    """The whole page."""
    return "\n".join(_lines(problems, measures)) + "\n"


def verdict(problems: Iterable[Problem]) -> str:
    """One sentence: whether the dataset may be published, and how many problems there are."""
    found = [problem.severity for problem in problems]
    counts = ", ".join(_counted(severity, found.count(severity)) for severity in Severity)
    if Severity.ERROR in found:
        return f"Not fit to be published: {counts}."
    return f"Nothing forbids publishing: {counts}."


def _counted(severity: Severity, count: int) -> str:
    return f"{count:,} {severity if count == 1 else _PLURALS[severity]}"


def _lines(problems: Sequence[Problem], measures: Sequence[Measure]) -> Iterator[str]:
    yield "# Audit of the dataset"
    yield ""
    yield verdict(problems)
    for severity in Severity:
        chosen = [problem for problem in problems if problem.severity is severity]
        if chosen:
            yield from ("", f"## {_PLURALS[severity].capitalize()}", "")
            yield from _row("check", "where", "what", "what to do")
            yield "|---|---|---|---|"
            for problem in chosen:
                yield from _row(problem.check, problem.where, problem.message, problem.fix)
    if measures:
        yield from ("", "## Measures")
        for table in summarised(measures):
            yield from _table(table, "###")
        yield from ("", "## Measures by repository")
        for repo_id, own in by_repository(measures).items():
            yield from ("", f"### {_escaped(repo_id)}")
            for table in summarised(own):
                yield from _table(table, "####")


def _table(table: SummaryTable, heading: str) -> Iterator[str]:
    title = f"Track `{table.track}`" if table.track else "Both tracks"
    yield from ("", f"{heading} {title}", "")
    yield from _row("measure", *table.splits)
    yield "|---|" + "--:|" * len(table.splits)
    for name, cells in table.rows:
        yield from _row(name, *("" if cell is None else str(cell) for cell in cells))


def _row(*cells: str) -> Iterator[str]:
    yield "| " + " | ".join(map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    """Text as it is, on one line, in a cell of a table."""
    for character in ("\\", "|", "<", "*", "`", "["):
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
