"""A report as sections of plain grids of text, which Markdown and the terminal print alike. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.pairing import ALPHA, FEWEST_REPOSITORIES, Verdict
from harness.report.cost_columns import HEADINGS as COST_HEADINGS
from harness.report.cost_columns import MethodCosts, cost_cells
from harness.report.metrics import METRICS
from harness.report.tables import NamedPair, Report, Row, SliceRow, Table
from harness.report.verdicts import p_value, verdict_sentence
from harness.slices import SLICES
from harness.stats import LEVEL, Estimate
from harness.taxonomy import NEAR, ErrorClass

ABSENT = "–"  # noqa: RUF001 - the sign for a value that does not exist
_CI = f"[{100 * LEVEL:.0f} % CI]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of cells; the first `texts` columns are text, the others numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of a report: a sentence on its denominator, the methods, the verdicts, and what breaks them down.

    `costs` is None where no method's are known.
    """

    title: str
    denominator: str
    methods: Grid
    verdicts: tuple[str, ...]
    costs: Grid | None
    tests: Grid | None
    mistakes: Grid
    slices: tuple[Grid, ...]


def sections(report: Report, slices: Collection[str] = tuple(SLICES)) -> tuple[Section, ...]:
    """The sections of `report`, each with its breakdowns by the named `slices`."""
    several = len({table.dataset for table in report.tables}) > 1
    return tuple(_section(table, slices, several_datasets=several) for table in report.tables)


def footnotes(report: Report) -> tuple[str, ...]:
    """What a reader must know to read the numbers, and what keeps rows from being compared."""
    if not report.tables:
        return report.notes
    lines = [
        "All methods of a table are measured on the same tasks, those that all of them answered. Left out: further "
        "tasks of the split that a method answered.",
        "EM: the share of tasks whose stopped prediction equals the target as tokens (white space, quote style and "
        "numeric underscores aside); EM AST: as syntax trees. EM paper: by the published rule, which cuts the raw "
        "prediction by looking at the target; Gap: EM paper less EM, in points. EditSim: 2 LCS / (a + b) of both "
        "texts. EditSim and CodeBLEU are from 0 to 1.",
        "Per repository: EM as the mean of the repositories' own means, so that each has the same weight.",
        f"[low, high]: {100 * LEVEL:.0f} % interval by a bootstrap-t over whole repositories ({report.resamples:,} "
        f"resamples, CR2 errors, never narrower than by Student's t; seed {report.seed}). {ABSENT}: there is none, as "
        "all tasks are from one repository. Where nothing varies between repositories: the exact binomial bound for "
        "none of so many.",
        "Failed: answers that are missing because the predictor raised an error. They and predictions that a metric "
        "cannot score count as not solved; report.json has every mean without them too.",
    ]
    if any(table.pairs for table in report.tables):
        lines.append(
            "McNemar's test takes tasks as independent, and is too sure where a repository's tasks resemble each "
            "other. The sign-flip test turns the differences of whole repositories round. Holm corrects its p for all "
            f"pairs of this report. A beats B: the interval of the difference excludes zero and the corrected p is at "
            f"most {ALPHA}; with fewer than {FEWEST_REPOSITORIES} repositories there is no verdict."
        )
    if any(row.seed_deviation is not None for table in report.tables for row in table.rows):
        lines.append(
            "Seeds: runs that differ in their seed only are one row; a task counts with the mean over them. SD: of the "
            "seeds' EM, in points. Intervals are over repositories and do not hold the spread of seeds."
        )
    if any(row.costs != MethodCosts() for table in report.tables for row in table.rows):
        lines.append(
            "Costs: tasks drawn in training, repeats counted, tokens that its loss counted, optimizer steps, numbers "
            "trained (of per-repo-lora those of one adapter), seconds of training; tokens that the backbone was given "
            "per task, retrieved context included; milliseconds per adapter made of a repository, the encoding of what "
            "no earlier run had encoded included. Times are of the machines they were taken on."
        )
    names = (
        "a hallucinated name stands neither in the prefix nor in the target and is no builtin"
        if report.names_known
        else "hallucinated names are not told from other classes, as no dataset was given (--data)"
    )
    lines.append(
        "Mistakes: per cent of the wrong answers of a method; the first class that fits of empty, syntax error, near "
        "miss (same syntax tree), hallucinated name, type mismatch (literals of another kind), near miss (edit "
        f"similarity of {NEAR} or more), wrong literal (same names), wrong identifier; {names}."
    )
    if report.executions:
        lines.append(
            "Exec: the share of runnable tasks whose test passes with the prediction in the target's place, and fails "
            "when it cannot be evaluated. Runnable: the test passes as it is, every time, and not with another value. "
            "Refused: no single expression. Cheated: it passes by what is no answer. Unproven: the test would pass "
            "whatever the target is. Contradiction: the evidence does not agree. Infrastructure: its execution says "
            "nothing. All of them count as not passed. report.json lists every prediction that passes without a match, "
            "or matches without a pass."
        )
    return (*lines, *report.notes)


def _section(table: Table, slices: Collection[str], *, several_datasets: bool) -> Section:
    title = f"{table.track.value}, {table.split.value}"
    return Section(
        title=f"{title} (dataset {table.dataset[:12]})" if several_datasets else title,
        denominator=_denominator(table),
        methods=_methods(table),
        verdicts=tuple(
            verdict_sentence(named.first, named.second, named.pair)
            for named in table.pairs
            if named.pair.verdict is not Verdict.TOO_FEW
        ),
        costs=_costs(table),
        tests=_tests(table.pairs) if table.pairs else None,
        mistakes=_mistakes(table),
        slices=tuple(_slice(table, name) for name in SLICES if name in slices),
    )


