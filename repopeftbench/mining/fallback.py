"""Sites as the interpreter's own parser sees them, for valid files that the tree-sitter grammar cannot read in full.

They all carry the given reject reason: this path exists so that no assertion is lost silently, not to make tasks.
"""

import ast
from collections.abc import Iterable, Iterator

from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.signatures import call_signature
from repopeftbench.mining.sites import Site
from repopeftbench.mining.source import SourceText
from repopeftbench.schema import Family


def interpreter_sites(
    module: ast.Module, source: SourceText, imports: ImportTable | None, *, reason: str
) -> tuple[Site, ...]:
    """Every site of a parsed module in file order, each rejected with `reason`."""
    imports = imports or interpreter_imports(module)
    found: list[Site] = []
    for node, function in _test_nodes(module):
        family = _family(node, imports)
        if family is None or node.end_lineno is None or node.end_col_offset is None:
            continue
        start = source.line_starts[node.lineno - 1] + node.col_offset
        end = source.line_starts[node.end_lineno - 1] + node.end_col_offset
        statement = source.slice(start, end)
        found.append(
            Site(
                family=family,
                start=start,
                end=end,
                lineno=node.lineno,
                end_lineno=node.end_lineno,
                test_function=function,
                statement=statement,
                key=statement_key(statement),
                reason=reason,
            )
        )
    return tuple(sorted(found, key=lambda site: (site.start, -site.end)))


def _test_nodes(module: ast.Module) -> Iterator[tuple[ast.Assert | ast.Call, str]]:
    stack: list[tuple[ast.AST, tuple[str, ...], bool]] = [(module, (), False)]
    while stack:
        node, names, in_test = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not in_test:
            names = (*names, node.name)
            in_test = not isinstance(node, ast.ClassDef) and node.name.startswith("test")
        if in_test and isinstance(node, ast.Assert | ast.Call):
            yield node, ".".join(names)
        stack.extend((child, names, in_test) for child in ast.iter_child_nodes(node))


def _family(node: ast.Assert | ast.Call, imports: ImportTable) -> Family | None:
    if isinstance(node, ast.Assert):
        return Family.ASSERT
    name = last_name(node.func)
    if name is None:
        return None
    signature = call_signature(dotted_callee(node.func), name, imports)
    return None if signature is None else signature.family


def last_name(callee: ast.expr) -> str | None:
    """`c` of `a.b.c`, of `c` and of `f().c`; None for anything else."""
    if isinstance(callee, ast.Attribute):
        return callee.attr
    return callee.id if isinstance(callee, ast.Name) else None


def dotted_callee(node: ast.expr) -> str | None:
    """`a.b.c` of a name or a chain of attributes; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join(reversed([*parts, node.id]))


def interpreter_imports(module: ast.Module) -> ImportTable:
    """The imports of a parsed module, as `imports.import_table` reads them from the grammar's tree."""
    return import_nodes(ast.walk(module))


def import_nodes(nodes: Iterable[ast.AST]) -> ImportTable:
    """The table of the imports among some nodes; later ones win."""
    aliases: dict[str, str] = {}
    starred: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                head = name.name.partition(".")[0]
                aliases[name.asname or head] = name.name if name.asname else head
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                if name.name == "*":
                    starred.add(node.module)
                else:
                    aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    return ImportTable(aliases=aliases, starred=frozenset(starred))
