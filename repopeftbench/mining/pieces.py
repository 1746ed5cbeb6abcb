"""Reads file versions piece by piece, so that text which stood in an earlier version is not parsed again.

A file is cut at column 0 before `def`, `class`, `async` and decorators. If every piece parses on its own, the file is
valid and its statements are those of its pieces in turn: text that parses leaves the tokenizer in its first state,
and a statement that begins at column 0 begins anew. Otherwise (a cut inside a string, a file that is not Python) the
file is read as a whole. So the answer always equals that of `extract_sites`, but for one case: where the grammar
cannot read a piece, the sites of that piece are rejects here, and those of the whole file there.

Which calls are assertions depends on the file's imports, so a piece is remembered together with those that can matter.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from repopeftbench.mining.assertions import extract_sites, text_imports, text_sites
from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.signatures import ASSERTION_PREFIX, KNOWN_LIBRARIES, may_matter
from repopeftbench.mining.sites import FileSites, PieceSites, PlacedPiece
from repopeftbench.mining.source import SourceText, UnreadableSourceError, decode_source, parse_module

MEMO_PIECES = 40_000

_START = re.compile(rb"^(?:(@)|(?:def|class|async)\b)", re.MULTILINE)
_QUOTES = (b'"""', b"'''")
_NOTHING = PieceSites(())


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a piece whatever the imports are."""

    valid: bool
    imports: ImportTable | None


class PieceReader:
    """Reads file versions; remembers pieces, the least recently used ones go first."""

    def __init__(self) -> None:
        """Starts with an empty memory."""
        self._facts: OrderedDict[bytes, _Facts] = OrderedDict()
        self._sites: OrderedDict[bytes, PieceSites] = OrderedDict()

    def read(self, raw: bytes) -> FileSites:
        """The sites of one file version; of a file with a problem, no sites."""
        try:
            source = decode_source(raw)
        except UnreadableSourceError as error:
            return FileSites(problem=error.reason)
        if source.encoding != "utf-8" or source.parsed != source.utf8:
            return _read_whole(raw)
        pieces = [source.utf8[start:end] for start, end in split_pieces(source.utf8)]
        digests = [hashlib.blake2b(piece, digest_size=16).digest() for piece in pieces]
        facts = [self._facts_of(digest, piece) for digest, piece in zip(digests, pieces, strict=True)]
        if not all(fact.valid for fact in facts):
            return _read_whole(raw)
        imports = _joined(fact.imports for fact in facts if fact.imports is not None)
        mark = repr((sorted(imports.aliases.items()), sorted(imports.starred))).encode()
        placed: list[PlacedPiece] = []
        start, row = 0, 0
        for digest, piece in zip(digests, pieces, strict=True):
            sites = self._sites_of(digest, piece, imports, mark)
            if sites.sites:
                placed.append(PlacedPiece(sites, start, row))
            start += len(piece)
            row += piece.count(b"\n")
        return FileSites(pieces=tuple(placed))

    def _facts_of(self, digest: bytes, piece: bytes) -> _Facts:
        found = self._facts.get(digest)
        if found is None:
            found = _facts(piece)
        self._facts[digest] = found
        _trim(self._facts, digest)
        return found

    def _sites_of(self, digest: bytes, piece: bytes, imports: ImportTable, mark: bytes) -> PieceSites:
        if not _may_hold_sites(piece, imports):
            return _NOTHING
        key = hashlib.blake2b(digest + mark, digest_size=16).digest()
        found = self._sites.get(key)
        if found is None:
            found = text_sites(SourceText(utf8=piece, parsed=piece), imports)
        self._sites[key] = found
        _trim(self._sites, key)
        return found


def split_pieces(text: bytes) -> list[tuple[int, int]]:
    """Spans that cover the text, cut before top-level definitions, decorators with their definition.

    A span with an odd number of triple quotes of a kind is joined with the next: a cut inside a string only costs time,
    but is common in tests of code that handles code.
    """
    starts = [0]
    decorated = False
    for match in _START.finditer(text):
        is_decorator = match.group(1) is not None
        if not decorated and match.start() > 0:
            starts.append(match.start())
        decorated = is_decorator
    spans: list[tuple[int, int]] = []
    first = 0
    for end in (*starts[1:], len(text)):
        if end == len(text) or all(text.count(quotes, first, end) % 2 == 0 for quotes in _QUOTES):
            spans.append((first, end))
            first = end
    return spans


def _read_whole(raw: bytes) -> FileSites:
    found = extract_sites(raw)
    return FileSites(problem=found.problem) if found.problem is not None else found


def _facts(piece: bytes) -> _Facts:
    try:
        parse_module(piece.decode("utf-8"))
    except UnreadableSourceError:
        return _Facts(valid=False, imports=None)
    if b"import" not in piece:
        return _Facts(valid=True, imports=None)
    table = text_imports(SourceText(utf8=piece, parsed=piece))
    aliases = {name: full for name, full in table.aliases.items() if may_matter(name, full)}
    return _Facts(valid=True, imports=ImportTable(aliases=aliases, starred=table.starred & KNOWN_LIBRARIES))


def _joined(tables: Iterator[ImportTable]) -> ImportTable:
    aliases: dict[str, str] = {}
    starred: frozenset[str] = frozenset()
    for table in tables:
        aliases.update(table.aliases)
        starred |= table.starred
    return ImportTable(aliases=aliases, starred=starred)


def _may_hold_sites(piece: bytes, imports: ImportTable) -> bool:
    if b"test" not in piece:
        return False
    return (
        ASSERTION_PREFIX in piece
        or b"raises" in piece
        or any(name.encode("utf-8") in piece for name in imports.aliases)
    )


def _trim(memo: OrderedDict[bytes, _Facts] | OrderedDict[bytes, PieceSites], key: bytes) -> None:
    memo.move_to_end(key)
    if len(memo) > MEMO_PIECES:
        memo.popitem(last=False)
