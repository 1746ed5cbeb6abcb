"""Which argument of an assertion call is the expected value: the callee's own signature, never a guess.

Sources: the standard library's `unittest.case` and `unittest.mock`, `nose.tools` (unittest's methods in snake case),
`numpy.testing`, `pandas.testing` (and the private module it comes from) and pytest, each by its documented parameters.
"""

import re
from dataclasses import dataclass

from repopeftbench.mining.imports import ImportTable
from repopeftbench.schema import Family

_NUMPY_MODULES = ("numpy.testing",)
_NOSE_MODULES = ("nose.tools",)
_PANDAS_MODULES = ("pandas.testing", "pandas._testing", "pandas.util.testing")
_SNAKE = re.compile(r"_([a-z])")
_ASSERTION_NAME = re.compile(r"assert(?:_\w*|[A-Z]\w*)\Z")


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the expected value is: a positional index and the parameter names it may be passed by."""

    index: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a callee is; `expected` is None where it checks something without an expected value."""

    family: Family
    expected: Expected | None
    known: bool = True
    lone_argument: bool = False
    """Whether the expected value is one only if the call has no other argument."""


def _table(rows: str) -> dict[str, Expected]:
    table: dict[str, Expected] = {}
    for row in rows.strip().splitlines():
        parameter, index, names = row.split(":")
        for name in names.split():
            table[name] = Expected(int(index), tuple(parameter.split()))
    return table


_UNITTEST = _table(
    """
    second:1:assertEqual assertNotEqual assertAlmostEqual assertNotAlmostEqual assertMultiLineEqual assertCountEqual
    second:1:assertEquals assertNotEquals assertAlmostEquals assertNotAlmostEquals
    expr2:1:assertIs assertIsNot
    container:1:assertIn assertNotIn
    cls:1:assertIsInstance assertNotIsInstance
    superclass:1:assertIsSubclass assertNotIsSubclass
    b:1:assertGreater assertGreaterEqual assertLess assertLessEqual
    expected_regex:1:assertRegex
    unexpected_regex:1:assertNotRegex
    expected_regexp expected_regex:1:assertRegexpMatches
    unexpected_regexp unexpected_regex:1:assertNotRegexpMatches
    seq2:1:assertSequenceEqual
    list2:1:assertListEqual
    tuple2:1:assertTupleEqual
    set2:1:assertSetEqual
    d2:1:assertDictEqual
    prefix:1:assertStartsWith assertNotStartsWith
    suffix:1:assertEndsWith assertNotEndsWith
    name:1:assertHasAttr assertNotHasAttr
    expected_seq:0:assertItemsEqual
    expected subset:0:assertDictContainsSubset
    expected_warning:0:assertWarns assertWarnsRegex
    """
)
_UNITTEST_RAISES = _table("expected_exception:0:assertRaises assertRaisesRegex assertRaisesRegexp")
_UNITTEST_NO_VALUE = frozenset(
    "assertTrue assertFalse assertIsNone assertIsNotNone assertLogs assertNoLogs assert_".split()
)
_NUMPY = _table(
    """
    desired:1:assert_equal assert_almost_equal assert_approx_equal assert_allclose assert_string_equal
    desired y:1:assert_array_equal assert_array_almost_equal
    y:1:assert_array_less assert_array_almost_equal_nulp
    b:1:assert_array_max_ulp
    warning_class:0:assert_warns
    """
)
_NUMPY_RAISES = _table("exception_class:0:assert_raises assert_raises_regex")
_NUMPY_NO_VALUE = frozenset("assert_ assert_no_warnings assert_no_gc_cycles".split())
_PANDAS = _table(
    """
    right:1:assert_frame_equal assert_series_equal assert_index_equal assert_extension_array_equal
    right:1:assert_equal assert_almost_equal assert_numpy_array_equal
    right:1:assert_categorical_equal assert_interval_array_equal
    right:1:assert_sp_array_equal assert_period_array_equal assert_datetime_array_equal assert_timedelta_array_equal
    """
)
_MOCK = _table("calls:0:assert_has_calls assert_has_awaits")
_MOCK_SINGLE = frozenset(
    "assert_called_with assert_called_once_with assert_any_call "
    "assert_awaited_with assert_awaited_once_with assert_any_await".split()
)
_MOCK_NO_VALUE = frozenset(
    "assert_called assert_called_once assert_not_called assert_awaited assert_awaited_once assert_not_awaited".split()
)
PYTEST_RAISES = Signature(Family.RAISES, Expected(0, ("expected_exception",)))
PYTEST_APPROX = "pytest.approx"
ASSERTION_PREFIX = b"assert"
"""How every assertion statement and every helper that counts without an import begins."""
KNOWN_LIBRARIES = frozenset({"pytest", *_NUMPY_MODULES, *_PANDAS_MODULES, *_NOSE_MODULES})
"""Modules whose names are known when they are imported with `*`."""
_KNOWN_HEADS = frozenset(name.partition(".")[0] for name in KNOWN_LIBRARIES)
_KNOWN_NAMES = frozenset({"raises", "approx"})


