"""Figures of repositories: how exact matches are spread over them, by their number of tasks, by train tasks. Pure."""

import itertools
import statistics
from collections.abc import Mapping, Sequence

import altair as alt

from harness.report.answers import Answers
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
    percent_across,
    percent_up,
    row_height,
)
from harness.report.metrics import HEADLINE
from harness.report.sections import Grid
from harness.stats import estimate_share, total

_TRAIN_BOUNDS = (1, 30, 100, 300, 1_000)
_TOOLTIP = ("method:N", "repository:N", "em:Q", "tasks:Q")


def repositories(answers: Sequence[Answers], colours: Colours) -> tuple[Figure, ...]:
    """The exact match of every repository, as a spread and against the number of tasks; nothing of a single one."""
    if len(set(answers[0].repositories)) < 2:
        return ()
    values: Values = []
    rows = []
    for one in answers:
        of_method = _shares(one)
        values += of_method
        shares = [value["em"] for value in of_method]
        quartiles = statistics.quantiles(shares, n=4, method="inclusive") if len(shares) > 1 else shares * 3
        rows.append((one.method.name, *map(number_text, (min(shares), *quartiles, max(shares)))))
    grid = Grid(title="", headings=("Method", "Least %", "25 %", "Median %", "75 %", "Most %"), rows=tuple(rows))
    methods = [one.method.name for one in answers]
    count = len(set(answers[0].repositories))
    return _spread(values, grid, methods, count, colours), _by_tasks(values, grid, methods, count, colours)


def _shares(answers: Answers) -> Values:
    """One row per repository."""
    totals = total(answers.repositories, answers.values(HEADLINE))
    names = sorted(set(answers.repositories))
    return [
        {
            "method": answers.method.name,
            "repository": name,
            "em": round(100 * float(right) / float(count), 2),
            "tasks": int(count),
            # No randomness: neighbours in the order of names lie apart.
            "offset": (place * 7 % 11) / 10,
        }
        for place, (name, right, count) in enumerate(zip(names, totals.sums, totals.counts, strict=True))
    ]


def _spread(values: Values, grid: Grid, methods: Sequence[str], count: int, colours: Colours) -> Figure:
    colour = method_colour(colours, methods, legend=False)
    y, x = methods_down(methods), percent_across("em", "Exact match of a repository, %")
    offset = alt.YOffset("offset:Q", scale=alt.Scale(domain=[-0.1, 1.1]))
    most = max(1.0, *(value["em"] for value in values))
    # The outline is walked along its lower side and back along its upper one.
    violin = (
        chart_of(values)
        .transform_density("em", groupby=["method"], extent=[0, most], steps=100, as_=["em", "density"])
        .transform_joinaggregate(highest="max(density)", groupby=["method"])
        .transform_calculate(side="[-1, 1]")
        .transform_flatten(["side"])
        .transform_calculate(
            offset="0.5 + datum.side * datum.density / datum.highest / 2", walk="datum.side * datum.em"
        )
        .mark_line(filled=True, opacity=0.25, strokeWidth=0)
        .encode(order="walk:Q")
    )
    box = chart_of(values).mark_boxplot(size=6, opacity=0.8, outliers=False, extent="min-max")
    strip = chart_of(values).mark_circle(size=26, opacity=0.65).encode(tooltip=list(_TOOLTIP))
    chart = (
        violin.encode(y=y, x=x, yOffset=offset, color=colour)
        + box.encode(y=y, x=x, color=colour)
        + strip.encode(y=y, x=x, yOffset=offset, color=colour)
    )
    return Figure(
        name="repositories",
        title="Repositories differ",
        caption=f"The exact match of each method in each of {count:,} repositories: a point is a repository, the width "
        "of a shape says how many are near, a bar holds the middle half of them, the line in it is the median.",
        grid=grid,
        spec=finished(chart, height=row_height(len(methods)) + 20),
    )


def _by_tasks(values: Values, grid: Grid, methods: Sequence[str], count: int, colours: Colours) -> Figure:
    chart = (
        chart_of(values)
        .mark_circle(size=48, opacity=0.7)
        .encode(
            x=alt.X(
                "tasks:Q",
                scale=alt.Scale(type="log"),
                title="Tasks of the repository (log scale)",
                axis=alt.Axis(grid=False, tickCount=5),
            ),
            y=percent_up("em", "Exact match, %"),
            color=method_colour(colours, methods),
            tooltip=list(_TOOLTIP),
        )
    )
    return Figure(
        name="repository-tasks",
        title="Exact match and size of repositories",
        caption=f"The exact match of each method in each of {count:,} repositories against the number of its tasks: "
        "shares of few tasks stray far by chance.",
        grid=grid,
        spec=finished(chart, height=300),
    )


def training_data(answers: Sequence[Answers], train_tasks: Mapping[str, int], colours: Colours) -> Figure | None:
    """Exact match by the number of train tasks that a repository has; None where all have as many."""
    methods = [one.method.name for one in answers]
    bins: dict[int, list[int]] = {}
    for index, repository in enumerate(answers[0].repositories):
        size = train_tasks.get(repository, 0)
        bins.setdefault(sum(size >= bound for bound in _TRAIN_BOUNDS), []).append(index)
    if len(bins) < 2:
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
            estimated({"method": method, "size": labels[number], "tasks": len(chosen)}, estimate)
            for method, estimate in zip(methods, estimates, strict=True)
        ]
        rows.append((labels[number], f"{len(chosen):,}", f"{len(set(names)):,}", *mean_cells(estimates)))
    base = chart_of(values).encode(
        x=alt.X("size:N", sort=shown, title="Train tasks of the repository", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("method:N", sort=methods),
        color=method_colour(colours, methods),
    )
    tooltip = ["method:N", "size:N", "em:Q", "low:Q", "high:Q", "tasks:Q"]
    chart = base.mark_rule(strokeWidth=2, opacity=0.45).encode(
        y=percent_up("from", "Exact match, %"), y2="to:Q"
    ) + base.mark_circle(size=70).encode(y="em:Q", tooltip=tooltip)
    return Figure(
        name="training-data",
        title="Exact match by training data",
        caption="Exact match of each method, with its interval, by the number of train tasks that the dataset has of "
        "the repository.",
        grid=Grid(title="", headings=("Train tasks", "Tasks", "Repositories", *methods), rows=tuple(rows)),
        spec=finished(chart, height=280),
    )
