"""The tree's own package: what an installation of it would add, without installing it.

Commits share an environment, so none of them is installed in it. Its code is imported from the tree, its metadata come
from a folder with a `dist-info` made here, and version files that a build would write are added to the copy of the
tree. Nothing of it is ever built: a package that must be compiled cannot be had this way.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.parsing import parse_module
from sandboxes.requirements.tree import Tree, mapping, texts

_MOST_PLACES = 20
UNKNOWN_VERSION = "0.0.0"  # of a package whose version is told by git alone
_COMPILING = ("maturin", "mesonpy", "scikit_build_core", "skbuild", "setuptools_rust", "sipbuild", "py_build_cmake")
_VERSION_FILES = ("version.py", "_version.py", "__version__.py", "__about__.py", "about.py", "__init__.py")
_PLAIN = re.compile(r"[0-9][A-Za-z0-9.+!_-]{0,99}")  # what may become part of a file's name
_MADE_PATH = re.compile(r"[\w.-]{1,100}(?:/[\w.-]{1,100}){0,20}")
_VERSION = re.compile(
    r"""^[ \t]*(?:__version__|version|VERSION)[ \t]*(?::[ \t]*\w+[ \t]*)?=[ \t]*["']([^"'\s]+)["']""", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPackage:
    """What the tree would install.

    Attributes:
        name: of the distribution; empty where the tree says none.
        version: `UNKNOWN_VERSION` where only a build would know.
        entry_points: (group, name, object), sorted; they name plugins of pytest, for example.
        import_paths: folders of the tree that come first on `sys.path`.
        files: (path, text) of files that a build would write and the tree does not have.
        compiled: what of it must be compiled; empty if nothing.
    """

    name: str = ""
    version: str = UNKNOWN_VERSION
    entry_points: tuple[tuple[str, str, str], ...] = ()
    import_paths: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    compiled: str = ""


def read_own(tree: Tree) -> OwnPackage:
    """What the tree says about the package that it is."""
    import_paths = _import_paths(tree)
    version = _declared_version(tree) or _version_in_files(tree, import_paths) or UNKNOWN_VERSION
    return OwnPackage(
        name=_name(tree),
        version=version,
        entry_points=tuple(sorted(_entry_points(tree))),
        import_paths=import_paths,
        files=tuple(sorted(_written_by_a_build(tree, import_paths, version))),
        compiled=_compiled(tree),
    )


def _name(tree: Tree) -> str:
    metadata = tree.table("tool", "flit", "metadata")
    names = (
        tree.table("project").get("name"),
        tree.table("tool", "poetry").get("name"),
        metadata.get("dist-name") or metadata.get("module"),
        tree.setup_cfg("metadata", "name"),
        tree.setup_script.get("name"),
    )
    return next((name for name in names if isinstance(name, str) and name), "")


def _declared_version(tree: Tree) -> str:
    versions = (
        tree.table("project").get("version"),
        tree.table("tool", "poetry").get("version"),
        tree.setup_cfg("metadata", "version"),
        tree.setup_script.get("version"),
    )
    return next((text for text in versions if isinstance(text, str) and _PLAIN.fullmatch(text)), "")


def _version_in_files(tree: Tree, import_paths: tuple[str, ...]) -> str:
    for package in _packages(tree, import_paths):
        for name in _VERSION_FILES:
            found = _VERSION.search(tree.read(f"{package}/{name}") or "")
            if found and _PLAIN.fullmatch(found[1]):
                return found[1]
    return ""


def _packages(tree: Tree, import_paths: tuple[str, ...]) -> list[str]:
    """The folders of its packages, the one that is called as the distribution first."""
    roots = [f"{path}/" for path in import_paths] + [""]
    wanted = re.sub(r"[-.]+", "_", _name(tree)).lower()
    found = [
        path.removesuffix("/__init__.py")
        for path in tree.paths
        if path.endswith("/__init__.py")
        and any(path.count("/") == root.count("/") + 1 and path.startswith(root) for root in roots)
    ]
    places = [path for path in found if not re.search(r"(^|/)(tests?|docs?|examples?)$", path)]
    return sorted(places, key=lambda path: (path.rpartition("/")[2].lower() != wanted, path))


def _import_paths(tree: Tree) -> tuple[str, ...]:
    """Said by the build's configuration, or `src` and `lib` if they hold modules and are no packages themselves."""
    said: list[Any] = [
        tree.table("tool", "setuptools", "package-dir").get(""),
        *texts(tree.table("tool", "setuptools", "packages", "find").get("where")),
        _assignments(tree.setup_cfg("options", "package_dir")).get(""),
        tree.setup_cfg("options.packages.find", "where"),
        mapping(tree.setup_script.get("package_dir")).get(""),
        mapping(tree.setup_script.get("packages")).get("where"),
        *(row.get("from") for row in _rows(tree.table("tool", "poetry").get("packages"))),
        tree.table("tool", "pdm").get("package-dir") or tree.table("tool", "pdm", "build").get("package-dir"),
        "src",
        "lib",
    ]
    places = [place.strip().strip("/").removeprefix("./") for place in said if isinstance(place, str)]
    wanted = [place for place in dict.fromkeys(places) if place not in ("", ".")][:_MOST_PLACES]
    return tuple(place for place in wanted if _holds_modules(tree, place))


