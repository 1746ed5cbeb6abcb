"""Predictors that know exactly as much as a view allows, to hold the known best scores against what can be reached."""

import builtins
import json
import re
import textwrap
import types
import unittest
from collections import Counter
from pathlib import PurePosixPath

import pytest

from repopeftbench.audit.occurrences import occurs
from repopeftbench.dataset.truth import Stratum
from repopeftbench.synthetic.controlled import blueprint
from repopeftbench.synthetic.controlled.values import POOLS
from repopeftbench.synthetic.themes import THEMES

_TEST = re.compile(r"^(?:class|def) (\w+)|^    def (\w+)", re.MULTILINE)
_ASKS = re.compile(r"assert (?P<assert>.+) ==$|assertEqual\((?:first=)?(?P<call>.+),(?: second=)?$|[rR]aises\($")
_ASSIGNED = re.compile(r"^(\w+) = ", re.MULTILINE)
_PACKAGE = re.compile(r"^from (\w+)[ .]", re.MULTILINE)
_VALUES = tuple(value for pool in POOLS.values() for value in pool)


def loaded(view, package):
    """The modules of a package as a view shows them; one that cannot be loaded is left out."""
    sources = {PurePosixPath(path).stem: view.read(path) for path in view.production_files()}
    modules = {package: types.ModuleType(package)}

    def importer(name, scope=None, local=None, wanted=(), level=0):
        if not level and name.partition(".")[0] != package:
            return builtins.__import__(name, scope, local, wanted, level)
        inner = name if level else name.partition(".")[2]
        for one in wanted if not inner else ():
            setattr(modules[package], one, module(one))
        return module(inner) if inner else modules[package]

    def module(name):
        if name not in sources:
            raise ImportError(name)
        if name not in modules:
            made = types.ModuleType(f"{package}.{name}")
            made.__dict__["__builtins__"] = {**vars(builtins), "__import__": importer}
            exec(compile(sources[name], name, "exec"), made.__dict__)
            modules[name] = made
        return modules[name]

    return importer


def repository_answer(task, view):
    """The target by running the production code of the view; None where that does not tell it."""
    scope = {"__builtins__": {**vars(builtins), "__import__": loaded(view, task.repo_id)}}
    lines = task.prefix.split("\n")
    for line in lines:
        if line.startswith(("from ", "import ")):
            # Name by name: a module that reads what no view shows must not keep the others from being imported.
            head, _, names = line.rpartition("import ")
            for name in names.split(", "):
                _tried(f"{head}import {name}", scope)
    start = max(index for index, line in enumerate(lines) if line.lstrip().startswith("def test_"))
    *steps, last = textwrap.dedent("\n".join(lines[start + 1 :])).split("\n")
    asked = _ASKS.search(last)
    expression = asked["assert"] or asked["call"] or _ASSIGNED.findall("\n".join(steps))[-1]
    indent = " " * (len(last) - len(last.lstrip()))
    scope["self"] = unittest.TestCase()
    if not _tried("\n".join([*steps, f"{indent}asked_for = {expression}"]), scope):
        return None
    return _literal(scope["asked_for"]) if asked["assert"] or asked["call"] else _raised(scope["asked_for"])


def _tried(statement, scope):
    try:
        exec(statement, scope)
    except (ImportError, NameError, AttributeError, OSError):
        return False
    return True


def _raised(function):
    with pytest.raises(Exception) as caught:
        function()
    return _literal(caught.type)


def _literal(value):
    return f"errors.{value.__name__}" if isinstance(value, type) else json.dumps(value)


class PrefixReader:
    """Copies the one value of the prefix; else the value that is right most often for the name that is asked for.

    It learns from the facts of repositories of other seeds; with `domains`, apart for each domain.
    """

    def __init__(self, seeds, repositories, *, domains):
        self._domains = domains
        counts = {}
        for made in (blueprint(seed, index) for seed in seeds for index in range(repositories)):
            for fact in made.facts:
                if fact.question is not None and fact.stratum is not Stratum.COPY:
                    key = self._key(made.domain, dict(fact.names)["name"].partition("_")[2])
                    counts.setdefault(key, Counter())[fact.versions[0].value] += 1
        self._answers = {key: counter.most_common(1)[0][0] for key, counter in counts.items()}

    def answer(self, prefix):
        """The likeliest value of what stands last in the prefix."""
        start = [found.start() for found in _TEST.finditer(prefix)][-1]
        seen = [value for value in _VALUES if occurs(value, prefix[start:])]
        if seen:
            return seen[0]
        package = _PACKAGE.search(prefix)[1]
        domain = next(theme.key for theme in THEMES if any(stem in package for stem in theme.stems))
        for words in (re.findall(r"[A-Z]?[a-z]+", name) for found in _TEST.findall(prefix)[::-1] for name in found):
            for word in words:
                if self._key(domain, word.lower()) in self._answers:
                    return self._answers[self._key(domain, word.lower())]
        return ""

    def _key(self, domain, qualifier):
        return (domain if self._domains else None, qualifier)
