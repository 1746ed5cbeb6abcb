"""Which tasks a diagnosis measures, with their texts, and which repositories the mean adapter is of (io).

Tables are read a row group at a time; of a split only light columns are kept, then the texts of what was chosen. What
is drawn depends on ids and the seed alone, so that a larger limit keeps all of a smaller one's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import DiagnosisError
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track, content_id

_TEXTS = ("task_id", "prefix", "gap", "target")
_PLACES = ("task_id", "repo_id", "commit_sha", "commit_index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be measured.

    Attributes:
        track: The track.
        splits: Its splits.
        limit: Most tasks of each repository.
        repositories: Most repositories; None takes all.
        seed: Of the draws.
    """

    track: Track
    splits: tuple[Split, ...]
    limit: int
    repositories: int | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task that is measured; `continuation` is gap and target."""

    task_id: str
    repo_id: str
    commit_sha: str
    commit_index: int
    prefix: str
    continuation: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is known of the repositories that were trained on.

    Attributes:
        commits: The last commit of each that has a training task of the track.
        target_repositories: In how many of them each target occurs as one.
        targets: The targets of each.
    """

    commits: Mapping[str, str]
    target_repositories: Mapping[str, int]
    targets: Mapping[str, frozenset[str]]


def chosen_cases(dataset: Dataset, choice: Choice) -> tuple[Case, ...]:
    """The tasks to measure, by repository and then in the order of their commits.

    Raises:
        DiagnosisError: fewer than two repositories have tasks: adapters of one cannot be compared.
    """
    by_repo: dict[str, list[tuple[str, str, int, str]]] = {}
    for split in choice.splits:
        for table in dataset.task_tables(choice.track, split, _PLACES):
            columns = (table.column(name).to_pylist() for name in _PLACES)
            for task_id, repo_id, sha, index in zip(*columns, strict=True):
                rank = content_id(choice.seed, task_id)
                mine = by_repo.setdefault(repo_id, [])
                mine.append((rank, task_id, index, sha))
                if len(mine) > 2 * choice.limit:
                    mine.sort()
                    del mine[choice.limit :]
    names = sorted(by_repo, key=lambda name: content_id(choice.seed, name))[: choice.repositories]
    if len(names) < 2:
        raise DiagnosisError(
            f"{dataset.folder} has tasks of {len(names)} repositories in {', '.join(choice.splits)} of the "
            f"{choice.track} track: adapters are compared between repositories, name more splits or mine more"
        )
    wanted = {
        task_id: (name, index, sha)
        for name in names
        for _, task_id, index, sha in sorted(by_repo[name])[: choice.limit]
    }
    cases = []
    for task_id, prefix, gap, target in _texts(dataset, choice, wanted.keys()):
        name, index, sha = wanted[task_id]
        cases.append(
            Case(
                task_id=task_id,
                repo_id=name,
                commit_sha=sha,
                commit_index=index,
                prefix=prefix,
                continuation=gap + target,
                target=target,
            )
        )
    return tuple(sorted(cases, key=lambda case: (case.repo_id, case.commit_index, case.task_id)))


def reference(dataset: Dataset, track: Track) -> Reference:
    """What the training tasks of a track tell; nothing where there are none."""
    last: dict[str, tuple[int, str]] = {}
    targets: dict[str, set[str]] = {}
    for table in dataset.task_tables(track, Split.IR_TRAIN, ("repo_id", "commit_sha", "commit_index", "target")):
        columns = (table.column(name).to_pylist() for name in ("repo_id", "commit_index", "commit_sha", "target"))
        for repo_id, index, sha, target in zip(*columns, strict=True):
            last[repo_id] = max(last.get(repo_id, (-1, "")), (index, sha))
            targets.setdefault(repo_id, set()).add(target)
    counts: dict[str, int] = {}
    for found in targets.values():
        for target in found:
            counts[target] = counts.get(target, 0) + 1
    return Reference(
        commits={repo_id: last[repo_id][1] for repo_id in sorted(last)},
        target_repositories=counts,
        targets={repo_id: frozenset(found) for repo_id, found in sorted(targets.items())},
    )


def last_commits(cases: Sequence[Case]) -> dict[str, str]:
    """The commit of each repository's last case: where its adapter is taken that others are given."""
    return {case.repo_id: case.commit_sha for case in sorted(cases, key=lambda case: (case.commit_index, case.task_id))}


def _texts(dataset: Dataset, choice: Choice, wanted: Collection[str]) -> Iterator[tuple[str, str, str, str]]:
    for split in choice.splits:
        for table in dataset.task_tables(choice.track, split, _TEXTS):
            ids = table.column("task_id").to_pylist()
            rows = [row for row, task_id in enumerate(ids) if task_id in wanted]
            if rows:
                chosen = table.take(rows)
                yield from zip(*(chosen.column(name).to_pylist() for name in _TEXTS), strict=True)
