"""The records that extraction hands on: assertion sites, the sites of a file, and why a site has no target."""

from dataclasses import dataclass

from repopeftbench.schema import Family

NO_EXPECTED_VALUE = "no-expected-value"
BOOLEAN_OPERATOR = "boolean-operator"
NEGATION = "negation"
UNKNOWN_SIGNATURE = "unknown-signature"
ARGUMENT_NOT_FOUND = "argument-not-found"
SEVERAL_ARGUMENTS = "several-arguments"
GRAMMAR_ERROR = "grammar-error"
MISSING_BLOB = "missing-blob"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One assertion site; offsets are bytes of the file's UTF-8 text, half-open.

    `target_start` and `target_end` are None exactly where `reason` says why there is no target.
    """

    family: Family
    start: int
    end: int
    lineno: int
    end_lineno: int
    test_function: str
    statement: str
    key: str
    target_start: int | None = None
    target_end: int | None = None
    target: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSites:
    """The sites of one file version, in file order.

    With a `problem` (the file is not text, or not valid Python) the sites are what the error-tolerant grammar still
    sees: good enough to recognise an assertion that was there before, never a source of tasks.
    """

    sites: tuple[Site, ...] = ()
    problem: str | None = None
    needs_flattening: bool = False
    """Whether only the flattened copy parses without an error (see `flatten`)."""
