"""The data flow of an expression: where its variables have their values from, whatever their names.

A variable is a name that is read or bound; names of attributes and of keyword arguments are none. Variables are
numbered in the order in which they first stand, so that a consistent renaming changes nothing. Two kinds of flow:

* a variable that stands again has its value from where it stood before;
* a bound variable (of a comprehension, a `:=`, a lambda's default) is computed from the variables of its value.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

Flow = tuple[int, tuple[int, ...] | None]
"""A variable, and the variables that it is computed from, or None where it stands again."""

Span = tuple[int, int]
"""Offsets [start, end)."""


class Variable(NamedTuple):
    """One place where a name stands."""

    start: int
    name: bytes


class Binding(NamedTuple):
    """The variables of one span are computed from those of another."""

    bound: Span
    value: Span


def flow_of(variables: Sequence[Variable], bindings: Sequence[Binding]) -> list[Flow]:
    """All flows of an expression; `variables` in the order in which they stand."""
    numbers: dict[bytes, int] = {}
    flows: list[Flow] = []
    for variable in variables:
        if variable.name in numbers:
            flows.append((numbers[variable.name], None))
        else:
            numbers[variable.name] = len(numbers)
    starts = [variable.start for variable in variables]
    for bound, value in bindings:
        names, sources = (
            [numbers[variable.name] for variable in variables[bisect_left(starts, start) : bisect_left(starts, end)]]
            for start, end in (bound, value)
        )
        flows += [(name, tuple(sources)) for name in names]
    return flows
