"""`drc`: the definitions of production code that a test's prefix imports and names.

Names come from the prefix alone. A name is followed through its import, and through re-exports of packages, to the file
that defines it. A module that is bound as a whole gives what the prefix takes from it (`m.f`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.lexing import Kind, Lexer
from harness.predictors.retrieval.compression import NamesOfPrefix, Passage, names_of
from harness.predictors.retrieval.imports import Binding, ModulePaths, bindings_of
from repopeftbench.definitions import Definition, definitions_of
from repopeftbench.errors import GitObjectError
from repopeftbench.mining.validity import quickly_read
from repopeftbench.schema import HistoryView, TaskInput

_MOST_STEPS = 8  # from a package to what it re-exports, and on
_MOST_STARRED = 200  # definitions of a module that is imported with a star


_Tried = dict[tuple[str, str], int]
"""The names of files that one search has looked at, with the steps that it had left: star imports may go in circles."""


@dataclass(frozen=True, slots=True)
class _Module:
    """What a file has to offer: its own definitions by name, and what its imports bind."""

    definitions: Mapping[str, Definition]
    bindings: tuple[Binding, ...]


@lru_cache(maxsize=512)
def _module(text: str) -> _Module:
    read = quickly_read(text)
    return _Module({one.name: one for one in reversed(definitions_of(read))}, bindings_of(read))


class DependencyFinder:
    """Finds definitions in what one view shows."""

    def __init__(self, view: HistoryView, *, heading: str) -> None:
        """Looks at the view's paths; files are read when an import leads to them.

        Args:
            view: What may be seen of the repository.
            heading: The line above each definition, with `{path}` in it.
        """
        self._view = view
        self._heading = heading
        self._modules = ModulePaths(view.production_files())
        self._known: dict[str, _Module] = {}

    def passages(self, task: TaskInput) -> tuple[NamesOfPrefix, list[Passage]]:
        """The names of a task's prefix, and the definitions that they lead to: those named last in the prefix first."""
        names = names_of(task.prefix)
        found: dict[tuple[str, str], tuple[int, Passage]] = {}
        for used_at, name, path, definition in self._named(task, names):
            key = path, definition.name
            if key not in found or used_at > found[key][0]:
                passage = Passage(heading=self._heading.format(path=path), name=name, definition=definition)
                found[key] = used_at, passage
        ranked = sorted(found, key=lambda key: (-found[key][0], key))
        return names, [found[key][1] for key in ranked]

    def _named(self, task: TaskInput, names: NamesOfPrefix) -> Iterator[tuple[int, str, str, Definition]]:
        """Where a name is used last, the name, and the file and definition that it stands for."""
        chains: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for chain, used_at in _chains(task.prefix).items():
            chains.setdefault(chain[0], []).append((chain, used_at))
        bindings = tuple(dict.fromkeys(bindings_of(task.prefix)))
        submodules = {tuple(binding.name.split(".")) for binding in bindings if "." in binding.name}
        for binding in bindings:
            if binding.member == "*":
                yield from self._starred(task, binding, names)
                continue
            bound = tuple(binding.name.split("."))
            for chain, used_at in chains.get(bound[0], ()):
                if chain[: len(bound)] == bound:
                    yield from self._of_chain(task, binding, chain, used_at)
        # `import a.b` binds `a`, too, of which other attributes than `b` may be used.
        for package in dict.fromkeys(name[0] for name in sorted(submodules)):
            binding = Binding(name=package, module=package, level=0, member="")
            for chain, used_at in chains.get(package, ()):
                if not any(chain[:length] in submodules for length in range(2, len(chain) + 1)):
                    yield from self._of_chain(task, binding, chain, used_at)

    def _of_chain(
        self, task: TaskInput, binding: Binding, chain: tuple[str, ...], used_at: int
    ) -> Iterator[tuple[int, str, str, Definition]]:
        parts = binding.name.split(".")
        for path, definition in self._followed(task.test_file, binding, chain[len(parts) :], {}):
            yield used_at, chain[-1] if chain[-1] == definition.name else parts[-1], path, definition

    def _starred(
        self, task: TaskInput, binding: Binding, names: NamesOfPrefix
    ) -> Iterator[tuple[int, str, str, Definition]]:
        path = self._modules.resolve(task.test_file, binding.module, binding.level)
        if path is None:
            return
        module = self._read(path)
        offered = [*module.definitions, *(one.name for one in module.bindings if "." not in one.name)]
        if "*" in offered:
            # What the module takes from others with a star may be anything that is named, the nearest first.
            offered += sorted(names.last_at, key=lambda name: (-names.last_at[name], name))
        for name in [name for name in dict.fromkeys(offered) if name in names.last_at][:_MOST_STARRED]:
            for place, definition in self._member(path, name, _MOST_STEPS, {}):
                yield names.last_at[name], name, place, definition

    def _followed(
        self, path: str, binding: Binding, rest: tuple[str, ...], tried: _Tried, steps: int = _MOST_STEPS
    ) -> Iterator[tuple[str, Definition]]:
        """What a bound name with attributes behind it stands for: nothing, or one definition in a file."""
        if not steps:
            return
        if binding.member:
            file = self._modules.resolve(path, binding.module, binding.level)
            found = list(self._member(file, binding.member, steps, tried)) if file else []
            if found:
                yield from found
                return
        inner = ".".join(part for part in (binding.module, binding.member) if part)
        file = self._modules.resolve(path, inner, binding.level)
        # `import a.b` binds packages, too: as many attributes as are modules lead on.
        while file is not None and rest:
            yielded = list(self._member(file, rest[0], steps - 1, tried))
            if yielded:
                yield from yielded
                return
            inner, rest = f"{inner}.{rest[0]}", rest[1:]
            file = self._modules.resolve(path, inner, binding.level)

    def _member(self, path: str, name: str, steps: int, tried: _Tried) -> Iterator[tuple[str, Definition]]:
        """What a name of a module stands for: defined there, or imported there; each place is looked at once."""
        if steps <= tried.get((path, name), 0):
            return
        tried[path, name] = steps
        module = self._read(path)
        if name in module.definitions:
            yield path, module.definitions[name]
            return
        for binding in reversed(module.bindings):
            if binding.name == name and binding.member:
                yield from self._followed(path, binding, (), tried, steps - 1)
                return
        for binding in reversed(module.bindings):
            if binding.member == "*":
                file = self._modules.resolve(path, binding.module, binding.level)
                found = list(self._member(file, name, steps - 1, tried)) if file and file != path else []
                if found:
                    yield from found
                    return

    def _read(self, path: str) -> _Module:
        found = self._known.get(path)
        if found is None:
            try:
                found = _module(self._view.read(path))
            except GitObjectError:
                found = _Module({}, ())
            self._known[path] = found
        return found


def _chains(prefix: str) -> dict[tuple[str, ...], int]:
    """Names with the attributes taken from them (`a.b.c` is one chain), and where each is used last.

    Those of import statements are among them: a name that is imported and never used stands furthest from the cut.
    """
    chains: dict[tuple[str, ...], int] = {}
    chain: list[str] = []
    start, dotted = 0, False
    for token in Lexer(prefix, inside=False).tokens():
        text = prefix[token.start : token.end]
        if token.kind is Kind.NAME and (dotted or not chain):
            if not chain:
                start = token.start
            chain.append(text)
            dotted = False
        elif token.kind is Kind.OPERATOR and text == "." and chain and not dotted:
            dotted = True
        else:
            if chain:
                chains[tuple(chain)] = start
            chain, dotted = ([text], False) if token.kind is Kind.NAME else ([], False)
            start = token.start
    if chain:
        chains[tuple(chain)] = start
    return chains
