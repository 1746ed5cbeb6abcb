"""What a set of templates is: how production code states facts, and how tests ask for them.

Templates are `string.Template`s over `$NAME`, `$name`, `$Name` (what is asked for), `$PART`, `$Part`, `$OTHER` (what it
is composed of), `$value` (also `$first`, `$second`, `$factor` of a composed one) and `$spare0`, `$spare1` (values that
nobody asks for). `role::name` is a name of the module that has the role; it is imported where it is used. A line
`from role import name as other` is an import that stands as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .values import NUMBER, WORD

REFERENCE = re.compile(r"\b(\w+)::([\w${}]+)")
"""A name of another module: its role, and the name."""


class Templates(StrEnum):
    """Which set of templates a benchmark is worded with."""

    TRAIN = "train"
    TEST = "test"

    @classmethod
    def of_seed(cls, seed: int) -> "Templates":
        """The set of a seed: `train` of an even one, `test` of an odd one."""
        return cls.TEST if seed % 2 else cls.TRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in which production code states a fact.

    Attributes:
        kind: what defines what is asked for, a value of `SymbolKind`, or `argument`.
        form: `direct`, or how it is composed.
        pieces: role of a module and source, each.
        ask: the expression that has the value; for an exception of composed form the function that raises it.
        holds: the names that hold the value, as `role.name`, as many as it has components.
        pools: the pools that its values may come from.
    """

    kind: str
    form: str
    pieces: tuple[tuple[str, str], ...]
    ask: str
    holds: tuple[str, ...]
    pools: tuple[str, ...]


def way(
    kind: str,
    ask: str,
    holds: str = "",
    *,
    form: str = "direct",
    pools: tuple[str, ...] = (NUMBER, WORD),
    **pieces: str,
) -> Way:
    """The way whose `pieces` are given by role, and whose `holds` are separated by spaces."""
    return Way(kind=kind, form=form, pieces=tuple(pieces.items()), ask=ask, holds=tuple(holds.split()), pools=pools)


@dataclass(frozen=True, slots=True)
class Ask:
    """One way in which a test asks: the test's qualified name and its source, over `$E` (expression) and `$V`."""

    identity: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One set of templates.

    Attributes:
        modules: the module that has each role.
        by_name: whether names are imported (`from .limits import X`), or modules (`limits.X`).
        direct: ways that state a value where it is asked for.
        composed: ways that state it elsewhere, or never as a whole.
        copied: ways that give back what the test itself gives.
        unseen: ways that keep it outside production code.
        asks: how tests ask for a value.
        refusals: how they ask for an exception.
    """

    modules: Mapping[str, str]
    by_name: bool
    direct: tuple[Way, ...]
    composed: tuple[Way, ...]
    copied: tuple[Way, ...]
    unseen: tuple[Way, ...]
    asks: tuple[Ask, ...]
    refusals: tuple[Ask, ...]

    @property
    def surfaces(self) -> frozenset[str]:
        """Every form in which the set states a fact or asks for it, names of modules in place."""
        ways = (*self.direct, *self.composed, *self.copied, *self.unseen)
        stated = {self.spelled(text) for way in ways for _, text in way.pieces}
        asked = {ask.text.replace("$E", self.spelled(way.ask)) for way in ways for ask in self.asks_of(way)}
        return frozenset(stated | asked)

    def asks_of(self, way: Way) -> tuple[Ask, ...]:
        """How tests ask for what a way states."""
        raised = way.kind == "exception" and way.form != "direct"
        return self.refusals if raised else self.asks

    def spelled(self, text: str) -> str:
        """`text` with every `role::name` as code has it."""
        return REFERENCE.sub(lambda found: found[2] if self.by_name else f"{self.modules[found[1]]}.{found[2]}", text)
