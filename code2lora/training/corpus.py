"""Files of source distributions -> an ordered, deduplicated training corpus whose origin and licence are known (io).

Which files are learnt from is a function of their names and bytes alone. It does not know tokens, models or training.
"""

import ast
import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from code2lora.errors import CorpusError
from code2lora.training.sdists import SourceRelease, python_members

# Copies of other projects: they teach a model what it must not have seen.
SKIPPED_FOLDERS = frozenset(
    {"_distutils", "_vendor", "cextern", "extern", "externals", "node_modules", "third_party", "vendor", "vendored"}
)
MAX_FILE_BYTES = 300_000
MAX_LINE_CHARACTERS = 1_000
MAX_DIGIT_SHARE = 0.2
_GENERATED = re.compile(r"@generated|do not edit|auto-?generated|generated (by|from|with)", re.IGNORECASE)
_GENERATED_WITHIN = 400
_SPLIT_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFile:
    """One file that passed the filters.

    Attributes:
        source: Name of its release.
        name: POSIX path in the source distribution.
        sha256: Hex digest of its bytes.
        text: Its content, decoded from UTF-8.
    """

    source: str
    name: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUse:
    """How much of a release is in a corpus: files and bytes of UTF-8 kept, and `.py` files left out by a filter."""

    name: str
    version: str
    released: str
    file: str
    sha256: str
    licence: str
    held_out: bool
    files: int
    bytes: int
    files_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Files in a fixed order, parted into training and held-out ones.

    Attributes:
        train: The files to learn from.
        val: Files held out of the same projects, chosen by their content's hash.
        unseen: The files of projects that nothing is learnt from.
        uses: What each release contributed, in the order of the list.
        sha256: Hex digest over the origin, name and content of every file, in order.
    """

    train: tuple[CorpusFile, ...]
    val: tuple[CorpusFile, ...]
    unseen: tuple[CorpusFile, ...]
    uses: tuple[SourceUse, ...]
    sha256: str


def read_corpus(
    sources: Sequence[SourceRelease],
    cache: Path,
    *,
    source_bytes: int,
    val_fraction: float,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Reads, filters, deduplicates and parts the files of releases.

    A file is left out if the list says so, if it is larger than `MAX_FILE_BYTES`, lies in one of `SKIPPED_FOLDERS`, is
    empty, not UTF-8, generated, mostly numbers, not accepted by this interpreter's parser, equal to an earlier one but
    for white space at line ends, or beyond what one release may give; then those with the smallest hashes stay.

    Args:
        sources: The releases; those that are held out are read first, so that nothing learnt from is a copy of theirs.
        cache: The folder with their files.
        source_bytes: Most bytes of text that one of them gives.
        val_fraction: Share of files to hold out, from 0 to 1. A file's side depends on its content only.
        progress: Told how many releases are read, as `(done, total)`.

    Returns:
        The corpus.

    Raises:
        CorpusError: an archive cannot be read, or nothing is left to train on.
    """
    seen: set[str] = set()
    found: dict[str, tuple[list[CorpusFile], int]] = {}
    for source in sorted(sources, key=_learnt_from):
        found[source.name] = _read_source(source, cache, seen)
        if progress is not None:
            progress(len(found), len(sources))
    chosen = {name: _within(files, source_bytes) for name, (files, _) in found.items()}
    uses = tuple(_use(source, chosen[source.name], found[source.name][1]) for source in sources)
    files = [file for source in sources if not source.held_out for file in chosen[source.name]]
    unseen = [file for source in sources if source.held_out for file in chosen[source.name]]
    train = tuple(file for file in files if not _is_held_out(file, val_fraction))
    if not train:
        raise CorpusError(f"No usable .py file in {len(sources)} source(s): list releases with Python 3 code.")
    lines = (f"{file.source}\0{file.name}\0{file.sha256}\n" for file in (*files, *unseen))
    return Corpus(
        train=train,
        val=tuple(file for file in files if _is_held_out(file, val_fraction)),
        unseen=tuple(unseen),
        uses=uses,
        sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
    )


def _learnt_from(source: SourceRelease) -> bool:
    return not source.held_out


def _read_source(source: SourceRelease, cache: Path, seen: set[str]) -> tuple[list[CorpusFile], int]:
    """The files of a release that pass the filters, by name, and how many there are in all; adds to `seen`."""
    members = sorted(python_members(cache / source.file, MAX_FILE_BYTES), key=lambda member: member[0])
    kept: list[CorpusFile] = []
    for name, data in members:
        if data is None or name in source.leave_out or SKIPPED_FOLDERS & set(PurePosixPath(name).parts):
            continue
        text = usable_text(data)
        if text is None:
            continue
        key = hashlib.sha256("\n".join(line.rstrip() for line in text.split("\n")).strip().encode()).hexdigest()
        if key not in seen:
            seen.add(key)
            digest = hashlib.sha256(data).hexdigest()
            kept.append(CorpusFile(source=source.name, name=name, sha256=digest, text=text))
    return kept, len(members)


def usable_text(data: bytes) -> str | None:
    """A file as text with Unix line ends, or None if a small model should not learn from it."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    if not text.strip() or _is_data(text) or _GENERATED.search(text[:_GENERATED_WITHIN]):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning on invalid escapes in other people's files
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # ValueError: NUL bytes. RecursionError and MemoryError: the parser's limits, which tests of parsers probe.
        return None
    return text


def _is_data(text: str) -> bool:
    """Whether a file is a table: lines that nobody reads, or digits all over."""
    digits = sum(map(text.count, "0123456789"))
    return digits > MAX_DIGIT_SHARE * len(text) or max(map(len, text.split("\n"))) > MAX_LINE_CHARACTERS


def _within(files: list[CorpusFile], limit: int) -> list[CorpusFile]:
    """The files with the smallest hashes that together have at most `limit` bytes, in their order."""
    chosen: set[str] = set()
    size = 0
    for file in sorted(files, key=lambda file: file.sha256):
        size += len(file.text.encode())
        if size > limit:
            break
        chosen.add(file.sha256)
    return [file for file in files if file.sha256 in chosen]


def _use(source: SourceRelease, files: list[CorpusFile], members: int) -> SourceUse:
    return SourceUse(
        name=source.name,
        version=source.version,
        released=source.released,
        file=source.file,
        sha256=source.sha256,
        licence=source.licence,
        held_out=source.held_out,
        files=len(files),
        bytes=sum(len(file.text.encode()) for file in files),
        files_left_out=members - len(files),
    )


def _is_held_out(file: CorpusFile, val_fraction: float) -> bool:
    """Whether the content's hash falls into the held-out share."""
    return int(file.sha256[:8], 16) % _SPLIT_BUCKETS < val_fraction * _SPLIT_BUCKETS
