"""Repositories that were taken down on request: read from lists, left out of what is mined, found in what was.

The bundled list, `tombstones.toml`, goes with every version; a user may add one. A repository is known by owner and
name, or by host and path, letter case, scheme, user and `.git` aside. It is not known by its content: a fork under
another name, a local folder that tells no owner, or vendored files of it are not found; name them with `also`.
"""

import datetime as dt
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import RepositoryListError
from repopeftbench.sources import BadSource, RepositoryList, Source, without_credentials

BUNDLED = Path(__file__).with_suffix(".toml")
PUBLISHED_NAME = "TOMBSTONES.toml"
"""What the list is called beside published data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A repository that must not be used; `source` and `also` are owner/name or URLs."""

    source: str
    date: dt.date
    reason: str
    also: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Since when and why, for the user."""
        return f"taken down on {self.date.isoformat()}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a repository is; `host` is None where only a name is known, which is then the path."""

    host: str | None
    path: str

    def is_same(self, other: "_Place") -> bool:
        return self.path == other.path and (self.host is None or other.host is None or self.host == other.host)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: str
    also: tuple[str, ...] = ()
    date: dt.date
    reason: str = Field(min_length=1)


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tombstone: tuple[_Entry, ...] = ()


def listed_tombstones(more: Path | None = None) -> tuple[Tombstone, ...]:
    """The bundled list, and after it the one in a file.

    Raises:
        RepositoryListError: the file cannot be read, or is not of the documented form.
    """
    return read_tombstones(BUNDLED) + (() if more is None else read_tombstones(more))


def read_tombstones(path: Path) -> tuple[Tombstone, ...]:
    """The tombstones of a TOML file, in its order.

    Raises:
        RepositoryListError: the file cannot be read, or is not of the documented form.
    """
    try:
        entries = _List.model_validate(tomllib.loads(path.read_text("utf-8-sig"))).tombstone
    except (OSError, UnicodeDecodeError) as error:
        raise RepositoryListError(f"tombstones {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise RepositoryListError(f"tombstones {path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RepositoryListError(f"tombstones {path}: {place}: {first['msg']}") from error
    for name in (name for entry in entries for name in (entry.source, *entry.also)):
        if "/" not in _place(name).path:
            raise RepositoryListError(f"tombstones {path}: {name!r} is no URL and no owner/name: check the spelling")
    return tuple(Tombstone(source=e.source, also=e.also, date=e.date, reason=e.reason) for e in entries)


def tombstones_toml(tombstones: Sequence[Tombstone]) -> str:
    """The list as a file that `read_tombstones` reads."""
    parts = ["# Repositories that were taken down on request; none of them is in this dataset.\n"]
    for one in tombstones:
        also = f"also = {json.dumps(one.also)}\n" if one.also else ""
        source, reason = json.dumps(one.source), json.dumps(one.reason)
        parts.append(f"[[tombstone]]\nsource = {source}\n{also}date = {one.date.isoformat()}\nreason = {reason}\n")
    return "\n".join(parts)


def tombstone_of(tombstones: Sequence[Tombstone], repo_id: str, location: str | None) -> Tombstone | None:
    """The tombstone that a repository has, if any.

    Args:
        tombstones: the list.
        repo_id: what the repository is called.
        location: the URL or absolute path it comes from, None where only the name is known.
    """
    places = _places(repo_id, location)
    for tombstone in tombstones:
        known = [_place(name) for name in (tombstone.source, *tombstone.also)]
        if any(one.is_same(other) for one in places for other in known):
            return tombstone
    return None


def without_taken_down(repositories: RepositoryList, tombstones: Sequence[Tombstone]) -> RepositoryList:
    """The list without the repositories that have a tombstone; they stand in `taken_down`, with the reason."""
    left: list[Source] = []
    taken_down: list[BadSource] = []
    for source in repositories.sources:
        tombstone = tombstone_of(tombstones, source.repo_id, source.url or str(source.path))
        if tombstone is None:
            left.append(source)
        else:
            taken_down.append(BadSource(text=without_credentials(source.text), problem=tombstone.sentence))
    return replace(repositories, sources=tuple(left), taken_down=(*repositories.taken_down, *taken_down))


def tombstones(dataset: Dataset, listed: Sequence[Tombstone] | None = None) -> Findings:
    """An error for each repository of a dataset that was taken down.

    Args:
        dataset: the dataset.
        listed: the tombstones; None for the bundled ones.
    """
    listed = listed_tombstones() if listed is None else listed
    problems: list[Problem] = []
    for entry in dataset.manifest.repositories:
        tombstone = tombstone_of(listed, entry.repo_id, entry.location)
        if tombstone is not None:
            problems.append(
                Problem(
                    check="tombstones",
                    severity=Severity.ERROR,
                    where=entry.repo_id,
                    message=f"the repository was {tombstone.sentence}",
                    fix="mine the dataset again with the same tombstones: the repository is left out then",
                )
            )
    return Findings(problems=tuple(problems))


def _places(repo_id: str, location: str | None) -> tuple[_Place, ...]:
    """What a repository is known by: its host and path, and its name where that is not just the end of them."""
    named = _Place(None, re.sub(r"~\d+\Z", "", repo_id.casefold().removesuffix(".git")))
    if location is None or not _is_url(location):
        return (named,)
    place = _place(location)
    return (place,) if f"/{place.path}".endswith(f"/{named.path}") else (place, named)


def _is_url(text: str) -> bool:
    return "://" in text or re.match(r"[\w.-]+@[\w.-]+:", text) is not None


@lru_cache(maxsize=4_096)
def _place(text: str) -> _Place:
    """The place that a URL or owner/name tells."""
    plain = text.strip().casefold().rstrip("/").removesuffix(".git")
    if not _is_url(plain):
        return _Place(None, plain)
    plain = plain.split("://", 1)[1] if "://" in plain else plain.replace(":", "/", 1)
    host, _, path = plain.partition("/")
    host = host.rpartition("@")[2].partition(":")[0].removeprefix("www.")
    return _Place(host, path.strip("/"))
