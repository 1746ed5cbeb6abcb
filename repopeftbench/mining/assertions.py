"""From the bytes of a test file to its assertion sites: spans, family, target, key, or why there is no target.

A site is an `assert` statement, a call whose callee is named like an assertion (`assertX`, `assert_x`, or a library
function known under another name), or `pytest.raises`, inside a function whose name starts with `test` (its
decorators and nested functions included). The statement of a call is the call alone, so that `with raises(...)`
leaves out the block. This module knows nothing of commits, prefixes or splits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node, Tree

from repopeftbench.mining.fallback import interpreter_imports, interpreter_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.imports import ImportTable, dotted_name, import_table, node_text
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.signatures import ASSERTION_PREFIX, Signature, call_signature
from repopeftbench.mining.sites import GRAMMAR_ERROR, FileSites, Site, whole_file
from repopeftbench.mining.source import UNPARSABLE, SourceText, UnreadableSourceError, decode_source, parse_module
from repopeftbench.mining.targets import Target, assert_target, call_target
from repopeftbench.mining.validity import is_valid
from repopeftbench.schema import Family
from repopeftbench.syntax import nodes_at, operands, parse, unparenthesised


def extract_sites(raw: bytes) -> FileSites:
    """Every assertion site in the bytes of one file, read as a whole."""
    try:
        source = decode_source(raw)
    except UnreadableSourceError as error:
        return FileSites(problem=error.reason)
    if not is_valid(source.utf8.decode("utf-8")):
        root = parse(source.parsed).root_node
        return whole_file(tuple(_lenient_sites(source, root)), problem=UNPARSABLE)
    parsed = parse_text(source)
    try:
        return whole_file(text_sites(parsed, None), needs_flattening=parsed.is_flattened)
    except UnreadableSourceError as error:
        return FileSites(problem=error.reason)


@dataclass(frozen=True, slots=True, weakref_slot=True)
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
        return tuple(_tree_sites(parsed.source, root, imports or tree_imports(parsed.source, root)))
    # Valid Python that the grammar does not know yet: nothing is guessed, every site becomes a reject.
    module = parse_module(parsed.source.utf8.decode("utf-8"))
    return interpreter_sites(module, parsed.source, imports, reason=GRAMMAR_ERROR)


def text_imports(parsed: ParsedText) -> ImportTable:
    """The imports of a text that is valid Python.

    Raises:
        UnreadableSourceError: as for `text_sites`.
    """
    if parsed.readable:
        return tree_imports(parsed.source, parsed.tree.root_node)
    return interpreter_imports(parse_module(parsed.source.utf8.decode("utf-8")))


def tree_imports(source: SourceText, root: Node) -> ImportTable:
    """The imports of a parsed text."""
    statements = [node.parent for node in nodes_at(source.parsed, (b"import",), root) if node.type == "import"]
    return import_table(
        node for node in statements if node is not None and node.type in ("import_statement", "import_from_statement")
    )


def _tree_sites(source: SourceText, root: Node, imports: ImportTable) -> Iterator[Site]:
    """The sites of a parsed text in file order; of two that begin together the longer one first."""
    found: list[Site] = []
    for statement, signature in _candidates(source, root, imports):
        function = _test_function(statement)
        if function is not None:
            target = assert_target(statement, imports) if signature is None else call_target(statement, signature)
            found.append(_site(statement, function, target, source))
    return iter(sorted(found, key=lambda site: (site.start, -site.end)))


def _lenient_sites(source: SourceText, root: Node) -> Iterator[Site]:
    """What looks like an assertion, wherever it stands: behind an error the grammar may see no functions."""
    for statement, _ in _candidates(source, root, tree_imports(source, root)):
        yield _site(statement, "", Target(Family.OTHER, None, UNPARSABLE), source)


def _candidates(source: SourceText, root: Node, imports: ImportTable) -> Iterator[tuple[Node, Signature | None]]:
    """The assertion statements and calls of a parsed text, statements without a signature."""
    names = [name.encode("utf-8") for name in imports.aliases if name != "raises" and not name.startswith("assert")]
    for node in nodes_at(source.parsed, (ASSERTION_PREFIX, b"raises", *names), root):
        if node.type == "assert" and node.parent is not None and node.parent.type == "assert_statement":
            yield node.parent, None
            continue
        call = _call_of(node) if node.type == "identifier" else None
        signature = None if call is None else _call_signature(call, node_text(node), imports)
        if call is not None and signature is not None:
            yield call, signature


def _call_of(name: Node) -> Node | None:
    """The call whose callee, redundant parentheses aside, ends in this identifier."""
    callee, parent = name, name.parent
    if parent is not None and parent.type == "attribute" and parent.end_byte == name.end_byte:
        callee, parent = parent, parent.parent
    while parent is not None and parent.type == "parenthesized_expression" and len(operands(parent)) == 1:
        callee, parent = parent, parent.parent
    return parent if parent is not None and parent.type == "call" and parent.start_byte == callee.start_byte else None


def _test_function(statement: Node) -> str | None:
    """The qualified name of the outermost test function that a statement lies in; its decorators belong to it."""
    names: list[str] = []
    outermost: int | None = None
    inner: Node | None = None
    node = statement.parent
    while node is not None:
        definition = node
        if node.type == "decorated_definition":
            definition = node.child_by_field_name("definition") or node
        if definition.type in ("function_definition", "class_definition") and definition != inner:
            name = definition.child_by_field_name("name")
            names.append("" if name is None else node_text(name))
            if definition.type == "function_definition" and names[-1].startswith("test"):
                outermost = len(names) - 1
            inner = definition
        node = node.parent
    return None if outermost is None else ".".join(reversed(names[outermost:]))


def _call_signature(call: Node, name: str, imports: ImportTable) -> Signature | None:
    if not (name.startswith("assert") or name == "raises" or name in imports.aliases):
        return None
    function = call.child_by_field_name("function")
    return None if function is None else call_signature(dotted_name(unparenthesised(function)), name, imports)


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
