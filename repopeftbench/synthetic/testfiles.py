"""Renders the test files of a state: works every placed case out, writes it, adds what it needs."""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .catalogue import KINDS
from .execution import ImpossibleCaseError, Scope, Worked, load, work
from .model import Feature, Form, Importing, Item, State, Style, TestFile
from .production import exports, fill, filling, import_lines, mentions
from .writing import function_lines, owned

BANNERS = (
    "# The numbers below are those of the printed tables.\n# Whoever changes the tables changes them here, too.",
    'def digits_of(text):\n    """Return the digits in ``text``, as one number."""\n'
    '    return int("".join(letter for letter in text if letter.isdigit()) or 0)',
    "SAMPLES = (1, 2, 3, 5, 8, 13)\n\n\ndef pairwise_sums(numbers=SAMPLES):\n"
    '    """Return the sums of neighbours."""\n'
    "    return [left + right for left, right in zip(numbers, numbers[1:])]",
    "# Order matters for nobody: every test makes what it needs.",
    'def squeezed(text):\n    return " ".join(text.split())',
)
_FIXED_ZONE = '@pytest.fixture(autouse=True)\ndef fixed_zone(monkeypatch):\n    monkeypatch.setenv("TZ", "UTC")'
_QUOTED = re.compile(r'"""(?:.|\n)*?"""|#[^\n]*|(f?)"([^"\'\\\n]*)"|f?"(?:[^"\\\n]|\\.)*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A worked case on its way into a file, with the texts that fill the templates of its feature."""

    feature: Feature
    texts: Mapping[str, str]
    fixture: str
    name: str
    worked: Worked
    asynchronous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the test files of one state are made from: its modules as text and running."""

    state: State
    sources: Mapping[str, str]
    modules: Mapping[str, types.ModuleType]

    def scope(self) -> Scope:
        """Every public name of every module, and the modules themselves."""
        scope: Scope = dict(self.modules)
        for name, source in self.sources.items():
            scope |= {export: getattr(self.modules[name], export) for export in exports(source)}
        return scope


def render_tests(state: State, sources: Mapping[str, str]) -> dict[str, str]:
    """Path and text of every test file and of `conftest.py` where a fixture is shared.

    Args:
        state: what to render.
        sources: source text of its production modules, by module name.

    Raises:
        ImpossibleCaseError: a check does not hold for the values of `state`.
    """
    rendering = Rendering(state=state, sources=sources, modules=load(state.package, sources))
    scope = rendering.scope()
    texts = {feature.number: filling(state, feature) for feature in state.features}
    written = {
        file.path: [_written(state.feature(item.feature), item, texts[item.feature], scope) for item in file.items]
        for file in state.files
    }
    files = {file.path: _file(rendering, file, written[file.path]) for file in state.files if file.items}
    conftest = _conftest(rendering, [(file.style, case) for file in state.files for case in written[file.path]])
    return files | ({"tests/conftest.py": conftest} if conftest else {})


def _written(feature: Feature, item: Item, texts: Mapping[str, str], scope: Mapping[str, object]) -> _Written:
    kind = KINDS[feature.kind]
    lines = [fill(line, texts) for line in kind.parts[item.part].cases[item.case].lines]
    fixture = texts.get("fixture", "")
    text = "\n".join(lines)
    wanted = bool(fixture and mentions([fixture], text)) and not re.search(rf"^{fixture} = ", text, re.MULTILINE)
    own: Scope = dict(scope)
    for setup in (kind.helper, kind.fixture if wanted else ""):
        exec(fill(setup, texts), own)
    try:
        worked = work(lines, own)
    except ImpossibleCaseError as problem:
        raise ImpossibleCaseError(f"{feature.kind} {item.name}: {problem}") from problem
    return _Written(
        feature=feature,
        texts=texts,
        fixture=fixture if wanted else "",
        name=fill(item.name, texts),
        worked=worked,
        asynchronous=kind.asynchronous,
    )


def _fixture_function(case: _Written) -> list[str]:
    code = fill(KINDS[case.feature.kind].fixture, case.texts).split("\n")
    head = ["@pytest.fixture", f"def {case.fixture}():"]
    if len(code) == 1:
        return [*head, f"    return {code[0].partition(' = ')[2]}"]
    return [*head, *(f"    {line}" for line in code), f"    return {case.fixture}"]


def _class(cases: list[_Written], style: Style) -> list[str]:
    first, title = cases[0], cases[0].texts["title"]
    unittest = style.form is Form.UNITTEST
    base = "unittest.IsolatedAsyncioTestCase" if first.asynchronous else "unittest.TestCase"
    blocks = []
    fixture = next((case for case in cases if case.fixture), None)
    if unittest and fixture is not None:
        setup = fill(KINDS[first.feature.kind].fixture, first.texts)
        setup = re.sub(rf"\b{fixture.fixture}\b", f"self.{fixture.fixture}", setup)
        blocks.append(["def setUp(self):", *(f"    {line}" for line in setup.split("\n"))])
    inner = replace(style, limit=style.limit - 4)
    for case in cases:
        worked = owned(case.worked, case.fixture) if unittest and case.fixture else case.worked
        blocks.append(function_lines(case.name, worked, case.fixture, inner, asynchronous=case.asynchronous))
    lines = [f"class {title}Test({base}):" if unittest else f"class Test{title}:"]
    for index, block in enumerate(blocks):
        lines += ([""] if index else []) + [f"    {line}" if line else "" for line in block]
    return lines


def _groups(file: TestFile, written: list[_Written]) -> list[tuple[Style, list[_Written]]]:
    """The cases by block of the file: one function each, or a class for each feature, in order of appearance."""
    unittest = replace(file.style, form=Form.UNITTEST)
    groups: dict[object, tuple[Style, list[_Written]]] = {}
    for case in written:
        style = unittest if case.asynchronous else file.style
        key = (case.feature.number, "" if style.form is not Form.FUNCTIONS else case.name)
        groups.setdefault(key, (style, []))[1].append(case)
    return list(groups.values())


def _file(rendering: Rendering, file: TestFile, written: list[_Written]) -> str:
    state = rendering.state
    blocks: list[str] = []
    fixtures: dict[str, str] = {}
    for style, cases in _groups(file, written):
        if style.form is Form.FUNCTIONS:
            (case,) = cases
            blocks.append("\n".join(function_lines(case.name, case.worked, case.fixture, style)))
        else:
            blocks.append("\n".join(_class(cases, style)))
        for case in cases:
            if case.fixture and style.form is not Form.UNITTEST and case.feature.number not in state.shared:
                fixtures[case.fixture] = "\n".join(_fixture_function(case))
    code = "\n".join(blocks)
    helpers = []
    for case in {case.feature.number: case for case in written}.values():
        helper = fill(KINDS[case.feature.kind].helper, case.texts).strip("\n")
        if helper and helper not in helpers and mentions(exports(helper), code):
            helpers.append(helper)
    banners = [BANNERS[number] for number in file.banners if number < len(BANNERS)]
    if len(BANNERS) in file.banners and file.style.form is not Form.UNITTEST:
        banners.append(_FIXED_ZONE)
    body = "\n\n\n".join([*banners, *helpers, *fixtures.values(), *blocks]) + "\n"
    return _finished(rendering, file, body)


def _finished(rendering: Rendering, file: TestFile, body: str) -> str:
    """The whole file: docstring, imports, body, in the quotes and the way of importing pytest that the file has."""
    standard = ["import unittest"] if "unittest." in body else []
    third: list[str] = []
    if names := sorted(set(re.findall(r"\bpytest\.(\w+)", body))):
        third = ["import pytest"]
        if file.style.importing is Importing.ALIAS:
            third, body = ["import pytest as pt"], re.sub(r"\bpytest\.", "pt.", body)
        elif file.style.importing is Importing.NAMES:
            third, body = [f"from pytest import {', '.join(names)}"], re.sub(r"\bpytest\.", "", body)
    local = _imports(rendering, body, file.style.limit)
    topic = file.path.rpartition("/")[2].removesuffix(".py").replace("test", "").strip("_").replace("_", " ")
    imports = "\n\n".join("\n".join(group) for group in (standard, third, local) if group)
    gap = "\n\n" if body.startswith(("#", "SAMPLES")) else "\n\n\n"
    text = f'"""Tests of the {topic}."""\n\n{imports}{gap}{body}'
    return _QUOTED.sub(_single, text) if file.style.quote == "'" else text


def _single(found: re.Match[str]) -> str:
    return found[0] if found[2] is None else f"{found[1]}'{found[2]}'"


def _imports(rendering: Rendering, body: str, limit: int) -> list[str]:
    package = rendering.state.package
    modules = mentions(rendering.sources, body, after=".")
    lines = import_lines(package, modules) if modules else []
    for module, source in rendering.sources.items():
        if names := mentions(exports(source), body):
            lines += import_lines(f"{package}.{module}", names, limit)
    return lines


def _conftest(rendering: Rendering, cases: list[tuple[Style, _Written]]) -> str:
    state = rendering.state
    fixtures = {
        case.fixture: "\n".join(_fixture_function(case))
        for style, case in cases
        if case.fixture
        and case.feature.number in state.shared
        and style.form is not Form.UNITTEST
        and not case.asynchronous
    }
    if not fixtures:
        return ""
    body = "\n\n\n".join(fixtures[name] for name in sorted(fixtures)) + "\n"
    local = "\n".join(_imports(rendering, body, 88))
    return f'"""Fixtures that several test files share."""\n\nimport pytest\n\n{local}\n\n\n{body}'
