"""Runs -> methods: seeds of one method are put together, and everything gets a name of its own. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from harness.costs import Costs, Pace
from harness.manifest import RunManifest
from harness.probing.records import Execution, Outcome
from harness.records import Score

_OF_THE_SEED = frozenset({"seed", "weights_sha256", "task_ids_sha256"})
"""What may differ between seeds of one method: the seed, and the weights and the draw of tasks that follow from it."""
_OF_THE_TRAINING = frozenset({"training", "conditioning"})
"""What else may differ between trained weights, if everything of their trainings but the seed agrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """One finished run; `costs` and `pace` are what its log says of them."""

    manifest: RunManifest
    scores: tuple[Score, ...]
    executions: tuple[Execution, ...] | None = None
    """What executing its predictions came to; None if it was not probed."""
    costs: Costs | None = None
    pace: Pace | None = None

    def executed(self) -> dict[str, Execution]:
        """The executions by task, without the tasks that were not drawn; empty if it was not probed."""
        return {one.task_id: one for one in self.executions or () if one.outcome is not Outcome.NOT_DRAWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One or several runs that differ in their seed only, by seed."""

    name: str
    runs: tuple[ScoredRun, ...]

    @property
    def dataset(self) -> str:
        """Hex SHA-256 of the dataset's manifest."""
        return self.runs[0].manifest.dataset_sha256


def combine_seeds(runs: Sequence[ScoredRun]) -> tuple[Method, ...]:
    """The methods in the order of their first runs; runs with the same seed stay apart."""
    groups: list[list[ScoredRun]] = []
    for run in runs:
        for group in groups:
            if _differ_in_seed_only(run, group[0]) and all(seed_of(run) != seed_of(member) for member in group):
                group.append(run)
                break
        else:
            groups.append([run])
    names = name_runs([group[0].manifest for group in groups])
    return tuple(
        Method(name=name, runs=tuple(sorted(group, key=seed_of))) for name, group in zip(names, groups, strict=True)
    )


def name_runs(manifests: Sequence[RunManifest]) -> tuple[str, ...]:
    """One name per run, all different: the method; where it repeats, with the backbone and what else tells it apart.

    What tells runs apart are a retrieval recipe's name, then its fields, then the predictor's settings, as few as are
    needed; at last a number. A method without weights uses no backbone, and has a number alone.
    """
    parts: list[list[str]] = [[] for _ in manifests]
    for method in dict.fromkeys(manifest.method for manifest in manifests):
        places = [place for place, manifest in enumerate(manifests) if manifest.method == method]
        if len(places) > 1:
            with_weights = [place for place in places if manifests[place].weights_sha256 is not None]
            for place in with_weights:
                parts[place].append(manifests[place].settings.backbone)
            _tell_apart(with_weights, manifests, parts)
    names = [
        f"{manifest.method} ({', '.join(part)})" if part else manifest.method
        for manifest, part in zip(manifests, parts, strict=True)
    ]
    return tuple(
        f"{name} #{names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    )


def _tell_apart(places: Sequence[int], manifests: Sequence[RunManifest], parts: list[list[str]]) -> None:
    """Adds to the parts of the runs at these places what they differ in, until no two agree or nothing differs."""
    waiting = [list(places)]
    while waiting:
        group = waiting.pop()
        alike: dict[tuple[str, ...], list[int]] = {}
        for place in group:
            alike.setdefault(tuple(parts[place]), []).append(place)
        if len(alike) > 1:
            waiting.extend(alike.values())
            continue
        labels = {place: _labels(manifests[place]) for place in group}
        fields = dict.fromkeys(field for place in group for field in labels[place])
        differing = [field for field in fields if len({labels[place].get(field) for place in group}) > 1]
        if differing:
            for place in group:
                parts[place].append(labels[place].get(differing[0], f"no {differing[0]}"))
            waiting.append(group)


def _labels(manifest: RunManifest) -> dict[str, str]:
    """What a run may be told apart by, in the order of use, as it is shown."""
    retrieval = manifest.retrieval or {}
    labels = {"recipe": str(retrieval["recipe"])} if "recipe" in retrieval else {}
    settings = manifest.settings.model_dump(mode="json", exclude={"backbone"}, exclude_none=True)
    for name, value in [*retrieval.items(), *settings.items()]:
        field = name.replace("_", "-")
        shown = PurePath(value).name if name == "checkpoint" else value
        labels.setdefault(field, f"{field} {shown}")
    return labels


def seed_of(run: ScoredRun) -> int:
    """The seed of a run's training; of weights that nobody trained that of the run."""
    training = run.manifest.training
    return run.manifest.seed if training is None else training.seed


def _differ_in_seed_only(one: ScoredRun, other: ScoredRun) -> bool:
    if _but_for_the_seed(one.manifest) != _but_for_the_seed(other.manifest):
        return False
    # With a limit the seed also draws the tasks: runs of other tasks are no repetitions.
    return {score.task_id for score in one.scores} == {score.task_id for score in other.scores}


def _but_for_the_seed(manifest: RunManifest) -> dict[str, Any]:
    if manifest.training is None:
        return manifest.model_dump(exclude=set(_OF_THE_SEED))
    fields = manifest.model_dump(exclude=set(_OF_THE_SEED | _OF_THE_TRAINING))
    del fields["settings"]["checkpoint"]
    return fields | {"training": manifest.training.settings_sha256}
