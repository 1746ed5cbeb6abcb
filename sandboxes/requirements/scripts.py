"""What a `setup.py` says, from its syntax alone: it is never run, and what it computes stays unknown.

Names are followed to constants of the same module, lists and dictionaries may be added, and texts may be read from a
file of the tree (`open("requirements.txt").read().split()`), because many scripts do that.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from sandboxes.parsing import parse_module

_UNKNOWN: Any = object()
_MOST_DEPTH = 30


def read_setup_script(text: str, read: Callable[[str], str | None]) -> Mapping[str, Any]:
    """The keywords of the call of `setup` whose values are known; `read` gives a file of the tree, or None.

    A list of which parts are known holds those. Empty where the script does not parse or calls nothing of that name.
    """
    try:
        module = parse_module(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    reader = _Reader(module, read)
    found: dict[str, Any] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _called(node) in ("setup", "setuptools.setup", "core.setup"):
            for keyword in node.keywords:
                value = reader.value(keyword.value)
                if keyword.arg == "ext_modules":  # whatever they are, but for an empty list
                    found["ext_modules"] = not (isinstance(keyword.value, ast.List) and not keyword.value.elts)
                elif keyword.arg is not None and value is not _UNKNOWN:
                    found[keyword.arg] = value
                elif keyword.arg is None and isinstance(value, dict):
                    found |= value
    return found


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}.{name}"
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


class _Reader:
    """Values of expressions, as far as they can be known without running anything."""

    def __init__(self, module: ast.Module, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._assigned: dict[str, ast.expr] = {}
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._assigned.setdefault(node.targets[0].id, node.value)

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        """What `node` is, or `_UNKNOWN`."""
        if depth > _MOST_DEPTH:
            return _UNKNOWN
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self._assigned:
                return self.value(self._assigned[name], depth + 1)
            case ast.List() | ast.Tuple() | ast.Set():
                values = [self.value(element, depth + 1) for element in node.elts]
                return [value for value in values if value is not _UNKNOWN]
            case ast.Dict():
                return self._mapping(node, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._sum(self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.Call():
                return self._call(node, depth)
            case _:
                return _UNKNOWN

    def _mapping(self, node: ast.Dict, depth: int) -> Any:
        found = {}
        for key, value in zip(node.keys, node.values, strict=True):
            known = (self.value(key, depth + 1) if key is not None else _UNKNOWN, self.value(value, depth + 1))
            if isinstance(known[0], str) and known[1] is not _UNKNOWN:
                found[known[0]] = known[1]
        return found

    @staticmethod
    def _sum(left: Any, right: Any) -> Any:
        if isinstance(left, list) or isinstance(right, list):
            parts = [part for part in (left, right) if isinstance(part, list)]
            return [value for part in parts for value in part]
        return left + right if isinstance(left, str) and isinstance(right, str) else _UNKNOWN

    def _call(self, node: ast.Call, depth: int) -> Any:
        """Reading a file, splitting a text, `dict`, `list`, `find_packages(where)`; nothing else."""
        name = _called(node).rpartition(".")[2]
        first = self.value(node.args[0], depth + 1) if node.args else _UNKNOWN
        if name == "dict" and not node.args:
            known = {keyword.arg: self.value(keyword.value, depth + 1) for keyword in node.keywords if keyword.arg}
            return {key: value for key, value in known.items() if value is not _UNKNOWN}
        if name in ("list", "sorted", "tuple", "set") and isinstance(first, list):
            return first
        if name in ("find_packages", "find_namespace_packages"):
            where = [self.value(keyword.value, depth + 1) for keyword in node.keywords if keyword.arg == "where"]
            return {"where": next((each for each in [*where, first] if isinstance(each, str)), ".")}
        if name in ("open", "read_text") and isinstance(first, str) and not isinstance(node.func, ast.Attribute):
            text = self._read(first)
            return _UNKNOWN if text is None else text
        if isinstance(node.func, ast.Attribute):
            return self._method(name, self.value(node.func.value, depth + 1))
        return _UNKNOWN

    @staticmethod
    def _method(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return _UNKNOWN
        if name in ("split", "splitlines", "readlines"):
            return value.splitlines()
        return value.strip() if name in ("read", "strip") else _UNKNOWN
