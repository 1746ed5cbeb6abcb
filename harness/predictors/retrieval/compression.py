"""Definitions within a budget of tokens: whole, as outlines, or not at all. Pure.

An outline is a signature with the first line of the docstring; that of a class also has the outlines of its `__init__`
and of the members that the prefix names. Which names those are is for the caller to say: they come from the prefix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from harness.lexing import Kind, Lexer
from repopeftbench.definitions import Definition, DefinitionKind

CountTokens = Callable[[str], int]
"""The tokens of a text."""
_MOST_ASSIGNMENT_CHARACTERS = 400


class Detail(IntEnum):
    """How much of a definition is shown; of functions and assignments `MEMBERS` shows everything."""

    OUTLINE = 0
    MEMBERS = 1
    WHOLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A definition to show: `heading` is what stands above it, `name` what the prefix may call it by."""

    heading: str
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesOfPrefix:
    """The names that a prefix uses outside strings and comments.

    Attributes:
        last_at: Of each name where it is used last, in characters.
        called: Names that a bracket follows somewhere.
        with_attribute: Names that a dot follows somewhere.
    """

    last_at: Mapping[str, int]
    called: frozenset[str]
    with_attribute: frozenset[str]


def names_of(prefix: str) -> NamesOfPrefix:
    """The names of a prefix, those of its imports included."""
    last_at: dict[str, int] = {}
    called: set[str] = set()
    with_attribute: set[str] = set()
    before = ""
    for token in Lexer(prefix, inside=False).tokens():
        text = prefix[token.start : token.end] if token.kind in (Kind.NAME, Kind.OPERATOR, Kind.OPEN) else ""
        if token.kind is Kind.NAME:
            last_at[text] = token.start
        elif before and text == "(":
            called.add(before)
        elif before and text == ".":
            with_attribute.add(before)
        before = text if token.kind is Kind.NAME else ""
    return NamesOfPrefix(last_at=last_at, called=frozenset(called), with_attribute=frozenset(with_attribute))


def shown(definition: Definition, names: NamesOfPrefix, detail: Detail) -> str:
    """A definition in so much detail, without heading; it is code that stands on its own."""
    if definition.kind is DefinitionKind.ASSIGNMENT:
        whole = len(definition.text) <= _MOST_ASSIGNMENT_CHARACTERS or detail is Detail.WHOLE
        return definition.text if whole else f"{definition.name} = ..."
    is_function = definition.kind is DefinitionKind.FUNCTION
    if detail is Detail.WHOLE or (detail is Detail.MEMBERS and is_function) or definition.text == definition.signature:
        return definition.text
    lines = [definition.signature]
    indent = " " * (_indent_of(definition.signature) + 4)
    if definition.docstring:
        lines.append(f"{indent}# {definition.docstring}")
    wanted = [member for member in definition.members if member.name == "__init__" or member.name in names.last_at]
    lines.extend(shown(member, names, detail) for member in wanted)
    if not wanted:
        lines.append(f"{indent}...")
    return "\n".join(lines)


def nearest_first(
    passages: Sequence[Passage], names: NamesOfPrefix, budget: int, count_tokens: CountTokens
) -> list[str]:
    """Passages within a budget: an outline for each that has room, then more detail, as long as there is room.

    Args:
        passages: Most important first.
        names: Those of the prefix.
        budget: Most tokens.
        count_tokens: Counts them.

    Returns:
        Texts, least important first, so that the most important stands nearest to what follows.
    """
    texts: dict[int, tuple[str, int]] = {}
    left = budget
    for detail in Detail:
        for place, passage in enumerate(passages):
            if detail is not Detail.OUTLINE and place not in texts:
                continue
            text = passage.heading + shown(passage.definition, names, detail)
            known, spent = texts.get(place, ("", 0))
            if text == known:
                continue
            cost = count_tokens(text + "\n\n")
            if cost - spent <= left:
                texts[place] = text, cost
                left -= cost - spent
    return [texts[place][0] for place in sorted(texts, reverse=True)]


def by_use(passages: Sequence[Passage], names: NamesOfPrefix, budget: int, count_tokens: CountTokens) -> list[str]:
    """Passages within a budget, as published: each whole, else its outline, else not at all.

    Those whose name the prefix calls come first, then those that it takes an attribute of, that it names, and others.

    Args:
        passages: In the order that they shall stand in.
        names: Those of the prefix.
        budget: Most tokens.
        count_tokens: Counts them.

    Returns:
        Texts in the order of the passages.
    """
    order = sorted(range(len(passages)), key=lambda place: (-_priority(passages[place].name, names), place))
    texts: dict[int, str] = {}
    left = budget
    for place in order:
        for detail in (Detail.WHOLE, Detail.OUTLINE):
            text = passages[place].heading + shown(passages[place].definition, names, detail)
            cost = count_tokens(text + "\n\n\n")
            if cost <= left:
                texts[place] = text
                left -= cost
                break
    return [texts[place] for place in sorted(texts)]


def _priority(name: str, names: NamesOfPrefix) -> float:
    if name in names.called:
        return 1.0
    if name in names.with_attribute:
        return 0.8
    return 0.5 if name in names.last_at else 0.1


def _indent_of(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))
