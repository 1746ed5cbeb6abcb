"""Controlled repositories: what they hold, how they are worded, and that their tests pass at every commit."""

import hashlib
import os
import re
import subprocess  # the generated tests run in an interpreter of their own, as a user would run them
import sys
import unittest
from collections import Counter
from functools import cache
from itertools import pairwise
from string import Template

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repopeftbench.dataset.truth import Stratum
from repopeftbench.schema import SymbolKind
from repopeftbench.symbols import file_symbols
from repopeftbench.synthetic.controlled import Templates, blueprint, controlled_repository
from repopeftbench.synthetic.controlled.drawing import SHARES
from repopeftbench.synthetic.controlled.rendering import WORDINGS, holders_of, place_of, question_of
from repopeftbench.synthetic.controlled.values import POOLS

PRIVATE = (Stratum.PRIVATE_DIRECT, Stratum.PRIVATE_COMPOSED)
SET = pytest.mark.parametrize("templates", list(Templates))


@cache
def blueprints():
    return [blueprint(3, index) for index in range(40)]


def asked(made):
    return [fact for fact in made.facts if fact.question is not None]


def passed_tests(repository, commits, folder):
    """How many tests of a repository pass after so many commits; none fails or warns."""
    for path, content in repository.tree(commits).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_strata_have_their_shares_in_every_repository():
    for made in blueprints():
        assert Counter(fact.stratum for fact in asked(made)) == SHARES


def test_at_least_30_percent_of_private_facts_are_composed():
    private = [fact for made in blueprints() for fact in asked(made) if fact.stratum in PRIVATE]
    composed = [fact for fact in private if fact.stratum is Stratum.PRIVATE_COMPOSED]
    assert len(composed) / len(private) >= 0.3
    assert {fact.form for fact in composed} == {"product", "sum", "inherited", "alias", "default", "through"}
    assert {fact.form for fact in private if fact not in composed} == {"direct"}


def test_every_kind_of_private_fact_is_asked_for_in_every_repository():
    kinds = {"constant", "enum-member", "exception", "default", "config-key", "return"}
    for made in blueprints():
        assert {fact.kind for fact in asked(made) if fact.stratum is Stratum.PRIVATE_DIRECT} == kinds
    assert kinds <= {kind.value for kind in SymbolKind}


def test_private_facts_change_and_keep_to_their_pool():
    for made in blueprints():
        changed = [fact for fact in made.facts if len(fact.versions) > 1]
        assert sum(len(fact.versions) - 1 for fact in changed) >= 5
        assert {fact.stratum for fact in changed} <= set(PRIVATE)
        for fact in made.facts:
            values = [one.value for one in fact.versions]
            assert set(values) <= set(POOLS[fact.pool])
            assert all(old != new for old, new in pairwise(values))


def test_every_private_value_is_as_likely_as_any_other_even_after_changes():
    facts = [fact for seed in (0, 1) for index in range(150) for fact in asked(blueprint(seed, index))]
    for pool, values in POOLS.items():
        counts = Counter(f.at(7).value for f in facts if f.pool == pool and f.stratum in PRIVATE)
        expected = counts.total() / len(values)
        chi_squared = sum((counts[value] - expected) ** 2 / expected for value in values)
        assert chi_squared < 3 * len(values), f"{pool}: {counts}"


def test_names_of_a_repository_do_not_repeat():
    for made in blueprints():
        names = [dict(fact.names)[slot] for fact in made.facts for slot in ("NAME", "PART") if slot in dict(fact.names)]
        assert len(set(names)) == len(names)


def test_no_test_asks_for_a_distractor():
    for templates in Templates:
        made = blueprints()[0]
        tree = controlled_repository(made, templates).tree()
        tests = b"".join(text for path, text in tree.items() if path.startswith("tests/")).decode()
        for fact in made.facts:
            name = dict(fact.names)["name"]
            assert (re.search(rf"{name}|{name.replace('_', '')}", tests, re.IGNORECASE) is None) == (
                fact.question is None
            )
            if fact.question is None:
                with pytest.raises(ValueError, match="is a distractor"):
                    question_of(fact, WORDINGS[templates])


def test_production_code_comes_a_commit_before_the_test_that_asks():
    for fact in (fact for made in blueprints() for fact in asked(made)):
        assert fact.stated == max(0, fact.question.commit - 1)


def test_sets_of_templates_share_no_surface_form():
    train, test = WORDINGS[Templates.TRAIN], WORDINGS[Templates.TEST]
    assert not train.surfaces & test.surfaces
    assert not set(train.modules.values()) & set(test.modules.values())
    assert not {ask.text for ask in (*train.asks, *train.refusals)} & {ask.text for ask in (*test.asks, *test.refusals)}


def test_even_seeds_ask_in_thousands_of_ways_and_in_no_way_of_odd_seeds():
    train, test = WORDINGS[Templates.TRAIN], WORDINGS[Templates.TEST]
    assert len({ask.text for ask in train.asks}) == len(train.asks) > 5_000
    assert len({ask.text for ask in train.refusals}) == len(train.refusals) > 100
    signs = (":=", "[0]", "first=", "subTest", "assertRaises")
    assert all(any(sign in ask.text for sign in signs) for ask in (*test.asks, *test.refusals))
    assert not any(sign in ask.text for sign in signs for ask in (*train.asks, *train.refusals))


def test_repositories_of_a_family_are_asked_in_many_ways():
    """Which way is taken depends on the name alone, so that a hundred facts are asked for in nearly a hundred ways."""
    texts = [text for made in blueprints()[:4] for text in shapes(controlled_repository(made, Templates.TRAIN))]
    assert len(set(texts)) > 0.7 * len(texts) > 80


