"""Tasks of different repositories that are nearly the same text: forks, renamed repositories, vendored copies. Pure.

Tasks are compared as sets of shingles (`shingles`); candidates come from MinHash (`minhash`), and every pair is
verified by the exact Jaccard similarity. Why these numbers: docs/adr/0013. One pass over the prefixes; what stays in
memory is about a kilobyte per different document. Repositories that share production code alone: `shared_files`.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.kinship import MOST_REPOSITORIES, Pair, Position, Side, position
from repopeftbench.audit.minhash import PERMUTATIONS, jaccard, signature, similar_pairs
from repopeftbench.audit.shingles import Shingler, document
from repopeftbench.audit.tally import Group, Tally, digest
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

NEAR_DUPLICATES = "near-duplicates"
IN_TRAIN = "near-duplicate-in-train"
SIMILARITY = 0.7
"""Of two documents, from which on they are near-duplicates."""
_MARGIN = 0.12
"""Three standard deviations of the estimate at that similarity."""
FEWEST_SHINGLES = 12
"""A document with fewer is too short to tell a copy from a coincidence."""

_COLUMNS = ("repo_id", "test_file", "test_function", "prefix", "gap", "target", "suffix")


def near_duplicates(dataset: Dataset) -> Findings:
    """Pairs of repositories with near-duplicate tasks, and how many held-out tasks another one's train part has."""
    corpus = _Corpus()
    for track in Track:
        for split in dataset.splits(track):
            for table in dataset.task_tables(track, split, _COLUMNS):
                corpus.add(track, split, [table.column(name).to_pylist() for name in _COLUMNS])
    kinships = _Kinships(corpus, _matches(corpus))
    return Findings(
        problems=tuple(_problems(kinships, dataset.manifest)), measures=kinships.held_out_in_train().measures(IN_TRAIN)
    )


class _Corpus:
    """All tasks: which document each one is, and the documents as shingles and signatures, each once."""

    def __init__(self) -> None:
        self._shingler = Shingler()
        self._documents: dict[int, int] = {}
        self._shingles = array("I")
        self._ends = array("q", [0])
        self._signatures = array("I")
        self.groups: list[Group] = []
        self._group_numbers: dict[Group, int] = {}
        self.paths: dict[tuple[int, str], str] = {}
        """By document and repository, the first test file that holds it."""
        self.counts: Counter[tuple[int, int]] = Counter()
        """Tasks by document and number of the group; documents that are too short are -1."""

    def add(self, track: Track, split: Split, columns: Sequence[Sequence[str]]) -> None:
        """Takes rows of one track and split, given as the columns of `_COLUMNS`."""
        for repo_id, path, function, prefix, gap, target, suffix in zip(*columns, strict=True):
            number = self._document(document(prefix, function, gap + target + suffix))
            group = Group(track, split, repo_id)
            if group not in self._group_numbers:
                self._group_numbers[group] = len(self.groups)
                self.groups.append(group)
            self.counts[number, self._group_numbers[group]] += 1
            self.paths.setdefault((number, repo_id), path)

    def _document(self, text: str) -> int:
        key = digest(text)
        number = self._documents.get(key)
        if number is None:
            shingles = self._shingler(text)
            number = len(self._ends) - 1 if len(shingles) >= FEWEST_SHINGLES else -1
            self._documents[key] = number
            if number >= 0:
                self._shingles.frombytes(shingles.tobytes())
                self._ends.append(len(self._shingles))
                self._signatures.frombytes(signature(shingles).tobytes())
        return number

    def signatures(self) -> npt.NDArray[np.uint32]:
        """One row per document."""
        return np.frombuffer(self._signatures, dtype=np.uint32).reshape(-1, PERMUTATIONS)

    def shingles(self, number: int) -> npt.NDArray[np.uint32]:
        """Those of one document."""
        return np.frombuffer(self._shingles, dtype=np.uint32)[self._ends[number] : self._ends[number + 1]]

    def repositories(self) -> list[list[str]]:
        """The repositories of each document."""
        found: list[dict[str, None]] = [{} for _ in range(len(self._ends) - 1)]
        for number, group in self.counts:
            if number >= 0:
                found[number][self.groups[group].repo_id] = None
        return [sorted(names) for names in found]


