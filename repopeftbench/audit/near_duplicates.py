"""Tasks of different repositories that are nearly the same text: forks, renamed repositories, vendored copies. Pure.

Tasks are compared as sets of shingles (`shingles`); candidates come from MinHash (`minhash`), and every pair is
verified by the exact Jaccard similarity. Why these numbers: docs/adr/0013. One pass over the prefixes; what stays in
memory is about a kilobyte per different document. Repositories that share production code alone: `shared_files`.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.audit.kinship import MOST_REPOSITORIES, Pair, Position, Side, position
from repopeftbench.audit.minhash import PERMUTATIONS, jaccard, signature, similar_pairs
from repopeftbench.audit.rows import rows, task_splits
from repopeftbench.audit.shingles import Shingler, document
from repopeftbench.audit.tally import Group, Tally, digest
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset

NEAR_DUPLICATES = "near-duplicates"
IN_TRAIN = "near-duplicate-in-train"
SIMILARITY = 0.7
"""Of two documents, from which on they are near-duplicates."""
_MARGIN = 0.12
"""Three standard deviations of the estimate at that similarity."""
FEWEST_SHINGLES = 12
"""A document with fewer is too short to tell a copy from a coincidence."""

_T = TypeVar("_T")
_COLUMNS = ("repo_id", "test_file", "test_function", "prefix", "gap", "target", "suffix")


def near_duplicates(dataset: Dataset) -> Findings:
    """Pairs of repositories with near-duplicate tasks, and how many held-out tasks another one's train part has."""
    corpus = _Corpus()
    for track, split in task_splits(dataset):
        for repo_id, path, function, prefix, *rest in rows(dataset.task_tables(track, split, _COLUMNS), _COLUMNS):
            corpus.add(Group(track, split, repo_id), path, document(prefix, function, "".join(rest)))
    kinships = _Kinships(corpus)
    return Findings(
        problems=tuple(_problems(kinships, dataset.manifest)), measures=kinships.held_out_in_train().measures(IN_TRAIN)
    )


class _Corpus:
    """All tasks as numbers: document, group, path; and the documents as shingles and signatures, each once."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.paths: list[str] = []
        self._group_numbers: dict[Group, int] = {}
        self._path_numbers: dict[str, int] = {}
        self._document_numbers: dict[int, int] = {}
        self._shingler = Shingler()
        self._rows = array("i")
        self._shingles = array("I")
        self._ends = array("q", [0])
        self._signatures = array("I")

    def add(self, group: Group, path: str, text: str) -> None:
        """Takes a task: its group, its test file and its document."""
        self._rows.append(self._document(text))
        self._rows.append(_number(group, self._group_numbers, self.groups))
        self._rows.append(_number(path, self._path_numbers, self.paths))

    def _document(self, text: str) -> int:
        """The number of a document, -1 for one that is too short."""
        key = digest(text)
        number = self._document_numbers.get(key)
        if number is None:
            shingles = self._shingler(text)
            number = len(self._ends) - 1 if len(shingles) >= FEWEST_SHINGLES else -1
            self._document_numbers[key] = number
            if number >= 0:
                self._shingles.frombytes(shingles.tobytes())
                self._ends.append(len(self._shingles))
                self._signatures.frombytes(signature(shingles).tobytes())
        return number

    def rows(self) -> npt.NDArray[np.int32]:
        """One row per task: its document, group and path."""
        return np.frombuffer(self._rows, dtype=np.int32).reshape(-1, 3)

    def matches(self) -> Iterator[tuple[int, int]]:
        """Pairs of documents that are near-duplicates and not both of one repository alone; of two, one with itself."""
        owners = self._owners()
        for number in np.flatnonzero(owners < 0).tolist():
            yield number, number
        signatures = np.frombuffer(self._signatures, dtype=np.uint32).reshape(-1, PERMUTATIONS)
        shingles = np.frombuffer(self._shingles, dtype=np.uint32)
        for left, right in similar_pairs(signatures, owners, SIMILARITY - _MARGIN).tolist():
            one, other = (shingles[self._ends[number] : self._ends[number + 1]] for number in (left, right))
            if jaccard(one, other) >= SIMILARITY:
                yield left, right

    def _owners(self) -> npt.NDArray[np.int32]:
        """The number of each document's repository, -1 for a document of several."""
        numbers = {name: number for number, name in enumerate(sorted({group.repo_id for group in self.groups}))}
        of_group = np.array([numbers[group.repo_id] for group in self.groups], dtype=np.int32)
        documents, groups, _ = self.rows()[self.rows()[:, 0] >= 0].T
        lowest = np.full(len(self._ends) - 1, len(numbers), dtype=np.int32)
        highest = np.full(len(self._ends) - 1, -1, dtype=np.int32)
        np.minimum.at(lowest, documents, of_group[groups])
        np.maximum.at(highest, documents, of_group[groups])
        return np.where(lowest == highest, lowest, np.int32(-1))


