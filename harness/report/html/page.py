"""The page of a report as one text: our templates around data that is packed, never markup. Pure.

Three things keep text of repositories and predictions from becoming part of the page: templates escape everything, the
data is compressed and in base64, and the page's own policy lets no script run but the two that are in it and those that
lie beside it. Our program makes text nodes and never parses HTML.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.pairing import FEWEST_REPOSITORIES
from harness.report.figures.drawing import Figure
from harness.report.html.details import CHUNK_TASKS
from harness.report.html.leaderboard import page_notes
from harness.report.html.packing import pack
from harness.report.metrics import HEADLINE, METRICS
from harness.report.sections import Grid, Section, sections
from harness.report.tables import Report
from repopeftbench import __version__

_PROGRAM = ("core.js", "leaderboard.js", "figures.js", "pairs.js", "code.js", "tasks.js", "start.js")
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_TITLE = "RepoPeftBench report"
_ENDS_A_SCRIPT = re.compile(r"<(?=/script|!--)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What the page shows beside the report itself.

    `tables` are the leaderboard's, `figures` those of each table and `conditioning` those of no table; `datasets` are
    hashes and the names to show; `runs` have `label`, `method` and `dataset` (a hash); `run_grid` says what
    each run is; `tasks` are the columns of the list; `details` is the folder of the chunks, seen from the page.
    """

    report_id: str
    tables: Sequence[Mapping[str, Any]]
    figures: Sequence[Sequence[Figure]]
    conditioning: Sequence[Figure]
    colours: Mapping[str, str]
    datasets: Mapping[str, str]
    runs: Sequence[Mapping[str, Any]]
    run_grid: Grid
    tasks: Mapping[str, Any]
    details: str
    remarks: Sequence[str]


def render_page(report: Report, content: PageContent) -> str:
    """The whole page of `report`."""
    environment = Environment(
        loader=PackageLoader("harness.report.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    program = _enclosed("\n".join(_own(name) for name in _PROGRAM))
    shown = sections(report, ())
    library = _enclosed(vl_convert.javascript_bundle(_GLOBALS))
    return environment.get_template("page.html.j2").render(
        title=_TITLE,
        version=__version__,
        policy=_policy((library, program)),
        # Ours, and checked by tests: nothing of a report's data is marked as safe.
        style=Markup(_own("style.css")),
        library=Markup(library),
        program=Markup(program),
        payload=pack(_document(report, content, shown)),
        sections=shown,
        notes=[*page_notes(report), *content.remarks],
        runs=content.run_grid,
    )


def _document(report: Report, content: PageContent, shown: Sequence[Section]) -> dict[str, Any]:
    """What the page's program reads."""
    places = {sha256: place for place, sha256 in enumerate(content.datasets)}
    return {
        "id": content.report_id,
        "headline": HEADLINE,
        "fewest": FEWEST_REPOSITORIES,
        "metrics": {name: {"title": metric.title, "points": metric.points} for name, metric in METRICS.items()},
        "colours": dict(content.colours),
        "datasets": [{"name": name} for name in content.datasets.values()],
        "runs": [{**run, "dataset": places[run["dataset"]]} for run in content.runs],
        "tables": [
            {
                **table,
                "dataset": places[table["dataset"]],
                "costs": None if section.costs is None else _cells(section.costs),
                "figures": [_plain(figure) for figure in figures],
            }
            for table, figures, section in zip(content.tables, content.figures, shown, strict=True)
        ],
        "conditioning": [_plain(figure) for figure in content.conditioning],
        "tasks": dict(content.tasks),
        "details": content.details,
        "chunk": CHUNK_TASKS,
    }


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "title": figure.title,
        "caption": figure.caption,
        **_cells(figure.grid),
        "spec": dict(figure.spec),
    }


def _cells(grid: Grid) -> dict[str, Any]:
    return {"headings": list(grid.headings), "rows": [list(row) for row in grid.rows], "texts": grid.texts}


def _own(name: str) -> str:
    return resources.files("harness.report.html").joinpath("templates", name).read_text("utf-8")


def _enclosed(source: str) -> str:
    """A program with names of its own, without what would end a script element: only its strings can hold that."""
    text = _ENDS_A_SCRIPT.sub(r"\\x3c", source)
    return f"(() => {{{text}\n}})();"


def _policy(scripts: Sequence[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed} 'self' file:; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; form-action 'none'; base-uri 'none'"
    )
