"""The data-flow graph of a text as the `codebleu` package 0.7.0 builds it, its oddities included.

A graph is a list of flows: a token's value comes from, or is computed from, other tokens. Any leaf of the tree can be
a variable, attribute names among them; loops are read twice, so that values flow from one pass to the next; where a
part that the grammar promises is missing, or `a, b, c = "x"` assigns the parts of a string token, the whole text has no
flow. One thing differs: sources that two flows of a
token share are merged in the order in which they were found, where the package takes the order of a Python set, which
changes with the hash seed.

Source of the rules: `codebleu/parser/DFG.py` and `codebleu/dataflow_match.py` of
https://pypi.org/project/codebleu/0.7.0/; of the idea: Ren et al., CodeBLEU (2020), section 3.3.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tree_sitter import Node

Span = tuple[int, int]
"""Bytes [start, end) of a token."""

NormalisedFlow = tuple[str, int, tuple[int, ...]]
"""Relation, variable and sources; a variable is a number, counted from 0 in the order of the graph."""

_ASSIGNING = frozenset({"assignment", "augmented_assignment", "for_in_clause"})
_LOOPING = frozenset({"for_statement", "while_statement"})
MAKES_FLOW = _ASSIGNING | _LOOPING | {"default_parameter"}
"""Types of nodes that make data flow; without one, only a name that comes twice does."""

_COMES, _COMPUTED = "comesFrom", "computedFrom"
_State = dict[str, list[int]]


class Token(NamedTuple):
    """A leaf of the tree: its place among the leaves, and its text."""

    position: int
    text: str


class _Flow(NamedTuple):
    name: str
    position: int
    relation: str
    names: list[str]
    positions: list[int]


def is_leaf(node: Node) -> bool:
    """Whether the package takes the node for one token."""
    return (node.type == "string" or not node.child_count) and node.type != "comment"


def read_flow(root: Node, tokens: Mapping[Span, Token]) -> tuple[NormalisedFlow, ...]:
    """The graph, with names replaced by numbers; `tokens` has all leaves of the tree.

    The recursion is as deep as the tree.
    """
    try:
        flows = sorted(_Reader(tokens).read(root, {}), key=_position)
    except _UnreadableError:
        return ()
    linked = {flow.position for flow in flows if flow.positions}
    linked.update(position for flow in flows for position in flow.positions)
    merged: dict[int, _Flow] = {}
    for flow in flows:
        if flow.position in linked:
            before = merged.get(flow.position)
            merged[flow.position] = flow if before is None else _united(before, flow, flow.relation)
    numbers: dict[str, int] = {}
    normalised = []
    for flow in merged.values():
        sources = tuple(numbers.setdefault(name, len(numbers)) for name in flow.names)
        normalised.append((flow.relation, numbers.setdefault(flow.name, len(numbers)), sources))
    return tuple(normalised)


class _UnreadableError(Exception):
    """A node lacks a part that its type promises, or the parts of a string are assigned one by one."""


class _Reader:
    """Reads the flows of a tree. A state maps a name to the places that it may have its value from."""

    def __init__(self, tokens: Mapping[Span, Token]) -> None:
        self._tokens = tokens
        self._readers: dict[str, Callable[[Node, _State], list[_Flow]]] = {
            **dict.fromkeys(_ASSIGNING, self._assignment),
            "default_parameter": self._default,
            "if_statement": self._branches,
            "for_statement": self._for_loop,
            "while_statement": self._while_loop,
        }

    def read(self, node: Node, state: _State) -> list[_Flow]:
        """The flows within `node`, by position; `state` becomes that after it."""
        if is_leaf(node):
            return self._leaf(node, state)
        reader = self._readers.get(node.type, self._children)
        return sorted(reader(node, state), key=_position)

    def _leaf(self, node: Node, state: _State) -> list[_Flow]:
        token = self._token(node)
        if node.type == token.text:
            return []
        if token.text in state:
            return [_Flow(token.text, token.position, _COMES, [token.text], list(state[token.text]))]
        if node.type == "identifier":
            state[token.text] = [token.position]
        return [_Flow(token.text, token.position, _COMES, [], [])]

    def _children(self, node: Node, state: _State) -> list[_Flow]:
        # The clauses of a comprehension come first: they bind what stands before them.
        clauses_first = sorted(node.children, key=lambda child: child.type != "for_in_clause")
        return [flow for child in clauses_first for flow in self.read(child, state)]

    def _default(self, node: Node, state: _State) -> list[_Flow]:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            raise _UnreadableError
        names = self._variables(name)
        flows = [] if value is None else self.read(value, state)
        for variable in names:
            if value is None:
                flows.append(_Flow(variable.text, variable.position, _COMES, [], []))
            else:
                flows += [
                    _Flow(variable.text, variable.position, _COMES, [source.text], [source.position])
                    for source in self._variables(value)
                ]
            state[variable.text] = [variable.position]
        return flows

    def _assignment(self, node: Node, state: _State) -> list[_Flow]:
        if node.type == "for_in_clause":
            pairs = [(_part(node, "left"), node.children[-1])]
        elif node.child_by_field_name("right") is None:
            return []
        else:
            pairs = _pairs(node)
        flows = [flow for _, right in pairs for flow in self.read(right, state)]
        return flows + self._computed(pairs, state)

    def _branches(self, node: Node, state: _State) -> list[_Flow]:
        """Every branch starts with the state before; afterwards a name may have its value from any of them."""
        before, current = dict(state), dict(state)
        flows: list[_Flow] = []
        ends: list[_State] = []
        exhaustive = False
        for child in node.children:
            exhaustive = exhaustive or "else" in child.type
            if child.type in ("elif_clause", "else_clause"):
                branch = dict(before)
                flows += self.read(child, branch)
                ends.append(branch)
            else:
                flows += self.read(child, current)
        ends.append(current)
        if not exhaustive:
            ends.append(before)
        state.clear()
        for end in ends:
            for name, positions in end.items():
                state[name] = sorted({*state.get(name, ()), *positions})
        return flows

    def _for_loop(self, node: Node, state: _State) -> list[_Flow]:
        flows: list[_Flow] = []
        for _ in range(2):
            pairs = _pairs(node)
            for _left, right in pairs:
                flows += self.read(right, state)
            flows += self._computed(pairs, state)
            if node.children[-1].type == "block":
                flows += self.read(node.children[-1], state)
        return _merged_passes(flows)

    def _while_loop(self, node: Node, state: _State) -> list[_Flow]:
        return _merged_passes([flow for _ in range(2) for child in node.children for flow in self.read(child, state)])

    def _computed(self, pairs: list[tuple[Node, Node]], state: _State) -> list[_Flow]:
        """What the left sides are computed from; they are new from here on."""
        flows = []
        for left, right in pairs:
            sources = self._variables(right)
            names, positions = [token.text for token in sources], [token.position for token in sources]
            for target in self._variables(left):
                flows.append(_Flow(target.text, target.position, _COMPUTED, names, positions))
                state[target.text] = [target.position]
        return flows

    def _variables(self, node: Node) -> list[Token]:
        """The tokens within `node` that are no operators, brackets or keywords."""
        if is_leaf(node):
            token = self._token(node)
            return [] if node.type == token.text else [token]
        return [token for child in node.children for token in self._variables(child)]

    def _token(self, node: Node) -> Token:
        token = self._tokens.get((node.start_byte, node.end_byte))
        if token is None:
            raise _UnreadableError
        return token


def _position(flow: _Flow) -> int:
    return flow.position


def _part(node: Node, name: str) -> Node:
    part = node.child_by_field_name(name)
    if part is None:
        raise _UnreadableError
    return part


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    """Left and right sides, element by element where both have as many, else as wholes."""
    left, right = _part(node, "left"), _part(node, "right")
    lefts = [child for child in left.children if child.type != ","]
    rights = [child for child in right.children if child.type != ","]
    return list(zip(lefts, rights, strict=True)) if lefts and len(lefts) == len(rights) else [(left, right)]


def _united(first: _Flow, second: _Flow, relation: str) -> _Flow:
    names = list(dict.fromkeys(first.names + second.names))
    positions = list(dict.fromkeys(first.positions + second.positions))
    return _Flow(first.name, first.position, relation, names, positions)


def _merged_passes(flows: list[_Flow]) -> list[_Flow]:
    """One flow per token and relation out of those of two passes."""
    merged: dict[tuple[str, int, str], _Flow] = {}
    for flow in flows:
        key = (flow.name, flow.position, flow.relation)
        merged[key] = flow if key not in merged else _united(merged[key], flow, flow.relation)
    return list(merged.values())
