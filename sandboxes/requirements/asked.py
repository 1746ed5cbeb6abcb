"""What a source tree asks for: the one record that an environment is made from. Its rules are for all repositories.

Wanted are what the package needs, what is declared for tests, and what tests import without anybody declaring it. Where
nothing is declared for tests, what is declared for developing stands in. Tools that check, document or publish are left
out unless tests import them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandboxes.requirements.declared import Declared, read_declared
from sandboxes.requirements.imports import (
    ImportReader,
    configured_plugins,
    distribution_of,
    undeclared,
)
from sandboxes.requirements.lists import read_tox
from sandboxes.requirements.own import OwnPackage, read_own
from sandboxes.requirements.specifiers import extras_of, name_of, normal_name, normal_requirement
from sandboxes.requirements.tree import Tree

_TESTING = re.compile(r"^(?:(?:unit)?tests?|testing|pytest|ci)$")
_LIKE_TESTING = re.compile(r"(?:^|[-_./])(?:(?:unit)?tests?|testing)(?:[-_.]|$)")
_DEVELOPING = re.compile(r"(?:^|[-_./])(?:dev|devel|develop|development|local)(?:[-_.]|$)")
_NO_FEATURES = re.compile(
    r"(?:^|[-_.])(?:docs?|lint|linting|typing|types|mypy|style|format|build|release|publish|bench\w*|"
    r"perf\w*|examples?|notebooks?|tutorials?|cuda|gpu|ci|coverage|quality)(?:[-_.]|$)"
)
_BASE_FILES = ("requirements.txt", "requirements.in", "requirements/base.txt", "requirements/requirements.txt")
# Checkers, documentation, release, task runners and debuggers.
_TOOLS = frozenset(
    (
        "autopep8 bandit black bpython build bumpversion bump2version bump-my-version codecov commitizen coveralls "
        "detox doc8 flake8 furo gha-update hatch hatchling invoke ipdb ipython isort jupyter jupyterlab maturin "
        "mkdocs mypy nox nox-poetry pdbpp pep8 pep8-naming pip pip-tools poethepoet poetry pre-commit pre-commit-uv "
        "prek prospector pycodestyle pydocstyle pyflakes pylint pyright pyroma pyupgrade readme-renderer reno ruff "
        "rstcheck safety setuptools-scm sphinx toml-sort tox tox-gh-actions tox-uv towncrier twine ty vulture "
        "watchdog wheel yapf zest-releaser"
    ).split()
)
_TOOL_FAMILIES = re.compile(r"^(?:sphinx|sphinxcontrib|flake8|mkdocs|pylint|mypy|types|tox)-")
_ASIDE = re.compile(r"(?:^|/)(?:docs?|examples?|benchmarks?|scripts|tools|ci|\.[^/]+)/")
_MOST_GUESSES = 20
_CONFIGURATIONS = ("pytest.ini", "setup.cfg", "tox.ini", "pyproject.toml", ".pytest.ini")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Guess:
    """A requirement that nobody declares: it is left out where `module` is there without it, or where it cannot be had.

    `module` is empty for a plugin of pytest, which nobody imports.
    """

    requirement: str
    module: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a tree asks for. Equal records get one environment, whatever else differs between their trees.

    Attributes:
        runtime: requirements of the package, sorted.
        tests: requirements of its tests, sorted; pytest is among them.
        guesses: what test files import or use without its being declared, and what the package's other extras name;
            sorted.
        python: constraints of the interpreter's version.
        own: the package itself; it is not installed, and not part of what makes environments differ.
    """

    runtime: tuple[str, ...]
    tests: tuple[str, ...]
    guesses: tuple[Guess, ...]
    python: tuple[str, ...]
    own: OwnPackage


def read_asked(tree: Tree, reader: ImportReader | None = None) -> Asked:
    """What the tree asks for; a `reader` that is kept makes the next tree of the same history faster."""
    reader = reader or ImportReader()
    own, declared = read_own(tree), read_declared(tree)
    name = normal_name(own.name)
    imported, plugins = _imported(tree, declared, reader)
    names = {part.lower() for path in tree.paths for part in path.removesuffix(".py").split("/")}
    modules = undeclared(imported, {module for module in imported if module.lower() in names})
    kept = {distribution_of(module) for module in imported} | set(imported)

    def normal(lines: Iterable[str]) -> tuple[str, ...]:
        expanded = (normal_requirement(line) for line in _without_own(lines, name, declared, frozenset()))
        found = {line for line in expanded if line and (name_of(line) in kept or not _is_tool(name_of(line)))}
        return tuple(sorted(line for line in found if name_of(line) != name))

    runtime = normal(_runtime(declared))
    tests = normal(["pytest", *_for_tests(tree, declared)])
    having = {name_of(line) for line in (*runtime, *tests)}
    elsewhere = {name_of(line): line for line in normal(_elsewhere(declared))}
    features = dict.fromkeys(map(name_of, normal(_features(declared))), "")
    guesses = features | dict.fromkeys(plugins, "") | {distribution_of(module): module for module in modules}
    return Asked(
        runtime=runtime,
        tests=tests,
        guesses=tuple(
            Guess(requirement=elsewhere.get(name_of(wanted), wanted), module=module)
            for wanted, module in sorted(guesses.items())
            if name_of(wanted) not in having | {name}
        )[:_MOST_GUESSES],
        python=declared.python,
        own=own,
    )


