"""Figures of what stands behind quality: cost, execution, conditioning. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

import altair as alt

from harness.report.answers import Answers
from harness.report.companions import Companions, Diagnosis
from harness.report.figures.drawing import (
    Colours,
    Figure,
    Values,
    chart_of,
    estimated,
    finished,
    interval_fields,
    method_colour,
    methods_down,
    number_text,
    percent_across,
    percent_up,
    row_height,
)
from harness.report.metrics import HEADLINE
from harness.report.sections import Grid
from harness.report.tables import Table


def cost(table: Table, seconds: Mapping[str, float], colours: Colours) -> Figure | None:
    """Exact match against seconds per task; None where fewer than two methods have a log.

    Args:
        table: the methods.
        seconds: per task, by method.
        colours: of the methods.
    """
    timed = [row for row in table.rows if row.method in seconds]
    if len(timed) < 2:
        return None
    methods = [row.method for row in timed]
    values: Values = [
        # A logarithm has no zero; the log's clock has milliseconds.
        estimated(
            {"method": row.method, "seconds": max(round(seconds[row.method], 6), 1e-5)}, row.metrics[HEADLINE].micro
        )
        for row in timed
    ]
    base = chart_of(values).encode(
        x=alt.X(
            "seconds:Q",
            scale=alt.Scale(type="log"),
            title="Seconds per task (log scale)",
            axis=alt.Axis(grid=False, tickCount=5, format="~g"),
        ),
        color=method_colour(colours, methods),
    )
    chart = base.mark_rule(strokeWidth=2, opacity=0.45).encode(
        y=percent_up("from", "Exact match, %"), y2="to:Q"
    ) + base.mark_circle(size=110, opacity=1).encode(y="em:Q", tooltip=["method:N", "em:Q", "seconds:Q"])
    rows = tuple((value["method"], f"{value['seconds']:.5f}", number_text(value["em"])) for value in values)
    return Figure(
        name="cost",
        title="Cost against quality",
        caption="Exact match of each method, with its interval, against the seconds that a task took by the run's log, "
        "loading left out. Machines may differ between runs.",
        grid=Grid(title="", headings=("Method", "Seconds per task", "EM %"), rows=rows),
        spec=finished(chart, height=280),
    )


def execution(answers: Sequence[Answers]) -> Figure | None:
    """What executions say of the first seed's answers, those that match the target and those that do not.

    None where nothing was executed.
    """
    values: Values = []
    rows = []
    for one in answers:
        executed = one.method.runs[0].executed()
        counts = Counter(
            ("matches" if score.em_strict else "does not match", executed[score.task_id].outcome.value)
            for score in one.scores[0]
            if score.task_id in executed
        )
        for (match, outcome), count in sorted(counts.items()):
            answer = f"{one.method.name}, {match}"
            values.append({"answer": answer, "outcome": outcome, "tasks": count})
            rows.append((one.method.name, match, outcome, f"{count:,}"))
    if not values:
        return None
    order = list(dict.fromkeys(value["answer"] for value in values))
    chart = (
        chart_of(values)
        .mark_bar()
        .encode(
            y=alt.Y("answer:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
            x=alt.X("tasks:Q", title="Tasks"),
            color=alt.Color(
                "outcome:N", scale=alt.Scale(scheme="tableau10"), legend=alt.Legend(title=None, orient="top")
            ),
            tooltip=["answer:N", "outcome:N", "tasks:Q"],
        )
    )
    return Figure(
        name="execution",
        title="Does what matches pass, and what differs fail?",
        caption="What executing the tests says of answers that match the target as tokens and of those that do not.",
        grid=Grid(title="", headings=("Method", "Answer", "Execution", "Tasks"), rows=tuple(rows), texts=3),
        spec=finished(chart, height=row_height(len(order))),
    )


def conditioning(found: Mapping[str, Companions]) -> tuple[Figure, ...]:
    """The figures of all diagnoses, by method."""
    figures: list[Figure] = []
    for number, (method, companions) in enumerate(sorted(found.items())):
        if companions.diagnosis is not None:
            cosines = companions.diagnosis.similarity
            if cosines is not None:
                name = f"adapter-similarity-{number}"
                figures.append(similarity(method, cosines.labels, cosines.cosine, name=name))
            figures += _controls(method, companions.diagnosis, number)
    return tuple(figures)


def similarity(method: str, labels: Sequence[str], cosine: Sequence[Sequence[float]], *, name: str) -> Figure:
    """The cosine of the adapters of every two repositories.

    Args:
        method: whose adapters.
        labels: the repositories.
        cosine: a row for each of them, in [-1, 1].
        name: of the figure.
    """
    values: Values = [
        {"one": one, "other": other, "cosine": round(value, 4)}
        for one, line in zip(labels, cosine, strict=True)
        for other, value in zip(labels, line, strict=True)
    ]
    chart = (
        chart_of(values)
        .mark_rect()
        .encode(
            x=alt.X("other:N", sort=list(labels), title=None, axis=alt.Axis(labelAngle=-45, labelLimit=140)),
            y=alt.Y("one:N", sort=list(labels), title=None),
            color=alt.Color(
                "cosine:Q", scale=alt.Scale(scheme="blueorange", domain=[-1, 1]), legend=alt.Legend(title="cosine")
            ),
            tooltip=["one:N", "other:N", "cosine:Q"],
        )
    )
    between = [value["cosine"] for value in values if value["one"] != value["other"]]
    mean = f" The mean between two repositories is {sum(between) / len(between):.3f}." if between else ""
    return Figure(
        name=name,
        title=f"Similarity of adapters: {method}",
        caption="The cosine of the adapters of every two repositories: where all are 1, the adapter does not "
        f"depend on the repository.{mean}",
        grid=Grid(
            title="",
            headings=("Repository", *labels),
            rows=tuple((one, *(f"{value:.3f}" for value in line)) for one, line in zip(labels, cosine, strict=True)),
        ),
        spec=finished(chart, height=max(160, min(620, 24 * len(labels)))),
    )


def _controls(method: str, diagnosis: Diagnosis, number: int) -> list[Figure]:
    if not diagnosis.controls:
        return []
    values: Values = [
        {"method": control.control, **interval_fields(control.em_strict, control.low, control.high)}
        for control in diagnosis.controls
    ]
    base = chart_of(values).encode(y=methods_down([value["method"] for value in values]))
    tooltip = [alt.Tooltip("method:N", title="adapter"), "em:Q", "low:Q", "high:Q"]
    chart = base.mark_bar(opacity=0.75, color="#4269d0").encode(
        x=percent_across("em", "Exact match, %"), tooltip=tooltip
    ) + base.mark_rule(strokeWidth=2, color="#808892").encode(x="from:Q", x2="to:Q")
    return [
        Figure(
            name=f"controls-{number}",
            title=f"Own adapter against controls: {method}",
            caption="Exact match with the own adapter of a repository, and with others in its place: where all agree, "
            "the repository does not matter.",
            grid=Grid(
                title="",
                headings=("Adapter", "EM %", "Low", "High"),
                rows=tuple(
                    (value["method"], *(number_text(value[name]) for name in ("em", "low", "high"))) for value in values
                ),
            ),
            spec=finished(chart, height=row_height(len(values))),
        )
    ]