def _number(value: _T, numbers: dict[_T, int], values: list[_T]) -> int:
    number = numbers.setdefault(value, len(values))
    if number == len(values):
        values.append(value)
    return number


@dataclass(slots=True)
class _Holding:
    """A document in one repository: a test file that holds it, its tasks by group, and what matches it elsewhere."""

    path: str
    tasks: Counter[Group] = field(default_factory=Counter)
    matched: dict[str, tuple[Position, bool]] = field(default_factory=dict)
    """By other repository, where the most alike place of the match is, and whether it is in train there."""

    @property
    def held_out(self) -> int:
        """The number of its tasks that are not for training."""
        return sum(count for group, count in self.tasks.items() if group.split.role != "train")

    @property
    def is_boilerplate(self) -> bool:
        """Whether so many repositories hold it that it relates nobody."""
        return len(self.matched) > MOST_REPOSITORIES


class _Kinships:
    """The documents that have a match in another repository; and the tables over pairs of repositories."""

    def __init__(self, corpus: _Corpus) -> None:
        matches = tuple(corpus.matches())
        self._groups = corpus.groups
        self._sizes = np.bincount(corpus.rows()[:, 1], minlength=len(corpus.groups)).tolist()
        self._holdings = _holdings(corpus, {number for match in matches for number in match})
        for left, right in matches:
            for one, other in {(left, right), (right, left)}:
                self._match(one, other)

    def _match(self, one: int, other: int) -> None:
        for mine, holding in self._holdings[one].items():
            for theirs, match in self._holdings[other].items():
                if mine != theirs:
                    where = position(holding.path, match.path)
                    before, trained = holding.matched.get(theirs, (where, False))
                    trained = trained or any(group.split.role == "train" for group in match.tasks)
                    holding.matched[theirs] = (min(before, where, key=list(Position).index), trained)

    @property
    def _all(self) -> Iterator[tuple[str, _Holding]]:
        return (item for holdings in self._holdings.values() for item in holdings.items())

    @property
    def boilerplate(self) -> int:
        """Tasks that are nearly the same in many repositories."""
        return sum(holding.tasks.total() for _, holding in self._all if holding.is_boilerplate)

    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of repositories that share tasks, by name."""
        sizes: Counter[str] = Counter()
        held_out: Counter[str] = Counter()
        for group, size in zip(self._groups, self._sizes, strict=True):
            sizes[group.repo_id] += size
            held_out[group.repo_id] += size if group.split.role != "train" else 0
        pairs: dict[tuple[str, str], Pair] = {}
        for mine, holding in self._all:
            for theirs, (where, trained) in () if holding.is_boilerplate else holding.matched.items():
                names = (min(mine, theirs), max(mine, theirs))
                if names not in pairs:
                    sides = [Side(repo_id=name, of=sizes[name], held_out=held_out[name]) for name in names]
                    pairs[names] = Pair(left=sides[0], right=sides[1])
                side = pairs[names].left if mine == names[0] else pairs[names].right
                side.shared += holding.tasks.total()
                side.leaked += holding.held_out if trained else 0
                pairs[names].positions[where] += holding.tasks.total()
        return tuple(pairs[names] for names in sorted(pairs))

    def held_out_in_train(self) -> Tally:
        """Held-out tasks, and those of them that another repository's train part has, boilerplate included."""
        tally = Tally()
        for group, size in zip(self._groups, self._sizes, strict=True):
            if group.split.role != "train":
                tally.add(group, 0, of=size)
        for _, holding in self._all:
            if any(trained for _, trained in holding.matched.values()):
                for group, count in holding.tasks.items():
                    if group.split.role != "train":
                        tally.add(group, count, of=0)
        return tally


def _holdings(corpus: _Corpus, wanted: set[int]) -> dict[int, dict[str, _Holding]]:
    """Some documents by number and repository, in the order of tasks."""
    found: dict[int, dict[str, _Holding]] = {number: {} for number in sorted(wanted)}
    rows = corpus.rows()
    for number, at, path in rows[np.isin(rows[:, 0], list(found))].tolist():
        group = corpus.groups[at]
        holding = found[number].setdefault(group.repo_id, _Holding(corpus.paths[path]))
        holding.tasks[group] += 1
    return found


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
