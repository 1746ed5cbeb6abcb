"""Source distributions of a pinned list: the list, the files in a cache, and the Python in them (io).

A list names every release with its file, hash and licence, so that the same list gives the same bytes. An archive is
downloaded once, compared with its hash, and read in memory: nothing is unpacked and nothing in it is run. It does not
know which files are worth learning from, and does not judge whether a stated licence is true.
"""

import hashlib
import json
import re
import tarfile
import tomllib
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from code2lora.errors import CorpusError
from repopeftbench.atomic import write_atomically

INDEX = "https://pypi.org/simple"
"""The index that knows where a file lies. Source: the simple repository API, PEP 503 and PEP 691."""
PERMISSIVE_LICENCES = frozenset(
    {"0BSD", "APACHE-2.0", "BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0", "ZLIB"}
)
MAX_ARCHIVE_BYTES = 200_000_000
MAX_UNPACKED_BYTES = 1_000_000_000
MAX_MEMBERS = 50_000
_INDEX_PAGE = "application/vnd.pypi.simple.v1+json"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRelease:
    """One pinned release.

    Attributes:
        name: The project, as the index spells it.
        version: The release.
        released: Day of its upload, YYYY-MM-DD.
        file: Name of its source distribution, a `.tar.gz`.
        size: Its bytes.
        sha256: Its hex digest.
        licence: SPDX expression.
        held_out: Whether nothing is learnt from it: what is measured on it is of a project never seen.
        leave_out: Files that are not read, as POSIX paths in the source distribution, sorted.
    """

    name: str
    version: str
    released: str
    file: str
    size: int
    sha256: str
    licence: str
    held_out: bool = False
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceList:
    """A list of releases to learn from.

    Attributes:
        sources: The releases, in the order of the list.
        source_bytes: Most bytes of source text that one of them gives.
    """

    sources: tuple[SourceRelease, ...]
    source_bytes: int


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    version: str = Field(min_length=1)
    released: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*\.tar\.gz$")
    size: int = Field(gt=0, le=MAX_ARCHIVE_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    held_out: bool = False
    leave_out: tuple[str, ...] = ()


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cutoff: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    source_bytes: int = Field(gt=0)
    source: list[_Entry] = Field(min_length=1)


def read_source_list(path: Path) -> SourceList:
    """The releases of a TOML file.

    Args:
        path: A file with `cutoff`, `source_bytes` and `[[source]]` tables, such as `examples/nano-sources.toml`.

    Returns:
        The list.

    Raises:
        CorpusError: the file cannot be read, or names a release twice, of the cutoff's day or later, or of a licence
            that is not known to be permissive.
    """
    try:
        found = _List.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CorpusError(f"{path} cannot be read as a list of sources ({error}): give a TOML file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CorpusError(f"{path} is no list of sources: {where}: {first['msg']}.") from error
    names: set[str] = set()
    for entry in found.source:
        if not is_permissive(entry.licence):
            raise CorpusError(
                f"{path}: {entry.name} is not known to be permissively licensed ({entry.licence!r}): leave it out."
            )
        if entry.released >= found.cutoff:
            raise CorpusError(
                f"{path}: {entry.name} {entry.version} was released on {entry.released}, not before {found.cutoff}: "
                "pin an earlier release."
            )
        if entry.name in names:
            raise CorpusError(f"{path}: {entry.name} is listed twice: pin one release.")
        names.add(entry.name)
    releases = tuple(SourceRelease(**entry.model_dump()) for entry in found.source)
    return SourceList(sources=releases, source_bytes=found.source_bytes)


def is_permissive(expression: str) -> bool:
    """Whether every licence that an SPDX expression names is in `PERMISSIVE_LICENCES`; exceptions (`WITH`) are not."""
    words = [word for word in re.split(r"[\s()]+", expression) if word]
    licences = [word for word in words if word not in {"AND", "OR"}]
    return bool(licences) and all(word.upper() in PERMISSIVE_LICENCES for word in licences)


def missing_sources(sources: Sequence[SourceRelease], cache: Path) -> list[SourceRelease]:
    """The releases whose file is not in the cache."""
    return [source for source in sources if not (cache / source.file).is_file()]


def fetch_sources(
    sources: Sequence[SourceRelease],
    cache: Path,
    *,
    index: str = INDEX,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Puts the files of all releases into a folder and compares every one of them with its hash.

    Args:
        sources: The releases.
        cache: The folder; created if absent. What is there already is not downloaded again.
        index: Base of a simple index (PEP 691, JSON).
        progress: Told how far it is, as `(done, total)`.

    Raises:
        CorpusError: a file is not in the index, cannot be fetched, or has another hash.
        OSError: the folder cannot be written.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for done, source in enumerate(sources, 1):
        path = cache / source.file
        kept = path.is_file()
        data = path.read_bytes() if kept else _download(source, index)
        digest = hashlib.sha256(data).hexdigest()
        if digest != source.sha256:
            where, remedy = (path, "delete it") if kept else (index, "correct the list")
            raise CorpusError(
                f"{source.file} of {where} has the sha256 {digest}, the list says {source.sha256}: {remedy}."
            )
        if not kept:
            write_atomically(path, data)
        if progress is not None:
            progress(done, len(sources))


def python_members(archive: Path, max_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    """The `.py` files of a source distribution, in the order of the archive.

    Args:
        archive: A `.tar.gz` whose files lie in one folder, which names leave out.
        max_bytes: Size of the largest file that is read.

    Yields:
        Name as a POSIX path, and content; None where the file is larger.

    Raises:
        CorpusError: it is damaged, or holds more than `MAX_MEMBERS` members or `MAX_UNPACKED_BYTES`.
    """
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for count, member in enumerate(tar, 1):
                if count > MAX_MEMBERS or member.offset_data + member.size > MAX_UNPACKED_BYTES:
                    raise CorpusError(
                        f"{archive} holds more than {MAX_MEMBERS:,} members or {MAX_UNPACKED_BYTES:,} bytes: leave it "
                        "out of the list."
                    )
                name = member.name.partition("/")[2]
                if not member.isreg() or not name.endswith(".py"):
                    continue
                file = tar.extractfile(member) if member.size <= max_bytes else None
                yield name, None if file is None else file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CorpusError(f"{archive} cannot be read as a .tar.gz ({error}): leave it out of the list.") from error


def _download(source: SourceRelease, index: str) -> bytes:
    """The bytes of a release's file, at most one more than the list says."""
    page = f"{index}/{re.sub(r'[-_.]+', '-', source.name).lower()}/"
    try:
        request = urllib.request.Request(page, headers={"Accept": _INDEX_PAGE})
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            files = json.loads(answer.read(MAX_ARCHIVE_BYTES))["files"]
        urls = [str(file["url"]) for file in files if file["filename"] == source.file]
        if not urls:
            raise CorpusError(f"{page} has no file {source.file}: correct the list.")
        with urllib.request.urlopen(urljoin(page, urls[0]), timeout=_SECONDS) as answer:
            data: bytes = answer.read(source.size + 1)
    except (OSError, ValueError, KeyError, TypeError) as error:  # URLError is an OSError, JSONDecodeError a ValueError
        raise CorpusError(
            f"{source.file} could not be fetched from {page} ({error}): try again, or put the file into the folder of "
            "--sdists."
        ) from error
    return data
