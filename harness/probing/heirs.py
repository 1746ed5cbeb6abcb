"""Classes that inherit a test from one that pytest does not collect itself, such as a mixin (io: reads a source tree).

Base classes are told by name, as the source writes them: nothing is imported. A name that two classes share can give a
class that does not inherit the test after all; pytest then collects nothing, and the next one is tried.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from sandboxes.parsing import parse_module

_MOST_FILES = 200
_MOST_HEIRS = 8


def heirs(folder: Path, test_file: str, test_function: str) -> tuple[str, ...]:
    """Ids of the same test as the heirs of its class have it: those of the same file first, then by path.

    Args:
        folder: the tree.
        test_file: where the test is defined.
        test_function: its qualified name (`TestMixin.test_a`).
    """
    owner, _, name = test_function.partition(".")
    if not name or "." in name:
        return ()
    own = folder / test_file
    others = sorted(
        path for path in own.parent.rglob("*.py") if path != own and path.is_file() and not path.is_symlink()
    )
    found: list[str] = []
    names = {owner}
    for path in [own, *others[:_MOST_FILES]]:
        for heir in _inheriting(path, names):
            found.append(f"{path.relative_to(folder).as_posix()}::{heir}::{name}")
    return tuple(found[:_MOST_HEIRS])


def _inheriting(path: Path, names: set[str]) -> Iterator[str]:
    """The classes of a file that have one of `names` among their bases, and their own heirs in that file."""
    data = path.read_bytes()
    if not any(name.encode() in data for name in names):
        return
    try:
        tree = parse_module(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known = set(names)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and known & set(map(_last_name, node.bases)):
            known.add(node.name)
            yield node.name


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
