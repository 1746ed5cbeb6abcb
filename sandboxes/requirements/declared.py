"""Where projects declare what they need: each place's own tables, as named lists of requirements.

Knows the notations of PEP 621, PEP 735, Poetry, Flit, Hatch, PDM, uv, setuptools and requirements files; which of the
lists are wanted is `asked`'s business.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandboxes.requirements.lists import read_list
from sandboxes.requirements.specifiers import normal_name, poetry_requirement
from sandboxes.requirements.tree import Tree, mapping, texts

Lists = Mapping[str, tuple[str, ...]]
_MOST_GROUPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that is declared; texts as they are written, names normal.

    Attributes:
        runtime: what the package itself needs; None where nothing says so.
        extras: of the package, by name.
        groups: that are for developing alone, by name.
        files: requirements files, by path.
        tests: what is said to be for tests, whatever it is called.
        python: constraints of the interpreter's version.
    """

    runtime: tuple[str, ...] | None
    extras: Lists = field(default_factory=dict)
    groups: Lists = field(default_factory=dict)
    files: Lists = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    python: tuple[str, ...] = ()


def read_declared(tree: Tree) -> Declared:
    """All declarations of the tree."""
    project, script = tree.table("project"), tree.setup_script
    poetry, flit = tree.table("tool", "poetry"), tree.table("tool", "flit", "metadata")
    poetry_main = poetry.get("dependencies")
    runtimes = [
        texts(project.get("dependencies")) if "dependencies" in project else None,
        list(_poetry_rows(poetry_main)) if isinstance(poetry_main, Mapping) else None,
        texts(flit.get("requires")) if flit else None,
        tree.setup_cfg("options", "install_requires").splitlines() if tree.setup_cfg_section("options") else None,
        _lines(script["install_requires"]) if "install_requires" in script else None,
    ]
    known = [runtime for runtime in runtimes if runtime is not None]
    if not known and project and "dependencies" not in texts(project.get("dynamic")):
        known = [[]]
    tests = [*_lines(script.get("tests_require")), *tree.setup_cfg("options", "tests_require").splitlines()]
    return Declared(
        runtime=tuple(line for runtime in known for line in runtime) if known else None,
        extras=_named(_extras(tree)),
        groups=_groups(tree),
        files=_files(tree),
        tests=(*tests, *_hatch_requirements(tree)),
        python=_pythons(tree),
    )


def _lines(value: Any) -> list[str]:
    return [line for text in texts(value) for line in text.splitlines()]


def _named(rows: Iterator[tuple[str, list[str]]]) -> Lists:
    found: dict[str, tuple[str, ...]] = {}
    for name, lines in rows:
        found[normal_name(name)] = (*found.get(normal_name(name), ()), *lines)
    return found


def _extras(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    for table in (
        tree.table("project", "optional-dependencies"),
        tree.table("tool", "flit", "metadata", "requires-extra"),
        tree.setup_cfg_section("options.extras_require"),
        mapping(tree.setup_script.get("extras_require")),
    ):
        for name, lines in table.items():
            extra, _, marker = name.partition(":")
            if not marker:
                yield extra, _lines(lines)
    poetry = tree.table("tool", "poetry", "dependencies")
    for extra, names in tree.table("tool", "poetry", "extras").items():
        yield extra, [poetry_requirement(name, poetry[name]) for name in texts(names) if name in poetry]


def _poetry_rows(table: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in table.items():
        optional = isinstance(wanted, Mapping) and wanted.get("optional") is True
        if normal_name(name) != "python" and not optional:
            yield poetry_requirement(name, wanted)


def _groups(tree: Tree) -> Lists:
    rows: list[tuple[str, list[str]]] = [("dev", list(_poetry_rows(tree.table("tool", "poetry", "dev-dependencies"))))]
    for name, group in tree.table("tool", "poetry", "group").items():
        rows.append((name, list(_poetry_rows(mapping(mapping(group).get("dependencies"))))))
    for name, lines in tree.table("tool", "pdm", "dev-dependencies").items():
        rows.append((name, texts(lines)))
    rows.append(("dev", texts(tree.table("tool", "uv").get("dev-dependencies"))))
    rows.append(("dev", texts(tree.table("tool", "flit", "metadata").get("dev-requires"))))
    groups = tree.table("dependency-groups")
    by_name = {normal_name(name): groups[name] for name in reversed(list(groups))}  # of equal names the first counts
    rows += [(name, list(_group(by_name, name, set()))) for name in groups]
    return {name: lines for name, lines in _named(iter(rows)).items() if lines}


def _group(groups: Mapping[str, Any], name: str, seen: set[str]) -> Iterator[str]:
    """The lines of a group of PEP 735, those of included groups in their place; each group once."""
    wanted = normal_name(name)
    if wanted in seen or len(seen) >= _MOST_GROUPS or not isinstance(groups.get(wanted), list):
        return
    seen.add(wanted)
    for row in groups[wanted]:
        if isinstance(row, str):
            yield row
        elif isinstance(row, Mapping) and isinstance(row.get("include-group"), str):
            yield from _group(groups, row["include-group"], seen)


def _hatch_requirements(tree: Tree) -> Iterator[str]:
    """Of Hatch's environments that have pytest, extras as `.[extra]`; matrices and the leanest versions aside."""
    environments = tree.table("tool", "hatch", "envs")
    for name, environment in environments.items():
        rows = mapping(environment)
        lines = [*texts(rows.get("dependencies")), *texts(rows.get("extra-dependencies"))]
        features = texts(rows.get("features"))
        if name not in ("default", "test", "tests", "testing", "hatch-test"):
            continue
        if name != "default" or any("pytest" in line for line in lines):
            yield from lines
            yield from (f".[{feature}]" for feature in features)


def _files(tree: Tree) -> Lists:
    """Requirements files at the top and in folders called so; the sources of compiled ones only where those lack."""
    pattern = re.compile(r"^(?:[\w.-]*requirements[\w.-]*|requirements/[\w.-]+)\.(?:txt|in)$", re.IGNORECASE)
    paths = sorted(path for path in tree.paths if pattern.match(path))
    whole = {path for path in paths if path.endswith(".txt")}
    wanted = [path for path in paths if path in whole or f"{path.removesuffix('.in')}.txt" not in whole]
    return {path: tuple(read_list(path, tree.read)) for path in wanted}


def _pythons(tree: Tree) -> tuple[str, ...]:
    flit = tree.table("tool", "flit", "metadata")
    said = (
        tree.table("project").get("requires-python"),
        tree.table("tool", "poetry", "dependencies").get("python"),
        flit.get("requires-python"),
        tree.setup_cfg("options", "python_requires"),
        tree.setup_script.get("python_requires"),
    )
    return tuple(dict.fromkeys(text.strip() for text in said if isinstance(text, str) and text.strip()))
