"""Reads file versions piece by piece, so that text which stood in an earlier version is not parsed again.

The answer equals that of `extract_sites`, but for one case: where the grammar cannot read a piece, the sites of that
piece are rejects here, and those of the whole file there. Likewise the layout equals `whole_layout`.

Which calls are assertions depends on the file's imports, so the sites of a piece are remembered together with those
that can matter. Memory is bounded by the number of pieces; what falls out is parsed again.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from repopeftbench.mining.assertions import ParsedText, extract_sites, parse_text, text_imports, text_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.memo import Memo
from repopeftbench.mining.pieces import PieceText, may_leave_class, split_class, split_sections
from repopeftbench.mining.plain import plain_imports, plain_sites, plain_test
from repopeftbench.mining.signatures import ASSERTION_PREFIX, KNOWN_LIBRARIES, may_matter
from repopeftbench.mining.sites import FileSites, PieceSites, PlacedPiece, moved
from repopeftbench.mining.source import UNPARSABLE, SourceText, UnreadableSourceError, decode_source
from repopeftbench.mining.validity import is_valid
from repopeftbench.syntax import operands
from repopeftbench.tasks.layout import Layout, PlacedOutline, whole_layout
from repopeftbench.tasks.outline import Outline, class_outline, ends_in_class_body, module_outline, test_outline

MEMO_PIECES = 4_000
MOST_MARKS = 4
"""With how many sets of imports the sites of a piece are remembered."""
MEMO_TREES = 64
MOST_KEPT_TREE = 50_000
"""Bytes of the longest text whose tree is kept: a tree takes some 25 times as much."""

_IMPORT = re.compile(rb"(?<!\w)import(?!\w)")
_NO_SITES = PieceSites(())
_NO_IMPORTS = ImportTable(aliases={}, starred=frozenset())
_Marked = tuple[ImportTable, bytes]
_NOTHING_IMPORTED: _Marked = _NO_IMPORTS, _NO_IMPORTS.mark


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Piece:
    """A piece, whatever file it stands in; what is found out about it is kept with it.

    `imports` are its own; `sites` has an entry for each of the last sets of imports it was read with. With `is_plain`
    the interpreter's tree tells them.
    """

    span: PieceText
    length: int
    rows: int
    digest: bytes
    imports: ImportTable
    sites: dict[bytes, PieceSites] = field(default_factory=dict)
    outline: Outline | None = None
    is_plain: bool = False


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Section:
    """A valid section and its pieces."""

    length: int
    rows: int
    pieces: tuple[_Piece, ...]


@dataclass(frozen=True, kw_only=True)
class FileVersion(FileSites):
    """The sites of a file version and what it takes to lay it out; read whole, it has no sections."""

    source: SourceText | None = None
    sections: tuple[_Section, ...] = ()
    starts: tuple[int, ...] = ()
    imports: _Marked = _NOTHING_IMPORTED

    @property
    def size(self) -> int:
        """Bytes of text that are held."""
        return 0 if self.source is None else len(self.source.utf8)


class PieceReader:
    """Reads file versions; remembers pieces, the least recently used ones go first."""

    def __init__(self) -> None:
        """Starts with an empty memory."""
        self._sections = Memo[_Section](MEMO_PIECES)
        self._pieces = Memo[_Piece](MEMO_PIECES)
        self._trees = Memo[ParsedText](MEMO_TREES)
        self._expected = _NOTHING_IMPORTED

    def read(self, raw: bytes, like: FileVersion | None = None) -> FileVersion:
        """The sites of one file version; of a file with a problem, no sites.

        Args:
            raw: the file.
            like: a version that is much the same; only saves time.
        """
        try:
            source = decode_source(raw)
        except UnreadableSourceError as error:
            return FileVersion(problem=error.reason)
        if source.encoding != "utf-8" or source.parsed != source.utf8:
            return _read_whole(raw, source)
        self._expected = _NOTHING_IMPORTED if like is None else like.imports
        try:
            sections = self._sections_like(source.utf8, like) or self._sections_of(source.utf8, 0, len(source.utf8))[0]
            return _read_whole(raw, source) if sections is None else self._with_sites(source, sections)
        except UnreadableSourceError:
            return _read_whole(raw, source)

    def layout(self, version: FileVersion) -> Layout:
        """The layout of a version that this reader has read, and that has no problem."""
        source = version.source
        if source is None:
            raise ValueError(f"a file with a problem has no layout: {version.problem}")
        if not version.sections:
            return whole_layout(flattened(source) if version.needs_flattening else source)
        placed: list[PlacedOutline] = []
        start, row = 0, 0
        for number, section in enumerate(version.sections):
            for piece in section.pieces:
                placed.append(PlacedOutline(self._outline_of(piece, source.utf8, start), start, row, number))
                start += piece.length
                row += piece.rows
        return Layout(source, placed)

    def _sections_like(self, text: bytes, like: FileVersion | None) -> list[_Section] | None:
        """The sections of a text that begins and ends as another one; None if that does not help."""
        if like is None or like.source is None or not like.sections:
            return None
        old, starts = like.source.utf8, like.starts
        same = _common_prefix(old, text)
        before = max(bisect_right(starts, same) - 2, 0)
        same_end = _common_suffix(old, text, min(len(old), len(text)) - starts[before])
        after = bisect_right(starts, len(old) - same_end)
        begin = starts[before]
        while after < len(like.sections):
            found, is_open = self._sections_of(text, begin, len(text) - (len(old) - starts[after]))
            if found is None:
                return None
            if not is_open:
                return [*like.sections[:before], *found, *like.sections[after:]]
            after += 1
        found, _ = self._sections_of(text, begin, len(text))
        return None if found is None else [*like.sections[:before], *found]

    def _sections_of(self, text: bytes, start: int, end: int) -> tuple[list[_Section] | None, bool]:
        """The sections of a part of a text (None where one is not valid), and whether the last one is open."""
        spans, is_open = split_sections(text, start, end)
        found: list[_Section] = []
        for first, stop in spans:
            section = self._section(text[first:stop])
            if section is None:
                return None, is_open
            found.append(section)
        return found, is_open

    def _section(self, text: bytes) -> _Section | None:
        digest = hashlib.blake2b(text, digest_size=16).digest()
        return self._sections.get(digest, lambda: self._cut_section(text))

    def _cut_section(self, text: bytes) -> _Section | None:
        """A section in as many pieces as are valid; None if it is not valid even as one."""
        for spans in (split_class(text), (PieceText(0, len(text)),)):
            pieces = [self._piece(text, span) for span in spans]
            if pieces and all(pieces):
                valid = tuple(piece for piece in pieces if piece is not None)
                return _Section(len(text), text.count(b"\n"), valid)
        return None

    def _piece(self, text: bytes, span: PieceText) -> _Piece | None:
        whole = _whole_text(text, span)
        digest = hashlib.blake2b(whole, digest_size=16, salt=_salt(span)).digest()
        return self._pieces.get(
            digest, lambda: self._examined(whole, span, digest, text.count(b"\n", span.start, span.end))
        )

    def _examined(self, whole: bytes, span: PieceText, digest: bytes, rows: int) -> _Piece | None:
        outline = None if span.tail else test_outline(whole[len(span.head) :])
        test = None if outline is None or not _is_worth_a_tree(whole) else plain_test(whole, len(span.head))
        if test is None and not is_valid(whole.decode("utf-8")):
            return None
        if span.tail and not ends_in_class_body(self._tree(whole, digest).tree.root_node):
            return None
        if span.head and may_leave_class(whole[len(span.head) :]):
            parsed = self._tree(whole, digest)
            if not parsed.readable or len(operands(parsed.tree.root_node)) != 1:
                return None
        imports = _NO_IMPORTS
        if _IMPORT.search(whole):
            imports = text_imports(self._tree(whole, digest)) if test is None else plain_imports(test)
            if _that_matter(imports).known:
                self._expected = _marked((self._expected[0], imports))
        piece = _Piece(span, span.end - span.start, rows, digest, imports, outline=outline)
        # Now, since trees are large: kept until the file's imports are known, they would cost more than to parse again.
        sites = None if test is None else plain_sites(test, self._expected[0])
        if sites is not None:
            piece.is_plain = True
            piece.sites[self._expected[1]] = PieceSites(sites) if sites else _NO_SITES
        return piece

    def _with_sites(self, source: SourceText, sections: Sequence[_Section]) -> FileVersion:
        imports, mark = marked = _marked(
            [piece.imports for section in sections for piece in section.pieces if piece.imports.known]
        )
        placed: list[PlacedPiece] = []
        start, row = 0, 0
        for section in sections:
            for piece in section.pieces:
                sites = piece.sites.get(mark)
                if sites is None:
                    if len(piece.sites) == MOST_MARKS:
                        del piece.sites[next(iter(piece.sites))]
                    sites = piece.sites[mark] = self._sites_of(piece, source.utf8, start, imports)
                if sites.sites:
                    placed.append(PlacedPiece(sites, start, row))
                start += piece.length
                row += piece.rows
        starts = tuple(accumulate((section.length for section in sections), initial=0))
        return FileVersion(
            pieces=tuple(placed), source=source, sections=tuple(sections), starts=starts[:-1], imports=marked
        )

    def _sites_of(self, piece: _Piece, text: bytes, start: int, imports: ImportTable) -> PieceSites:
        """The sites of a piece that begins at `start` of the text."""
        own = text[start : start + piece.length]
        if not _may_hold_sites(own, imports):
            return _NO_SITES
        head = piece.span.head
        whole = head + own + piece.span.tail
        test = plain_test(whole, len(head)) if piece.is_plain else None
        sites = None if test is None else plain_sites(test, imports)
        if sites is not None:
            return PieceSites(sites) if sites else _NO_SITES
        found = text_sites(self._tree(whole, piece.digest), imports)
        if head:
            found = tuple(moved(site, -len(head), -1) for site in found)
        return PieceSites(found) if found else _NO_SITES

    def _outline_of(self, piece: _Piece, text: bytes, start: int) -> Outline:
        if piece.outline is None:
            own = text[start : start + piece.length]
            piece.outline = self._parsed_outline(piece, own)
        return piece.outline

    def _parsed_outline(self, piece: _Piece, own: bytes) -> Outline:
        span = piece.span
        parsed = self._tree(span.head + own + span.tail, piece.digest)
        root = parsed.tree.root_node
        if span.head or span.tail:
            return class_outline(parsed.source, root, len(span.head), len(span.tail))
        return module_outline(parsed.source, root)

    def _tree(self, whole: bytes, digest: bytes) -> ParsedText:
        """The tree of a piece; the last ones are kept, since sites and outline are asked for soon after each other."""
        if len(whole) > MOST_KEPT_TREE:
            return parse_text(SourceText(utf8=whole, parsed=whole))
        found = self._trees.get(digest, lambda: parse_text(SourceText(utf8=whole, parsed=whole)))
        assert found is not None
        return found


def _read_whole(raw: bytes, source: SourceText) -> FileVersion:
    if not is_valid(source.utf8.decode("utf-8")):
        return FileVersion(problem=UNPARSABLE)
    found = extract_sites(raw)
    if found.problem is not None:
        return FileVersion(problem=found.problem)
    return FileVersion(pieces=found.pieces, needs_flattening=found.needs_flattening, source=source)


def _whole_text(text: bytes, span: PieceText) -> bytes:
    return span.head + text[span.start : span.end] + span.tail


def _salt(span: PieceText) -> bytes:
    """Tells pieces apart that are the same text with other parts of it put before and behind."""
    return len(span.head).to_bytes(8, "big") + len(span.tail).to_bytes(8, "big")


def _marked(tables: Sequence[ImportTable]) -> _Marked:
    """Of imports in file order those that can matter, and their mark."""
    if not tables:
        return _NOTHING_IMPORTED
    # Joined first: what does not matter in itself can take the name of something that does.
    imports = _that_matter(_joined(tables))
    return imports, imports.mark


def _is_worth_a_tree(whole: bytes) -> bool:
    """Whether a piece seems to hold assertions, and is no such length that the interpreter's tree would fill memory."""
    return len(whole) <= MOST_KEPT_TREE and (ASSERTION_PREFIX in whole or b"raises" in whole)


def _that_matter(table: ImportTable) -> ImportTable:
    aliases = {name: full for name, full in table.aliases.items() if may_matter(name, full)}
    return ImportTable(aliases=aliases, starred=table.starred & KNOWN_LIBRARIES)


def _joined(tables: Iterable[ImportTable]) -> ImportTable:
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


def _common_prefix(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their beginnings."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(one: bytes, other: bytes, most: int) -> int:
    """How many bytes, `most` at the most, two texts have in common at their ends."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