def shapes(repository):
    """The tests of a repository without what is theirs: names that stand only once in all of them, and values."""
    tests = "".join(text.decode() for path, text in repository.tree().items() if path.startswith("tests/"))
    bodies = re.split(r"\n\n\n(?=def |class )", tests)[1:]
    return [re.sub(r"\w*(?:_\w+)+|[A-Z]\w+|\d+", "x", body.split("\n", 1)[1]) + body[:3] for body in bodies]


def test_every_way_to_ask_is_a_test_that_tells_right_from_wrong():
    train = WORDINGS[Templates.TRAIN]
    for ask in train.asks[::11]:
        run(ask, "6 * 7", "42")
        with pytest.raises(AssertionError):
            run(ask, "6 * 7", "43")
    for ask in train.refusals:
        run(ask, "{}.popitem", "KeyError")
        with pytest.raises(KeyError):
            run(ask, "{}.popitem", "TypeError")


def run(ask, expression, value):
    """Runs a test as it is rendered."""
    words = {"name": "sum_of", "Name": "SumOf"}
    scope = {"unittest": unittest, "pytest": pytest}
    exec(Template(ask.text).substitute(words, E=expression, V=value), scope)
    owner, _, method = Template(ask.identity).substitute(words).partition(".")
    getattr(scope[owner](), method)() if method else scope[owner]()


def test_sets_of_templates_state_the_same_kinds_of_facts():
    def kinds(wording):
        ways = (*wording.direct, *wording.composed, *wording.copied, *wording.unseen)
        return {(way.kind, way.form, way.pools) for way in ways}

    assert kinds(WORDINGS[Templates.TRAIN]) == kinds(WORDINGS[Templates.TEST])


@pytest.mark.parametrize(("seed", "templates"), [(0, "train"), (1, "test"), (9000, "train"), (9001, "test")])
def test_seed_says_which_templates_it_takes(seed, templates):
    assert Templates.of_seed(seed).value == templates


def test_wording_changes_no_fact():
    made = blueprints()[1]
    one, other = (controlled_repository(made, templates) for templates in Templates)
    assert one.commits[0].files != other.commits[0].files
    names = [{place_of(fact, WORDINGS[t]).split(".")[1] for fact in asked(made)} for t in Templates]
    plain = [{name.removesuffix("Error").replace("_", "").lower() for name in one} for one in names]
    assert plain[0] == plain[1]
    assert len(plain[0]) == len(asked(made))


@SET
def test_sources_of_a_fact_are_defined_in_production_code(templates):
    for made in blueprints()[:5]:
        repository = controlled_repository(made, templates)
        for fact in asked(made):
            holders = holders_of(fact, WORDINGS[templates])
            assert bool(holders) == (fact.stratum not in (Stratum.COPY, Stratum.NONE))
            tree = repository.tree(fact.stated + 1)
            for module, *names in (place.split(".") for place in (*holders, place_of(fact, WORDINGS[templates]))):
                source = tree[f"{made.package}/{module}.py"].decode()
                assert all(re.search(rf"\b{name}\b", source) for name in names)


@SET
def test_symbol_records_hold_every_fact_that_is_directly_defined(templates):
    for made in blueprints()[:5]:
        tree = controlled_repository(made, templates).tree()
        for fact in asked(made):
            if fact.stratum in (Stratum.PRIVATE_DIRECT, Stratum.DOMAIN):
                module, _, name = holders_of(fact, WORDINGS[templates])[0].partition(".")
                found = file_symbols(tree[f"{made.package}/{module}.py"].decode()).definitions
                assert fact.at(7).value in [one.value for one in found if one.name.startswith(name)]


@SET
def test_values_that_only_a_data_file_holds_stand_in_no_module_of_theirs(templates):
    for made in blueprints()[:5]:
        tree = controlled_repository(made, templates).tree()
        source = tree[f"{made.package}/{WORDINGS[templates].modules['figures']}.py"].decode()
        for fact in asked(made):
            if fact.stratum is Stratum.NONE:
                assert fact.at(7).value not in source
                assert fact.at(7).value in tree[f"{made.package}/figures.json"].decode()


@SET
def test_generated_tests_pass_at_first_and_last_commit(templates, tmp_path):
    repository = controlled_repository(blueprint(0, 4), templates)
    assert [passed_tests(repository, commits, tmp_path / str(commits)) for commits in (1, 8)] == [4, 32]


@pytest.mark.slow
@SET
@pytest.mark.parametrize("index", range(6))
def test_generated_tests_pass_at_every_commit(templates, index, tmp_path):
    repository = controlled_repository(blueprint(8, index), templates)
    passed = [passed_tests(repository, commits, tmp_path / str(commits)) for commits in range(1, 9)]
    assert passed == [4 * commits for commits in range(1, 9)]


def test_controlled_repositories_are_independent_of_hash_randomisation():
    code = (
        "import sys; from repopeftbench.synthetic.controlled import *; "
        "sys.stdout.write(repr([controlled_repository(blueprint(5, 1), t) for t in Templates]))"
    )
    digests = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(0, 2_000))
def test_any_seed_gives_a_controlled_repository(seed, index):
    made = blueprint(seed, index)
    assert made == blueprint(seed, index)
    for templates in Templates:
        for path, content in controlled_repository(made, templates).tree().items():
            if path.endswith(".py"):
                compile(content, path, "exec")
            assert b"$" not in content
            assert b"::" not in content
