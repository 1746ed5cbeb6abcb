"""A production file as chunks to be found: cut at definitions, pure.

`definitions`: a definition is a chunk; a long class becomes its head and its members, each under the class's header;
what is longer still is cut at lines, and so is the code of the module outside functions and classes. `published`: the
module's functions and classes, cut off at a length; nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from repopeftbench.definitions import Definition, DefinitionKind, definitions_of, lines_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a production file.

    Attributes:
        path: The file.
        name: What it defines; empty where it is code of the module.
        text: As it goes into a prompt, its path as a comment first.
        definition: The definition that it was cut off from, of `published` chunks; None of others.
    """

    path: str
    name: str
    text: str
    definition: Definition | None = None


Cutter = Callable[[str, str], tuple[Chunk, ...]]
"""Called with a path and a text; gives the chunks in the file's order."""


def cutter(kind: Literal["definitions", "published"], characters: int) -> Cutter:
    """What cuts files.

    Args:
        kind: See the module.
        characters: Most characters of a chunk's code.
    """

    def cut(path: str, source: str) -> tuple[Chunk, ...]:
        if kind == "published":
            return tuple(_published(path, source, characters))
        return tuple(_chunks(path, source, characters))

    return cut


def _published(path: str, source: str, characters: int) -> Iterator[Chunk]:
    for definition in definitions_of(source):
        if definition.kind is not DefinitionKind.ASSIGNMENT:
            text = f"# File: {path}\n# Symbol: {definition.name}\n{definition.text[:characters]}"
            yield Chunk(path=path, name=definition.name, text=text, definition=definition)


def _chunks(path: str, source: str, characters: int) -> Iterator[Chunk]:
    definitions = definitions_of(source)
    if not definitions:
        # Data, or no Python: nothing that an assertion could be about.
        return
    lines, row = lines_of(source), 0
    loose: list[str] = []
    for definition in definitions:
        if definition.kind is DefinitionKind.ASSIGNMENT:
            continue
        loose.extend(lines[row : definition.first_row])
        row = definition.last_row + 1
    loose.extend(lines[row:])
    yield from _windows(path, "", [line for line in loose if line.strip()], characters)
    for definition in definitions:
        if definition.kind is not DefinitionKind.ASSIGNMENT:
            yield from _of_definition(path, definition, characters)


def _of_definition(path: str, definition: Definition, characters: int) -> Iterator[Chunk]:
    if len(definition.text) <= characters:
        yield Chunk(path=path, name=definition.name, text=f"# {path}\n{definition.text}")
        return
    methods = [member for member in definition.members if member.kind is not DefinitionKind.ASSIGNMENT]
    lines = definition.text.split("\n")
    if not methods:
        yield from _windows(path, definition.name, lines, characters)
        return
    head = lines[: methods[0].first_row - definition.first_row]
    yield from _windows(path, definition.name, _without_blank_end(head), characters)
    for member in methods:
        code = [*definition.signature.split("\n"), *member.text.split("\n")]
        yield from _windows(path, f"{definition.name}.{member.name}", code, characters)


def _windows(path: str, name: str, lines: Sequence[str], characters: int) -> Iterator[Chunk]:
    """Runs of lines of at most so many characters; of a longer line its beginning."""
    window: list[str] = []
    size = 0
    for line in lines:
        shown = line[:characters]
        if window and size + len(shown) + 1 > characters:
            yield Chunk(path=path, name=name, text="\n".join([f"# {path}", *window]))
            window, size = [], 0
        window.append(shown)
        size += len(shown) + 1
    if window:
        yield Chunk(path=path, name=name, text="\n".join([f"# {path}", *window]))


def _without_blank_end(lines: Sequence[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return list(lines[:end])
