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
from harness.metrics.ngrams import KEYWORDS, NGrams, tally
from repopeftbench.syntax import kind_id, parse, walk

_KEYWORDS = frozenset(keyword.encode() for keyword in KEYWORDS)
_LITERAL = re.compile(rb"([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
_WHITE_SPACE = b" \t\f\v\r\n"


class Reading(NamedTuple):
    """What is compared of one text.

    A sub-tree is a hash of a node with all below it but names and literals, or a name or literal with its kind.
    """

    tokens: NGrams[bytes]
    has_keyword: bool
    subtrees: dict[int | tuple[int, bytes], int]
    flows: dict[Flow, int]


def read_expression(text: str) -> Reading:
    """The reading of any text; time and memory grow with its length."""
    # The line break keeps the closing bracket out of a comment.
    source = b"(" + text.encode("utf-8", "surrogatepass") + b"\n)"
    root = parse(source).root_node
    layers = _Layers(root, source)
    if root.has_error:
        layers.tokens += _skipped(root, source)
    tokens = [token for _, token in sorted(layers.tokens)]
    variables = layers.variables
    flows: Sequence[Flow] = ()
    if layers.bindings or len({variable.name for variable in variables}) < len(variables):
        flows = flow_of(sorted(variables), layers.bindings)
    return Reading(
        tokens=NGrams(tokens),
        has_keyword=not _KEYWORDS.isdisjoint(tokens),
        subtrees=tally((*layers.shapes(), *layers.names)),
        flows=tally(flows),
    )


class _Layers:
    """A tree in layers, so that the children of a node are neighbours; without comments.

    `tokens` are the leaves with where they start, `names` the names and literals with their kind, both without our
    brackets and in the order of the layers, as `variables` and `bindings` are.
    """

    __slots__ = ("_first", "_kinds", "_nodes", "bindings", "names", "tokens", "variables")

    def __init__(self, root: Node, source: bytes) -> None:
        kinds = _kinds_of_interest()
        self.tokens: list[tuple[int, bytes]] = []
        self.names: list[tuple[int, bytes]] = []
        self.variables: list[Variable] = []
        self.bindings: list[Binding] = []
        nodes = [root]
        while len(nodes) == 1 and nodes[0].child_count:  # down to our brackets and what they enclose
            nodes = nodes[0].children
        self._nodes = nodes = [node for node in nodes if node.kind_id not in kinds.extras]
        self._kinds: list[int] = []
        self._first: list[int] = []  # of each node, where its children begin; they end where those of the next begin
        has_extras = b"#" in source or b"\\" in source
        not_variables: set[int] = set()
        for node in nodes:  # which grows meanwhile
            kind, children = node.kind_id, node.children
            self._first.append(len(nodes))
            if children:
                if has_extras:
                    children = [child for child in children if child.kind_id not in kinds.extras]
                if kind in kinds.special_inner:
                    if kind == kinds.string and _is_plain(children):
                        children = []
                    elif kind == kinds.attribute:
                        not_variables.add(len(nodes) + len(children) - 1)
                    elif kind == kinds.keyword_argument:
                        not_variables.add(len(nodes))
                    elif kind in kinds.binding:
                        self.bindings += _binding(node, kinds.binding[kind])
                nodes += children
            if not children:
                is_variable = kind == kinds.identifier and len(self._kinds) not in not_variables
                self._leaf(node, kind, source, is_variable)
            self._kinds.append(kind)

    def _leaf(self, node: Node, kind: int, source: bytes, is_variable: bool) -> None:
        start, end = node.start_byte, node.end_byte
        if not start or end == len(source) or start == end:  # our brackets, or a token that the parser misses
            return
        text = source[start:end]
        if node.is_named:
            if is_variable:
                self.variables.append(Variable(start, text))
            elif kind in _kinds_of_interest().literals:
                text = _normalised(kind, text)
            self.names.append((kind, text))
        self.tokens.append((start, text))

    def shapes(self) -> list[int]:
        """A hash of each inner node with all below it; of integers alone, so that it is the same in every process."""
        hashes = list(self._kinds)
        found = []
        end = len(hashes)
        for index in range(len(hashes) - 1, -1, -1):
            first = self._first[index]
            if first < end:
                hashes[index] = hash((hashes[index], *hashes[first:end]))
                if self._nodes[index].start_byte:  # else it holds our bracket
                    found.append(hashes[index])
            end = first
        return found


class _Kinds(NamedTuple):
    """Kinds of nodes that are more than a node."""

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
    special_inner: frozenset[int]


@cache
def _kinds_of_interest() -> _Kinds:
    number = {name: kind_id(name) for name in _NAMES}
    binding = {number[name]: fields for name, fields in _BINDING.items()}
    numbers = frozenset((number["integer"], number["float"]))
    strings = (number["string"], number["string_start"], number["string_end"])
    return _Kinds(
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
        special_inner=frozenset((number["string"], number["attribute"], number["keyword_argument"], *binding)),
    )


_BINDING = {
    "for_in_clause": ("left", "right"),
    "named_expression": ("name", "value"),
    "default_parameter": ("name", "value"),
}
"""Nodes that bind: the fields of what is bound and of its value."""

_NAMES = (
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


def _is_plain(children: Sequence[Node]) -> bool:
    """Whether a string has no fields, and is one token."""
    interpolation = _kinds_of_interest().interpolation
    return all(child.kind_id != interpolation for child in children)


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


def _skipped(root: Node, source: bytes) -> list[tuple[int, bytes]]:
    """What the parser made nothing of, with where it starts."""
    string = _kinds_of_interest().string
    found = []
    position = 0
    for node in walk(root):
        if node.child_count and node.kind_id != string:
            continue
        text = source[position : node.start_byte].strip(_WHITE_SPACE)
        if text:
            found.append((position, text))
        position = max(position, node.end_byte)
    rest = source[position:].strip(_WHITE_SPACE)
    return [*found, (position, rest)] if rest else found
