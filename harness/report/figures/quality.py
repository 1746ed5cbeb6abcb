"""Figures of how good methods are: ranking, history, repositories, training data, slices, mistakes, cost. Pure."""

import itertools
import statistics
from collections.abc import Mapping, Sequence

import altair as alt

from harness.pairing import FEWEST_REPOSITORIES
from harness.report.answers import Answers
from harness.report.figures.drawing import (
    Figure,
    Values,
    finished,
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
from harness.stats import Estimate, estimate_share, total
from harness.taxonomy import ErrorClass

Colours = Mapping[str, str]
_TRAIN_BOUNDS = (1, 30, 100, 300, 1_000)
_EXACT = {"em_strict": "EM", "em_ast": "EM AST", "em_paper": "EM paper"}


def ranking(table: Table, colours: Colours) -> Figure:
    """The exact matches of every method: the strict one with its interval, the others as marks."""
    methods = [row.method for row in table.rows]
    strict = [_estimated({"method": row.method}, row.metrics[HEADLINE].micro) for row in table.rows]
    marks: Values = [
        {"method": row.method, "rule": title, "em": percent(row.metrics[name].micro.mean)}
        for row in table.rows
        for name, title in _EXACT.items()
    ]
    y = methods_down(methods)
    interval = alt.Chart(alt.Data(values=strict)).mark_rule(strokeWidth=3, opacity=0.45)
    points = alt.Chart(alt.Data(values=marks)).mark_point(filled=False, size=90, strokeWidth=2)
    chart = interval.encode(
        y=y,
        x=percent_across("low", "Exact match, % of tasks"),
        x2="high:Q",
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
        _estimated(
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
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("position:Q", title="Position in the history, %", scale=alt.Scale(domain=[0, 100])),
        color=method_colour(colours, methods),
    )
    y = percent_up("em", "Exact match, %")
    points = base.mark_circle(opacity=0.9).encode(
        y=y,
        size=alt.Size("tasks:Q", legend=alt.Legend(title="tasks", orient="right", tickCount=3)),
        tooltip=["method:N", "label:N", "em:Q", "low:Q", "high:Q", "tasks:Q"],
    )
    chart = base.mark_line(strokeWidth=2).encode(y=y) + points
    rows = tuple((part.label, f"{part.tasks:,}", *_means(part.em_strict)) for part in parts)
    return Figure(
        name="history",
        title="Exact match along the history",
        caption=f"Exact match of each method at {len(parts)} positions between the first commit (0 %) and the last "
        "(100 %) of the repositories' histories; the size of a point is the number of tasks.",
        grid=Grid(title="", headings=("Position", "Tasks", *methods), rows=rows),
        spec=finished(chart, height=280),
    )


def repositories(table: Table, answers: Sequence[Answers], colours: Colours) -> tuple[Figure, ...]:
    """The exact match of every repository: how it is spread, and against the number of tasks."""
    methods = [one.method.name for one in answers]
    values: Values = []
    grid = []
    for one in answers:
        totals = total(one.repositories, one.values(HEADLINE))
        shares = [100 * float(part) / float(count) for part, count in zip(totals.sums, totals.counts, strict=True)]
        values += [
            {
                "method": one.method.name,
                "repository": name,
                "em": round(share, 2),
                "tasks": int(count),
                # No randomness: neighbours in the order of names lie apart.
                "offset": (place * 7 % 11) / 10,
            }
            for place, (name, share, count) in enumerate(
                zip(sorted(set(one.repositories)), shares, totals.counts, strict=True)
            )
        ]
        quartiles = statistics.quantiles(shares, n=4) if len(shares) > 1 else [shares[0]] * 3
        grid.append((one.method.name, *(number_text(value) for value in (min(shares), *quartiles, max(shares)))))
    data = alt.Data(values=values)
    colour = method_colour(colours, methods, legend=False)
    tooltip = ["method:N", "repository:N", "em:Q", "tasks:Q"]
    box = alt.Chart(data).mark_boxplot(size=16, opacity=0.35, outliers=False, extent="min-max")
    strip = alt.Chart(data).mark_circle(size=26, opacity=0.65)
    spread = box.encode(
        y=methods_down(methods), x=percent_across("em", "Exact match of a repository, %"), color=colour
    ) + strip.encode(
        y=methods_down(methods),
        x="em:Q",
        yOffset=alt.YOffset("offset:Q", scale=alt.Scale(domain=[-0.6, 1.6])),
        color=colour,
        tooltip=tooltip,
    )
    scatter = (
        alt.Chart(data)
        .mark_circle(size=48, opacity=0.7)
        .encode(
            x=alt.X(
                "tasks:Q",
                scale=alt.Scale(type="log"),
                title="Tasks of the repository",
                axis=alt.Axis(grid=False, tickCount=5),
            ),
            y=percent_up("em", "Exact match, %"),
            color=method_colour(colours, methods),
            tooltip=tooltip,
        )
    )
    shown = Grid(title="", headings=("Method", "Least %", "25 %", "Median %", "75 %", "Most %"), rows=tuple(grid))
    count = f"{table.repositories:,} repositor{'y' if table.repositories == 1 else 'ies'}"
    return (
        Figure(
            name="repositories",
            title="Repositories differ",
            caption=f"The exact match of each method in each of {count}: a point is a repository, a box holds the "
            "middle half of them, the line in it is the median.",
            grid=shown,
            spec=finished(spread, height=row_height(len(methods)) + 20),
        ),
        Figure(
            name="repository-tasks",
            title="Exact match and size of repositories",
            caption=f"The exact match of each method in each of {count} against the number of its tasks: shares of few "
            "tasks stray far by chance.",
            grid=shown,
            spec=finished(scatter, height=300),
        ),
    )


def training_data(answers: Sequence[Answers], train_tasks: Mapping[str, int], colours: Colours) -> Figure | None:
    """Exact match by the number of train tasks that a repository has; None where none has any."""
    methods = [one.method.name for one in answers]
    bins: dict[int, list[int]] = {}
    for index, repository in enumerate(answers[0].repositories):
        size = train_tasks.get(repository, 0)
        bins.setdefault(sum(size >= bound for bound in _TRAIN_BOUNDS), []).append(index)
    if set(bins) <= {0}:
        return None
    labels = (
        "none",
        *(f"{low:,} to {high - 1:,}" for low, high in itertools.pairwise(_TRAIN_BOUNDS)),
    )
    labels = (*labels, f"{_TRAIN_BOUNDS[-1]:,} or more")
    shown = [labels[number] for number in sorted(bins)]
    values: Values = []
    rows = []
    for number in sorted(bins):
        chosen = bins[number]
        names = [answers[0].repositories[index] for index in chosen]
        estimates = [
            estimate_share(total(names, [one.values(HEADLINE)[index] for index in chosen]), seed=0) for one in answers
        ]
        values += [
            _estimated({"method": method, "size": labels[number], "tasks": len(chosen)}, estimate)
            for method, estimate in zip(methods, estimates, strict=True)
        ]
        rows.append((labels[number], f"{len(chosen):,}", f"{len(set(names)):,}", *_means(estimates)))
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("size:N", sort=shown, title="Train tasks of the repository", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("method:N", sort=methods),
        color=method_colour(colours, methods),
    )
    tooltip = ["method:N", "size:N", "em:Q", "low:Q", "high:Q", "tasks:Q"]
    chart = base.mark_rule(strokeWidth=2, opacity=0.45).encode(
        y=percent_up("low", "Exact match, %"), y2="high:Q"
    ) + base.mark_circle(size=70).encode(y="em:Q", tooltip=tooltip)
    return Figure(
        name="training-data",
        title="Exact match by training data",
        caption="Exact match of each method, with its interval, by the number of train tasks that the dataset has of "
        "the repository.",
        grid=Grid(title="", headings=("Train tasks", "Tasks", "Repositories", *methods), rows=tuple(rows)),
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
            values.append(_estimated(facts, part.em_strict[0]))
            rows.append((label, f"{part.tasks:,}", f"{part.repositories:,}", *_interval_cells(part.em_strict[0])))
    if not values:
        return None
    y = alt.Y("slice:N", sort=[value["slice"] for value in values], title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(alt.Data(values=values)).encode(
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
        x=percent_across("low", "Exact match, %"), x2="high:Q"
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
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            y=methods_down(methods),
            x=alt.X("share:Q", title="% of the wrong answers", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color(
                "mistake:N",
                scale=alt.Scale(domain=classes, scheme="tableau10"),
                legend=alt.Legend(title=None, orient="top", columns=4),
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


def _estimated(facts: dict[str, object], estimate: Estimate) -> dict[str, object]:
    return facts | {"em": percent(estimate.mean), "low": percent(estimate.low), "high": percent(estimate.high)}


def _means(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    return tuple(number_text(percent(estimate.mean)) for estimate in estimates)


def _interval_cells(estimate: Estimate) -> tuple[str, str, str]:
    mean, low, high = (number_text(percent(value)) for value in (estimate.mean, estimate.low, estimate.high))
    return mean, low, high


def _percent_cells(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(number_text(percent(row.metrics[name].micro.mean)) for name in names)
