"""Renders everything of a synthetic repository but its tests: modules, package, README and pyproject."""

import re
from collections.abc import Iterable, Mapping
from string import Template

from .catalogue import KINDS
from .draw import camel
from .literals import literal
from .model import Feature, State
from .themes import THEMES

_STANDARD = (
    (r"\basyncio\.", "import asyncio"),
    (r"\blogging\.", "import logging"),
    (r"\bmath\.", "import math"),
    (r"\bdeque\(", "from collections import deque"),
    (r"@dataclass.*(?s:.*)\bfield\(", "from dataclasses import dataclass, field"),
    (r"@dataclass(?!(?s:.*)\bfield\()", "from dataclasses import dataclass"),
    (r"\(Enum\)", "from enum import Enum"),
    (r"\(IntEnum\)", "from enum import IntEnum"),
    (r"\bcycle\(", "from itertools import cycle"),
)
_EXPORT = re.compile(r"^(?:async def|def|class) ([A-Za-z]\w*)|^([A-Z]\w*) =", re.MULTILINE)
_STRING = re.compile(r'f?"(?:[^"\\\n]|\\.)*"')

AREAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "errors": ("Errors that are raised on purpose.", ("errors", "exceptions", "problems")),
    "base": ("Constants and options that everything else builds on.", ("limits", "constants", "bounds", "options")),
    "kinds": ("How things are classed, and what is allowed where.", ("kinds", "categories", "taxonomy", "classes")),
    "money": ("What things cost, and how bills are written.", ("pricing", "fees", "tariffs", "billing")),
    "things": ("The things that are kept book of.", ("records", "ledger", "entries", "labels")),
    "places": ("Where things are kept, and by whom.", ("storage", "stock", "premises", "keeping")),
    "time": ("Times, states and curves.", ("timetable", "schedule", "planning", "periods")),
    "stats": ("Figures and conversions.", ("figures", "statistics", "reckoning", "quantities")),
}


def slots(slot: str, value: object) -> dict[str, str]:
    """Every placeholder that the value of `slot` fills: the literal, and for tuples the items and layouts as lines.

    A tuple of pairs gives `slot_rows`, `slot_deeper`, `slot_members` and `slot_items` (as tuple rows at two depths,
    members of an enumeration, entries of a dict) and `slot_k0`, `slot_v0`, ... `slot_klast`, `slot_vlast`.
    """
    made = {slot: _amount(value)}
    if not isinstance(value, tuple):
        return made
    if not value or not isinstance(value[0], tuple):
        return made | {f"{slot}_{index}": literal(item) for index, item in enumerate(value)}
    made[f"{slot}_rows"] = "\n".join(f"    ({_amount(key)}, {_amount(item)})," for key, item in value)
    made[f"{slot}_deeper"] = "\n".join(f"        ({_amount(key)}, {_amount(item)})," for key, item in value)
    made[f"{slot}_members"] = "".join(f"    {key} = {_amount(item)}\n" for key, item in value).rstrip()
    made[f"{slot}_items"] = "\n".join(f"    {_amount(key)}: {_amount(item)}," for key, item in value)
    for index, (key, item) in [*enumerate(value), ("last", value[-1])]:
        made |= {f"{slot}_k{index}": str(key), f"{slot}_v{index}": literal(item)}
    return made


def _amount(value: object) -> str:
    """Source text of `value` as production code has it: large numbers are grouped."""
    return f"{value:_}" if type(value) is int and value >= 10_000 else literal(value)


def filling(state: State, feature: Feature) -> dict[str, str]:
    """Text for every placeholder in the templates of `feature`: its own, then its peers', then the errors'."""
    made = {"package": state.package}
    errors = state.features[0]
    for source in (errors, *map(state.feature, feature.uses), feature):
        made |= source.words
        for slot, value in source.values:
            made |= slots(slot, value)
    return made | {"module": feature.module}


def fill(template: str, texts: Mapping[str, str]) -> str:
    """`template` with its placeholders filled; a placeholder without a text is a bug (KeyError)."""
    return Template(template).substitute(texts)


def exports(source: str) -> list[str]:
    """Names that a module offers to others, in the order of the text."""
    return [one or other for one, other in _EXPORT.findall(source)]


def mentions(names: Iterable[str], source: str, *, after: str = "") -> list[str]:
    """Those of `names` that `source` uses outside strings, sorted; with `after`, those that this text follows."""
    code = _STRING.sub('""', source)
    return sorted(set(names) & set(re.findall(rf"(?<![\w.])[A-Za-z_]\w*\b(?={re.escape(after)})", code)))


