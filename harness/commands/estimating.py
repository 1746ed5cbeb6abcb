"""`repobench mine --dry-run`: what would be cloned or updated, and about how much disk and time mining takes."""

from collections.abc import Sequence

from rich.table import Table

from harness.console import duration, record, say, show
from repopeftbench.dataset.estimate import Estimate, Step
from repopeftbench.pool import Failure
from repopeftbench.sources import BadSource, Source, without_credentials

PARTIAL, NOTHING = 1, 2
_STEPS = {Step.READ: "read there", Step.UPDATE: "update", Step.CLONE: "clone"}


def show_estimates(found: Sequence[Estimate | Failure[Source]], bad: Sequence[BadSource], *, workers: int) -> int:
    """Shows what mining would take; 1 where a source would be left out, which is named, 2 where every one would."""
    estimates = [one for one in found if isinstance(one, Estimate)]
    problems = [(source.text, source.problem) for source in bad]
    problems += [(one.item.text, one.problem) for one in found if isinstance(one, Failure)]
    record(
        estimates=[_recorded(one) for one in estimates],
        failed={without_credentials(text): without_credentials(problem) for text, problem in problems},
        workers=workers,
    )
    if estimates:
        show(_table(estimates))
        if not all(estimate.exact for estimate in estimates):
            show("~: typical of such repositories; the number is known once the repository is cloned or updated.")
        seconds = sum(estimate.cpu_seconds for estimate in estimates)
        processes = "1 process" if workers == 1 else f"{workers} processes"
        show(f"About {duration(seconds / workers)} with {processes}, beside the time to clone and update.")
    for text, problem in problems:
        say(f"would not be mined: {without_credentials(text)}: {without_credentials(problem)}")
    return 0 if not problems else PARTIAL if estimates else NOTHING


def _table(estimates: Sequence[Estimate]) -> Table:
    table = Table(title="What mining would do; nothing is cloned or written", title_justify="left")
    for name in ("repository", "copy", "first"):
        table.add_column(name)
    for name in ("commits", "mined already", "git disk", "CPU time"):
        table.add_column(name, justify="right")
    for estimate in estimates:
        table.add_row(
            estimate.source.repo_id,
            str(estimate.copy),
            _STEPS[estimate.step],
            *_figures([estimate]),
        )
    if len(estimates) > 1:
        table.add_row("all", "", "", *_figures(estimates))
    return table


def _figures(estimates: Sequence[Estimate]) -> tuple[str, str, str, str]:
    mark = "" if all(estimate.exact for estimate in estimates) else "~"
    return (
        f"{mark}{sum(estimate.commits for estimate in estimates):,}",
        f"{sum(estimate.staged for estimate in estimates):,}",
        f"{mark}{sum(estimate.disk_bytes for estimate in estimates) / 1e6:,.1f} MB",
        f"~{duration(sum(estimate.cpu_seconds for estimate in estimates))}",
    )


def _recorded(estimate: Estimate) -> dict[str, object]:
    return {
        "repository": estimate.source.repo_id,
        "copy": estimate.copy,
        "first": _STEPS[estimate.step],
        "exact": estimate.exact,
        "commits": estimate.commits,
        "mined_already": estimate.staged,
        "disk_bytes": estimate.disk_bytes,
        "cpu_seconds": estimate.cpu_seconds,
    }
