"""Figures of how good methods are: exact matches, along the history, in slices, and kinds of mistakes. Pure."""

from collections.abc import Sequence

import altair as alt

from harness.pairing import FEWEST_REPOSITORIES
from harness.report.figures.drawing import (
    Colours,
    Figure,
    Values,
    chart_of,
    estimated,
    finished,
    mean_cells,
    method_colour,
    methods_down,
    number_text,
    percent,
    percent_across,
    percent_up,
    row_height,
)
from harness.report.metrics import HEADLINE
from harness.report.sections import Grid
from harness.report.tables import Row, Table
from harness.slices import SLICES
from harness.stats import Estimate
from harness.taxonomy import ErrorClass

_EXACT = {"em_strict": "EM", "em_ast": "EM AST", "em_paper": "EM paper"}


def ranking(table: Table, colours: Colours) -> Figure:
    """The exact matches of every method: the strict one with its interval, the others as marks."""
    methods = [row.method for row in table.rows]
    strict = [estimated({"method": row.method}, row.metrics[HEADLINE].micro) for row in table.rows]
    marks: Values = [
        {"method": row.method, "rule": title, "em": percent(row.metrics[name].micro.mean)}
        for row in table.rows
        for name, title in _EXACT.items()
    ]
    y = methods_down(methods)
    interval = chart_of(strict).mark_rule(strokeWidth=3, opacity=0.45)
    points = chart_of(marks).mark_point(filled=False, size=90, strokeWidth=2)
    chart = interval.encode(
        y=y,
        x=percent_across("from", "Exact match, % of tasks"),
        x2="to:Q",
        color=method_colour(colours, methods, legend=False),
    ) + points.encode(
        y=y,
        x="em:Q",
        shape=alt.Shape(
            "rule:N",
            scale=alt.Scale(domain=list(_EXACT.values()), range=["circle", "cross", "diamond"]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        color=method_colour(colours, methods, legend=False),
        tooltip=["method:N", "rule:N", alt.Tooltip("em:Q", title="%")],
    )
    best = table.rows[0]
    rows = tuple(
        (row.method, *_interval_cells(row.metrics[HEADLINE].micro), *_percent_cells(row, ("em_ast", "em_paper")))
        for row in table.rows
    )
    return Figure(
        name="exact-match",
        title="Exact match by three rules",
        caption=f"The strict exact match of each method with its 95 % interval over repositories, beside the match of "
        f"syntax trees and the published rule. {best.method} is first with "
        f"{number_text(percent(best.metrics[HEADLINE].micro.mean))} %.",
        grid=Grid(title="", headings=("Method", "EM %", "Low", "High", "EM AST %", "EM paper %"), rows=rows),
        spec=finished(chart, height=row_height(len(methods))),
    )


def history(table: Table, colours: Colours) -> Figure | None:
    """Exact match by position in the history; None where all tasks stand at one."""
    parts = table.slices["position"]
    if len(parts) < 2:
        return None
    methods = [row.method for row in table.rows]
    labels = SLICES["position"].labels
    values: Values = [
        estimated(
            {
                "method": method,
                "position": 2.5 + 5 * labels.index(part.label),
                "label": part.label,
                "tasks": part.tasks,
            },
            estimate,
        )
        for part in parts
        for method, estimate in zip(methods, part.em_strict, strict=True)
    ]
    base = chart_of(values).encode(
        x=alt.X("position:Q", title="Position in the history, %", scale=alt.Scale(domain=[0, 100])),
        color=method_colour(colours, methods),
    )
    y = percent_up("em", "Exact match, %")
    points = base.mark_circle(opacity=0.9).encode(
        y=y,
        size=alt.Size("tasks:Q", scale=alt.Scale(range=[12, 90]), legend=None),
        tooltip=["method:N", "label:N", "em:Q", "low:Q", "high:Q", "tasks:Q"],
    )
    chart = base.mark_line(strokeWidth=2).encode(y=y) + points
    rows = tuple((part.label, f"{part.tasks:,}", *mean_cells(part.em_strict)) for part in parts)
    return Figure(
        name="history",
        title="Exact match along the history",
        caption=f"Exact match of each method at {len(parts)} positions between the first commit (0 %) and the last "
        "(100 %) of the repositories' histories; the size of a point is the number of tasks.",
        grid=Grid(title="", headings=("Position", "Tasks", *methods), rows=rows),
        spec=finished(chart, height=280),
    )


def reliability(table: Table) -> Figure | None:
    """How sure the best method's exact match is in every slice; None where no slice divides the tasks."""
    best = table.rows[0].method
    values: Values = []
    rows = []
    for name, division in SLICES.items():
        if len(table.slices[name]) < 2 or name == "position":
            continue
        for part in table.slices[name]:
            label = f"{division.title}: {part.label}"
            few = part.repositories < FEWEST_REPOSITORIES
            trust = f"fewer than {FEWEST_REPOSITORIES} repositories" if few else "enough repositories"
            facts = {"slice": label, "tasks": part.tasks, "repositories": part.repositories, "trust": trust}
            values.append(estimated(facts, part.em_strict[0]))
            rows.append((label, f"{part.tasks:,}", f"{part.repositories:,}", *_interval_cells(part.em_strict[0])))
    if not values:
        return None
    y = alt.Y("slice:N", sort=[value["slice"] for value in values], title=None, axis=alt.Axis(labelLimit=260))
    base = chart_of(values).encode(
        y=y,
        color=alt.Color(
            "trust:N",
            scale=alt.Scale(
                domain=["enough repositories", f"fewer than {FEWEST_REPOSITORIES} repositories"],
                range=["#4269d0", "#c98a00"],
            ),
            legend=alt.Legend(title=None, orient="top"),
        ),
    )
    tooltip = ["slice:N", "em:Q", "low:Q", "high:Q", "tasks:Q", "repositories:Q"]
    chart = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=percent_across("from", "Exact match, %"), x2="to:Q"
    ) + base.mark_circle(size=60).encode(x="em:Q", tooltip=tooltip)
    return Figure(
        name="slices",
        title=f"How sure each slice is: {best}",
        caption=f"The exact match of {best} in every slice with its 95 % interval over repositories: a wide one says "
        "little, and one of few repositories less than it seems.",
        grid=Grid(title="", headings=("Slice", "Tasks", "Repositories", "EM %", "Low", "High"), rows=tuple(rows)),
        spec=finished(chart, height=22 * len(values)),
    )


def mistakes(table: Table) -> Figure:
    """The kinds of mistakes of every method."""
    methods = [row.method for row in table.rows]
    classes = [kind.value for kind in ErrorClass]
    values: Values = []
    rows = []
    for row in table.rows:
        wrong = sum(row.mistakes.values())
        shares = [100 * row.mistakes[kind] / wrong if wrong else 0.0 for kind in ErrorClass]
        values += [
            {
                "method": row.method,
                "mistake": kind.value,
                "order": place,
                "share": round(share, 2),
                "answers": row.mistakes[kind],
            }
            for place, (kind, share) in enumerate(zip(ErrorClass, shares, strict=True))
        ]
        rows.append((row.method, f"{wrong:,}", *map(number_text, shares)))
    chart = (
        chart_of(values)
        .mark_bar()
        .encode(
            y=methods_down(methods),
            x=alt.X("share:Q", title="% of the wrong answers", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color(
                "mistake:N",
                scale=alt.Scale(domain=classes, scheme="tableau10"),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order=alt.Order("order:Q"),
            tooltip=["method:N", "mistake:N", "share:Q", "answers:Q"],
        )
    )
    return Figure(
        name="mistakes",
        title="Kinds of mistakes",
        caption="The wrong answers of each method by kind of mistake, in per cent.",
        grid=Grid(title="", headings=("Method", "Wrong", *(kind.capitalize() for kind in classes)), rows=tuple(rows)),
        spec=finished(chart, height=row_height(len(methods))),
    )


def _interval_cells(estimate: Estimate) -> tuple[str, str, str]:
    mean, low, high = (number_text(percent(value)) for value in (estimate.mean, estimate.low, estimate.high))
    return mean, low, high


def _percent_cells(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(number_text(percent(row.metrics[name].micro.mean)) for name in names)
