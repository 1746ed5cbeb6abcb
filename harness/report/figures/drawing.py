"""What all figures share: the record, the colours of methods, axes and marks of shares. Pure.

Altair makes the specifications; this folder is the only place that imports it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from harness.report.sections import ABSENT, Grid
from harness.stats import Estimate

Values = list[dict[str, Any]]
Colours = Mapping[str, str]
"""Of methods."""

PALETTE = (
    "#4269d0",
    "#e5a50a",
    "#e8594a",
    "#2aa198",
    "#3c9d4e",
    "#d6619c",
    "#9a5be0",
    "#6c8ebf",
    "#9c6b4e",
    "#808892",
    "#b5a000",
    "#c75f00",
)
"""Colours of methods, told apart on white and on near black; a thirteenth method begins again."""

WIDTH = 620
"""Of a figure in a file, in pixels; on the page it is as wide as there is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: `caption` says in words what it shows, `grid` has the numbers, `spec` is Vega-Lite without theme."""

    name: str
    title: str
    caption: str
    grid: Grid
    spec: Mapping[str, Any]


def method_colours(methods: Sequence[str]) -> Colours:
    """The colour of every method; the same in all figures of a report."""
    return {method: PALETTE[index % len(PALETTE)] for index, method in enumerate(methods)}


def method_scale(colours: Colours, methods: Sequence[str]) -> alt.Scale:
    """The scale that gives the shown methods their colours."""
    return alt.Scale(domain=list(methods), range=[colours[method] for method in methods])


def method_colour(colours: Colours, methods: Sequence[str], *, legend: bool = True) -> alt.Color:
    """The channel that colours by `method`."""
    shown = alt.Legend(title=None, orient="top", labelLimit=220) if legend and len(methods) > 1 else None
    return alt.Color("method:N", scale=method_scale(colours, methods), legend=shown)


def methods_down(methods: Sequence[str]) -> alt.Y:
    """The vertical axis of methods, the best on top."""
    return alt.Y(
        "method:N",
        sort=list(methods),
        title=None,
        axis=alt.Axis(labelLimit=220, labelPadding=10, ticks=False, domain=False),
    )


def percent_across(field: str, title: str) -> alt.X:
    """The horizontal axis of a share in per cent."""
    return alt.X(f"{field}:Q", title=title, axis=alt.Axis(grid=True, tickCount=6))


def percent_up(field: str, title: str) -> alt.Y:
    """The vertical axis of a share in per cent."""
    return alt.Y(f"{field}:Q", title=title, axis=alt.Axis(grid=True, tickCount=6))


def chart_of(values: Values) -> alt.Chart:
    """A chart of these rows."""
    return alt.Chart(alt.InlineData(values=values))


def finished(chart: alt.Chart | alt.LayerChart, *, height: int | None = None) -> Mapping[str, Any]:
    """The chart as a specification of the usual width; `height` in pixels, or as its rows need."""
    sized = chart.properties(width=WIDTH) if height is None else chart.properties(width=WIDTH, height=height)
    spec: dict[str, Any] = sized.to_dict()
    spec.pop("config", None)  # the page and the files have themes of their own
    return spec


def row_height(count: int) -> int:
    """Pixels for `count` rows."""
    return max(60, 34 * count)


def percent(value: float | None) -> float | None:
    """A share as per cent with two digits."""
    return None if value is None else round(100 * value, 2) + 0.0


def number_text(value: float | None, digits: int = 1) -> str:
    """A number of a grid; an en dash where there is none."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def estimated(facts: Mapping[str, Any], estimate: Estimate) -> dict[str, Any]:
    """`facts` with the values of `interval_fields`."""
    return {**facts, **interval_fields(estimate.mean, estimate.low, estimate.high)}


def interval_fields(mean: float, low: float | None, high: float | None) -> dict[str, Any]:
    """A mean as `em` with the ends `low` and `high`, in per cent, and where to draw the interval: `from` and `to`.

    Where there is no interval the last two are the mean: an axis has no extent of values that are absent.
    """
    em, ends = percent(mean), {"low": percent(low), "high": percent(high)}
    drawn = {"from": em if low is None else ends["low"], "to": em if high is None else ends["high"]}
    return {"em": em, **ends, **drawn}


def mean_cells(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """The means in per cent, as cells of a grid."""
    return tuple(number_text(percent(estimate.mean)) for estimate in estimates)
