"""Figures as PNG and SVG files (io), drawn without a browser by vl-convert."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import vl_convert

from harness.report.figures.drawing import Figure

_SCALE = 2.0
_THEME = {
    "background": "white",
    "view": {"stroke": None},
    "axis": {"gridColor": "#e4e6ea", "domainColor": "#9aa1ab", "tickColor": "#9aa1ab", "labelColor": "#333944"},
    "legend": {"columns": 3},
    "boxplot": {"median": {"color": "black"}},
    "title": {"anchor": "start", "fontSize": 15},
}


def write_figures(figures: Sequence[Figure], folder: Path, progress: Callable[[int, int], None]) -> None:
    """Writes NAME.svg, and NAME.png at twice the size, for every figure; calls `progress(done, total)` after each.

    Raises:
        OSError: the folder cannot be written.
    """
    for done, figure in enumerate(figures, start=1):
        spec = json.dumps({**figure.spec, "title": figure.title, "description": figure.caption})
        svg = vl_convert.vegalite_to_svg(spec, config=_THEME)
        (folder / f"{figure.name}.svg").write_text(svg, "utf-8")
        (folder / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=_SCALE))
        progress(done, len(figures))
