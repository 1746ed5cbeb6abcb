"""What the names of a test file stand for in its repository: imports resolved by paths alone. Pure.

Source roots are found from the paths: a module may be imported from every folder that is no package itself, so `src`
layouts and namespace packages need no configuration; of several files that fit, the one nearest to the root of the
repository is taken. Relative imports start at the test file's folder. Nothing is imported, and nothing outside the view
is looked at: what is installed, or made by a fixture, has no file here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tree_sitter import Node

from repopeftbench.definitions import MOST_CHARACTERS
from repopeftbench.mining.source import parse_copy
from repopeftbench.syntax import nodes_at, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A name that an import statement binds.

    Attributes:
        name: The local name; `*` for all that the module has.
        module: The dotted module, without leading dots.
        level: Leading dots; 0 is absolute.
        member: What is taken from the module; empty where the module itself is bound, `*` for everything.
    """

    name: str
    module: str
    level: int
    member: str


def bindings_of(text: str) -> tuple[Binding, ...]:
    """What the import statements of a text bind, wherever they stand, in order.

    `import a.b` binds `a`: it is given as the module `a.b` under the name `a.b`. A text that is too long to be a
    program (`MOST_CHARACTERS`) binds nothing.
    """
    if len(text) > MOST_CHARACTERS:
        return ()
    source = parse_copy(text.encode("utf-8", "replace"))
    found: list[Binding] = []
    for node in nodes_at(source, (b"import", b"from"), parse(source).root_node):
        statement = node.parent
        if statement is None or node.is_named:
            continue
        if node.type == "import" and statement.type == "import_statement":
            found.extend(_modules(statement))
        elif node.type == "from" and statement.type == "import_from_statement":
            found.extend(_members(statement))
    return tuple(found)


def _modules(statement: Node) -> Iterator[Binding]:
    for node in statement.children_by_field_name("name"):
        module, alias = _named(node)
        yield Binding(name=alias or module, module=module, level=0, member="")


def _members(statement: Node) -> Iterator[Binding]:
    origin = statement.child_by_field_name("module_name")
    written = "" if origin is None else _text(origin)
    module = written.lstrip(". ")
    level = written.count(".", 0, len(written) - len(module))
    if any(child.type == "wildcard_import" for child in statement.children):
        yield Binding(name="*", module=module, level=level, member="*")
    for node in statement.children_by_field_name("name"):
        member, alias = _named(node)
        yield Binding(name=alias or member, module=module, level=level, member=member)


def _named(node: Node) -> tuple[str, str]:
    """What is imported, and the alias that it gets, if any."""
    if node.type != "aliased_import":
        return _text(node), ""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return ("" if name is None else _text(name)), ("" if alias is None else _text(alias))


def _text(node: Node) -> str:
    return "".join((node.text or b"").decode("utf-8", "replace").split())


class ModulePaths:
    """Finds modules among the paths of a repository."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Takes the paths of its production files."""
        self._paths = frozenset(paths)
        self._packages = {str(PurePosixPath(path).parent) for path in self._paths if path.endswith("__init__.py")}
        self._by_end: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            self._by_end[_last_part(path)].append(path)

    def find(self, module: str) -> str | None:
        """The file of an absolute module; None where the repository has none."""
        parts = tuple(module.split("."))
        fitting = [path for path in self._by_end.get(parts[-1], ()) if self._is_importable(path, parts)]
        return min(fitting, key=lambda path: (path.count("/"), path), default=None)

    def relative(self, path: str, module: str, level: int) -> str | None:
        """The file of a relative module; None where the repository has none.

        Args:
            path: The file that imports.
            module: Without its leading dots; may be empty.
            level: The leading dots, at least 1.
        """
        folders = path.split("/")[:-1]
        if level - 1 > len(folders):
            return None
        base = folders[: len(folders) - (level - 1)]
        return self._at([*base, *(module.split(".") if module else [])])

    def resolve(self, path: str, module: str, level: int) -> str | None:
        """The file of a module that a file imports, absolute or relative; None where the repository has none."""
        return self.relative(path, module, level) if level else self.find(module)

    def _at(self, parts: list[str]) -> str | None:
        stem = "/".join(parts)
        init = f"{stem}/__init__.py" if stem else "__init__.py"
        return next((path for path in (init, f"{stem}.py") if path in self._paths), None)

    def _is_importable(self, path: str, parts: tuple[str, ...]) -> bool:
        """Whether a file is the module of those parts, seen from a folder that is no package."""
        found = path.removesuffix("/__init__.py").removesuffix(".py").split("/")
        if tuple(found[-len(parts) :]) != parts:
            return False
        root = "/".join(found[: -len(parts)])
        return (root or ".") not in self._packages


def _last_part(path: str) -> str:
    """The last part of the name of a path's module."""
    return path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