def _denominator(table: Table) -> str:
    tasks = f"{table.tasks:,} task{'' if table.tasks == 1 else 's'}"
    repositories = f"{table.repositories:,} repositor{'y' if table.repositories == 1 else 'ies'}"
    few = (
        f": too few for verdicts, which need {FEWEST_REPOSITORIES}"
        if len(table.rows) > 1 and table.repositories < FEWEST_REPOSITORIES
        else ""
    )
    return f"{tasks} of {repositories}{few}."


def _methods(table: Table) -> Grid:
    failed = any(row.failures for row in table.rows)
    seeds = any(row.seed_deviation is not None for row in table.rows)
    headings = ["Method", f"EM % {_CI}", "EM AST %", "EM paper %", f"Gap {_CI}", f"Per repository % {_CI}"]
    headings += [f"EditSim {_CI}", f"CodeBLEU {_CI}", "Failed"]
    headings += ["EM % without failed"] * failed + ["Left out"] + ["Seeds", "SD"] * seeds
    return Grid(
        title="",
        headings=tuple(headings),
        rows=tuple(_method_cells(row, failed=failed, seeds=seeds) for row in table.rows),
    )


def _method_cells(row: Row, *, failed: bool, seeds: bool) -> tuple[str, ...]:
    exact = row.metrics["em_strict"]
    cells = [
        row.method,
        percent_cell(exact.micro),
        _mean_cell(row, "em_ast"),
        _mean_cell(row, "em_paper"),
        percent_cell(row.gap, signed=True),
        percent_cell(exact.macro),
        _share_cell(row, "edit_similarity"),
        _share_cell(row, "codebleu"),
        f"{row.failures:,}",
    ]
    if failed:
        cells.append(ABSENT if exact.without is None else f"{100 * exact.without:.1f}")
    cells.append(f"{row.left_out:,}")
    if seeds:
        deviation = ABSENT if row.seed_deviation is None else f"{100 * row.seed_deviation:.1f}"
        cells += [str(len(row.seeds)), deviation]
    return tuple(cells)


def _tests(pairs: Sequence[NamedPair]) -> Grid:
    rows = []
    for named in pairs:
        pair = named.pair
        alone = [ABSENT if count is None else f"{count:,}" for count in (pair.first_only, pair.second_only)]
        mcnemar = ABSENT if pair.mcnemar is None else p_value(pair.mcnemar)
        difference = percent_cell(pair.difference, signed=True)
        p_values = (mcnemar, p_value(pair.sign_flip), p_value(pair.corrected))
        rows.append((named.first, named.second, difference, *alone, *p_values))
    headings = (
        "First",
        "Second",
        f"EM, points {_CI}",
        "Only first",
        "Only second",
        "McNemar p",
        "Sign-flip p",
        "Holm p",
    )
    return Grid(title="Pairs", headings=headings, rows=tuple(rows), texts=2)


def _mistakes(table: Table) -> Grid:
    rows = []
    for row in table.rows:
        wrong = sum(row.mistakes.values())
        shares = (f"{100 * row.mistakes[kind] / wrong:.1f}" if wrong else ABSENT for kind in ErrorClass)
        rows.append((row.method, f"{wrong:,}", *shares))
    return Grid(
        title="Mistakes, % of the wrong answers",
        headings=("Method", "Wrong", *(kind.value.capitalize() for kind in ErrorClass)),
        rows=tuple(rows),
    )


def _costs(table: Table) -> Grid | None:
    """What the methods cost; None where nothing is known."""
    if all(row.costs == MethodCosts() for row in table.rows):
        return None
    rows = tuple((row.method, *cost_cells(row.costs, ABSENT)) for row in table.rows)
    return Grid(title="Costs", headings=("Method", *COST_HEADINGS), rows=rows)


def _slice(table: Table, name: str) -> Grid:
    division = SLICES[name]
    methods = [row.method for row in table.rows]
    return Grid(
        title=f"EM % by {name}",
        headings=(division.title, "Tasks", "Repositories", *methods),
        rows=tuple(_slice_cells(row) for row in table.slices[name]),
    )


def _slice_cells(row: SliceRow) -> tuple[str, ...]:
    return (row.label, f"{row.tasks:,}", f"{row.repositories:,}", *(percent_cell(one) for one in row.em_strict))


def _mean_cell(row: Row, name: str) -> str:
    measured = row.metrics[name]
    return ABSENT if measured.without is None else f"{100 * measured.micro.mean:.1f}"


def _share_cell(row: Row, name: str) -> str:
    measured = row.metrics[name]
    assert not METRICS[name].points
    return ABSENT if measured.without is None else _cell(measured.micro, 1.0, 3, signed=False)


def shortened(text: str, most: int = 60) -> str:
    """The text as one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def percent_cell(estimate: Estimate, *, signed: bool = False) -> str:
    """An estimate as per cent, or in points."""
    return _cell(estimate, 100.0, 1, signed=signed)


def _cell(estimate: Estimate, scale: float, digits: int, *, signed: bool) -> str:
    # `+ 0.0` turns the negative zero that rounding can leave into zero.
    mean = round(scale * estimate.mean, digits) + 0.0
    shown = f"{mean:+.{digits}f}" if signed and mean else f"{mean:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return f"{shown} [{ABSENT}]"
    low, high = (round(scale * bound, digits) + 0.0 for bound in (estimate.low, estimate.high))
    return f"{shown} [{low:.{digits}f}, {high:.{digits}f}]"
