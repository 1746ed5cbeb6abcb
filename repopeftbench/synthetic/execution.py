"""Runs the generated code to learn what its tests have to expect. Only code that this package wrote itself is run here.

A case is written in a small notation, one statement a line, after `$slot` placeholders are filled:

    table name, name: row | row      run the checks once for every row of arguments
    assert EXPR == ?                 `?` is what EXPR gives; also `is ?`, and `~ ?` for an approximate number
    assert EXPR                      must hold as it stands
    raises ERROR: STATEMENT          `raises ERROR ~:` also matches the message, `raises ERROR !:` compares it

Everything else is a statement that prepares the checks. A check may end in `, "message"` and in `  # a comment`.
"""

import builtins
import copy
import inspect
import re
import types
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .literals import Raw

Scope = dict[str, object]


class ImpossibleCaseError(Exception):
    """A check of a case does not hold for the values as they are; the edit that led here has to be dropped."""


class Check(Enum):
    """What a step does."""

    CODE = "code"
    EQUAL = "equal"
    IS = "is"
    NEAR = "near"
    HOLDS = "holds"
    RAISES = "raises"
    MATCHES = "matches"
    SAYS = "says"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement of a test: its code, and the value that was found for it (a message for the `raises` family)."""

    check: Check
    code: str
    value: object = None
    error: str = ""
    message: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A case with all expectations filled in; `rows` pairs the source of arguments with what is expected of them."""

    steps: tuple[Step, ...]
    arguments: tuple[str, ...] = ()
    rows: tuple[tuple[str, object], ...] = ()


_ASSERT = re.compile(
    r'assert (?P<code>.+?)(?: (?P<how>==|is|~) \?)?(?:, (?P<message>"[^"]*"))?(?:  # (?P<comment>.*))?'
)
_RAISES = re.compile(r"raises (?P<error>\w+)(?P<how> [~!])?: (?P<code>.+)")
_HOW = {"==": Check.EQUAL, "is": Check.IS, "~": Check.NEAR, None: Check.HOLDS}
_HOW_RAISED = {" ~": Check.MATCHES, " !": Check.SAYS, None: Check.RAISES}


def load(package: str, sources: Mapping[str, str]) -> dict[str, types.ModuleType]:
    """Modules by name, made from their sources without touching `sys.modules` or the disk."""
    loaded: dict[str, types.ModuleType] = {}

    def importer(
        name: str,
        scope: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        wanted: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        return module(name) if level else builtins.__import__(name, scope, local, wanted, level)

    def module(name: str) -> types.ModuleType:
        if name not in loaded:
            made = types.ModuleType(f"{package}.{name}")
            made.__dict__["__builtins__"] = {**vars(builtins), "__import__": importer}
            loaded[name] = made
            exec(compile(sources[name], f"<{package}/{name}.py>", "exec"), made.__dict__)
        return loaded[name]

    return {name: module(name) for name in sources}


def _run(code: str, scope: Scope, mode: str) -> object:
    result = eval(compile(code, "<case>", mode, flags=PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)
    if inspect.iscoroutine(result):
        while True:
            try:
                result.send(None)
            except StopIteration as stop:
                return stop.value
    return result


def _read(line: str) -> Step:
    if found := _RAISES.fullmatch(line):
        return Step(check=_HOW_RAISED[found["how"]], code=found["code"], error=found["error"])
    if found := _ASSERT.fullmatch(line):
        rest = {"message": found["message"] or "", "comment": found["comment"] or ""}
        return Step(check=_HOW[found["how"]], code=found["code"], **rest)
    return Step(check=Check.CODE, code=line)


def _steps(lines: Sequence[str]) -> list[Step]:
    """The steps of a case, statements of several lines put together."""
    steps: list[Step] = []
    for step in map(_read, lines):
        if step.check is Check.CODE and steps and steps[-1].check is Check.CODE:
            steps[-1] = Step(check=Check.CODE, code=f"{steps[-1].code}\n{step.code}")
        else:
            steps.append(step)
    return steps


def _message(step: Step, scope: Scope) -> str:
    """What the exception says that the step's statement raises."""
    error = scope[step.error]
    assert isinstance(error, type) and issubclass(error, Exception)
    try:
        _run(step.code, scope, "exec")
    except error as raised:
        return str(raised)
    raise ImpossibleCaseError(f"{step.code} raises nothing")


def _fill(step: Step, scope: Scope) -> Step:
    """The step with its value, after it has had its effect on `scope`."""
    value: object = None
    match step.check:
        case Check.CODE:
            _run(step.code, scope, "exec")
        case Check.HOLDS:
            if not _run(step.code, scope, "eval"):
                raise ImpossibleCaseError(f"{step.code} does not hold")
        case Check.RAISES | Check.MATCHES | Check.SAYS:
            value = _message(step, scope)
        case _:
            value = copy.deepcopy(_run(step.code, scope, "eval"))
    check = Check.IS if step.check is Check.EQUAL and value is None else step.check
    return replace(step, check=check, value=value)


def work(lines: Sequence[str], scope: Mapping[str, object]) -> Worked:
    """The case in `lines` with the value of every `?`, found by running it on a copy of `scope`.

    Raises:
        ImpossibleCaseError: a check without `?` fails, or something does not raise what it should.
    """
    if not lines[0].startswith("table "):
        own = dict(scope)
        return Worked(steps=tuple(_fill(step, own) for step in _steps(lines)))
    header, _, rows = lines[0].removeprefix("table ").partition(": ")
    (step,) = _steps(lines[1:])
    filled = []
    for row in rows.split(" | "):
        own = dict(scope)
        _run(f"{header} = {row}", own, "exec")
        filled.append((row, _fill(step, own).value))
    return Worked(
        steps=(replace(step, value=Raw("expected")),), arguments=tuple(header.split(", ")), rows=tuple(filled)
    )
