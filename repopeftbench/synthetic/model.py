"""The state of a synthetic repository between two commits, and what the kinds of feature in it look like.

A repository is a list of features, each in a production module, and a list of test files that place the cases of those
features. Everything is frozen: an edit makes another `State`. This module does not know how any of it becomes text.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from .draw import Draw, Names, Values


class Form(Enum):
    """How a test file writes its cases down."""

    FUNCTIONS = "functions"
    CLASSES = "classes"
    UNITTEST = "unittest"


class Importing(Enum):
    """How a test file imports pytest."""

    PLAIN = "import pytest"
    ALIAS = "import pytest as pt"
    NAMES = "from pytest import ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: an identifier template and lines in the notation that `execution` reads."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a feature that arrives in one commit: production source and the cases that test it, as templates.

    A `method` is indented source that continues the class before it.
    """

    code: str
    cases: tuple[Case, ...]
    method: bool = False


def part(code: str, tests: str, *, method: bool = False) -> Part:
    """The part with production source `code` and the cases in `tests`, where a line `# name` opens each case."""
    cases = []
    for block in re.split(r"^# ", tests.strip("\n"), flags=re.MULTILINE)[1:]:
        name, *lines = block.rstrip().split("\n")
        cases.append(Case(name=name.strip(), lines=tuple(lines)))
    return Part(code=code.strip("\n"), cases=tuple(cases), method=method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of feature: how its private names and values are drawn, and the templates that they fill.

    `tunable` names the values that later commits may change, `fixture` is the block that makes the object which the
    cases call `$fixture`, `helper` is a function that the tests define for themselves, and `peers` are the kinds of
    which another feature must exist already.
    """

    key: str
    area: str
    draw: Callable[[Draw], tuple[Names, Values]]
    parts: tuple[Part, ...]
    tunable: tuple[str, ...] = ()
    fixture: str = ""
    helper: str = ""
    peers: tuple[str, ...] = ()
    asynchronous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One drawn feature; its first `parts` parts are in the code."""

    number: int
    kind: str
    module: str
    parts: int
    names: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, object], ...]
    uses: tuple[int, ...] = ()

    @property
    def words(self) -> Mapping[str, str]:
        """Names by slot."""
        return dict(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One placed case: case `case` of part `part` of a feature, under the test name `name` (a template)."""

    feature: int
    part: int
    case: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a test file is written and laid out; `explode` is the length from which a collection gets a line per item."""

    form: Form
    importing: Importing = Importing.PLAIN
    quote: str = '"'
    limit: int = 88
    explode: int = 6
    backslash: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A test file: where it is, how it is written, the blocks of text on its top (by number), its cases in order."""

    __test__ = False

    path: str
    style: Style
    banners: tuple[int, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A repository after some commit.

    `shared` are the numbers of the features whose fixture stands in `conftest.py`, `chores` the production-only changes
    made so far, `notes` the paragraphs that commits have added to the README, `created` counts test files ever made.
    """

    package: str
    theme: str
    features: tuple[Feature, ...] = ()
    files: tuple[TestFile, ...] = ()
    shared: frozenset[int] = field(default_factory=frozenset)
    chores: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    version: tuple[int, int, int] = (0, 1, 0)
    created: int = 0

    def feature(self, number: int) -> Feature:
        """The feature of that number."""
        return next(feature for feature in self.features if feature.number == number)

    @property
    def modules(self) -> tuple[str, ...]:
        """Names of the production modules, sorted."""
        return tuple(sorted({feature.module for feature in self.features}))
