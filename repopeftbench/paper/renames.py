"""Which deleted file became which added one, as git's own detection decides it (`-M`, threshold 50 %).

libgit2 measures similarity in another way, and a rename more or less moves a published commit index. Pure: blobs are
read through a function. Source: git's documented behaviour (gitdiffcore, "diffcore-rename") as of git 2.39: equal
blobs first, then unique base names at 75 %, then the best pairs of all; similarity is the share of the larger file
whose lines, cut at 64 bytes, both files have.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_SCORE = 60_000
LEAST_SCORE = 30_000
LEAST_BASE_NAME_SCORE = 45_000
RENAME_LIMIT = 1_000
_CANDIDATES = 4
_PIECE_BYTES = 64
_BINARY_PROBE_BYTES = 8_000

Read = Callable[[str], bytes | None]
_Pair = tuple[int, int, "File", "File"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A deleted or added entry; `regular` is False for links and submodules."""

    path: str
    blob: str
    mode: int
    regular: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Where a file came from; `score` goes to `MOST_SCORE`, which only equal blobs reach for certain."""

    old: File
    score: int


def renames(deleted: Sequence[File], added: Sequence[File], read: Read) -> dict[str, Rename]:
    """The renames by new path.

    Args:
        deleted: the files that are gone, in path order.
        added: the files that came, in path order.
        read: the bytes of a blob, None where it is missing; called only where files differ.
    """
    found: dict[str, Rename] = {}
    sources = list(deleted)
    _exact(sources, added, found)
    rest = [file for file in added if file.path not in found]
    if not sources or not rest:
        return found
    contents = _Contents(read)
    _by_base_name(sources, rest, contents, found)
    rest = [file for file in rest if file.path not in found]
    if len(sources) * len(rest) <= RENAME_LIMIT * RENAME_LIMIT:
        _by_similarity(sources, rest, contents, found)
    return found


def _exact(sources: list[File], added: Sequence[File], found: dict[str, Rename]) -> None:
    by_blob: dict[str, list[File]] = {}
    for source in sources:
        by_blob.setdefault(source.blob, []).append(source)
    for file in added:
        same = [
            source
            for source in by_blob.get(file.blob, [])
            if (source.regular and file.regular) or source.mode == file.mode
        ]
        if same:
            chosen = next((source for source in same if _base_name(source) == _base_name(file)), same[0])
            by_blob[file.blob].remove(chosen)
            sources.remove(chosen)
            found[file.path] = Rename(old=chosen, score=MOST_SCORE)


def _by_base_name(sources: list[File], rest: Sequence[File], contents: "_Contents", found: dict[str, Rename]) -> None:
    came = Counter(_base_name(file) for file in rest)
    gone = Counter(_base_name(file) for file in sources)
    targets = {_base_name(file): file for file in rest}
    for source in list(sources):
        name = _base_name(source)
        if gone[name] == 1 and came[name] == 1:
            target = targets[name]
            score = contents.score(source, target, LEAST_BASE_NAME_SCORE)
            if score >= LEAST_BASE_NAME_SCORE:
                sources.remove(source)
                found[target.path] = Rename(old=source, score=score)


def _by_similarity(
    sources: Sequence[File], rest: Sequence[File], contents: "_Contents", found: dict[str, Rename]
) -> None:
    pairs: list[_Pair] = []
    for target in rest:
        best: list[_Pair] = []
        for source in sources:
            score = contents.score(source, target, LEAST_SCORE)
            _keep_best(best, (score, int(_base_name(source) == _base_name(target)), source, target))
        pairs.extend(best)
    used: set[str] = set()
    for score, _, source, target in sorted(pairs, key=_rank, reverse=True):
        if score >= LEAST_SCORE and target.path not in found and source.path not in used:
            found[target.path] = Rename(old=source, score=score)
            used.add(source.path)


def _keep_best(best: list[_Pair], pair: _Pair) -> None:
    """Keeps the best four pairs in the places git keeps them in: equal pairs are later taken in that order."""
    if len(best) < _CANDIDATES:
        best.append(pair)
        return
    worst = min(range(_CANDIDATES), key=lambda place: _rank(best[place]))
    if _rank(pair) > _rank(best[worst]):
        best[worst] = pair


def _rank(pair: _Pair) -> tuple[int, int]:
    return pair[:2]


class _Contents:
    """Sizes and pieces of the blobs that were compared."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._sizes: dict[str, int | None] = {}
        self._pieces: dict[str, Counter[bytes]] = {}

    def score(self, source: File, target: File, least: int) -> int:
        """Similarity from 0 to `MOST_SCORE`; 0 where the sizes alone rule `least` out."""
        if not source.regular or not target.regular:
            return 0
        old, new = self._size(source.blob), self._size(target.blob)
        if old is None or not new:
            return 0
        larger = max(old, new)
        if larger * (MOST_SCORE - least) < abs(old - new) * MOST_SCORE:
            return 0
        fewer, more = sorted((self._of(source.blob), self._of(target.blob)), key=len)
        shared = sum(min(count, more[piece]) * len(piece) for piece, count in fewer.items())
        return shared * MOST_SCORE // larger

    def _size(self, blob: str) -> int | None:
        if blob not in self._sizes:
            raw = self._read(blob)
            self._sizes[blob] = None if raw is None else len(raw)
        return self._sizes[blob]

    def _of(self, blob: str) -> Counter[bytes]:
        if blob not in self._pieces:
            self._pieces[blob] = Counter(_pieces(self._read(blob) or b""))
        return self._pieces[blob]


def _pieces(raw: bytes) -> list[bytes]:
    if b"\0" not in raw[:_BINARY_PROBE_BYTES]:
        raw = raw.replace(b"\r\n", b"\n")
    pieces: list[bytes] = []
    for line in raw.split(b"\n"):
        whole = line + b"\n"
        pieces.extend(whole[at : at + _PIECE_BYTES] for at in range(0, len(whole), _PIECE_BYTES))
    # The piece behind the last line end is no line: its newline was added here.
    last = pieces.pop()
    if last[:-1]:
        pieces.append(last[:-1])
    return pieces


def _base_name(file: File) -> str:
    return file.path.rpartition("/")[2]
