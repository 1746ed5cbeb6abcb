"""An expression as CodeBLEU compares it: its tokens, its sub-trees and its data flow, from one look at its tree.

The text is read within brackets of our own, which are no part of what is compared. Any text has a reading, also one
that is no Python: what the parser made nothing of is a token.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tree_sitter import Node

from harness.metrics.exact import without_quoting
from harness.metrics.flow import Binding, Flow, Variable, flow_of
from harness.metrics.ngrams import KEYWORDS
from repopeftbench.syntax import kind_id, parse

_KEYWORDS = frozenset(keyword.encode() for keyword in KEYWORDS)
_ATOM = re.compile(
    r"""([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|([1-9][0-9]*|0)|('[ !#-&(-\[\]-~]*'|"[ !#-&(-\[\]-~]*")"""
)
_NOT_NAMES = KEYWORDS | frozenset(("exec", "match", "case", "print", "type"))
"""Words that the grammar may take for something else."""

_LITERAL = re.compile(rb"([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
_WHITE_SPACE = b" \t\f\v\r\n"


Subtree = int | bytes
"""A hash of a node with all below it but names and literals, or the text of a name or literal and its kind."""


class Reading(NamedTuple):
    """What is compared of one text."""

    tokens: tuple[bytes, ...]
    has_keyword: bool
    subtrees: tuple[Subtree, ...]
    flows: Sequence[Flow]
    only_word: str | None = None
    """The word of a plain name, number or string. A text that lacks it, also without its underscores, which numbers may
    have anywhere, shares no token and no sub-tree with this one."""


def read_expression(text: str) -> Reading:
    """The reading of any text; time and memory grow with its length."""
    return _read_atom(text) or _read_tree(text)


def _read_atom(text: str) -> Reading | None:
    """The reading of a text that is one plain name, number or string, or a dotted name; None of others.

    It is the same as that of its tree, which this saves: more than half of all targets are such texts.
    """
    match = _ATOM.fullmatch(text)
    if match is None:
        return None
    kinds = _kinds_of_interest()
    names, number, string = match.groups()
    if number or string:
        kind = kinds.integer if number else kinds.string
        word = number or text[1:-1]
        token = text.encode() if number else b'""' + word.encode()
        return Reading((token,), False, (token + kinds.marks[kind],), (), word)
    words = names.split(".")
    if not _NOT_NAMES.isdisjoint(words):
        return None
    tokens: list[bytes] = []
    subtrees: list[Subtree] = []
    shape = kinds.identifier
    for word in words:
        name = word.encode()
        if tokens:
            tokens.append(b".")
            shape = hash((kinds.attribute, shape, kinds.dot, kinds.identifier))
            subtrees.append(shape)
        tokens.append(name)
        subtrees.append(name + kinds.marks[kinds.identifier])
    return Reading(tuple(tokens), False, tuple(subtrees), (), names if len(words) == 1 else None)


def _read_tree(text: str) -> Reading:
    # The line break keeps the closing bracket out of a comment.
    source = b"(" + text.encode("utf-8", "surrogatepass") + b"\n)"
    found = _Found(source, parse(source).root_node)
    variables = found.variables
    flows: Sequence[Flow] = ()
    if found.bindings or len({name for _, name in variables}) < len(variables):
        flows = flow_of([Variable(*variable) for variable in variables], found.bindings)
    return Reading(tuple(found.tokens), not _KEYWORDS.isdisjoint(found.tokens), tuple(found.subtrees), flows)


class _Found:
    """What one walk by cursor finds in a tree, in document order; without comments and our brackets.

    `tokens` are the leaves. `subtrees` has a hash of each inner node with all below it, of integers alone, so that it
    is the same in every process, and each name and literal with its kind.
    """

    __slots__ = ("_has_gaps", "_position", "_source", "bindings", "subtrees", "tokens", "variables")

    def __init__(self, source: bytes, root: Node) -> None:
        self.tokens: list[bytes] = []
        self.subtrees: list[Subtree] = []
        self.variables: list[tuple[int, bytes]] = []
        self.bindings: list[Binding] = []
        self._source = source
        self._has_gaps = root.has_error
        self._position = 0
        self._walk(root if self._has_gaps else _enclosed(root, len(source)))
        if self._has_gaps:
            self._skipped(len(source))

    def _walk(self, root: Node) -> None:
        kinds = _kinds_of_interest()
        string, identifier, binding, marks = kinds.string, kinds.identifier, kinds.binding, kinds.marks
        source, has_gaps, tokens, subtrees = self._source, self._has_gaps, self.tokens, self.subtrees
        length = len(source)
        cursor = root.walk()
        enter, advance, leave = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
        waiting: list[tuple[Node, list[int]]] = []  # open nodes, each with the list that it is in
        siblings = [0]  # the kind of the innermost open node, then a hash of each child so far
        while (node := cursor.node) is not None:
            kind = node.kind_id
            if not (kind == string and self._is_one_token(node)) and enter():
                if kind in binding:
                    self.bindings += _binding(node, binding[kind])
                waiting.append((node, siblings))
                siblings = [kind]
                continue
            start, end = node.start_byte, node.end_byte
            if has_gaps:
                self._pass(start, end)
            if kind not in kinds.extras:
                siblings.append(kind)
                if start and end != length and start != end:  # else a bracket of ours, or a token that is missing
                    text = source[start:end]
                    if node.is_named:
                        if kind == identifier:
                            if (
                                len(siblings) > 2 or siblings[0] != kinds.keyword_argument
                            ):  # else it is the argument's name
                                self.variables.append((start, text))
                        elif kind in kinds.literals:
                            text = _normalised(kind, text)
                        subtrees.append(text + marks[kind])
                    tokens.append(text)
            while not advance():
                if not leave():
                    return
                children = siblings
                node, siblings = waiting.pop()
                kind = children[0]
                if kind == kinds.attribute and children[-1] == identifier:
                    self._forget_attribute(node)
                shape = hash(tuple(children))
                siblings.append(shape)
                if node.start_byte:  # else it holds our bracket
                    subtrees.append(shape)

    def _pass(self, start: int, end: int) -> None:
        """Goes on to behind a leaf."""
        if start > self._position:
            self._skipped(start)
        if end > self._position:
            self._position = end

    def _is_one_token(self, string: Node) -> bool:
        """Whether a string has no fields."""
        start, end = string.start_byte, string.end_byte
        if self._has_gaps:
            self._skipped(start)
            self._position = max(self._position, end)
        elif self._source.find(b"{", start, end) < 0:
            return True
        interpolation = _kinds_of_interest().interpolation
        return all(child.kind_id != interpolation for child in string.children)

    def _forget_attribute(self, attribute: Node) -> None:
        """Takes the name of an attribute, which ends where the attribute does, from the variables."""
        if self.variables:
            start, name = self.variables[-1]
            if start + len(name) == attribute.end_byte:
                self.variables.pop()

    def _skipped(self, start: int) -> None:
        """Takes what the parser made nothing of, before the next leaf, for a token."""
        text = self._source[self._position : start].strip(_WHITE_SPACE)
        if text:
            self.tokens.append(text)


def _enclosed(root: Node, length: int) -> Node:
    """What stands between our brackets, if they are those of one parenthesis; else the root."""
    kind = _kinds_of_interest().parenthesis
    statement = root.child(0)
    parenthesis = statement.child(0) if statement is not None else None
    if parenthesis is None or parenthesis.kind_id != kind or parenthesis.end_byte != length:
        return root
    inner = parenthesis.child(1)
    return inner if inner is not None and parenthesis.child_count == 3 else root


class _Marks(dict[int, bytes]):
    """Two bytes for the number of any kind."""

    def __missing__(self, kind: int) -> bytes:
        self[kind] = mark = kind.to_bytes(2, "big")
        return mark


class _Kinds(NamedTuple):
    """Kinds of nodes that are more than a node."""

    parenthesis: int
    dot: int
    integer: int
    string: int
    string_start: int
    string_end: int
    interpolation: int
    numbers: frozenset[int]
    literals: frozenset[int]
    attribute: int
    keyword_argument: int
    identifier: int
    extras: frozenset[int]
    binding: dict[int, tuple[str, str]]
    marks: _Marks


@cache
def _kinds_of_interest() -> _Kinds:
    number = {name: kind_id(name) for name in _NAMES}
    binding = {number[name]: fields for name, fields in _BINDING.items()}
    numbers = frozenset((number["integer"], number["float"]))
    strings = (number["string"], number["string_start"], number["string_end"])
    return _Kinds(
        parenthesis=number["parenthesized_expression"],
        dot=kind_id(".", named=False),
        integer=number["integer"],
        string=number["string"],
        string_start=number["string_start"],
        string_end=number["string_end"],
        interpolation=number["interpolation"],
        numbers=numbers,
        literals=numbers.union(strings),
        attribute=number["attribute"],
        keyword_argument=number["keyword_argument"],
        identifier=number["identifier"],
        extras=frozenset((number["comment"], number["line_continuation"])),
        binding=binding,
        marks=_Marks(),
    )


_BINDING = {
    "for_in_clause": ("left", "right"),
    "named_expression": ("name", "value"),
    "default_parameter": ("name", "value"),
}
"""Nodes that bind: the fields of what is bound and of its value."""

_NAMES = (
    "parenthesized_expression",
    "string",
    "string_start",
    "string_end",
    "interpolation",
    "integer",
    "float",
    "attribute",
    "keyword_argument",
    "identifier",
    "comment",
    "line_continuation",
    *_BINDING,
)


def _binding(node: Node, fields: tuple[str, str]) -> list[Binding]:
    bound, value = (node.child_by_field_name(field) for field in fields)
    if bound is None or value is None:
        return []
    return [Binding((bound.start_byte, bound.end_byte), (value.start_byte, value.end_byte))]


def _normalised(kind: int, text: bytes) -> bytes:
    """The text of a literal without what does not count; no other token begins with a quote."""
    kinds = _kinds_of_interest()
    if kind in kinds.numbers:
        return text.replace(b"_", b"")
    if kind == kinds.string_start:
        return b'"' + bytes(sorted(text.rstrip(b"'\"").lower()))
    if kind == kinds.string_end:
        return b'"'
    literal = _LITERAL.fullmatch(text)
    if literal is None:
        return text
    prefix = bytes(sorted(literal[1].lower()))
    return b'"' + prefix + b'"' + without_quoting(literal[3], raw=b"r" in prefix)
