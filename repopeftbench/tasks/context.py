"""The structured prefix of a task: real text of the file that leads up to a site; the target is never looked at.

Imports, wherever they stand; the headers and attributes of what encloses the test; fixtures and helpers above the
test, and those below it that the visible part of the test names; then the test function up to the cut. Other tests
never. The same for both tracks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from repopeftbench.mining.source import SourceText
from repopeftbench.tasks.layout import Descent, Layout
from repopeftbench.tasks.outline import Lines, Priority

_IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines of the file that belongs into a prefix."""

    lines: Lines
    priority: Priority


def structured_prefix(layout: Layout, site_start: int, cut: int, budget: int | None) -> str:
    """The prefix of the site that starts at byte `site_start`, up to byte `cut` (both in the UTF-8 text).

    Args:
        layout: the file.
        site_start: where the assertion starts.
        cut: where the prefix ends.
        budget: most bytes of UTF-8 that the prefix may have; None for no limit. Whole helper blocks go first, then
            attributes and imports; the enclosing headers and the test function stay even when they alone exceed it.
    """
    source = layout.source
    descent = layout.descent(site_start)
    body = source.utf8[descent.line_start : cut]
    blocks = tuple(_blocks(descent, frozenset(_IDENTIFIER.findall(body))))
    newline = "\r\n" if source.utf8[: source.utf8.find(b"\n") + 1].endswith(b"\r\n") else "\n"
    kept = blocks if budget is None else _within(blocks, budget - len(body), len(newline))
    return _join(kept, source, newline, descent.row) + body.decode("utf-8")


def _blocks(descent: Descent, names: frozenset[bytes]) -> Iterator[Block]:
    """The blocks in prefix order."""
    for step in descent.steps:
        if isinstance(step, Lines):
            yield Block(step, Priority.KEEP)
            continue
        for statement in step.statements:
            if statement.end <= step.start:
                named = statement.priority is Priority.HELPER and not statement.defines.isdisjoint(names)
                yield Block(statement.lines, Priority.NAMED_HELPER if named else statement.priority)
        for statement in step.statements:
            if statement.start >= step.end:
                if statement.priority is Priority.IMPORT:
                    yield Block(statement.lines, Priority.IMPORT)
                elif not statement.defines.isdisjoint(names):
                    yield Block(statement.lines, Priority.NAMED_HELPER)


def _within(blocks: tuple[Block, ...], budget: int, joint: int) -> tuple[Block, ...]:
    def size(block: Block) -> int:
        return block.lines.end - block.lines.start + joint

    total = sum(map(size, blocks))
    if total <= budget:
        return blocks
    dropped: set[int] = set()
    for index in sorted(range(len(blocks)), key=lambda index: (blocks[index].priority, index)):
        if total <= budget or blocks[index].priority is Priority.KEEP:
            break
        dropped.add(index)
        total -= size(blocks[index])
    return tuple(block for index, block in enumerate(blocks) if index not in dropped)


def _join(blocks: tuple[Block, ...], source: SourceText, newline: str, test_row: int) -> str:
    out: list[str] = []
    previous: Lines | None = None
    seen: set[int] = set()
    for lines in (block.lines for block in blocks):
        if lines.first_row in seen:
            continue  # two statements on one line
        seen.update(range(lines.first_row, lines.last_row + 1))
        if previous is not None and lines.first_row != previous.last_row + 1:
            out.append(newline)
        text = source.slice(lines.start, lines.end)
        out.append(text if text.endswith(("\n", "\r")) else text + newline)
        previous = lines
    if previous is not None and test_row != previous.last_row + 1:
        out.append(newline)
    return "".join(out)
