"""Python files on this machine -> an ordered, deduplicated training corpus whose origin and licence are known (io).

Two origins are offered: folders that the caller names with their licence, and installed distributions, whose licence is
read from their metadata and must be permissive. The order of files depends on names only, never on the file system.
It does not know tokens, models or training; it does not judge whether a folder's stated licence is true.
"""

import ast
import hashlib
import importlib.metadata
import platform
import re
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from code2lora.errors import CorpusError

PERMISSIVE_LICENCES = frozenset(
    {"0BSD", "APACHE-2.0", "BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0", "ZLIB"}
)
# Tables and data dressed as code: they teach a small model digits and escapes, and cost it everything else.
SKIPPED_PARTS = frozenset(
    {"__pycache__", "config-3", "encodings", "idlelib", "lib2to3", "pydoc_data", "site-packages", "dist-packages"}
)
MAX_FILE_BYTES = 300_000
_SPLIT_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSource:
    """One origin of Python files.

    Attributes:
        name: What the files belong to, such as a distribution's name.
        version: Its version, as the origin states it.
        licence: Its licence, as an SPDX expression or the origin's own words.
        root: The folder that relative names start from. It is never written to any record.
        names: The files, as POSIX paths relative to `root`, sorted.
    """

    name: str
    version: str
    licence: str
    root: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFile:
    """One file that passed the filters.

    Attributes:
        source: Name of its `CorpusSource`.
        name: POSIX path relative to the source's root.
        sha256: Hex digest of its bytes.
        text: Its content, decoded from UTF-8.
    """

    source: str
    name: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUse:
    """How much of a source is in a corpus: files and bytes of UTF-8 kept, and files left out by a filter."""

    name: str
    version: str
    licence: str
    files: int
    bytes: int
    files_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Files in a fixed order, parted into training and held-out ones.

    Attributes:
        train: The files to learn from.
        val: The files held out, chosen by their content's hash.
        uses: What each source contributed, in the order of the sources.
        sha256: Hex digest over the origin, name and content of every file, in order.
    """

    train: tuple[CorpusFile, ...]
    val: tuple[CorpusFile, ...]
    uses: tuple[SourceUse, ...]
    sha256: str


def folder_source(root: Path, *, name: str, version: str, licence: str) -> CorpusSource:
    """All `.py` files below a folder, as a source.

    Args:
        root: The folder.
        name: What to call it in the record of the training.
        version: Its version, or "" where it has none.
        licence: Its licence; the caller vouches for it.

    Returns:
        The source, its files sorted by name.

    Raises:
        CorpusError: `root` is not a folder.
    """
    if not root.is_dir():
        raise CorpusError(f"Corpus folder {root} is not a folder: name an existing folder of .py files.")
    names = (path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    return CorpusSource(name=name, version=version, licence=licence, root=root, names=_keep_names(names))


def standard_library_source() -> CorpusSource:
    """The running interpreter's standard library with its tests (licence PSF-2.0), without installed packages."""
    root = Path(sysconfig.get_paths()["stdlib"])
    return folder_source(root, name="python-standard-library", version=platform.python_version(), licence="PSF-2.0")


def distribution_source(name: str) -> CorpusSource:
    """The `.py` files of an installed distribution, if its stated licence is permissive.

    Args:
        name: The distribution's name, such as `numpy`.

    Returns:
        The source, its files sorted by name.

    Raises:
        CorpusError: it is not installed, or its metadata states no licence out of `PERMISSIVE_LICENCES`.
    """
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise CorpusError(f"Distribution {name!r} is not installed: install it or leave it out.") from None
    metadata = distribution.metadata
    licence = metadata["License-Expression"] or metadata["License"] or ""
    if not is_permissive(licence):
        shown = licence.splitlines()[0] if licence else "no licence stated"
        raise CorpusError(f"Distribution {name!r} is not known to be permissively licensed ({shown}): leave it out.")
    names = (PurePosixPath(file).as_posix() for file in distribution.files or () if file.suffix == ".py")
    inside = (file for file in names if not file.startswith("../"))
    root = Path(str(distribution.locate_file("")))
    return CorpusSource(name=name, version=distribution.version, licence=licence, root=root, names=_keep_names(inside))


def is_permissive(expression: str) -> bool:
    """Whether every licence that an SPDX expression names is in `PERMISSIVE_LICENCES`; exceptions (`WITH`) are not."""
    words = [word for word in re.split(r"[\s()]+", expression) if word]
    licences = [word for word in words if word not in {"AND", "OR"}]
    return bool(licences) and all(word.upper() in PERMISSIVE_LICENCES for word in licences)


def read_corpus(sources: Sequence[CorpusSource], *, val_fraction: float) -> Corpus:
    """Reads, filters, deduplicates and parts the files of the sources.

    A file is left out if it is larger than `MAX_FILE_BYTES`, empty, not UTF-8, not accepted by this interpreter's
    parser, or byte-equal to an earlier one.

    Args:
        sources: Where to read, in order.
        val_fraction: Share of files to hold out, from 0 to 1. A file's side depends on its content only.

    Returns:
        The corpus.

    Raises:
        CorpusError: nothing is left to train on.
    """
    seen: set[str] = set()
    files: list[CorpusFile] = []
    uses: list[SourceUse] = []
    for source in sources:
        kept = list(_read_source(source, seen))
        size = sum(len(file.text.encode()) for file in kept)
        uses.append(
            SourceUse(
                name=source.name,
                version=source.version,
                licence=source.licence,
                files=len(kept),
                bytes=size,
                files_left_out=len(source.names) - len(kept),
            )
        )
        files += kept
    train = tuple(file for file in files if not _is_held_out(file, val_fraction))
    val = tuple(file for file in files if _is_held_out(file, val_fraction))
    if not train:
        raise CorpusError(f"No usable .py file in {len(sources)} corpus source(s): name folders with Python 3 code.")
    digest = hashlib.sha256("".join(f"{file.source}\0{file.name}\0{file.sha256}\n" for file in files).encode())
    return Corpus(train=train, val=val, uses=tuple(uses), sha256=digest.hexdigest())


def _keep_names(names: Iterator[str]) -> tuple[str, ...]:
    """Sorted names without those that lie in a skipped folder (`config-3.11-...` counts as `config-3`)."""
    return tuple(
        sorted(
            name
            for name in names
            if not any(part in SKIPPED_PARTS or part.startswith("config-3") for part in PurePosixPath(name).parts)
        )
    )


def _read_source(source: CorpusSource, seen: set[str]) -> Iterator[CorpusFile]:
    """The files of one source that pass the filters; adds their digests to `seen`."""
    for name in source.names:
        data = (source.root / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest in seen or not data.strip() or len(data) > MAX_FILE_BYTES:
            continue
        text = _parsed_text(data)
        if text is not None:
            seen.add(digest)
            yield CorpusFile(source=source.name, name=name, sha256=digest, text=text)


def _parsed_text(data: bytes) -> str | None:
    """The file as text with Unix line ends, or None if it is not UTF-8 or not Python for this interpreter."""
    try:
        text = data.decode("utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning on invalid escapes in other people's files
            ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        # ValueError: NUL bytes. RecursionError and MemoryError: the parser's limits, which CPython's tests probe.
        return None
    return text.replace("\r\n", "\n")


def _is_held_out(file: CorpusFile, val_fraction: float) -> bool:
    """Whether the content's hash falls into the held-out share."""
    return int(file.sha256[:8], 16) % _SPLIT_BUCKETS < val_fraction * _SPLIT_BUCKETS
