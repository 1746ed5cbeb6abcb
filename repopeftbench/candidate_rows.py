"""Rows of repository metadata to candidates: JSON lines as GitHub's API, or a search over it, writes them. Pure.

A row that cannot be used is a rejected one with its line, never an end of the whole.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from repopeftbench.dataset.licence_rules import canonical
from repopeftbench.errors import SourceError
from repopeftbench.sources import Source, url_source

BAD_ROW = "bad-row"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+\Z")
_GITHUB = re.compile(r"https?://(?:www\.)?github\.com/", re.IGNORECASE)
_UNLICENSED = frozenset({"", "noassertion", "none", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of a repository without its history; `line` is its row's, from 1."""

    line: int
    full_name: str
    source: Source
    stars: int
    created_at: dt.datetime
    pushed_at: dt.datetime
    size_kb: int | None = None
    licence: str | None = None
    fork: bool = False
    archived: bool = False
    upstream: tuple[str, ...] = ()
    """Names of its parent and of the source of its chain of forks, where the row has them."""
    github_id: int | None = None
    """Stays the same when a repository is renamed."""

    @property
    def key(self) -> str:
        """The name, letter case aside."""
        return self.full_name.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCandidate:
    """A row that was dropped; `detail` is a sentence for the user, `full_name` None where the row has none."""

    line: int
    full_name: str | None
    reason: str
    detail: str


def read_candidates(lines: Iterable[bytes]) -> Iterator[Candidate | RejectedCandidate]:
    """A candidate, or why there is none, for each line that is not blank.

    Fields: `full_name`, `stars` or `stargazers_count`, `created_at`, `pushed_at`; and where they are there `html_url`,
    `size_kb` or `size` (KB), `license` (an SPDX id, or an object with `spdx_id`), `fork`, `archived`, `id`, `parent`,
    `source`, `parent_full_name` and `source_full_name` (a name, or an object with `full_name`).
    """
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        name: str | None = None
        try:
            row = _parsed(raw)
            if not isinstance(row, dict):
                raise ValueError(f"the row is no JSON object, but {type(row).__name__}")
            if isinstance(row.get("full_name"), str):
                name = row["full_name"]
            yield _candidate(row, number)
        except (ValueError, RecursionError, SourceError) as error:
            yield RejectedCandidate(line=number, full_name=name, reason=BAD_ROW, detail=str(error))


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        # Of UTF-8 as well as of JSON.
        raise ValueError(f"the row is no JSON: {error}") from error


def _candidate(row: Mapping[str, Any], line: int) -> Candidate:
    name = _field(row, str, "full_name")
    assert name is not None
    if not _NAME.match(name):
        raise ValueError(f"full_name {name!r} is no owner/name")
    stars = _field(row, int, "stars", "stargazers_count")
    assert stars is not None
    return Candidate(
        line=line,
        full_name=name,
        source=_source(name, _field(row, str, "html_url", needed=False)),
        stars=stars,
        created_at=_moment(row, "created_at"),
        pushed_at=_moment(row, "pushed_at"),
        size_kb=_field(row, int, "size_kb", "size", needed=False),
        licence=_licence(row.get("license")),
        fork=bool(_field(row, bool, "fork", needed=False)),
        archived=bool(_field(row, bool, "archived", needed=False)),
        upstream=tuple(sorted(set(_upstream(row)))),
        github_id=_field(row, int, "id", needed=False),
    )


def _source(name: str, address: str | None) -> Source:
    """The source that `mine` makes of a name on GitHub, or of another address."""
    if address is None or _GITHUB.match(address):
        return replace(url_source(f"https://github.com/{name}.git", name), text=name)
    return url_source(address, name)


def _field(row: Mapping[str, Any], kind: type[Any], *names: str, needed: bool = True) -> Any:
    """The first of some fields that the row has."""
    for name in names:
        value = row.get(name)
        if value is not None:
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise ValueError(f"{name} {value!r} is no {kind.__name__}")
            return value
    if needed:
        raise ValueError(f"{' or '.join(names)} is missing")
    return None


def _moment(row: Mapping[str, Any], name: str) -> dt.datetime:
    text = _field(row, str, name)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name} {text!r} is no ISO 8601 date") from error
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _licence(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("spdx_id") or value.get("key")
    if not isinstance(value, str) or value.casefold() in _UNLICENSED:
        return None
    return canonical(value)


def _upstream(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("parent", "source", "parent_full_name", "source_full_name"):
        value = row.get(name)
        if isinstance(value, dict):
            value = value.get("full_name")
        if isinstance(value, str) and _NAME.match(value) and value.casefold() != row["full_name"].casefold():
            yield value.casefold()
