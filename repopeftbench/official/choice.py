"""Which published rows become tasks of the evolution track, decided without their prefixes (io).

First, which file a split of a repository is read from: published sets repeat rows. The smart-capped training file holds
in-repository val and test rows beside its own, so one that is called as the split wins for these, and it wins for
training. Then the caps of the published system: the smart cap for training (it keeps all of what is capped already),
the first eight of each commit for everything else.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from repopeftbench.errors import DatasetError
from repopeftbench.official.columns import LIGHT_ROWS, batches
from repopeftbench.official.commits import Commits, split_of
from repopeftbench.official.layout import PublishedFile
from repopeftbench.official.rows import EMPTY, LEADING_COMMA, problem_of
from repopeftbench.paper import capping
from repopeftbench.paper.splits import SEED
from repopeftbench.schema import Split

KEPT = 0
NOT_TRAIN = "not-train"
"""A val or test row that lies in the training file too, and is read from its own."""
OTHER_FILE = "other-file"
"""A row whose split is read from another file."""
UNKNOWN_COMMIT = "unknown-commit"
SPLIT_DISAGREES = "split-disagrees"
"""A row that says another split than its commit does."""
TRIVIAL = "trivial-target"
SMART_CAP = "smart-cap"
BEYOND_FIRST = "beyond-first-8"
REASONS = (
    "",
    EMPTY,
    LEADING_COMMA,
    NOT_TRAIN,
    OTHER_FILE,
    UNKNOWN_COMMIT,
    SPLIT_DISAGREES,
    TRIVIAL,
    SMART_CAP,
    BEYOND_FIRST,
)
_CODES = {reason: code for code, reason in enumerate(REASONS)}
_KEYS = ("repo_id", "cross_repo_split", "in_repo_split")
_LIGHT = (*_KEYS, "commit_sha", "test_file", "test_function", "target")
_OWN_NAME = 2
_BELONGS = 1

Home = tuple[Split, str]
"""A split and a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file and the (split, repository) pairs that are read from it."""

    file: PublishedFile
    homes: frozenset[Home]


def choose_sources(files: Sequence[PublishedFile]) -> tuple[Source, ...]:
    """The files with what is read from each, in the files' order; a file that nothing is read from has no homes.

    Raises:
        DatasetError: two files hold rows of one split and repository and neither is to be preferred.
    """
    held = [_homes(file) for file in files]
    best: dict[Home, tuple[int, int]] = {}
    for number, (file, homes) in enumerate(zip(files, held, strict=True)):
        for home in sorted(homes):
            rank = _rank(file, home[0], homes)
            known = best.get(home)
            if known is None or rank > known[0]:
                best[home] = (rank, number)
            elif rank == known[0] and not _are_parts(files[known[1]], file):
                raise DatasetError(
                    f"{files[known[1]].path} and {file.path} both hold {home[0]} rows of {home[1]}: "
                    "import one of them at a time"
                )
    return tuple(
        Source(
            file=file,
            homes=frozenset(home for home in homes if _is_read(file, files[best[home][1]])),
        )
        for file, homes in zip(files, held, strict=True)
    )


def _is_read(file: PublishedFile, chosen: PublishedFile) -> bool:
    return file is chosen or _are_parts(file, chosen)


def _are_parts(one: PublishedFile, other: PublishedFile) -> bool:
    """Whether two files are parts of one split: `train-00000-of-00002.parquet` and the like."""
    return "-of-" in one.path.stem and one.path.parent == other.path.parent and _base(one) == _base(other)


def _base(file: PublishedFile) -> str:
    return file.path.stem.rpartition("-of-")[0].rpartition("-")[0]


def _homes(file: PublishedFile) -> frozenset[Home]:
    return frozenset(
        (split_of(cross_repo, in_repo, where=str(file.path)), repo_id)
        for batch in batches(file.path, _KEYS, LIGHT_ROWS)
        for repo_id, cross_repo, in_repo in set(zip(*(batch.column(name).to_pylist() for name in _KEYS), strict=True))
    )


def _rank(file: PublishedFile, split: Split, homes: Iterable[Home]) -> int:
    if split is Split.IR_TRAIN:
        if "smartcap" in file.name.lower().replace("-", "").replace("_", ""):
            return _OWN_NAME
        return _BELONGS if any(other is not split for other, _ in homes) else 0
    name = file.path.stem if "-of-" not in file.path.stem else _base(file)
    return _OWN_NAME if name == split else 0 if name == "train" else _BELONGS


def commit_problem(commits: Commits, split: Split, repo_id: str, sha: str) -> str:
    """Why a row of this split and commit is no task, empty if nothing is wrong: the commit's own split must agree."""
    commit = commits.by_sha.get((repo_id, sha))
    if commit is None:
        return UNKNOWN_COMMIT
    return "" if commit.split is split else SPLIT_DISAGREES


