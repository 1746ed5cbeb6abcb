"""The audit's part of a dataset card: how many problems there are, which, and the main measures. Pure."""

from collections.abc import Iterator, Sequence

from repopeftbench.audit.findings import Findings, Measure, Severity
from repopeftbench.dataset.attribution import cell
from repopeftbench.schema import Split, Track

BASELINE = "em "
"""How the names of trivial baselines' measures begin."""
MOST_PROBLEMS = 20


def audit_section(findings: Findings | None) -> str:
    """The section; says so where there was no audit."""
    if findings is None:
        return "## Audit\n\nThis dataset was not audited (`repobench check`)."
    baselines = [measure for measure in findings.measures if measure.name.startswith(BASELINE)]
    others = [measure for measure in findings.measures if not measure.name.startswith(BASELINE)]
    parts = ["## Audit", _verdict(findings)]
    if baselines:
        parts += ["What trivial baselines answer right, as a share of the tasks (exact match):", _shares(baselines)]
    if others:
        parts += ["How many tasks, or commits, have a property:", _shares(others)]
    return "\n\n".join(parts)


def _verdict(findings: Findings) -> str:
    counts = {severity: sum(one.severity is severity for one in findings.problems) for severity in Severity}
    spoken = ", ".join(f"{count:,} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())
    lines = [f"`repobench check` found {spoken}."]
    grave = [one for one in findings.problems if one.severity is not Severity.NOTE]
    if grave:
        lines.append("")
    lines += [
        f"- {one.severity} `{one.check}`, {cell(one.where)}: {cell(one.message)}" for one in grave[:MOST_PROBLEMS]
    ]
    if len(grave) > MOST_PROBLEMS:
        lines.append(f"- and {len(grave) - MOST_PROBLEMS:,} more")
    return "\n".join(lines)


def _shares(measures: Sequence[Measure]) -> str:
    splits = [split for split in Split if any(measure.split is split for measure in measures)]
    lines = [f"| | {' | '.join(splits)} |", f"|---|{'--:|' * len(splits)}"]
    lines += [f"| {cell(name)} | {' | '.join(cells)} |" for name, cells in _rows(measures, splits)]
    return "\n".join(lines)


def _rows(measures: Sequence[Measure], splits: Sequence[Split]) -> Iterator[tuple[str, list[str]]]:
    totals: dict[tuple[Track | None, str], dict[Split, tuple[int, int]]] = {}
    for measure in measures:
        cells = totals.setdefault((measure.track, measure.name), {})
        count, of = cells.get(measure.split, (0, 0))
        cells[measure.split] = count + measure.count, of + measure.of
    for (track, name), cells in totals.items():
        yield name if track is None else f"{name}, {track}", [_share(*cells.get(split, (0, 0))) for split in splits]


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "n/a"
