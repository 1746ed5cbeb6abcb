"""The figures of a diagnosis, as specifications: similarity, strength, differences by stratum, drift. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.diagnosing.diagnosis import Diagnosis
from harness.diagnosing.drift import BY_COMMITS
from harness.report.figures.drawing import WIDTH, Figure, number_text, row_height
from harness.report.figures.evidence import similarity
from harness.report.sections import Grid
from harness.stats import Estimate

_OWN, _WRONG = "own adapter", "another repository's"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_ZERO = {"mark": {"type": "rule", "strokeDash": [4, 4], "color": "#808892"}, "encoding": {"x": {"datum": 0}}}


def figures(found: Diagnosis) -> tuple[Figure, ...]:
    """Every figure that has something to show."""
    labels, cosine = found.measured.labels, found.measured.shape.cosine
    made = [
        similarity(found.method, labels, cosine, name="similarity"),
        _strength(found),
        *_differences(found),
    ]
    if found.drift:
        made.append(_drift(found))
    return tuple(made)


def _strength(found: Diagnosis) -> Figure:
    values = [
        {"lambda": point.strength, "adapter": name, "nll": round(nll, 4)}
        for point in found.curve
        for name, nll in ((_OWN, point.own), (_WRONG, point.wrong))
    ]
    encoding = {
        "x": {"field": "lambda", "type": "quantitative", "title": "Strength of the residual"},
        "y": {"field": "nll", "type": "quantitative", "title": "NLL, nats per token", "scale": {"zero": False}},
        "color": {
            "field": "adapter",
            "type": "nominal",
            "scale": {"domain": [_OWN, _WRONG], "range": ["#4269d0", "#e8594a"]},
            "legend": {"title": None, "orient": "top"},
        },
    }
    return Figure(
        name="strength",
        title=f"Strength of what is the repository's: {found.method}",
        caption="NLL at the mean adapter plus lambda times the difference to it. Two flat and equal lines: dead.",
        grid=Grid(
            title="",
            headings=("Lambda", "Own", "Another's"),
            rows=tuple((f"{p.strength:g}", f"{p.own:.3f}", f"{p.wrong:.3f}") for p in found.curve),
        ),
        spec=_spec(values, {"mark": {"type": "line", "point": True}, "encoding": encoding}, height=260),
    )


def _differences(found: Diagnosis) -> list[Figure]:
    made = []
    for arm, name in (("mean", "the mean adapter"), ("shared", "a shared LoRA"), ("other", "another's adapter")):
        rows = [(one.name, one.contrasts[arm].nll) for one in found.slices if arm in one.contrasts]
        if rows:
            made.append(
                _intervals(
                    f"own-minus-{arm}",
                    f"Own minus {name}: {found.method}",
                    "NLL by stratum, nats per token, with 95 % intervals over repositories; left of 0 the own adapter "
                    "is better. Conditioning on the repository shows where the answer is private.",
                    rows,
                )
            )
    return made


def _drift(found: Diagnosis) -> Figure:
    rows = [(f"{one.label} commits" if one.by == BY_COMMITS else one.label, one.nll) for one in found.drift]
    return _intervals(
        "drift",
        f"Carried minus fresh: {found.method}",
        "NLL of an adapter that was carried along the history minus that of a fresh one; right of 0 it has drifted.",
        rows,
    )


def _intervals(name: str, title: str, caption: str, rows: Sequence[tuple[str, Estimate]]) -> Figure:
    values = [
        {
            "label": label,
            "nats": round(one.mean, 4),
            "from": round(one.mean if one.low is None else one.low, 4),
            "to": round(one.mean if one.high is None else one.high, 4),
        }
        for label, one in rows
    ]
    down = {"field": "label", "type": "nominal", "sort": [label for label, _ in rows], "title": None}
    across = {"type": "quantitative", "title": "Difference, nats per token"}
    layers = [
        _ZERO,
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": "#808892"},
            "encoding": {"y": down, "x": {"field": "from", **across}, "x2": {"field": "to"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "color": "#4269d0"},
            "encoding": {"y": down, "x": {"field": "nats", **across}},
        },
    ]
    cells = [(label, *(number_text(value, 3) for value in (one.mean, one.low, one.high))) for label, one in rows]
    return Figure(
        name=name,
        title=title,
        caption=caption,
        grid=Grid(title="", headings=("Tasks", "Difference", "Low", "High"), rows=tuple(cells)),
        spec=_spec(values, {"layer": layers}, height=row_height(len(rows))),
    )


def _spec(values: Sequence[Mapping[str, Any]], chart: Mapping[str, Any], *, height: int) -> dict[str, Any]:
    return {"$schema": _SCHEMA, "data": {"values": list(values)}, "width": WIDTH, "height": height, **chart}
