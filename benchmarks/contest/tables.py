"""Results as Markdown and as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from contest.agreement import Agreement, Walk
from contest.contenders import REPOBENCH
from contest.measure import Sample


@dataclass(slots=True, kw_only=True)
class Result:
    """One repository: its history, the samples of each contender, and who agrees with whom."""

    name: str
    head: str
    walk: Walk
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    agreements: list[Agreement] = field(default_factory=list)


def cost_table(results: Sequence[Result]) -> str:
    """Medians of each contender, and its CPU time over that of `repobench` on the same repository."""
    header = ("repository", "commits", "contender", "runs", "CPU s", "wall s", "peak MB", "largest child MB")
    rows = [
        (result.name, f"{len(result.walk.commits):,}", name, *_cost(samples, result))
        for result in results
        for name, samples in result.samples.items()
    ]
    return _markdown((*header, f"CPU / {REPOBENCH.name}"), rows, text_columns=(0, 2))


def agreement_table(results: Sequence[Result]) -> str:
    """How many commits agree, how many are excused, how many disagree."""
    header = ("repository", "contenders", "commits compared", "with new statements", "statements", "agree")
    rows = [
        (
            result.name,
            f"{found.one} = {found.other}",
            *(f"{count:,}" for count in (found.compared, found.kept, found.statements, found.agreeing)),
            str(len({name.split()[0] for name in found.excused})),
            str(len({problem.split()[0] for problem in found.problems})),
        )
        for result in results
        for found in result.agreements
    ]
    return _markdown((*header, "excused (renames)", "disagree"), rows, text_columns=(0, 1))


def write_json(path: Path, results: Sequence[Result], versions: dict[str, str]) -> None:
    """Writes every sample and agreement, with the versions of what ran."""
    rows: list[dict[str, Any]] = [
        {
            "repository": result.name,
            "head": result.head,
            "commits": len(result.walk.commits),
            "commits_with_test_files": result.walk.test_commits,
            "samples": {name: [asdict(sample) for sample in samples] for name, samples in result.samples.items()},
            "agreements": [asdict(found) for found in result.agreements],
        }
        for result in results
    ]
    path.write_text(json.dumps({"versions": versions, "results": rows}, indent=1) + "\n", "utf-8")


def _cost(samples: Sequence[Sample], result: Result) -> tuple[str, ...]:
    good = [sample for sample in samples if not sample.timed_out and sample.problem is None]
    if not good:
        timed_out = all(sample.timed_out for sample in samples)
        why = f"timed out after {samples[0].wall:.0f} s" if timed_out else "failed"
        return (str(len(samples)), why, "", "", "", "")
    own = _cpu([sample for sample in result.samples.get(REPOBENCH.name, ()) if sample.problem is None])
    cpu = _cpu(good)
    return (
        str(len(good)),
        f"{cpu:.2f}",
        f"{median(sample.wall for sample in good):.2f}",
        _megabytes(good, lambda sample: sample.own_mb),
        _megabytes(good, lambda sample: sample.child_mb),
        f"{cpu / own:.2f}" if own else "",
    )


def _cpu(samples: Sequence[Sample]) -> float:
    return median(sample.cpu for sample in samples) if samples else 0.0


def _megabytes(samples: Sequence[Sample], peak: Callable[[Sample], float | None]) -> str:
    known = [value for value in map(peak, samples) if value is not None]
    return f"{median(known):.0f}" if known else "?"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: Sequence[int]) -> str:
    rule = ["---" if index in text_columns else "--:" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))