class Chooser:
    """Decides about the rows of one file after the other; one stream of random draws runs through all of them."""

    def __init__(self, commits: Commits, *, all_rows: bool) -> None:
        """Prepares to choose.

        Args:
            commits: the published commits.
            all_rows: whether the caps are left out.
        """
        self._commits = commits
        self._all_rows = all_rows
        self._rng = random.Random(SEED)
        self._evaluated: dict[tuple[str, str], int] = {}

    def codes(self, source: Source) -> bytearray:
        """For each row of the file 0 if it becomes a task, else the place of its reason in `REASONS`.

        Raises:
            DatasetError: the file is damaged or has an unknown split.
        """
        codes = bytearray()
        run: list[capping.Row] = []
        places: list[int] = []
        last: tuple[str, str] | None = None
        for repo_id, split, sha, path, function, target in _light_rows(source.file):
            commit = (repo_id, sha)
            if commit != last:
                self._cap(codes, run, places)
                run, places, last = [], [], commit
            codes.append(_CODES[self._reason(source, (split, repo_id), sha, target)])
            if codes[-1] == KEPT and split is Split.IR_TRAIN and not self._all_rows:
                places.append(len(codes) - 1)
                run.append(capping.Row(commit=0, test_file=path, test_function=function, target=target))
        self._cap(codes, run, places)
        return codes

    def _reason(self, source: Source, home: Home, sha: str, target: str) -> str:
        split, repo_id = home
        if home not in source.homes:
            in_train = (Split.IR_TRAIN, repo_id) in source.homes
            return NOT_TRAIN if in_train and split is not Split.IR_TRAIN else OTHER_FILE
        problem = commit_problem(self._commits, split, repo_id, sha) or problem_of("prefix", target)
        if problem or split is Split.IR_TRAIN or self._all_rows:
            return problem or ""
        count = self._evaluated.get((repo_id, sha), 0)
        self._evaluated[repo_id, sha] = count + 1
        return "" if count < capping.EVALUATED_PER_COMMIT else BEYOND_FIRST

    def _cap(self, codes: bytearray, run: Sequence[capping.Row], places: Sequence[int]) -> None:
        """Applies the smart cap to the rows of one commit."""
        if not run:
            return
        chosen = set(capping.smart_cap(run, self._rng))
        for number, (row, place) in enumerate(zip(run, places, strict=True)):
            if number not in chosen:
                codes[place] = _CODES[TRIVIAL if capping.is_trivial(row.target) else SMART_CAP]


def _light_rows(file: PublishedFile) -> Iterator[tuple[str, Split, str, str, str, str]]:
    """Repository, split, SHA, test file, test function and target of every row."""
    splits: dict[tuple[str, str], Split] = {}
    for batch in batches(file.path, _LIGHT, LIGHT_ROWS):
        columns = (batch.column(name).to_pylist() for name in _LIGHT)
        for repo_id, cross_repo, in_repo, sha, path, function, target in zip(*columns, strict=True):
            split = splits.get((cross_repo, in_repo))
            if split is None:
                split = splits[cross_repo, in_repo] = split_of(cross_repo, in_repo, where=str(file.path))
            yield repo_id, split, sha, path or "", function or "", target or ""