def may_matter(name: str, full: str) -> bool:
    """Whether an import of `full` as `name` can decide what is an assertion or an approximation."""
    known = full.partition(".")[0] in _KNOWN_HEADS or name in _KNOWN_HEADS or name in _KNOWN_NAMES
    return known or name.startswith(ASSERTION_PREFIX.decode())


def call_signature(dotted: str | None, name: str, imports: ImportTable) -> Signature | None:
    """What a call is as an assertion, or None if it is none.

    Args:
        dotted: the callee as written (`np.testing.assert_equal`), None where its receiver is not a plain name.
        name: the callee's last component.
        imports: the file's imports.
    """
    full = imports.resolve(dotted) if dotted is not None else ""
    if full == "pytest.raises" or (dotted == "raises" and full == "raises" and "pytest" in imports.starred):
        return PYTEST_RAISES
    is_method = dotted != name
    library = _library_signature(full, name, imports, bare=not is_method)
    if library is not None:
        return library
    if not _ASSERTION_NAME.match(name):
        return None
    if is_method and (name in _MOCK or name in _MOCK_SINGLE or name in _MOCK_NO_VALUE):
        if name in _MOCK_SINGLE:
            return Signature(Family.MOCK, Expected(0, ()), lone_argument=True)
        return Signature(Family.MOCK, _MOCK.get(name))
    unittest = _unittest_signature(name)
    if unittest is not None:
        return unittest
    family = Family.UNITTEST if name[len("assert")].isupper() else Family.OTHER
    return Signature(family, None, known=False)


def _unittest_signature(name: str) -> Signature | None:
    if name in _UNITTEST_RAISES:
        return Signature(Family.RAISES, _UNITTEST_RAISES[name])
    if name in _UNITTEST or name in _UNITTEST_NO_VALUE:
        return Signature(Family.UNITTEST, _UNITTEST.get(name))
    return None


def _library_signature(full: str, name: str, imports: ImportTable, *, bare: bool) -> Signature | None:
    module, _, member = full.rpartition(".")
    if bare and not module:
        # `from numpy.testing import *`
        modules = imports.starred.intersection(_NUMPY_MODULES + _PANDAS_MODULES + _NOSE_MODULES)
        module, member = (sorted(modules)[0], name) if modules else ("", name)
    if module in _NUMPY_MODULES:
        if member in _NUMPY_RAISES:
            return Signature(Family.RAISES, _NUMPY_RAISES[member])
        if member in _NUMPY or member in _NUMPY_NO_VALUE:
            return Signature(Family.NUMPY, _NUMPY.get(member))
    if module in _NOSE_MODULES:
        return _unittest_signature(_SNAKE.sub(lambda match: match.group(1).upper(), member))
    if module in _PANDAS_MODULES and member in _PANDAS:
        return Signature(Family.NUMPY, _PANDAS[member])
    return None
