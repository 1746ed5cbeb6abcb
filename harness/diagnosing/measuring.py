"""The measurements of a diagnosis (io): every task under its own adapter, and under those that it is compared with.

Adapters are taken at the commit of a task; those that others are given, and those that the geometry is of, at the last
commit of a repository's tasks. The mean adapter is of training repositories where the dataset has at least two, else of
the measured ones themselves, which makes it a little better than it should be for each of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from code2lora.adapters import Adapter
from code2lora.diagnostics.combination import Reduced, blended, mean_adapter
from code2lora.diagnostics.geometry import Geometry, geometry, gram
from harness.diagnosing.cases import Case, Reference, last_commits
from harness.diagnosing.cells import Cells
from harness.diagnosing.contrasts import Likelihoods, PlacedTask
from harness.diagnosing.strata import Stratum, stands_in_code, stratum_of
from harness.diagnosing.subjects import Subject
from harness.errors import DiagnosisError
from repopeftbench.errors import RepoBenchError
from repopeftbench.schema import HistoryView, content_id

MEAN_REPOSITORIES = 200
MEAN_RANKS = 16
"""The mean adapter may have so many times the rank of one."""
OTHERS = 7
"""Adapters of other repositories that each repository is given at least, where there are as many."""
STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)

Progress = Callable[[str, int, int], None]
Views = Callable[[str, str], HistoryView]
"""From repository and commit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanAdapter:
    """The mean update of some repositories.

    Attributes:
        reduced: The adapter, and what bounding its rank cost.
        repositories: Of how many.
        trained_on: Whether these are training repositories, not the measured ones.
    """

    reduced: Reduced
    repositories: int
    trained_on: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """All likelihoods of a diagnosis.

    Attributes:
        tasks: What was measured, with strata.
        labels: The repositories, in the order of the geometry.
        shape: D1.
        mean: The mean adapter.
        arms: Likelihoods by what gave them: `own`, `mean`, `base`, and where they were given `shared`, `oracle`,
            `shuffled` and `shuffled mean`.
        others: By the repository whose adapter it was, of other repositories' tasks.
        nearest: The repository of the most similar update.
        strengths: D4, under own and under wrong adapters, by strength.
        unseen: Repositories whose production code could not be read: none of their tasks is counted as private.
    """

    tasks: tuple[PlacedTask, ...]
    labels: tuple[str, ...]
    shape: Geometry
    mean: MeanAdapter
    arms: Mapping[str, Likelihoods]
    others: Mapping[str, Likelihoods]
    nearest: Mapping[str, str]
    strengths: Mapping[float, tuple[Likelihoods, Likelihoods]]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """What a diagnosis is made with.

    Attributes:
        cases: The tasks.
        views: Repositories at commits.
        cells: Measures.
        known: Of the training repositories.
        known_views: Training repositories at commits.
        strata: Of a controlled benchmark's tasks; None asks the rules.
        seed: Of all draws.
        progress: Told stage, done and total.
    """

    cases: tuple[Case, ...]
    views: Views
    cells: Cells
    known: Reference
    known_views: Views
    strata: Mapping[str, Stratum] | None
    seed: int
    progress: Progress = field(default=lambda *_: None)

    def by_repository(self) -> dict[str, list[Case]]:
        """The cases of each repository, in order."""
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            found.setdefault(case.repo_id, []).append(case)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Controls:
    """What the own adapter is compared with beside the mean and others; None is not given."""

    shared: Adapter | None = None
    oracle: Subject | None = None
    shuffled: Subject | None = None


def measure(bench: Bench, subject: Subject, controls: Controls) -> Measured:
    """Measures everything that the contrasts need.

    Raises:
        DiagnosisError: fewer than two repositories have an adapter.
        Code2LoRAError, RepoBenchError: an adapter cannot be made.
    """
    latest = _latest(bench, subject)
    shape = geometry(gram(list(latest.values())))
    mean = mean_of(bench, subject, latest)
    groups = {repo_id: cases for repo_id, cases in bench.by_repository().items() if repo_id in latest}
    arms: dict[str, dict[str, Likelihoods]] = {}
    nearest = nearest_of(tuple(latest), shape)
    rivals = _rivals(tuple(latest), nearest, bench.seed)
    others: dict[str, dict[str, Likelihoods]] = {}
    curves: dict[float, tuple[dict[str, Likelihoods], dict[str, Likelihoods]]] = {s: ({}, {}) for s in STRENGTHS}
    shuffled_mean = None if controls.shuffled is None else mean_of(bench, controls.shuffled, None)
    tasks: list[PlacedTask] = []
    unseen: set[str] = set()
    for done, (repo_id, cases) in enumerate(groups.items()):
        bench.progress("repositories", done, len(groups))
        tasks += [PlacedTask(task_id=c.task_id, repo_id=repo_id, stratum=_stratum(bench, c, unseen)) for c in cases]
        own = own_adapters(bench, subject, cases)
        for name, adapters in _arms(bench, cases, own, mean, controls, shuffled_mean).items():
            arms.setdefault(name, {})[repo_id] = bench.cells.measure(cases, adapters)
        for rival in rivals[repo_id]:
            measured = bench.cells.measure(cases, [latest[rival]] * len(cases))
            others.setdefault(rival, {})[repo_id] = measured
        wrong = latest[rivals[repo_id][0]]
        for strength in STRENGTHS:
            for side, adapters in enumerate((own, [wrong] * len(cases))):
                moved = _blends(mean.reduced.adapter, adapters, strength)
                curves[strength][side][repo_id] = bench.cells.measure(cases, moved)
    bench.progress("repositories", len(groups), len(groups))
    return Measured(
        tasks=tuple(tasks),
        labels=tuple(latest),
        shape=shape,
        mean=mean,
        arms={name: _joined(found) for name, found in arms.items()},
        others={name: _joined(found) for name, found in others.items()},
        nearest=nearest,
        strengths={strength: (_joined(own), _joined(wrong)) for strength, (own, wrong) in curves.items()},
        unseen=tuple(sorted(unseen)),
    )


