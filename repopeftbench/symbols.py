"""What a production file defines, read from its text by tree-sitter: names with their values or signatures. Pure.

It knows one text at a time, and nothing of paths, commits or datasets. A text that is no valid Python gives what can be
made out around the errors.
"""

from typing import NamedTuple

from repopeftbench.schema import SymbolKind
from repopeftbench.syntax import parse


class Definition(NamedTuple):
    """One definition of a file; a `SymbolRecord` without its path."""

    kind: SymbolKind
    name: str
    value: str


class FileSymbols(NamedTuple):
    """The definitions of a file, sorted, and how many more it has."""

    definitions: tuple[Definition, ...]
    left_out: int


def file_symbols(text: str) -> FileSymbols:
    """What the text of a production file defines."""
    source = text.encode("utf-8")
    found: list[Definition] = []
    for statement in parse(source).root_node.named_children:
        assignment = statement.named_child(0) if statement.type == "expression_statement" else None
        if assignment is None or assignment.type != "assignment":
            continue
        left, right = assignment.child_by_field_name("left"), assignment.child_by_field_name("right")
        if left is not None and right is not None and left.type == "identifier":
            name, value = (source[node.start_byte : node.end_byte].decode("utf-8") for node in (left, right))
            found.append(Definition(SymbolKind.CONSTANT, name, " ".join(value.split())))
    return FileSymbols(tuple(sorted(found)), 0)
