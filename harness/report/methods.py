"""Runs -> methods: seeds of one method are put together, and everything gets a name of its own. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.manifest import RunManifest
from harness.probing.records import Execution
from harness.records import Score

_OF_THE_SEED = frozenset({"seed", "weights_sha256", "task_ids_sha256"})
"""What may differ between seeds of one method: the seed, and the weights and the draw of tasks that follow from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """One finished run."""

    manifest: RunManifest
    scores: tuple[Score, ...]
    executions: tuple[Execution, ...] | None = None
    """What executing its predictions came to; None if it was not probed."""


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
            if _differ_in_seed_only(run, group[0]) and all(_seed(run) != _seed(member) for member in group):
                group.append(run)
                break
        else:
            groups.append([run])
    names = name_runs([group[0].manifest for group in groups])
    return tuple(
        Method(name=name, runs=tuple(sorted(group, key=_seed))) for name, group in zip(names, groups, strict=True)
    )


def name_runs(manifests: Sequence[RunManifest]) -> tuple[str, ...]:
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


def _seed(run: ScoredRun) -> int:
    return run.manifest.seed


def _differ_in_seed_only(one: ScoredRun, other: ScoredRun) -> bool:
    fields = one.manifest.model_dump(exclude=set(_OF_THE_SEED))
    if fields != other.manifest.model_dump(exclude=set(_OF_THE_SEED)):
        return False
    # With a limit the seed also draws the tasks: runs of other tasks are no repetitions.
    return {score.task_id for score in one.scores} == {score.task_id for score in other.scores}
