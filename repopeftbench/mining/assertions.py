"""From the bytes of a test file to its assertion sites: spans, family, target, key, or why there is no target.

A site is an `assert` statement, a call whose callee is named like an assertion (`assertX`, `assert_x`, or a library
function known under another name), or `pytest.raises`, inside a function whose name starts with `test` (its
decorators and nested functions included). The statement of a call is the call alone, so that `with raises(...)`
leaves out the block. This module knows nothing of commits, prefixes or splits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from repopeftbench.mining.fallback import interpreter_imports, interpreter_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.imports import ImportTable, dotted_name, import_table, node_text
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.signatures import Signature, call_signature
from repopeftbench.mining.sites import GRAMMAR_ERROR, FileSites, PieceSites, Site, whole_file
from repopeftbench.mining.source import SourceText, UnreadableSourceError, decode_source, parse_module
from repopeftbench.mining.targets import Target, assert_target, call_target
from repopeftbench.schema import Family
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
    try:
        parse_module(raw)
    except UnreadableSourceError as error:
        root = parse(source.parsed).root_node
        return whole_file(tuple(_lenient_sites(source, root)), problem=error.reason)
    read = text_sites(source, None)
    return whole_file(read.sites, needs_flattening=read.needs_flattening)


def text_sites(source: SourceText, imports: ImportTable | None) -> PieceSites:
    """The sites of a text that is valid Python.

    Args:
        source: a whole file, or statements of one.
        imports: the imports of the whole file; None takes those of `source`.
    """
    root = parse(source.parsed).root_node
    needs_flattening = root.has_error
    if needs_flattening:
        source = flattened(source)
        root = parse(source.parsed).root_node
    if not root.has_error:
        return PieceSites(tuple(_tree_sites(source, root, imports or tree_imports(root))), needs_flattening)
    # Valid Python that the grammar does not know yet: nothing is guessed, every site becomes a reject.
    module = parse_module(source.utf8.decode("utf-8"))
    return PieceSites(interpreter_sites(module, source, imports, reason=GRAMMAR_ERROR))


def text_imports(source: SourceText) -> ImportTable:
    """The imports of a text that is valid Python."""
    root = parse(source.parsed).root_node
    if root.has_error:
        root = parse(flattened(source).parsed).root_node
    return interpreter_imports(parse_module(source.utf8.decode("utf-8"))) if root.has_error else tree_imports(root)


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
    candidates = _candidates(found, imports)
    if not candidates:
        return
    scopes = sorted(_scopes(found), key=lambda scope: (scope.start, -scope.end))
    for (node, signature), function in _with_test_function(candidates, scopes):
        draft = _draft(node, function, source)
        target = assert_target(node, imports) if signature is None else call_target(node, signature)
        yield _finish(draft, target, source)


def _lenient_sites(source: SourceText, root: Node) -> Iterator[Site]:
    """What looks like an assertion, wherever it stands: behind an error the grammar may see no functions."""
    for node, _ in _candidates(captures(_QUERY, root), tree_imports(root)):
        yield _draft(node, "", source)


def _candidates(found: dict[str, list[Node]], imports: ImportTable) -> list[_Candidate]:
    """The assertion statements and calls among captured nodes, in file order, outer ones first."""
    candidates: list[_Candidate] = [(node, None) for node in found.get("assert", ())]
    for call in found.get("call", ()):
        signature = _call_signature(call, imports)
        if signature is not None:
            candidates.append((call, signature))
    candidates.sort(key=lambda pair: (pair[0].start_byte, -pair[0].end_byte))
    return candidates


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


def _draft(node: Node, function: str, source: SourceText) -> Site:
    statement = source.slice(node.start_byte, node.end_byte)
    return Site(
        family=Family.ASSERT,
        start=node.start_byte,
        end=node.end_byte,
        lineno=source.row(node.start_byte) + 1,
        end_lineno=source.row(node.end_byte) + 1,
        test_function=function,
        statement=statement,
        key=statement_key(statement),
    )


def _finish(draft: Site, target: Target, source: SourceText) -> Site:
    if target.node is None:
        return replace(draft, family=target.family, reason=target.reason)
    start, end = target.node.start_byte, target.node.end_byte
    return replace(draft, family=target.family, target_start=start, target_end=end, target=source.slice(start, end))
