"""A comparison of two runs for the terminal. Pure."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.comparison import Comparison, Flip, Part
from harness.report.metrics import METRICS
from harness.report.sections import Grid, shortened
from harness.report.terminal import to_table
from harness.report.verdicts import p_value, verdict_sentence


def comparison_to_terminal(comparison: Comparison, *, limit: int) -> Group:
    """Per track and split the verdict, what it rests on, and at most `limit` of the tasks that flipped."""
    metric = METRICS[comparison.metric]
    parts: list[Text | Table] = []
    for part in comparison.parts:
        title = f"{part.track.value}, {part.split.value}: {metric.title} of {_denominator(comparison, part)}"
        sentence = verdict_sentence(comparison.first, comparison.second, part.pair, points=metric.points)
        parts += [Text(title, style="bold"), Text(sentence), Text(_tests(comparison, part))]
        shown = part.flips[:limit]
        if shown:
            parts.append(to_table(_flips(comparison, shown)))
        if len(part.flips) > len(shown):
            parts.append(
                Text(f"{len(part.flips) - len(shown):,} more tasks flipped: see them with --limit.", style="dim")
            )
        parts.append(Text(""))
    return Group(*parts)


def _denominator(comparison: Comparison, part: Part) -> str:
    left_out = (
        f"; left out: {part.first_left_out:,} that only {comparison.first} and {part.second_left_out:,} that only "
        f"{comparison.second} answered"
        if part.first_left_out or part.second_left_out
        else ""
    )
    tasks = f"{part.tasks:,} task{'' if part.tasks == 1 else 's'}"
    repositories = f"{part.repositories:,} repositor{'y' if part.repositories == 1 else 'ies'}"
    return f"the {tasks} of {repositories} that both answered{left_out}"


def _tests(comparison: Comparison, part: Part) -> str:
    points = METRICS[comparison.metric].points
    means = [f"{100 * mean:.1f} %" if points else f"{mean:.3f}" for mean in (part.first_mean, part.second_mean)]
    pair = part.pair
    alone = "" if pair.mcnemar is None else f"; solved by one alone: {pair.first_only:,} and {pair.second_only:,}"
    mcnemar = "" if pair.mcnemar is None else f", McNemar's (takes tasks as independent) {p_value(pair.mcnemar)}"
    return (
        f"{comparison.first} {means[0]}, {comparison.second} {means[1]}{alone}. p by sign flips of repositories "
        f"{p_value(pair.sign_flip)}, corrected for {len(comparison.parts)} "
        f"part{'' if len(comparison.parts) == 1 else 's'} {p_value(pair.corrected)}{mcnemar}."
    )


def _flips(comparison: Comparison, flips: tuple[Flip, ...]) -> Grid:
    rows = tuple(
        (
            flip.repo_id,
            flip.task_id,
            comparison.first if flip.first_value > flip.second_value else comparison.second,
            *(shortened(text) for text in (flip.target, flip.first, flip.second)),
        )
        for flip in flips
    )
    headings = ("Repository", "Task", "Better", "Target", comparison.first, comparison.second)
    return Grid(title="", headings=headings, rows=rows, texts=len(headings))
