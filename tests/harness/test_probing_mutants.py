"""A mutant is another value of the target's type, and stands where the target stood."""

import ast
import re

import numpy as np
import pytest
from harness_cases import operands
from hypothesis import given

from harness.probing.mutants import mutants
from sandboxes.splice import Place, splice

NAMES = {
    "x": 3,
    "flag": True,
    "text": "abc",
    "items": [1],
    "pair": (1, 2),
    "table": {"a": 1},
    "group": {1},
    "nothing": None,
    "array": np.array([1.0, 2.0]),
    "re": re,
    "f": lambda: 5,
}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("1", ("2", "1000005", "(-2000004)")),
        ("-1", ("0", "1000003", "(-2000006)")),
        ("1.5", ("2.5", "1000005.5", "(-2000003.5)")),
        ("'a'", ("'a~'", "''")),
        ("''", ("'~'", "'~~'")),
        ("b'a'", ("b'a~'", "b''")),
        ("True", ("False",)),
        ("False", ("True",)),
        ("None", ("object()",)),
    ],
)
def test_literal_gets_another_literal_of_its_type(target, expected):
    assert mutants(target) == expected


@pytest.mark.parametrize("target", ["[1]", "[]", "(1, 2)", "()", "{1}", "{'a': 1}", "{}", "[[1], {2: 3}]", "1e400"])
def test_collection_gets_another_one_of_its_type(target):
    value = eval(target)
    found = [eval(text) for text in mutants(target)]
    assert found
    assert all(other != value for other in found)
    if target != "1e400":
        assert all(type(other) is type(value) for other in found)


@pytest.mark.parametrize("target", ["x", "flag", "text", "items", "pair", "table", "group", "f()", "x + 1", "f'{x}'"])
def test_what_is_known_when_it_is_evaluated_is_changed_then(target):
    value = eval(target, NAMES)
    first, *others = [eval(text, NAMES) for text in mutants(target)]
    assert (type(first), first != value) == (type(value), True)
    assert all(other != value for other in others)


def test_array_keeps_its_shape_and_loses_its_values():
    first = eval(mutants("array")[0], NAMES)
    assert first.shape == (2,)
    assert not np.array_equal(first, NAMES["array"])


@pytest.mark.parametrize(
    ("target", "base"), [("ValueError", Exception), ("DeprecationWarning", Warning), ("re.error", Exception)]
)
def test_exception_becomes_one_that_nobody_raises(target, base):
    first = eval(mutants(target)[0], NAMES)
    assert issubclass(first, base)
    assert not issubclass(eval(target, NAMES), first)


def test_several_exceptions_become_one_that_nobody_raises():
    exceptions = (ValueError, KeyError)
    first = eval(mutants("exceptions")[0], {"exceptions": exceptions})
    assert issubclass(first, Exception)
    assert not any(issubclass(one, first) for one in exceptions)


def test_name_of_nothing_becomes_something():
    assert eval(mutants("nothing")[0], NAMES) is not None


@pytest.mark.parametrize("target", ["", "1 +", "x = 1", "a)", "\0", "(" * 3000])
def test_what_is_no_expression_has_no_mutant(target):
    assert mutants(target) == ()


@given(operands())
def test_mutants_stand_where_any_operand_stands(target):
    source = f"assert f(a) == {target}\n".encode()
    place = Place(source=source, start=len("assert f(a) == "), end=len(source) - 1)
    found = mutants(target)
    assert 1 <= len(found) <= 3
    assert target not in found
    for text in found:
        spliced = splice(place, text)
        assert isinstance(spliced, bytes), (text, spliced)
        ast.parse(spliced)
