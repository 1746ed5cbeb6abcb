"""Production files that two repositories share, byte for byte: copies whose tests may be other ones. Reads snapshots.

Tasks that are alike: `near_duplicates`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.kinship import MOST_REPOSITORIES, Pair, Side, position
from repopeftbench.audit.snapshot_contents import PRODUCTION, Contents, Keys, contents, files, paths_of
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.snapshots import has_snapshots
from repopeftbench.dataset.store import Dataset

SHARED_FILES = "shared-files"
FEWEST_BYTES = 200
"""Smaller files are alike by custom: empty packages, one import, a version."""


def shared_files(dataset: Dataset) -> Findings:
    """Pairs of repositories that share versions of production files, over all their commits."""
    if not has_snapshots(dataset.folder):
        return Findings(problems=(_no_snapshots(),))
    large = files(dataset.folder).of_size(FEWEST_BYTES)
    found = {repo_id: _large(held, large) for repo_id, held in contents(dataset.folder).items()}
    shared, boilerplate = _shared(found)
    pairs = _pairs(dataset, found, shared)
    problems = [
        Problem(
            check=SHARED_FILES,
            severity=pair.severity(dataset.manifest),
            where=pair.where,
            message=pair.describe("versions of production files"),
            fix="list one of the two and mine again",
        )
        for pair in pairs
        if pair.worth_naming
    ]
    small = sum(not pair.worth_naming for pair in pairs)
    if small or boilerplate:
        problems.append(
            Problem(
                check=SHARED_FILES,
                severity=Severity.NOTE,
                where="files",
                message=f"{small:,} other pairs of repositories share a few production files; {boilerplate:,} files "
                f"stand in more than {MOST_REPOSITORIES} repositories and relate nobody",
                fix="nothing to do: such files are copied by custom",
            )
        )
    return Findings(problems=tuple(problems))


def _large(held: Contents, large: Keys) -> Keys:
    return np.intersect1d(held.of_kind(PRODUCTION), large, assume_unique=True)


def _shared(found: Mapping[str, Keys]) -> tuple[dict[tuple[str, str], list[int]], int]:
    """By pair of repositories the blobs of both, and the number of blobs that are in too many to relate anybody."""
    names = list(found)
    keys = np.concatenate([*found.values(), np.empty(0, dtype=np.uint64)])
    owners = np.repeat(np.arange(len(names)), [len(blobs) for blobs in found.values()])
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.intp)
    ends = np.append(starts[1:], len(keys))
    pairs: dict[tuple[str, str], list[int]] = {}
    boilerplate = 0
    several = ends - starts > 1
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        if end - start > MOST_REPOSITORIES:
            boilerplate += 1
            continue
        for left, right in combinations([names[owner] for owner in owners[start:end]], 2):
            pairs.setdefault((left, right), []).append(int(keys[start]))
    return pairs, boilerplate


def _pairs(dataset: Dataset, found: Mapping[str, Keys], shared: Mapping[tuple[str, str], list[int]]) -> Iterator[Pair]:
    wanted: dict[str, set[int]] = {}
    for names, blobs in shared.items():
        for name in names:
            wanted.setdefault(name, set()).update(blobs)
    asked = {name: np.array(sorted(blobs), dtype=np.uint64) for name, blobs in wanted.items()}
    paths = paths_of(dataset.folder, asked, PRODUCTION)
    for (left, right), blobs in sorted(shared.items()):
        count = len(blobs)
        sides = [
            Side(
                repo_id=mine,
                of=len(found[mine]),
                held_out=len(found[mine]),
                shared=count,
                leaked=count if _is_leak(dataset.manifest, mine, theirs) else 0,
            )
            for mine, theirs in ((left, right), (right, left))
        ]
        positions = Counter(position(paths[left][blob], paths[right][blob]) for blob in blobs)
        yield Pair(left=sides[0], right=sides[1], positions=positions)


def _is_leak(manifest: Manifest, mine: str, theirs: str) -> bool:
    """Whether a repository is held out whole, and the other one is for training."""
    roles = {entry.repo_id: entry.role for entry in manifest.repositories}
    return roles.get(mine, "train") != "train" and roles.get(theirs) == "train"


def _no_snapshots() -> Problem:
    return Problem(
        check=SHARED_FILES,
        severity=Severity.NOTE,
        where="dataset",
        message="the dataset has no snapshots: neither what views show nor copies of production files were looked at",
        fix="mine without --no-snapshots",
    )