def import_lines(module: str, names: list[str], limit: int = 88) -> list[str]:
    """The statement that imports `names` from `module`, over several lines where it is too long."""
    flat = f"from {module} import {', '.join(names)}"
    if len(flat) <= limit:
        return [flat]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _feature_source(state: State, feature: Feature) -> str:
    texts = filling(state, feature)
    source = ""
    for part in KINDS[feature.kind].parts[: feature.parts]:
        code = fill(part.code, texts).strip("\n")
        source += code if not source else ("\n\n" if part.method else "\n\n\n") + code
    return source


def _area(state: State, module: str) -> str:
    return next(KINDS[feature.kind].area for feature in state.features if feature.module == module)


def module_sources(state: State) -> dict[str, str]:
    """Source text of every production module, by module name."""
    bodies = {
        module: "\n\n\n".join(_feature_source(state, feature) for feature in state.features if feature.module == module)
        for module in state.modules
    }
    offered = {module: exports(body) for module, body in bodies.items()}
    return {module: _module(state, module, body, offered) for module, body in bodies.items()}


def _module(state: State, module: str, body: str, offered: Mapping[str, list[str]]) -> str:
    lines = [f'"""{AREAS[_area(state, module)][0]}"""', ""]
    if f"log:{module}" in state.chores:
        body = f'logger = logging.getLogger("{state.package}.{module}")\n\n\n{body}'
    if f"all:{module}" in state.chores:
        listed = "".join(f'    "{name}",\n' for name in sorted(offered[module]))
        body = f"__all__ = [\n{listed}]\n\n\n{body}"
    standard = [statement for pattern, statement in _STANDARD if re.search(pattern, body)]
    local = []
    for other, names in offered.items():
        used = mentions(names, body) if other != module else []
        if used:
            local += import_lines(f".{other}", used)
    if f"todo:{module}" in state.chores:
        lines = [
            *lines[:1],
            "",
            "# Names and amounts follow the printed rules; ask the office before changing any.",
            "",
        ]
    lines += [*standard, *([""] if standard and local else []), *local]
    if standard or local:
        lines.append("")
    if not body.startswith(("#", "logger", "__all__")):
        lines.append("")
    return "\n".join([*lines, body]) + "\n"


def package_files(state: State, sources: Mapping[str, str]) -> dict[str, str]:
    """Path and text of every file that is no test; `sources` are the texts of the modules."""
    theme = next(theme for theme in THEMES if theme.key == state.theme)
    version = ".".join(map(str, state.version))
    init = f'"""{theme.summary}"""\n'
    if "reexport" in state.chores:
        errors = state.features[0]
        init += f'\nfrom .{errors.module} import {errors.words["Base"]}\n\n__all__ = ["{errors.words["Base"]}"]\n'
    files = {f"{state.package}/{module}.py": source for module, source in sources.items()}
    files[f"{state.package}/__init__.py"] = f'{init}\n__version__ = "{version}"\n'
    if "main" in state.chores:
        files[f"{state.package}/__main__.py"] = _main(state.package)
    files["README.md"] = _readme(state, theme.summary)
    files["pyproject.toml"] = pyproject_text(state.package, version, theme.summary)
    return files


def _main(package: str) -> str:
    return (
        f'"""Shows the version: ``python -m {package}``."""\n\nfrom . import __version__\n\n\ndef main():\n'
        f'    """Print name and version."""\n    print("{package}", __version__)\n\n\n'
        'if __name__ == "__main__":\n    main()\n'
    )


def _readme(state: State, summary: str) -> str:
    modules = "\n".join(f"- `{state.package}.{module}`: {AREAS[_area(state, module)][0]}" for module in state.modules)
    title = camel(state.package)
    notes = "".join(f"\n{note}\n" for note in state.notes)
    return f"# {title}\n\n{summary}\n\n## Modules\n\n{modules}\n\n## Tests\n\n    python -m pytest\n{notes}"


def pyproject_text(package: str, version: str, summary: str) -> str:
    """Text of `pyproject.toml`; its tests import the package from where they are."""
    return (
        '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "{package}"\nversion = "{version}"\ndescription = "{summary}"\n'
        'requires-python = ">=3.11"\nlicense = "MIT"\n\n'
        f'[tool.setuptools]\npackages = ["{package}"]\n\n'
        '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n'
    )
