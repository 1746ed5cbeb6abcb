"""Targets that stand where a method can see them: in the prefix, or in the production diff of their own commit. Pure.

Neither makes a task wrong. Code repeats itself, and a diff that brings a value is what the evolution track is about:
these are measures, for the reader who wants to know what copying alone can reach.
"""

from collections.abc import Iterator, Mapping

from repopeftbench.audit.diff_chunks import chunks
from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.occurrences import FEWEST_CHARACTERS, expression, occurs
from repopeftbench.audit.rows import rows
from repopeftbench.audit.tally import Group, Tally, digest, task_rows
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Track

IN_PREFIX = "target-in-prefix"
LONG_IN_PREFIX = f"{IN_PREFIX}-{FEWEST_CHARACTERS}"
IN_DIFF = "target-in-diff"
MOST_VISIBLE = 0.5
"""Share of a split's tasks above which copying what is visible answers most of them."""
FEWEST_TASKS = 20
"""A share of fewer tasks is no reason to warn."""


def targets_in_prefix(dataset: Dataset) -> Findings:
    """Tasks whose target stands in their own prefix: of all targets, and of those with at least four characters."""
    anywhere, long = Tally(), Tally()
    for track in Track:
        for group, (family, target, prefix) in task_rows(dataset, track, "family", "target", "prefix"):
            answer = _answer(dataset.manifest, target, family)
            found = occurs(answer, prefix)
            anywhere.add(group, found)
            if len(answer) >= FEWEST_CHARACTERS:
                long.add(group, found)
    problems = tuple(
        Problem(
            check=name,
            severity=Severity.WARNING,
            where=place.where,
            message=f"{place} targets{which} stand in the prefix of their task",
            fix=f"read scores of this split beside those of the predictor copy-prefix; report them for targets of at "
            f"least {FEWEST_CHARACTERS} characters that are not in the prefix, too",
        )
        for name, tally, which in (
            (IN_PREFIX, anywhere, ""),
            (LONG_IN_PREFIX, long, f" of at least {FEWEST_CHARACTERS} characters"),
        )
        for place in tally.places()
        if place.share > MOST_VISIBLE and place.of >= FEWEST_TASKS
    )
    return Findings(problems=problems, measures=anywhere.measures(IN_PREFIX) + long.measures(LONG_IN_PREFIX))


def targets_in_diff(dataset: Dataset) -> Findings:
    """Evolution tasks whose target, of at least four characters, stands in the lines that their commit's diff adds."""
    waiting: dict[int, list[tuple[Group, str]]] = {}
    tally = Tally()
    columns = ("commit_sha", "family", "target")
    for group, (sha, family, target) in task_rows(dataset, Track.EVOLUTION, *columns):
        answer = _answer(dataset.manifest, target, family)
        if len(answer) >= FEWEST_CHARACTERS:
            waiting.setdefault(digest(group.repo_id, sha), []).append((group, answer))
            tally.add(group, 0)
    for group, found in _found_in_diffs(dataset, waiting):
        tally.add(group, found, of=0)
    problems = tuple(
        Problem(
            check=IN_DIFF,
            severity=Severity.WARNING if place.share > MOST_VISIBLE else Severity.NOTE,
            where=place.where,
            message=f"{place} targets of at least {FEWEST_CHARACTERS} characters stand in the lines that the "
            f"production diff of their own commit adds, most of them in {place.worst}",
            fix="report scores of these tasks apart for methods that read the diff",
        )
        for place in tally.places()
        if place.count
    )
    return Findings(problems=problems, measures=tally.measures(IN_DIFF))


def _found_in_diffs(dataset: Dataset, waiting: Mapping[int, list[tuple[Group, str]]]) -> Iterator[tuple[Group, bool]]:
    columns = ("repo_id", "commit_sha", "production_diff")
    for repo_id, sha, diff in rows(dataset.commit_tables(columns), columns):
        tasks = waiting.get(digest(repo_id, sha))
        if tasks:
            added = "\n".join(chunk.added for chunk in chunks(diff))
            yield from ((group, occurs(answer, added)) for group, answer in tasks)


def _answer(manifest: Manifest, target: str, family: str) -> str:
    return expression(target, family) if manifest.config.protocol == "paper" else target
