"""Python values as source text, and statements that end in a value laid out within a line limit."""

import json
import types
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeGuard

from .model import Style

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Raw:
    """A value that is already source text."""

    text: str


def literal(value: object) -> str:
    """Source text of `value` on one line, strings in double quotes, members of enumerations and classes by name.

    Raises:
        TypeError: values of this type have no literal.
    """
    match value:
        case Raw():
            return value.text
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case None | bool() | int() | float():
            return repr(value)
        case type():
            return value.__name__
        case types.ModuleType():
            return value.__name__.rpartition(".")[2]
    opening, pieces, closing = _pieces(value)
    return opening + ", ".join(pieces) + ("," if opening == "(" and len(pieces) == 1 else "") + closing


def _pieces(value: object) -> tuple[str, list[str], str]:
    match value:
        case list():
            return "[", [literal(item) for item in value], "]"
        case tuple():
            return "(", [literal(item) for item in value], ")"
        case dict():
            return "{", [f"{literal(key)}: {literal(item)}" for key, item in value.items()], "}"
        case set() if value:
            return "{", sorted(literal(item) for item in value), "}"
    if _is_record(value):
        pieces = [f"{item.name}={literal(getattr(value, item.name))}" for item in fields(value)]
        return f"{type(value).__name__}(", pieces, ")"
    raise TypeError(f"no literal for {value!r}")


def _is_record(value: object) -> TypeGuard["DataclassInstance"]:
    return is_dataclass(value) and not isinstance(value, (type, Raw))


def _opens(value: object) -> bool:
    """Whether `value` can be spread over lines, one item each."""
    return isinstance(value, (list, tuple, dict, set)) or _is_record(value)


def _size(value: object) -> int:
    return len(value) if isinstance(value, (list, tuple, dict, set)) else 0


def after(head: str, value: object, tail: str, indent: str, style: Style) -> list[str]:
    """Lines of a statement `head` + value + `tail`, where `head` is code that ends in an operator and a space."""
    flat = f"{indent}{head}{literal(value)}{tail}"
    wide = len(flat) > style.limit
    folded = [f"{indent}{head.rstrip()} \\", f"{indent}    {literal(value)}{tail}"]
    if wide and style.backslash and head and len(folded[1]) <= style.limit:
        return folded
    if _opens(value) and (wide or _size(value) >= style.explode):
        opening, pieces, closing = _pieces(value)
        if pieces:
            return [
                f"{indent}{head}{opening}",
                *(f"{indent}    {piece}," for piece in pieces),
                f"{indent}{closing}{tail}",
            ]
    if not wide:
        return [flat]
    return [f"{indent}{head}(", f"{indent}    {literal(value)}", f"{indent}){tail}"]


def call(name: str, arguments: Sequence[object], tail: str, indent: str, style: Style) -> list[str]:
    """Lines of a call with the given arguments, the first of them kept on a line of its own where it does not fit."""
    texts = [literal(argument) for argument in arguments]
    flat = f"{indent}{name}({', '.join(texts)}){tail}"
    if len(flat) <= style.limit and all(_size(argument) < style.explode for argument in arguments):
        return [flat]
    lines = [f"{indent}{name}("]
    for argument in arguments:
        lines += (
            after("", argument, ",", indent + "    ", style)
            if _opens(argument)
            else [f"{indent}    {literal(argument)},"]
        )
    return [*lines, f"{indent}){tail}"]
