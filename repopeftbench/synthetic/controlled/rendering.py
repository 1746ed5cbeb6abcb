"""Writes a blueprint down, as it is after a commit, in the wording of a set of templates: all files."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from random import Random
from string import Template

from repopeftbench.dataset.truth import Stratum

from ..history import FIRST_COMMIT_TIME, commit_between
from ..production import pyproject_text
from ..records import SyntheticRepository
from ..themes import THEMES
from .facts import TURNS, Blueprint, Fact
from .templates_test import TEST
from .templates_train import TRAIN
from .values import ERROR_NAMES
from .wording import REFERENCE, Ask, Templates, Way, Wording

WORDINGS: Mapping[Templates, Wording] = {Templates.TRAIN: TRAIN, Templates.TEST: TEST}
"""The sets of templates by name."""
COMMIT_SECONDS = 86_400

_STANDARD = (
    (r"@dataclass\b", "from dataclasses import dataclass"),
    (r"@unique\b", "from enum import Enum, unique"),
    (r"^(?!(?s:.*)@unique)(?s:.*)\(Enum\)", "from enum import Enum"),
    (r"\bjson\.", "import json"),
    (r"\bPath\(", "from pathlib import Path"),
    (r": Final\b", "from typing import Final"),
    (r"\bunittest\.", "import unittest"),
)
_READ_FIGURES = 'FIGURES = json.loads(Path(__file__).with_name("figures.json").read_text("utf-8"))'
_IMPORT = re.compile(r"from (\w+) (import .*)")
_MESSAGES = ("Start", "Rules for more cases", "More of the same", "Case by case", "What the day brings", "Keep up")


def controlled_repository(made: Blueprint, templates: Templates) -> SyntheticRepository:
    """The repository of a blueprint as the commits that build it, a day apart."""
    wording = WORDINGS[templates]
    commits = []
    before: dict[str, bytes] = {}
    for commit in range(made.commits):
        after = {path: text.encode() for path, text in sorted(_files(made, wording, commit).items())}
        message = _MESSAGES[commit % len(_MESSAGES)]
        commits.append(commit_between(message, FIRST_COMMIT_TIME + commit * COMMIT_SECONDS, before, after))
        before = after
    return SyntheticRepository(name=made.package, commits=tuple(commits))


def way_of(fact: Fact, wording: Wording) -> Way:
    """How production code states a fact in this wording."""
    match fact.stratum:
        case Stratum.COPY:
            ways: Sequence[Way] = wording.copied
        case Stratum.NONE:
            ways = wording.unseen
        case Stratum.PRIVATE_COMPOSED:
            ways = wording.composed
        case _:
            ways = wording.direct
    fitting = [way for way in ways if (way.kind, way.form) == (fact.kind, fact.form) and fact.pool in way.pools]
    return fitting[fact.number % len(fitting)]


def question_of(fact: Fact, wording: Wording) -> tuple[str, str]:
    """Test file and qualified test name under which a fact is asked for.

    Raises:
        ValueError: nothing asks for it.
    """
    if fact.question is None:
        raise ValueError(f"fact {fact.number} is a distractor: no test asks for it")
    return fact.question.file, _filled(_ask(fact, wording).identity, fact, fact.stated)


def place_of(fact: Fact, wording: Wording) -> str:
    """Dotted name, below the package, of what is asked for."""
    found = REFERENCE.search(way_of(fact, wording).ask)
    assert found is not None, "every way asks for a name of a module"
    return f"{wording.modules[found[1]]}.{_filled(found[2], fact, fact.stated)}"


def holders_of(fact: Fact, wording: Wording) -> tuple[str, ...]:
    """Dotted names, below the package, of the definitions that hold a fact's value."""
    places = (_filled(place, fact, fact.stated).partition(".") for place in way_of(fact, wording).holds)
    return tuple(f"{wording.modules[role]}.{name}" for role, _, name in places)


def _ask(fact: Fact, wording: Wording) -> Ask:
    assert fact.question is not None, "only what is asked for has a way to ask"
    asks = wording.asks_of(way_of(fact, wording))
    # Where there are more ways than turns, the name chooses among them: it tells nothing of the value.
    further = Random(dict(fact.names)["name"]).randrange(len(asks))
    return asks[(fact.question.turn + TURNS * further) % len(asks)]


def _filled(template: str, fact: Fact, commit: int, **more: str) -> str:
    return Template(template).substitute(fact.filling(commit), **more)


