"""Which files the published benchmark took for tests: by path, and by content at the last commit.

Source: `2_separate_tests.py` (the list that `REPO_METADATA.json` kept), `build_commit_parquet_db.py` and the diff
filter of `build_commit_assertion_db.py`. The substring rule also takes `latest/` and `contest.py`, as published.
"""

import ast
import re

from repopeftbench.paper.parsed import parse

SEPARATION_SKIPS = frozenset(
    ".git __pycache__ node_modules .tox .eggs .mypy_cache .pytest_cache venv .venv env .nox .hg .svn "
    "site-packages".split()
)
"""Folders that the separation of tests, and so the static track, never looks into."""
DIFF_SKIPS = frozenset(".git __pycache__ .venv venv env node_modules dist build .tox .mypy_cache TEST_HYPERNET".split())
"""Folders that the evolution track's path rule and the production diff leave out."""
_SOURCE_SUFFIXES = (".py", ".md", ".rst")
_QUOTED = re.compile(r"[^ !#-\[\]-~]")
_SUBSTRINGS = ("import pytest", "from pytest", "pytest.", "import unittest", "from unittest", "unittest.")


def is_quoted(path: str) -> bool:
    r"""Whether git prints the path in quotes (control characters, `"`, `\`, beyond ASCII): such files are not seen."""
    return _QUOTED.search(path) is not None


def has_test_component(path: str) -> bool:
    """Whether any component of the path contains `test`, in any case."""
    return "test" in path.lower()


def is_candidate_path(path: str) -> bool:
    """The evolution track's path rule."""
    return _suffix(path) == ".py" and DIFF_SKIPS.isdisjoint(path.split("/")) and has_test_component(path)


def is_production_path(path: str) -> bool:
    """Whether the file belongs to `production_code_diff`: code and documents, nothing with `test` in its path."""
    return (
        _suffix(path) in _SOURCE_SUFFIXES
        and not is_quoted(path)
        and DIFF_SKIPS.isdisjoint(path.split("/"))
        and not has_test_component(path)
    )


def is_separated(path: str) -> bool:
    """Whether the separation of tests looks at the file at all."""
    return path.endswith(".py") and SEPARATION_SKIPS.isdisjoint(path.split("/")[:-1])


def has_test_content(text: str) -> bool:
    """The content rule: a test library's name, a `test_*` function, or a class with `test` in its name."""
    lower = text.lower()
    if any(substring in lower for substring in _SUBSTRINGS):
        return True
    if "test" not in lower:
        return False
    file = parse(text)
    if file is None:
        return False
    return any(
        (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"))
        or (isinstance(node, ast.ClassDef) and "test" in node.name.lower())
        for node in file.nodes
    )


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""
