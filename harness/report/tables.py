"""Scored runs -> the rows of a report. Pure: no disk, no layout; rendering is done elsewhere.

Every row is one method on one track and split, or on one family of them. All tasks of a run are in its rows: failed
ones count as wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.manifest import RunManifest
from harness.records import Score, Unscored
from harness.stats import RESAMPLES, Estimate, clustered_mean
from repopeftbench.schema import Family, Split, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """One finished run."""

    manifest: RunManifest
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on the tasks of one track, split and, unless it is None, family.

    `em_percent` is in [0, 100] and over all `n` tasks of the `repositories`. `edit_similarity` is in [0, 1] and over
    the tasks that have one, all but `unscored`; None where none has. `failures` counts the tasks on which the
    predictor failed.
    """

    method: str
    track: Track
    split: Split
    family: Family | None
    n: int
    repositories: int
    em_percent: Estimate
    edit_similarity: Estimate | None
    unscored: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows by track, split (and family), the best method first; `notes` say what keeps rows from being compared."""

    rows: tuple[Row, ...]
    family_rows: tuple[Row, ...]
    notes: tuple[str, ...]
    seed: int
    resamples: int


def build_report(runs: Sequence[ScoredRun], *, seed: int = 0, resamples: int = RESAMPLES) -> Report:
    """The report on `runs`; their order does not matter, except that it numbers runs which nothing else tells apart."""
    labels = label_runs([run.manifest for run in runs])
    rows: list[Row] = []
    family_rows: list[Row] = []
    for label, run in zip(labels, runs, strict=True):
        groups: dict[tuple[Track, Split, Family | None], list[Score]] = {}
        for score in run.scores:
            groups.setdefault((score.track, score.split, None), []).append(score)
            groups.setdefault((score.track, score.split, score.family), []).append(score)
        for (track, split, family), scores in groups.items():
            row = _row(label, (track, split, family), scores, seed=seed, resamples=resamples)
            (rows if family is None else family_rows).append(row)
    return Report(
        rows=tuple(sorted(rows, key=_place)),
        family_rows=tuple(sorted(family_rows, key=_place)),
        notes=_notes(labels, runs),
        seed=seed,
        resamples=resamples,
    )


def label_runs(manifests: Sequence[RunManifest]) -> tuple[str, ...]:
    """One name per run, all different: the method; where it repeats, with the backbone; at need, with a number."""
    names = [manifest.method for manifest in manifests]
    repeated = {name for name in names if names.count(name) > 1}
    named = [
        f"{manifest.method} ({manifest.settings.backbone})" if manifest.method in repeated else manifest.method
        for manifest in manifests
    ]
    return tuple(
        f"{name} #{named[: index + 1].count(name)}" if named.count(name) > 1 else name
        for index, name in enumerate(named)
    )


def _row(
    method: str,
    group: tuple[Track, Split, Family | None],
    scores: Sequence[Score],
    *,
    seed: int,
    resamples: int,
) -> Row:
    track, split, family = group
    similarities = [
        (score.repo_id, score.edit_similarity) for score in scores if not isinstance(score.edit_similarity, Unscored)
    ]
    em_percent = clustered_mean(
        ((score.repo_id, 100.0 * score.em_strict) for score in scores), seed=seed, resamples=resamples
    )
    return Row(
        method=method,
        track=track,
        split=split,
        family=family,
        n=len(scores),
        repositories=em_percent.clusters,
        em_percent=em_percent,
        edit_similarity=clustered_mean(similarities, seed=seed, resamples=resamples) if similarities else None,
        unscored=len(scores) - len(similarities),
        failures=sum(score.failed for score in scores),
    )


def _place(row: Row) -> tuple[int, int, int, float, str]:
    family = -1 if row.family is None else list(Family).index(row.family)
    return (list(Track).index(row.track), list(Split).index(row.split), family, -row.em_percent.mean, row.method)


def _notes(labels: Sequence[str], runs: Sequence[ScoredRun]) -> tuple[str, ...]:
    notes = []
    by_dataset: dict[str, list[str]] = {}
    for label, run in zip(labels, runs, strict=True):
        by_dataset.setdefault(run.manifest.dataset_sha256, []).append(label)
    if len(by_dataset) > 1:
        parts = sorted(f"{', '.join(sorted(names))} on {dataset[:12]}" for dataset, names in by_dataset.items())
        notes.append(f"The runs read different datasets and cannot be compared: {'; '.join(parts)}.")
    answered: dict[tuple[Track, Split], set[frozenset[str]]] = {}
    for run in runs:
        ids: dict[tuple[Track, Split], set[str]] = {}
        for score in run.scores:
            ids.setdefault((score.track, score.split), set()).add(score.task_id)
        for key, group in ids.items():
            answered.setdefault(key, set()).add(frozenset(group))
    for track, split in sorted(key for key, groups in answered.items() if len(groups) > 1):
        notes.append(f"Not all methods answered the same tasks of {track}, {split}.")
    return tuple(notes)