def own_adapters(bench: Bench, subject: Subject, cases: Sequence[Case]) -> list[Adapter]:
    """The adapter of each case's repository at its commit; the same object for the same commit."""
    made: dict[str, Adapter] = {}
    for case in cases:
        if case.commit_sha not in made:
            adapter = subject.adapter(bench.views(case.repo_id, case.commit_sha))
            assert adapter is not None  # repositories without one were left out
            made[case.commit_sha] = adapter
    return [made[case.commit_sha] for case in cases]


def mean_of(bench: Bench, subject: Subject, latest: Mapping[str, Adapter] | None) -> MeanAdapter:
    """The mean adapter of a subject: of training repositories, or of `latest`, which is made where it is None."""
    names = sorted(bench.known.commits, key=lambda name: content_id(bench.seed, name))[:MEAN_REPOSITORIES]
    found = []
    for done, name in enumerate(sorted(names)):
        bench.progress("mean adapter", done, len(names))
        adapter = subject.adapter(bench.known_views(name, bench.known.commits[name]))
        if adapter is not None:
            found.append(adapter)
    trained_on = len(found) >= 2
    if not trained_on:
        found = list((_latest(bench, subject) if latest is None else latest).values())
    reduced = mean_adapter(found, MEAN_RANKS * max(one.rank for one in found))
    return MeanAdapter(reduced=reduced, repositories=len(found), trained_on=trained_on)


def nearest_of(labels: Sequence[str], shape: Geometry) -> dict[str, str]:
    """The other repository of the largest cosine, by repository; of equals the first by name."""
    return {
        label: max((other for other in enumerate(labels) if other[1] != label), key=lambda o: (row[o[0]], -o[0]))[1]
        for label, row in zip(labels, shape.cosine, strict=True)
    }


def _latest(bench: Bench, subject: Subject) -> dict[str, Adapter]:
    """The adapter at the last commit of each repository's cases, where there is one, by name."""
    commits = last_commits(bench.cases)
    found = {}
    for done, name in enumerate(sorted(commits)):
        bench.progress("adapters", done, len(commits))
        adapter = subject.adapter(bench.views(name, commits[name]))
        if adapter is not None:
            found[name] = adapter
    if len(found) < 2:
        raise DiagnosisError(
            f"{len(found)} of {len(commits)} repositories have an adapter of {subject.method}: adapters are compared "
            "between repositories, choose splits with more of them"
        )
    return found


def _rivals(labels: Sequence[str], nearest: Mapping[str, str], seed: int) -> dict[str, tuple[str, ...]]:
    """Whose adapters each repository is given: the next ones on a ring drawn with the seed, and the nearest.

    On a ring every adapter is tried as often as any other. The first one is the wrong adapter of D4.
    """
    ring = sorted(labels, key=lambda name: content_id(seed, "ring", name))
    rivals = {}
    for place, name in enumerate(ring):
        following = [ring[(place + step) % len(ring)] for step in range(1, min(OTHERS, len(ring) - 1) + 1)]
        rivals[name] = tuple(dict.fromkeys((*following, nearest[name])))
    return rivals


def _arms(
    bench: Bench,
    cases: Sequence[Case],
    own: Sequence[Adapter],
    mean: MeanAdapter,
    controls: Controls,
    shuffled_mean: MeanAdapter | None,
) -> dict[str, Sequence[Adapter | None]]:
    count = len(cases)
    arms: dict[str, Sequence[Adapter | None]] = {
        "own": own,
        "mean": [mean.reduced.adapter] * count,
        "base": [None] * count,
    }
    if controls.shared is not None:
        arms["shared"] = [controls.shared] * count
    if controls.oracle is not None:
        oracle = controls.oracle.adapter(bench.views(cases[0].repo_id, cases[0].commit_sha))
        if oracle is not None:
            arms["oracle"] = [oracle] * count
    if controls.shuffled is not None and shuffled_mean is not None:
        arms["shuffled"] = own_adapters(bench, controls.shuffled, cases)
        arms["shuffled mean"] = [shuffled_mean.reduced.adapter] * count
    return arms


def _blends(mean: Adapter, adapters: Sequence[Adapter], strength: float) -> list[Adapter]:
    """What an adapter becomes at a strength, once for each that is the same; 0 and 1 are the very adapters."""
    if strength in (0.0, 1.0):
        return list(adapters) if strength else [mean] * len(adapters)
    made = {id(adapter): blended(mean, adapter, strength) for adapter in adapters}
    return [made[id(adapter)] for adapter in adapters]


def _stratum(bench: Bench, case: Case, unseen: set[str]) -> Stratum:
    """The stratum of a case; `unseen` gets its repository where that could not be looked at."""
    if bench.strata is not None and case.task_id in bench.strata:
        return bench.strata[case.task_id]

    def in_code() -> bool:
        try:
            return stands_in_code(bench.views(case.repo_id, case.commit_sha), case.target)
        except RepoBenchError:
            unseen.add(case.repo_id)
            return False

    return stratum_of(case, bench.known, in_code)


def _joined(by_repository: Mapping[str, Likelihoods]) -> Likelihoods:
    return {task_id: one for found in by_repository.values() for task_id, one in found.items()}