def _assignments(text: str) -> Mapping[str, str]:
    """The rows `name = value` of a text."""
    rows = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, sign, value in rows if sign}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _holds_modules(tree: Tree, place: str) -> bool:
    if f"{place}/__init__.py" in tree.paths or ".." in place.split("/"):
        return False
    depth = place.count("/") + 1
    inside = [path for path in tree.paths if path.startswith(f"{place}/") and path.endswith(".py")]
    return any(path.count("/") in (depth, depth + 1) for path in inside)


def _entry_points(tree: Tree) -> Iterator[tuple[str, str, str]]:
    project, poetry = tree.table("project"), tree.table("tool", "poetry")
    groups: dict[str, Any] = {
        "console_scripts": project.get("scripts") or poetry.get("scripts") or {},
        **tree.table("tool", "poetry", "plugins"),
        **tree.table("tool", "flit", "entrypoints"),
        **tree.table("project", "entry-points"),
    }
    for group, rows in groups.items():
        yield from ((group, name, place) for name, place in mapping(rows).items() if isinstance(place, str))
    script = mapping(tree.setup_script.get("entry_points"))
    listed = {**tree.setup_cfg_section("options.entry_points"), **script}
    for group, lines in listed.items():
        for line in texts(lines):
            for row in line.splitlines():
                name, _, place = row.partition("=")
                if name.strip() and place.strip():
                    yield group, name.strip(), place.strip()


def _written_by_a_build(tree: Tree, import_paths: tuple[str, ...], version: str) -> Iterator[tuple[str, str]]:
    """Version files of tools that ask git, and modules called like one that the package imports and does not have."""
    scm, script = tree.table("tool", "setuptools_scm"), mapping(tree.setup_script.get("use_scm_version"))
    said = [
        scm.get("write_to") or scm.get("version_file"),
        script.get("write_to") or script.get("version_file"),
        tree.table("tool", "hatch", "build", "hooks", "vcs").get("version-file"),
        tree.table("tool", "pdm", "version").get("write_to"),
        tree.table("tool", "versioningit", "write").get("file"),
    ]
    paths = {path.removeprefix("./") for path in said if isinstance(path, str) and path.endswith(".py")}
    for package in _packages(tree, import_paths):
        for module in _version_modules(tree.read(f"{package}/__init__.py") or "", package.rpartition("/")[2]):
            if f"{package}/{module}/__init__.py" not in tree.paths:
                paths.add(f"{package}/{module}.py")
    for path in paths:
        if path not in tree.paths and _MADE_PATH.fullmatch(path) and ".." not in path.split("/"):
            yield path, _version_text(version)


def _version_modules(text: str, package: str) -> Iterator[str]:
    """Modules called like a version that the text of a package imports from within it."""
    try:
        module = parse_module(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            within = node.level == 1 or (node.module or "").startswith(f"{package}.")
            name = (node.module or "").removeprefix(f"{package}.") if not node.level else node.module or ""
            if within and re.fullmatch(r"_*(?:git_?|scm_?)?version(?:_info)?_*", name):
                yield name


def _version_text(version: str) -> str:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return (
        f"__version__ = version = {version!r}\n__version_tuple__ = version_tuple = {numbers!r}\n"
        "__commit_id__ = commit_id = None\n"
    )


def _compiled(tree: Tree) -> str:
    """What must be compiled, in words; empty if nothing."""
    build = tree.table("build-system")
    backend = str(build.get("build-backend", "")).partition(".")[0].partition(":")[0]
    if backend in _COMPILING:
        return f"its build is {backend}'s, which compiles"
    if tree.setup_script.get("ext_modules") or tree.table("tool", "setuptools").get("ext-modules"):
        return "its setup.py has extension modules"
    return ""
