"""The yield funnel: how many tasks come how far towards being runnable, and why the others do not. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.probing.records import Reason, Runnability, Site, Stage
from harness.report.sections import Grid
from repopeftbench.schema import Track

_ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """The tasks of one repository and track: how many reach each stage, and the reasons of those that stop.

    `reached` falls from stage to stage; `reasons` are in the order of `Reason`, without `runnable`, and sum up to
    `reached[tasks] - reached[runnable]`.
    """

    track: Track
    repo_id: str
    reached: Mapping[Stage, int]
    reasons: Mapping[Reason, int]


def count_yields(sites: Iterable[Site], runnable: Mapping[str, Runnability]) -> tuple[Yield, ...]:
    """The funnel of each track and repository, and last of each track as a whole."""
    groups: dict[tuple[Track, str], Counter[Reason]] = {}
    for site in sites:
        reason = runnable[site.task_id].reason
        for name in (site.repo_id, ""):
            groups.setdefault((site.track, name), Counter())[reason] += 1
    ordered = sorted(groups, key=lambda key: (list(Track).index(key[0]), key[1] == "", key[1]))
    return tuple(_yield(track, repo_id, groups[track, repo_id]) for track, repo_id in ordered)


def _yield(track: Track, repo_id: str, reasons: Counter[Reason]) -> Yield:
    stages = list(Stage)
    reached = {
        stage: sum(count for reason, count in reasons.items() if stages.index(reason.stage) >= index)
        for index, stage in enumerate(stages)
    }
    stopped: dict[Reason, int] = {
        reason: reasons[reason] for reason in Reason if reasons[reason] and reason is not Reason.RUNNABLE
    }
    return Yield(track=track, repo_id=repo_id or _ALL, reached=reached, reasons=stopped)


def funnel_grid(yields: Sequence[Yield]) -> Grid:
    """One row per repository and track."""
    rows = []
    for one in yields:
        total = one.reached[Stage.TASKS]
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in one.reasons.items())
        counts = [f"{one.reached[stage]:,}" for stage in Stage]
        rows.append((one.track, one.repo_id, reasons, *counts, f"{100 * one.reached[Stage.RUNNABLE] / total:.1f}"))
    headings = ("Track", "Repository", "Reasons", *(stage.capitalize() for stage in Stage), "%")
    return Grid(title="Yield", headings=headings, rows=tuple(rows), texts=3)


def funnel_json(yields: Sequence[Yield], origin: Mapping[str, object]) -> str:
    """The funnel as JSON, with what it was made from."""
    return json.dumps({**origin, "yields": [yield_fields(one) for one in yields]}, indent=2) + "\n"


def yield_fields(one: Yield) -> dict[str, object]:
    """A yield as plain values."""
    return {
        "track": one.track,
        "repository": one.repo_id,
        "reached": dict(one.reached.items()),
        "reasons": dict(one.reasons.items()),
    }
