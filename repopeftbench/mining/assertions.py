"""From the bytes of a test file to its assertion sites: spans, family, target, key, or why there is no target.

A site is an `assert` statement, a call whose callee is named like an assertion (`assertX`, `assert_x`, or a library
function known under another name), or `pytest.raises`, inside a function whose name starts with `test` (its
decorators and nested functions included). The statement of a call is the call alone, so that `with raises(...)`
leaves out the block. This module knows nothing of commits, prefixes or splits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tree_sitter import Node, Tree

from repopeftbench.mining.fallback import interpreter_imports, interpreter_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.imports import ImportTable, dotted_name, import_table, node_text
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.signatures import Signature, call_signature
from repopeftbench.mining.sites import GRAMMAR_ERROR, FileSites, Site, whole_file
from repopeftbench.mining.source import UNPARSABLE, SourceText, UnreadableSourceError, decode_source, parse_module
from repopeftbench.mining.targets import Target, assert_target, call_target
from repopeftbench.mining.validity import is_valid
from repopeftbench.syntax import captures, parse, unparenthesised

_QUERY = """
(assert_statement) @assert
(call) @call
(function_definition) @function
(class_definition) @class
"""
_IMPORT_QUERY = """
(import_statement) @import
(import_from_statement) @import
"""


def extract_sites(raw: bytes) -> FileSites:
    """Every assertion site in the bytes of one file, read as a whole."""
    try:
        source = decode_source(raw)
    except UnreadableSourceError as error:
        return FileSites(problem=error.reason)
    if not is_valid(source.utf8.decode("utf-8")):
        root = parse(source.parsed).root_node
        return whole_file(tuple(_tree_sites(source, root, tree_imports(root))), problem=UNPARSABLE)
    parsed = parse_text(source)
    try:
        return whole_file(text_sites(parsed, None), needs_flattening=parsed.is_flattened)
    except UnreadableSourceError as error:
        return FileSites(problem=error.reason)


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A text that is valid Python, and its tree; flattened where only the flattened copy is read without an error.

    `readable` is False where the grammar does not know the syntax at all.
    """

    source: SourceText
    tree: Tree
    is_flattened: bool
    readable: bool


def parse_text(source: SourceText) -> ParsedText:
    """The tree of a text that is valid Python."""
    tree = parse(source.parsed)
    is_flattened = tree.root_node.has_error
    if is_flattened:
        source = flattened(source)
        tree = parse(source.parsed)
    return ParsedText(source, tree, is_flattened, not tree.root_node.has_error)


def text_sites(parsed: ParsedText, imports: ImportTable | None) -> tuple[Site, ...]:
    """The sites of a text that is valid Python.

    Args:
        parsed: a whole file, or statements of one.
        imports: the imports of the whole file; None takes those of the text.

    Raises:
        UnreadableSourceError: neither the grammar nor `ast` can give a tree (nesting that is too deep).
    """
    root = parsed.tree.root_node
    if parsed.readable:
        return tuple(_tree_sites(parsed.source, root, imports or tree_imports(root)))
    # Valid Python that the grammar does not know yet: nothing is guessed, every site becomes a reject.
    module = parse_module(parsed.source.utf8.decode("utf-8"))
    return interpreter_sites(module, parsed.source, imports, reason=GRAMMAR_ERROR)


def text_imports(parsed: ParsedText) -> ImportTable:
    """The imports of a text that is valid Python.

    Raises:
        UnreadableSourceError: as for `text_sites`.
    """
    if parsed.readable:
        return tree_imports(parsed.tree.root_node)
    return interpreter_imports(parse_module(parsed.source.utf8.decode("utf-8")))


def tree_imports(root: Node) -> ImportTable:
    """The imports of a parsed text."""
    found = captures(_IMPORT_QUERY, root)
    return import_table(sorted(found.get("import", ()), key=lambda node: node.start_byte))


_Candidate = tuple[Node, Signature | None]


@dataclass(frozen=True, slots=True)
class _Scope:
    start: int
    end: int
    name: str
    is_test: bool


def _tree_sites(source: SourceText, root: Node, imports: ImportTable) -> Iterator[Site]:
    found = captures(_QUERY, root)
    candidates: list[_Candidate] = [(node, None) for node in found.get("assert", ())]
    for call in found.get("call", ()):
        signature = _call_signature(call, imports)
        if signature is not None:
            candidates.append((call, signature))
    if not candidates:
        return
    candidates.sort(key=lambda pair: (pair[0].start_byte, -pair[0].end_byte))
    scopes = sorted(_scopes(found), key=lambda scope: (scope.start, -scope.end))
    for (node, signature), function in _with_test_function(candidates, scopes):
        target = assert_target(node, imports) if signature is None else call_target(node, signature)
        yield _site(node, function, target, source)


def _scopes(found: dict[str, list[Node]]) -> Iterator[_Scope]:
    for kind in ("function", "class"):
        for node in found.get(kind, ()):
            name_node = node.child_by_field_name("name")
            name = "" if name_node is None else node_text(name_node)
            parent = node.parent
            outer = parent if parent is not None and parent.type == "decorated_definition" else node
            yield _Scope(outer.start_byte, outer.end_byte, name, kind == "function" and name.startswith("test"))


def _with_test_function(candidates: Iterable[_Candidate], scopes: list[_Scope]) -> Iterator[tuple[_Candidate, str]]:
    """The candidates that lie in a test function, each with the qualified name of the outermost one."""
    stack: list[_Scope] = []
    pending = iter(scopes)
    upcoming = next(pending, None)
    for candidate in candidates:
        position = candidate[0].start_byte
        while upcoming is not None and upcoming.start <= position:
            while stack and stack[-1].end <= upcoming.start:
                stack.pop()
            stack.append(upcoming)
            upcoming = next(pending, None)
        while stack and stack[-1].end <= position:
            stack.pop()
        depth = next((index for index, scope in enumerate(stack) if scope.is_test), None)
        if depth is not None:
            yield candidate, ".".join(scope.name for scope in stack[: depth + 1])


def _call_signature(call: Node, imports: ImportTable) -> Signature | None:
    function = call.child_by_field_name("function")
    if function is None:
        return None
    function = unparenthesised(function)
    last = function.child_by_field_name("attribute") if function.type == "attribute" else function
    if last is None or last.type != "identifier":
        return None
    name = node_text(last)
    if not (name.startswith("assert") or name == "raises" or name in imports.aliases):
        return None
    return call_signature(dotted_name(function), name, imports)


def _site(node: Node, function: str, target: Target, source: SourceText) -> Site:
    start, end = node.start_byte, node.end_byte
    statement = source.slice(start, end)
    target_start = None if target.node is None else target.node.start_byte
    target_end = None if target.node is None else target.node.end_byte
    return Site(
        family=target.family,
        start=start,
        end=end,
        lineno=source.row(start) + 1,
        end_lineno=source.row(end) + 1,
        test_function=function,
        statement=statement,
        key=statement_key(statement),
        target_start=target_start,
        target_end=target_end,
        target=None if target_start is None or target_end is None else source.slice(target_start, target_end),
        reason=target.reason,
    )
