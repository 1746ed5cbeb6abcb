"""Which rows of a commit are used: the smart cap for training, the first eight for evaluation.

Source: `build_smart_capped_qna_parquet.py` (defaults and order of random draws) and the evaluators'
`--qnas-per-commit-limit 8`.
"""

import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

MOST_PER_FILE = 4
MOST_PER_COMMIT = 8
FEWEST_CHARACTERS = 4
EVALUATED_PER_COMMIT = 8
_SHORT_CALL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the smart cap looks at; `commit` tells rows of one commit from those beside it."""

    commit: int
    test_file: str
    test_function: str
    target: str


def is_trivial(target: str) -> bool:
    """Whether a target is shorter than 4 characters, or at most 6 and ends in `)` or begins with a comma."""
    text = target.strip()
    return len(text) < FEWEST_CHARACTERS or (len(text) <= _SHORT_CALL and (text.endswith(")") or text.startswith(",")))


def smart_cap(rows: Sequence[Row], rng: random.Random) -> list[int]:
    """The places of the rows that stay, ascending.

    Trivial targets go first; then each commit keeps at most 4 rows of a file and 8 in all, drawn in turns from its
    functions and files. One random stream runs through all commits: their order matters.

    Args:
        rows: rows with those of a commit beside each other.
        rng: the stream; seed 3407 for the published data, one for all repositories in order of their ids.
    """
    chosen: list[int] = []
    for places in _commits(rows):
        chosen.extend(sorted(_of_commit(rows, places, rng)))
    return chosen


def evaluated(commits: Sequence[Hashable]) -> list[int]:
    """The places of the rows that evaluation uses: the first eight of each commit, in row order, trivial ones too."""
    counts: dict[Hashable, int] = {}
    chosen: list[int] = []
    for place, commit in enumerate(commits):
        counts[commit] = counts.get(commit, 0) + 1
        if counts[commit] <= EVALUATED_PER_COMMIT:
            chosen.append(place)
    return chosen


def _commits(rows: Sequence[Row]) -> Iterator[list[int]]:
    """The places of the rows with targets that are not trivial, commit by commit."""
    pending: list[int] = []
    for place, row in enumerate(rows):
        if is_trivial(row.target):
            continue
        if pending and rows[pending[-1]].commit != row.commit:
            yield pending
            pending = []
        pending.append(place)
    if pending:
        yield pending


def _of_commit(rows: Sequence[Row], places: Sequence[int], rng: random.Random) -> list[int]:
    files: dict[str, list[int]] = {}
    for place in places:
        files.setdefault(rows[place].test_file, []).append(place)
    kept: dict[str, list[int]] = {}
    for path, inside in files.items():
        rng.shuffle(inside)
        functions: dict[str, list[int]] = {}
        for place in inside:
            functions.setdefault(rows[place].test_function, []).append(place)
        names = list(functions)
        rng.shuffle(names)
        kept[path] = _in_turns([functions[name] for name in names], MOST_PER_FILE)
    paths = list(kept)
    rng.shuffle(paths)
    return _in_turns([kept[path] for path in paths], MOST_PER_COMMIT)


def _in_turns(groups: Sequence[list[int]], most: int) -> list[int]:
    """At most `most` members, the last of each group in turns; takes them out of the groups."""
    taken: list[int] = []
    while len(taken) < most and any(groups):
        for group in groups:
            if group and len(taken) < most:
                taken.append(group.pop())
    return taken
