"""What a production file defines, read from its text by tree-sitter: names with their values or signatures. Pure.

It knows one text at a time, and nothing of paths, commits or datasets. A text that is no valid Python gives what can be
made out around the errors. What stands inside functions is not looked at, but for what they return.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from tree_sitter import Node

from repopeftbench.mining.source import parse_copy
from repopeftbench.mining.validity import quickly_read
from repopeftbench.schema import SymbolKind
from repopeftbench.symbol_text import cut, one_line
from repopeftbench.syntax import captured, operands, parse, unparenthesised

MOST_BYTES = 1_500_000
"""A longer text (in UTF-8) defines nothing: it is a generated table. Datasets keep the texts of all shorter files."""
MOST_DEFINITIONS = 2_000
"""Definitions of a file that are kept: the first ones in the text."""
MOST_KEYS = 100
"""Keys of one dictionary that are kept."""
MOST_NODES = 200
"""An expression of more nodes than this is no constant."""

_PARTS = frozenset({
    "module", "block", "if_statement", "elif_clause", "else_clause", "try_statement", "except_clause", "finally_clause",
    "with_statement", "ERROR",
})  # fmt: skip
"""Where definitions stand that belong to the module or class around."""
_COMPUTED = frozenset({
    "lambda", "list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression", "await",
    "yield", "named_expression", "assignment",
})  # fmt: skip
"""What is no value that a name could stand for."""
_LITERALS = frozenset({"integer", "float", "string", "true", "false", "none", "ellipsis"})
_COMPOSED = frozenset({
    "concatenated_string", "unary_operator", "binary_operator", "boolean_operator", "not_operator",
    "comparison_operator", "parenthesized_expression", "tuple", "list", "set", "dictionary", "pair", "expression_list",
})  # fmt: skip
_ENUM_ENDS = ("Enum", "Flag")
_EXCEPTION_ENDS = ("Error", "Exception", "Warning", "ExceptionGroup")
_EXCEPTIONS = frozenset({"GeneratorExit", "KeyboardInterrupt", "StopAsyncIteration", "StopIteration", "SystemExit"})
_FIELD_BASES = frozenset({"BaseModel", "BaseSettings", "NamedTuple", "Struct", "TypedDict"})
_FIELD_DECORATORS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs", "attr.s"})
_RETURNS = "[(return_statement) @return (function_definition) @inner]"


class Definition(NamedTuple):
    """One definition of a file; a `SymbolRecord` without its path."""

    kind: SymbolKind
    name: str
    value: str


class FileSymbols(NamedTuple):
    """The definitions of a file, sorted, and how many more it has, by `MOST_DEFINITIONS` and `MOST_KEYS`."""

    definitions: tuple[Definition, ...]
    left_out: int


class _Keys(NamedTuple):
    """The keys of a dictionary, as `["key"]["inner"]`, with their values, and how many more it has."""

    found: tuple[tuple[str, str], ...]
    left_out: int


class _Body(Enum):
    """What an assignment in a body defines."""

    PLAIN = auto()
    ENUM = auto()
    EXCEPTION = auto()
    FIELDS = auto()


@dataclass(frozen=True, slots=True)
class _Scope:
    prefix: str = ""
    body: _Body = _Body.PLAIN


def file_symbols(text: str) -> FileSymbols:
    """What the text of a production file defines.

    - `constant`: a name of the module or a class with its value, but not a comprehension, lambda, `await` or `yield`;
    - `enum-member`: such a name in a class whose base is called `...Enum` or `...Flag`, or is an enum of this file;
    - `config-key`: a key of a dictionary that a name is bound to (`NAME["key"]`), and a field of a dataclass, of
      attrs, pydantic, `TypedDict` or `NamedTuple` with its default, or else its type;
    - `exception`, `class`: a class with its bases, `object` where it names none; told apart by the bases' names;
    - `signature`, `default`: a function with its parameters and result, and each default (`function.parameter`);
    - `return`: what a function returns whose only `return` has a literal, or literals and CONSTANTS put together.

    Names are qualified (`Class.method`). Values are one line, long ones cut (`symbol_text`). Docstrings are no values.
    Time and memory grow with the text's length; what bounds them are the constants above.
    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return FileSymbols((), 0)
    source = quickly_read(text).encode("utf-8", "replace")
    reader = _Reader(source)
    reader.read(parse(parse_copy(source)).root_node)
    return FileSymbols(tuple(sorted(reader.found)), reader.left_out)


