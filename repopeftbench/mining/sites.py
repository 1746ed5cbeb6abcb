"""The records that extraction hands on: assertion sites, the sites of a file, and why a site has no target."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from repopeftbench.schema import Family

NO_EXPECTED_VALUE = "no-expected-value"
BOOLEAN_OPERATOR = "boolean-operator"
NEGATION = "negation"
UNKNOWN_SIGNATURE = "unknown-signature"
ARGUMENT_NOT_FOUND = "argument-not-found"
SEVERAL_ARGUMENTS = "several-arguments"
GRAMMAR_ERROR = "grammar-error"
MISSING_BLOB = "missing-blob"


class Site(NamedTuple):
    """One assertion site; offsets are bytes of the file's UTF-8 text, half-open.

    `target_start` and `target_end` are None exactly where `reason` says why there is no target.
    """

    family: Family
    start: int
    end: int
    lineno: int
    end_lineno: int
    test_function: str
    statement: str
    key: str
    target_start: int | None = None
    target_end: int | None = None
    target: str | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class PieceSites:
    """The sites of one piece of a file, with offsets and lines relative to it; equal pieces may share one object."""

    sites: tuple[Site, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the sites."""
        return frozenset(site.key for site in self.sites)


class PlacedPiece(NamedTuple):
    """A piece in its file: the UTF-8 offset and the row, from 0, at which it begins."""

    piece: PieceSites
    start: int
    row: int

    def sites(self) -> Iterator[Site]:
        """The piece's sites with the offsets and lines of the file."""
        return (moved(site, self.start, self.row) for site in self.piece.sites)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSites:
    """The sites of one file version, piece by piece, in file order; pieces without sites are left out.

    With a `problem` (the file is not text, or not valid Python) the sites, if any, are what the error-tolerant grammar
    still sees: good enough to recognise an assertion that was there before, never a source of tasks.
    With `needs_flattening` only the flattened copy of the file parses without an error (see `flatten`).
    """

    pieces: tuple[PlacedPiece, ...] = ()
    problem: str | None = None
    needs_flattening: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        """All sites with the offsets and lines of the file."""
        return tuple(site for placed in self.pieces for site in placed.sites())


def whole_file(sites: tuple[Site, ...], *, problem: str | None = None, needs_flattening: bool = False) -> FileSites:
    """The sites of a file that was read in one piece."""
    pieces = (PlacedPiece(PieceSites(sites), 0, 0),) if sites else ()
    return FileSites(pieces=pieces, problem=problem, needs_flattening=needs_flattening)


def moved(site: Site, start: int, row: int) -> Site:
    """The site where it stands when its text begins `start` bytes and `row` rows later."""
    if not start:
        return site
    return site._replace(
        start=site.start + start,
        end=site.end + start,
        lineno=site.lineno + row,
        end_lineno=site.end_lineno + row,
        target_start=None if site.target_start is None else site.target_start + start,
        target_end=None if site.target_end is None else site.target_end + start,
    )