def _matches(corpus: _Corpus) -> Iterator[tuple[int, int]]:
    """Pairs of documents that are near-duplicates and are not all of one repository; a document in two pairs itself."""
    repositories = corpus.repositories()
    codes = {name: code for code, name in enumerate(sorted({name for names in repositories for name in names}))}
    owners = np.array([codes[names[0]] if len(names) == 1 else -1 for names in repositories], dtype=np.int32)
    for number in np.flatnonzero(owners < 0).tolist():
        yield number, number
    for left, right in similar_pairs(corpus.signatures(), owners, SIMILARITY - _MARGIN).tolist():
        if jaccard(corpus.shingles(left), corpus.shingles(right)) >= SIMILARITY:
            yield left, right


class _Kinships:
    """Which documents of which repositories are matched where; tables over pairs of repositories."""

    def __init__(self, corpus: _Corpus, matches: Iterator[tuple[int, int]]) -> None:
        self._corpus = corpus
        self._tasks: Counter[tuple[int, str]] = Counter()
        self._held_out: Counter[tuple[int, str]] = Counter()
        self._totals: dict[str, Side] = {}
        in_train: set[tuple[int, str]] = set()
        for (number, at), count in corpus.counts.items():
            group = corpus.groups[at]
            held_out = count if group.split.role != "train" else 0
            self._tasks[number, group.repo_id] += count
            self._held_out[number, group.repo_id] += held_out
            side = self._totals.setdefault(group.repo_id, Side(repo_id=group.repo_id, of=0, held_out=0))
            side.of += count
            side.held_out += held_out
            if not held_out:
                in_train.add((number, group.repo_id))
        self._found: dict[tuple[int, str], dict[str, tuple[Position, bool]]] = {}
        repositories = corpus.repositories()
        for left, right in matches:
            for one, other in ((left, right), (right, left))[: 1 + (left != right)]:
                for mine, theirs in product(repositories[one], repositories[other]):
                    if mine != theirs:
                        where = position(corpus.paths[one, mine], corpus.paths[other, theirs])
                        self._note((one, mine), theirs, where, (other, theirs) in in_train)

    def _note(self, mine: tuple[int, str], theirs: str, where: Position, in_train: bool) -> None:
        found = self._found.setdefault(mine, {})
        before, trained = found.get(theirs, (Position.ELSEWHERE, False))
        order = list(Position)
        found[theirs] = (min(before, where, key=order.index), trained or in_train)

    @property
    def boilerplate(self) -> int:
        """Tasks that are nearly the same in many repositories."""
        return sum(self._tasks[key] for key, found in self._found.items() if len(found) > MOST_REPOSITORIES)

    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of repositories that share tasks, by name."""
        pairs: dict[tuple[str, str], Pair] = {}
        for (number, mine), found in self._found.items():
            if len(found) > MOST_REPOSITORIES:
                continue
            for theirs, (where, in_train) in found.items():
                first, second = sorted((mine, theirs))
                pair = pairs.setdefault((first, second), Pair(left=self._side(first), right=self._side(second)))
                side = pair.left if mine == first else pair.right
                side.shared += self._tasks[number, mine]
                side.leaked += self._held_out[number, mine] if in_train else 0
                pair.positions[where] += self._tasks[number, mine]
        return tuple(pairs[names] for names in sorted(pairs))

    def _side(self, repo_id: str) -> Side:
        total = self._totals[repo_id]
        return Side(repo_id=repo_id, of=total.of, held_out=total.held_out)

    def held_out_in_train(self) -> Tally:
        """Held-out tasks, and those of them that another repository's train part has, boilerplate included."""
        tally = Tally()
        for (number, at), count in self._corpus.counts.items():
            group = self._corpus.groups[at]
            if group.split.role != "train":
                found = self._found.get((number, group.repo_id), {})
                tally.add(group, count * any(in_train for _, in_train in found.values()), of=count)
        return tally


def _problems(kinships: _Kinships, manifest: Manifest) -> Iterator[Problem]:
    pairs = kinships.pairs()
    for pair in pairs:
        if pair.worth_naming:
            yield Problem(
                check=NEAR_DUPLICATES,
                severity=pair.severity(manifest),
                where=pair.where,
                message=pair.describe("tasks as near-duplicates"),
                fix="list one of the two and mine again",
            )
    small = sum(not pair.worth_naming for pair in pairs)
    if small or kinships.boilerplate:
        yield Problem(
            check=NEAR_DUPLICATES,
            severity=Severity.NOTE,
            where="tasks",
            message=f"{small:,} other pairs of repositories share a few tasks; {kinships.boilerplate:,} tasks stand in "
            f"more than {MOST_REPOSITORIES} other repositories and relate nobody",
            fix="nothing to do: such tasks are alike by chance or by custom",
        )