def _is_tool(name: str) -> bool:
    return name in _TOOLS or _TOOL_FAMILIES.match(name) is not None


def _runtime(declared: Declared) -> tuple[str, ...]:
    if declared.runtime is not None:
        return declared.runtime
    return tuple(line for path in _BASE_FILES for line in declared.files.get(path, ()))


def _for_tests(tree: Tree, declared: Declared) -> list[str]:
    """What is declared for tests under whatever name; what is for developing where there is nothing of that kind."""
    tox = tree.read("tox.ini") or str(tree.table("tool", "tox").get("legacy_tox_ini", ""))
    requirements, extras, groups = read_tox(tox, tree.read)
    said = [
        *declared.tests,
        *requirements,
        *(line for extra in extras for line in declared.extras.get(normal_name(extra), ())),
        *(line for group in groups for line in declared.groups.get(normal_name(group), ())),
    ]
    for pattern in (_TESTING, _LIKE_TESTING):
        if named := [line for label, lines in _labelled(declared) if pattern.search(label) for line in lines]:
            return [*named, *said]
    return said or [line for label, lines in _labelled(declared) if _DEVELOPING.search(label) for line in lines]


def _labelled(declared: Declared) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All lists but those of the package itself, a file's label being its name without the word `requirements`."""
    yield from (*declared.extras.items(), *declared.groups.items())
    for path, lines in declared.files.items():
        words = [word for word in re.split(r"[-_./]+", path.lower())[:-1] if not word.startswith("requirement")]
        yield "-".join(words), lines


def _elsewhere(declared: Declared) -> Iterator[str]:
    """Everything declared: a distribution that tests import is wanted in the version that any list names."""
    for lists in (declared.extras, declared.groups, declared.files):
        for lines in lists.values():
            yield from lines


def _features(declared: Declared) -> Iterator[str]:
    """What the package can use and need not have: tests of it are skipped or fail without."""
    for label, lines in declared.extras.items():
        if not any(pattern.search(label) for pattern in (_TESTING, _LIKE_TESTING, _DEVELOPING, _NO_FEATURES)):
            yield from lines


def _without_own(lines: Iterable[str], name: str, declared: Declared, above: frozenset[str]) -> Iterator[str]:
    """The lines with `.[extra]` and `name[extra]` replaced by what the extra asks for."""
    for line in lines:
        own = re.match(r"^\.(\[.*\])?$", line.strip()) is not None
        if not own and (not name or name_of(line) != name):
            yield line
            continue
        for extra in extras_of(re.sub(r"^\s*\.", "own", line)):
            if extra not in above:
                yield from _without_own(declared.extras.get(extra, ()), name, declared, above | {extra})


def _imported(tree: Tree, declared: Declared, reader: ImportReader) -> tuple[frozenset[str], frozenset[str]]:
    """Top names of modules that test files import, and distributions of plugins that tests and configuration use.

    The package's own imports count too where nothing says what it needs.
    """
    everything = _runtime(declared) == () and declared.runtime is None
    modules: set[str] = set()
    plugins = {plugin for path in _CONFIGURATIONS for plugin in configured_plugins(_pytest_options(tree, path))}
    for path in sorted(tree.paths):
        if not path.endswith(".py") or path == "setup.py":
            continue
        text = tree.read(path) or ""
        if is_test_file(path) or (everything and not _ASIDE.search(path)):
            imports, uses = reader.read(text)
            modules |= imports
            plugins |= uses
        elif "pkg_resources" in text:
            modules |= {"pkg_resources"} & reader.read(text)[0]
    return frozenset(modules), frozenset(plugins)


def is_test_file(path: str) -> bool:
    """Whether the path looks like one of tests or of what they share."""
    folders, _, name = path.rpartition("/")
    if re.match(r"^(?:test_.*|.*_tests?|tests?|conftest)\.py$", name):
        return True
    return any(folder in ("test", "tests", "testing") for folder in folders.split("/")) and not _ASIDE.search(path)


def _pytest_options(tree: Tree, path: str) -> str:
    """The part of a configuration that pytest reads."""
    if path == "pyproject.toml":
        return str(dict(tree.table("tool", "pytest", "ini_options")))
    found = re.search(r"^\[(?:tool:)?pytest\]\s*$(.*?)(?=^\[|\Z)", tree.read(path) or "", re.MULTILINE | re.DOTALL)
    return found[1] if found else ""
