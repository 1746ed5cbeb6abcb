"""Which expression of an assertion is the target, or the reason why it has none. Works on syntax nodes alone."""

from dataclasses import dataclass

from tree_sitter import Node

from repopeftbench.mining.imports import ImportTable, dotted_name, node_text
from repopeftbench.mining.signatures import PYTEST_APPROX, Expected, Signature
from repopeftbench.mining.sites import (
    ARGUMENT_NOT_FOUND,
    BOOLEAN_OPERATOR,
    NEGATION,
    NO_EXPECTED_VALUE,
    SEVERAL_ARGUMENTS,
    UNKNOWN_SIGNATURE,
)
from repopeftbench.schema import Family
from repopeftbench.syntax import operands, unparenthesised


@dataclass(frozen=True, slots=True)
class Target:
    """The family of a site and its target node, or the reason why there is none."""

    family: Family
    node: Node | None
    reason: str | None = None


def assert_target(node: Node, imports: ImportTable) -> Target:
    """The last comparator of an `assert` whose test is a comparison, outer parentheses aside."""
    condition = next(iter(operands(node)), None)
    condition = None if condition is None else unparenthesised(condition)
    if condition is None or condition.type != "comparison_operator":
        kind = "" if condition is None else condition.type
        reason = {"boolean_operator": BOOLEAN_OPERATOR, "not_operator": NEGATION}.get(kind, NO_EXPECTED_VALUE)
        return Target(Family.ASSERT, None, reason)
    target = operands(condition)[-1]
    return Target(Family.APPROX if _is_approx(target, imports) else Family.ASSERT, target)


def _is_approx(node: Node, imports: ImportTable) -> bool:
    node = unparenthesised(node)
    if node.type != "call":
        return False
    dotted = dotted_name(node.child_by_field_name("function"))
    full = imports.resolve(dotted) if dotted is not None else ""
    return full == PYTEST_APPROX or (dotted == full == "approx" and "pytest" in imports.starred)


def call_target(call: Node, signature: Signature) -> Target:
    """The expected-value argument of an assertion call, by position or keyword, as its signature says."""
    if not signature.known:
        return Target(signature.family, None, UNKNOWN_SIGNATURE)
    if signature.expected is None:
        return Target(signature.family, None, NO_EXPECTED_VALUE)
    arguments = call.child_by_field_name("arguments")
    if arguments is None or arguments.type != "argument_list":
        return Target(signature.family, None, ARGUMENT_NOT_FOUND)
    if signature.lone_argument and len(operands(arguments)) != 1:
        return Target(signature.family, None, SEVERAL_ARGUMENTS if operands(arguments) else NO_EXPECTED_VALUE)
    node = _argument(arguments, signature.expected)
    return Target(signature.family, node, None if node is not None else ARGUMENT_NOT_FOUND)


def _argument(arguments: Node, expected: Expected) -> Node | None:
    position = 0
    for argument in operands(arguments):
        if argument.type == "keyword_argument":
            name = argument.child_by_field_name("name")
            if name is not None and node_text(name) in expected.names:
                return argument.child_by_field_name("value")
        elif argument.type in ("list_splat", "dictionary_splat"):
            # Behind a star, positions are unknown; a keyword may still name the value.
            position = expected.index + 1
        else:
            if position == expected.index:
                return argument
            position += 1
    return None
