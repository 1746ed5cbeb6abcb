"""The repository list: text or TOML in, sources out; and each source brought to this machine as a full repository.

A text list has one source per line: a URL, `owner/name` (GitHub) or a local path (bare or not), optionally with
`@revision`; `#` starts a comment. A TOML list has `[[repository]]` tables with `source`, and optionally `revision`,
`name`, `licence`, `role` (which is else assigned) and `cutoff` of the whole list.
"""

import datetime as dt
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from repopeftbench.cloning import clone_or_update
from repopeftbench.errors import RepositoryListError, SourceError
from repopeftbench.schema import content_id
from repopeftbench.splits.assign import Role

SCHEMES = ("https", "ssh", "file")
_OWNER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+\Z")
_SCP_URL = re.compile(r"[\w.-]+@[\w.-]+:(?![/:])\S+\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One entry of a repository list: exactly one of `url` and `path` is set."""

    text: str
    repo_id: str
    url: str | None = None
    path: Path | None = None
    revision: str | None = None
    licence: str | None = None
    role: Role | None = None
    """What the list says that the repository is for; None leaves it to the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSource:
    """An entry that names nothing; `problem` is a sentence for the user."""

    text: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryList:
    """A parsed list; `cutoff` is the list's own, if it has one, `taken_down` what must not be used (`tombstones`)."""

    sources: tuple[Source, ...]
    bad: tuple[BadSource, ...]
    cutoff: str | None = None
    taken_down: tuple[BadSource, ...] = ()


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: str
    revision: str | None = None
    name: str | None = None
    licence: str | None = None
    role: Role | None = None


class _TomlList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repository: list[_Entry]
    cutoff: str | dt.date | dt.datetime | None = None


def repository_list(argument: str) -> RepositoryList:
    """The sources that a command-line argument names: a list file, or one source (URL, owner/name, folder) itself.

    Sources keep the list's order, repetitions are dropped; relative paths are relative to the list's folder.

    Raises:
        RepositoryListError: the file is no text or TOML of the documented form, or nothing is named.
    """
    path = Path(argument).expanduser()
    if path.is_file():
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RepositoryListError(f"repository list {path} cannot be read: {error}") from error
        entries, cutoff = _toml_entries(path, text) if path.suffix == ".toml" else (_text_entries(text), None)
        base = path.parent
    elif path.suffix in (".txt", ".toml"):
        raise RepositoryListError(f"repository list {path} does not exist: write one source per line into it")
    else:
        entries, cutoff, base = [_Entry(source=argument)], None, Path()
    if not entries:
        raise RepositoryListError(f"repository list {path} names no repository: write one per line")
    return _sources(entries, base, cutoff)


def _sources(entries: list[_Entry], base: Path, cutoff: str | None) -> RepositoryList:
    sources: list[Source] = []
    bad: list[BadSource] = []
    for entry in entries:
        try:
            source = _source(entry, base)
        except SourceError as error:
            bad.append(BadSource(text=entry.source, problem=str(error)))
            continue
        if all((source.url, source.path, source.revision) != (s.url, s.path, s.revision) for s in sources):
            sources.append(source)
    return RepositoryList(sources=_distinct(sources), bad=tuple(bad), cutoff=cutoff)


def url_source(url: str, name: str) -> Source:
    """The source that a URL of a scheme that is cloned names.

    Raises:
        SourceError: it is none, or the name cannot stand in a table.
    """
    if "://" not in url:
        raise SourceError(f"{url!r} is no URL: write https://HOST/PATH")
    return Source(text=url, repo_id=_checked_name(name), url=_checked_url(url))


def local_copy(source: Source, cache: Path, *, update: bool = True) -> Path:
    """The folder of the source's repository; a URL is cloned to `cache` in full, or updated there.

    Args:
        source: the source.
        cache: folder of the clones.
        update: whether to update a clone that is there already.

    Raises:
        SourceError: the source cannot be reached.
    """
    if source.path is not None:
        return source.path
    assert source.url is not None
    folder = cached_clone(source.url, cache)
    if folder.exists() and not update:
        return folder
    clone_or_update(source.url, folder)
    return folder


def without_credentials(text: str) -> str:
    """A URL without user name and password, fit to be written down."""
    return re.sub(r"(?<=://)[^/\s]+@", "", text)


def cached_clone(url: str, cache: Path) -> Path:
    """The folder in `cache` that a URL's clone has, whether it is there yet or not."""
    return cache / _cache_name(url)


def _text_entries(text: str) -> list[_Entry]:
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [_Entry(source=line) for line in lines if line]


def _toml_entries(path: Path, text: str) -> tuple[list[_Entry], str | None]:
    try:
        parsed = _TomlList.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RepositoryListError(f"repository list {path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RepositoryListError(f"repository list {path}: {place}: {first['msg']}") from error
    names = Counter(entry.name for entry in parsed.repository if entry.name is not None)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise RepositoryListError(f"repository list {path} gives the name {repeated[0]!r} twice: names must differ")
    cutoff = parsed.cutoff
    return parsed.repository, cutoff.isoformat() if isinstance(cutoff, dt.date) else cutoff


def _source(entry: _Entry, base: Path) -> Source:
    if _existing(entry.source, base) is not None:
        location, revision = entry.source, entry.revision
    else:
        location, at, behind = entry.source.rpartition("@")
        if not at or "/" in behind or ":" in behind:
            location, revision = entry.source, entry.revision
        else:
            revision = entry.revision or behind
    source = Source(text=entry.source, repo_id="", revision=revision, licence=entry.licence, role=entry.role)
    if "://" in location or _SCP_URL.match(location):
        url = _checked_url(location)
        return replace(source, url=url, repo_id=_checked_name(entry.name or _url_name(url)))
    path = _existing(location, base)
    if path is not None:
        return replace(source, path=path, repo_id=_checked_name(entry.name or _folder_name(path)))
    if _OWNER_NAME.match(location):
        url = f"https://github.com/{location.removesuffix('.git')}.git"
        return replace(source, url=url, repo_id=_checked_name(entry.name or location.removesuffix(".git")))
    if "::" in location:
        raise SourceError(f"{location!r} asks for a remote helper, which is never run: use one of {', '.join(SCHEMES)}")
    if "/" in location or location.startswith("."):
        raise SourceError(f"{location!r} does not exist: check the path")
    raise SourceError(f"{location!r} is no URL, no owner/name and no existing path: check the spelling")


def _existing(location: str, base: Path) -> Path | None:
    """The path that a location names, None where it names none that can be looked at."""
    try:
        path = (base / Path(location).expanduser()).resolve()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):
        # Too long, a NUL in it, links in a circle, a home folder of nobody.
        return None


def _folder_name(path: Path) -> str:
    """The name of a repository's folder; `.git` is called as the folder that it is in."""
    return path.name.removesuffix(".git") or path.parent.name


def _checked_name(name: str) -> str:
    """A name that can stand in a table, a file name and a terminal."""
    if not name or not name.isprintable() or len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        raise SourceError(
            f"{shown!r} cannot be a repository's name: give another one, of 1 to {_LONGEST_NAME} printable characters, "
            "with `name` in a TOML list"
        )
    return name


def _checked_url(url: str) -> str:
    """The URL, if it is one that is cloned: nothing that could be taken for an option or a remote helper."""
    try:
        parts = urlsplit(url if "://" in url else f"ssh://{url.replace(':', '/', 1)}")
        host, user = parts.hostname or "", parts.username or ""
        _ = parts.port
    except ValueError as error:
        raise SourceError(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in SCHEMES:
        raise SourceError(f"{url!r} has the unknown scheme {parts.scheme!r}: use one of {', '.join(SCHEMES)}")
    if (
        _UNPRINTABLE.search(url if parts.scheme != "file" else url.replace(" ", ""))
        or host.startswith("-")
        or user.startswith("-")
    ):
        raise SourceError(
            f"{url!r} is no URL: it has a space or control character, or a part that begins with a hyphen"
        )
    if not host and parts.scheme != "file":
        raise SourceError(f"{url!r} names no host: write {parts.scheme}://HOST/PATH")
    return url


def _url_name(url: str) -> str:
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    if not parts:
        raise SourceError(f"{url!r} names no repository: add its path")
    return "/".join(parts[-2:])


def _cache_name(url: str) -> str:
    """A file name for a URL, whatever its user; different for different hosts and paths."""
    plain = url.split("://", 1)[-1] if "://" in url else url.replace(":", "/", 1)
    head, slash, tail = plain.partition("/")
    plain = head.rpartition("@")[2] + slash + tail
    name = re.sub(r"[^A-Za-z0-9._-]+", "+", plain).strip("+.")
    if name.replace("+", "/") == plain and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{content_id(plain)[:12]}"


def _distinct(sources: list[Source]) -> tuple[Source, ...]:
    """The sources with distinct ids: of equal local names, parent folders come in front, then a counter."""
    for depth in (2, 3, 4):
        repeated = {name for name, count in Counter(s.repo_id for s in sources).items() if count > 1}
        sources = [
            replace(s, repo_id="/".join(s.path.parts[-depth:]).removesuffix(".git"))
            if s.repo_id in repeated and s.path is not None
            else s
            for s in sources
        ]
    seen: Counter[str] = Counter()
    distinct: list[Source] = []
    for source in sources:
        seen[source.repo_id] += 1
        count = seen[source.repo_id]
        distinct.append(source if count == 1 else replace(source, repo_id=f"{source.repo_id}~{count}"))
    return tuple(distinct)