def _files(made: Blueprint, wording: Wording, commit: int) -> dict[str, str]:
    """Path and text of every file after a commit."""
    summary = next(theme.summary for theme in THEMES if theme.key == made.domain)
    stated = sorted((f for f in made.facts if f.stated <= commit), key=lambda fact: (fact.stated, fact.number))
    files = {
        "README.md": f"# {made.package}\n\n{summary}\n",
        "pyproject.toml": pyproject_text(made.package, f"0.{commit + 1}.0", summary),
        f"{made.package}/__init__.py": f'"""{summary}"""\n',
        f"{made.package}/errors.py": _errors(),
        f"{made.package}/figures.json": _figures(stated, commit),
    }
    for role, module in wording.modules.items():
        pieces = [
            _filled(text, fact, commit)
            for fact in stated
            for where, text in way_of(fact, wording).pieces
            if where == role
        ]
        if role == "figures" and pieces:
            pieces.insert(0, _READ_FIGURES)
        if pieces:
            files[f"{made.package}/{module}.py"] = _module(pieces, wording, ".", f"The {module} of {made.package}.")
    asked = [fact for fact in made.facts if fact.question and fact.question.commit <= commit]
    for path in sorted({fact.question.file for fact in asked if fact.question}):
        tests = [_test(fact, wording, commit) for fact in asked if fact.question and fact.question.file == path]
        files[path] = _module(tests, wording, made.package, "What is promised.")
    return files


def _errors() -> str:
    classes = [f'class {name}(BaseError):\n    """One way to refuse."""' for name in ERROR_NAMES]
    head = ['"""Errors that are raised on purpose."""', 'class BaseError(Exception):\n    """Every one of them."""']
    return "\n\n\n".join([*head, *classes]) + "\n"


def _figures(stated: Iterable[Fact], commit: int) -> str:
    unseen = [fact for fact in stated if fact.stratum is Stratum.NONE]
    figures = {dict(fact.names)["name"]: json.loads(fact.at(commit).value) for fact in unseen}
    return json.dumps(figures, indent=2, sort_keys=True) + "\n"


def _test(fact: Fact, wording: Wording, commit: int) -> str:
    expression = _filled(way_of(fact, wording).ask, fact, commit)
    return _filled(_ask(fact, wording).text, fact, commit, E=expression, V=fact.at(commit).value)


def _module(pieces: Sequence[str], wording: Wording, package: str, summary: str) -> str:
    """A module of these pieces, with the imports that they need; `package` is where their references lead."""
    imports: set[str] = set()
    bodies: list[str] = []
    for piece in pieces:
        if found := _IMPORT.fullmatch(piece):
            imports.add(f"from .{wording.modules[found[1]]} {found[2]}")
        else:
            bodies.append(piece)
    body = _spaced(bodies)
    within = "." if package == "." else f"{package}."
    for role, name in REFERENCE.findall(body):
        module = wording.modules[role]
        imports.add(f"from {within}{module} import {name}" if wording.by_name else f"from {package} import {module}")
    body = wording.spelled(body)
    if re.search(r"\berrors\.", body):
        imports.add(f"from {package} import errors")
    standard = [statement for pattern, statement in _STANDARD if re.search(pattern, body, re.MULTILINE)]
    third = ["import pytest"] if "pytest." in body else []
    groups = [sorted(standard, key=lambda one: (one.startswith("from"), one)), third, _merged(imports)]
    head = "\n\n".join("\n".join(group) for group in groups if group)
    return "\n\n".join(part for part in (f'"""{summary}"""', head, f"\n{body}" if body else "") if part) + "\n"


def _spaced(bodies: Sequence[str]) -> str:
    """The pieces below each other, two empty lines around those that are functions or classes."""
    text = bodies[0] if bodies else ""
    for above, below in pairwise(bodies):
        blocks = any(keyword in piece for piece in (above, below) for keyword in ("def ", "class "))
        text += ("\n\n\n" if blocks else "\n") + below
    return text


def _merged(imports: Iterable[str]) -> list[str]:
    """One import statement for each module, its names sorted."""
    names: dict[str, set[str]] = {}
    for statement in imports:
        module, _, name = statement.partition(" import ")
        names.setdefault(module, set()).add(name)
    return [f"{module} import {', '.join(sorted(found))}" for module, found in sorted(names.items())]