class _Reader:
    """Collects the definitions of one text."""

    def __init__(self, source: bytes) -> None:
        self.found: list[Definition] = []
        self.left_out = 0
        self._source = source
        self._bodies: dict[str, _Body] = {}

    def read(self, root: Node) -> None:
        """Goes through the statements of the module and of its classes, in their order."""
        waiting = [(root, _Scope())]
        while waiting:
            node, scope = waiting.pop()
            decorators: tuple[str, ...] = ()
            if node.type == "decorated_definition":
                decorators = tuple(self._raw(child).lstrip("@") for child in node.children if child.type == "decorator")
                node = node.child_by_field_name("definition") or node
            if node.type in _PARTS:
                waiting.extend((child, scope) for child in reversed(node.named_children))
            elif node.type == "expression_statement":
                self._assignment(node.named_child(0), scope)
            elif node.type == "function_definition":
                self._function(node, scope)
            elif node.type == "class_definition":
                waiting.extend(self._class(node, scope, decorators))

    def _add(self, kind: SymbolKind, name: str, value: str) -> None:
        if len(self.found) < MOST_DEFINITIONS:
            self.found.append(Definition(kind, cut(name), cut(value)))
        else:
            self.left_out += 1

    def _text(self, node: Node | None) -> str:
        return "" if node is None else one_line(self._source, node.start_byte, node.end_byte)

    def _raw(self, node: Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _assignment(self, node: Node | None, scope: _Scope) -> None:
        names: list[Node] = []
        kind: Node | None = None
        while node is not None and node.type == "assignment":
            left, kind = node.child_by_field_name("left"), node.child_by_field_name("type")
            if left is not None:
                names.append(left)
            node = node.child_by_field_name("right")
            if node is None and scope.body is _Body.FIELDS and kind is not None:
                self._add(SymbolKind.CONFIG_KEY, scope.prefix + self._text(names[0]), self._text(kind))
        if node is None:
            return
        # A value may have many names: what it holds is looked at once.
        keys: dict[int, _Keys] = {}
        for name, value in _bindings(names, node):
            if value.type in _COMPUTED:
                continue
            if value.id not in keys:
                keys[value.id] = self._keys(value)
            if len(self.found) < MOST_DEFINITIONS:
                self._binding(scope, self._text(name), value, keys[value.id], is_typed=kind is not None)
            else:
                self.left_out += 1 + len(keys[value.id].found) + keys[value.id].left_out

    def _binding(self, scope: _Scope, name: str, value: Node, keys: _Keys, *, is_typed: bool) -> None:
        kind = SymbolKind.CONSTANT
        if scope.body is _Body.ENUM:
            kind = SymbolKind.ENUM_MEMBER
        elif scope.body is _Body.FIELDS and is_typed:
            kind = SymbolKind.CONFIG_KEY
        self._add(kind, scope.prefix + name, self._text(value))
        for inner, text in keys.found:
            self._add(SymbolKind.CONFIG_KEY, scope.prefix + name + inner, text)
        self.left_out += keys.left_out

    def _keys(self, value: Node) -> _Keys:
        """The keys of a dictionary and of those inside it, level by level; none of another value."""
        found: list[tuple[str, str]] = []
        left_out = 0
        level = [("", value)] if value.type == "dictionary" else []
        for prefix, outer in level:
            for pair in outer.named_children:
                key, inner = pair.child_by_field_name("key"), pair.child_by_field_name("value")
                if pair.type != "pair" or key is None or inner is None or inner.type in _COMPUTED:
                    continue
                if len(found) == MOST_KEYS:
                    left_out += 1
                    continue
                name = cut(f"{prefix}[{self._text(key)}]")
                found.append((name, self._text(inner)))
                if inner.type == "dictionary":
                    level.append((name, inner))
        return _Keys(tuple(found), left_out)

    def _class(self, node: Node, scope: _Scope, decorators: Iterable[str]) -> list[tuple[Node, _Scope]]:
        """Adds a class; its body, to be read next."""
        name = scope.prefix + self._text(node.child_by_field_name("name"))
        superclasses = node.child_by_field_name("superclasses")
        bases = [] if superclasses is None else operands(superclasses)
        body = self._body(bases, decorators, scope)
        kind = SymbolKind.EXCEPTION if body is _Body.EXCEPTION else SymbolKind.CLASS
        self._add(kind, name, ", ".join(self._text(base) for base in bases[:MOST_KEYS]) or "object")
        self._bodies[name] = body
        block = node.child_by_field_name("body")
        return [] if block is None else [(block, _Scope(cut(name) + ".", body))]

    def _body(self, bases: Iterable[Node], decorators: Iterable[str], scope: _Scope) -> _Body:
        """What a class is, by the names of its bases and decorators."""
        for base in bases:
            name = self._raw(base).partition("[")[0]
            # A class in the body of another one may be called by its own name there.
            known = self._bodies.get(scope.prefix + name, self._bodies.get(name, _Body.PLAIN))
            tail = name.rpartition(".")[2]
            if base.type == "keyword_argument":
                continue
            if known is not _Body.PLAIN:
                return known
            if tail.endswith(_ENUM_ENDS):
                return _Body.ENUM
            if tail.endswith(_EXCEPTION_ENDS) or tail in _EXCEPTIONS:
                return _Body.EXCEPTION
            if tail in _FIELD_BASES:
                return _Body.FIELDS
        called = [decorator.partition("(")[0].strip() for decorator in decorators]
        fields = any(name in _FIELD_DECORATORS or name.rpartition(".")[2] in _FIELD_DECORATORS for name in called)
        return _Body.FIELDS if fields else _Body.PLAIN

    def _function(self, node: Node, scope: _Scope) -> None:
        name = scope.prefix + self._text(node.child_by_field_name("name"))
        parameters, result = node.child_by_field_name("parameters"), node.child_by_field_name("return_type")
        self._add(SymbolKind.SIGNATURE, name, self._text(parameters) + (f" -> {self._text(result)}" if result else ""))
        for parameter in () if parameters is None else parameters.named_children:
            own, value = parameter.child_by_field_name("name"), parameter.child_by_field_name("value")
            if own is not None and value is not None:
                self._add(SymbolKind.DEFAULT, f"{cut(name)}.{self._text(own)}", self._text(value))
        value = self._returned(node.child_by_field_name("body"))
        if value is not None and self._is_constant(value):
            self._add(SymbolKind.RETURN, name, self._text(value))

    def _returned(self, body: Node | None) -> Node | None:
        """The value of the only `return` of a function, if it has one; those of inner functions do not count."""
        if body is None or self._source.find(b"return", body.start_byte, body.end_byte) < 0:
            return None
        found = captured(_RETURNS, body)
        end, own = -1, []
        inner = iter(found.get("inner", ()))
        ahead = next(inner, None)
        for node in found.get("return", ()):
            while ahead is not None and ahead.start_byte < node.start_byte:
                end, ahead = max(end, ahead.end_byte), next(inner, None)
            if node.start_byte >= end:
                own.append(node)
        values = operands(own[0]) if len(own) == 1 else []
        return values[0] if len(values) == 1 else None

    def _is_constant(self, expression: Node) -> bool:
        """Whether an expression is made of literals and CONSTANTS alone."""
        waiting, count = [expression], 0
        while waiting:
            node, count = waiting.pop(), count + 1
            if node.type in ("identifier", "attribute"):
                if not self._raw(node).rpartition(".")[2].isupper():
                    return False
            elif node.type == "string":
                if any(child.type == "interpolation" for child in node.named_children):
                    return False
            elif node.type in _COMPOSED:
                waiting.extend(operands(node))
            elif node.type not in _LITERALS:
                return False
            if count + len(waiting) > MOST_NODES:
                return False
        return True


def _bindings(targets: Iterable[Node], right: Node) -> Iterator[tuple[Node, Node]]:
    """The names that an assignment binds, with their values: one each, or as many as there are values."""
    whole = unparenthesised(right)
    values = operands(right) if right.type in ("expression_list", "tuple") else []
    for left in targets:
        if left.type == "identifier":
            yield left, whole
        elif left.type in ("pattern_list", "tuple_pattern") and values:
            names = operands(left)
            if len(names) == len(values):
                for name, value in zip(names, values, strict=True):
                    if name.type == "identifier":
                        yield name, unparenthesised(value)
