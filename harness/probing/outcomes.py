"""What executing a run's predictions came to: one row per task, counts by outcome. Pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.probing.funnel import Yield, yield_fields
from harness.probing.records import Execution, Outcome, Site
from harness.probing.runnable import make_execution
from harness.report.sections import ABSENT, Grid
from repopeftbench.schema import Track


def all_executions(sites: Sequence[Site], executions: Mapping[str, Execution]) -> tuple[Execution, ...]:
    """One row per task, in the order of `sites`; tasks that were not drawn have theirs too."""
    return tuple(executions.get(site.task_id) or make_execution(site, Outcome.NOT_DRAWN, None) for site in sites)


def count_outcomes(executions: Sequence[Execution]) -> dict[Track, Counter[Outcome]]:
    """The outcomes of each track that has any."""
    found: dict[Track, Counter[Outcome]] = {}
    for track in Track:
        counts = Counter(one.outcome for one in executions if one.track is track)
        if counts:
            found[track] = counts
    return found


def pass_rate(counts: Mapping[Outcome, int]) -> float | None:
    """The share of runnable tasks whose prediction passes; None where no task is runnable."""
    runnable = sum(count for outcome, count in counts.items() if outcome.counts)
    return counts.get(Outcome.PASSED, 0) / runnable if runnable else None


def outcomes_grid(executions: Sequence[Execution]) -> Grid:
    """One row per track."""
    rows = []
    for track, counts in count_outcomes(executions).items():
        rate = pass_rate(counts)
        share = ABSENT if rate is None else f"{100 * rate:.1f}"
        runnable = sum(count for outcome, count in counts.items() if outcome.counts)
        rows.append((track.value, share, f"{runnable:,}", *(f"{counts[outcome]:,}" for outcome in Outcome)))
    headings = ("Track", "Exec %", "Runnable", *(outcome.capitalize() for outcome in Outcome))
    return Grid(title="Outcomes", headings=headings, rows=tuple(rows))


def outcomes_json(executions: Sequence[Execution], yields: Sequence[Yield], origin: Mapping[str, object]) -> str:
    """Outcomes and funnel as JSON, with what they were made from."""
    outcomes = [
        {"track": track, "exec_pass": pass_rate(counts), "outcomes": {name: counts[name] for name in Outcome}}
        for track, counts in count_outcomes(executions).items()
    ]
    document = {**origin, "outcomes": outcomes, "yields": [yield_fields(one) for one in yields]}
    return json.dumps(document, indent=2) + "\n"
