import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from contest.pairs import expressions, make_pairs, statements
from harness_cases import ODD_TEXTS

from harness.errors import ScoringError
from harness.metrics import codebleu_package
from harness.metrics.codebleu_package import package_codebleu, require_package
from harness.metrics.codebleu_paper import MAX_CHARACTERS, MAX_DEPTH, codebleu_paper, package_formula
from harness.metrics.published import Truncated
from harness.metrics.stripping import strip_comments
from harness.records import CodeBleu, Unscored

DRIVER = Path(__file__).parent / "package_driver.py"


def numbers(found):
    return [found.score, found.ngram, found.weighted, found.syntax, found.dataflow]


def package_numbers(pairs, order="plain"):
    done = subprocess.run(
        [sys.executable, str(DRIVER), order],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    return json.loads(done.stdout)


def assert_equal(pairs, expected):
    for (prediction, target), found in zip(pairs, expected, strict=True):
        assert numbers(package_formula(prediction, target)) == pytest.approx(found, abs=1e-9), (prediction, target)


CURATED = [
    ("x", "x"), ("", "x"), ("x", ""), ("return 1", "import os"), ("x + 1", "y.z(3)"), ("a + b", "a - b"),
    ("a=1\na=1\na=1\na=1", "a=1"), ('"foo"', '"bar"'), ("f(a, a)", "f(b, b)"), ("x # why", "x"), ("'#'", "'# '"),
    ("f(\n'abc', 1)", "f('abc', 1)"), ("[x for x in y]", "[z for z in y]"), ("lambda a, b=c: a", "lambda a, b=d: b"),
    ("a, b, c = 'x'", "a, b, c = 'y'"), ("x: int", "x: str = 1"), ("x += x", "x -= x"), ("é = é + é", "é + é"),
    ("if a:\n    b = a\nelif c:\n    b = c\nelse:\n    b = d\nb", "if a:\n    b = c\nb = b"),
    ("for a in b:\n    a = a\n    c = a", "for a in b:\n    c = a"), ("while a:\n    a = a", "while b:\n    b = b"),
    ("a\\\n + b", "a + b"), ("'''a\n\nb'''", "'''a\nb'''"), ("x = (\n", "x = (1)"), ("not in if else", "x in y"),
    ("f'{x!r:>{w}} {{}}'", "f'{y}'"), ("a\tb", "a b"), ("a\0b", "ab"),
    ("match x", "type x"), ("\\ags = gs)", "flags = set(flags)"), ("中中 = f(中中)", "f(中)"),
]  # fmt: skip


def test_numbers_equal_the_package_on_every_kind_of_oddity():
    assert_equal(CURATED, package_numbers(CURATED))


def test_numbers_equal_the_package_on_some_hundred_pairs_of_real_code():
    pairs = make_pairs(expressions(most_files=12), 600, seed=1)
    assert_equal(pairs, package_numbers(pairs))


def test_numbers_equal_the_package_on_10000_pairs_of_real_code():
    generator = random.Random(2)
    pool = [*generator.sample(expressions(), 8_000), *generator.sample(statements(), 8_000)]
    pairs = make_pairs(pool, 10_000, seed=3)
    # With sets that keep the order in which they were filled the package is deterministic: then all pairs must agree.
    ordered, plain = package_numbers(pairs, "ordered"), package_numbers(pairs)
    assert_equal(pairs, ordered)
    differing = [number for number, found in enumerate(plain) if found != ordered[number]]
    assert len(differing) < 50, "the order of sets decides about few pairs"
    assert all(re.search(r"\bfor\b|\bwhile\b|\blambda\b|=", pairs[number][1]) for number in differing)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(x)  # why", "f(x)  "),
        ("'#' + x  # why", " + x  "),
        ("'a'", ""),
        ("x['a']", "x['a']"),
        ("a\n\n\nb", "a\nb"),
        ("a \\\n+ b", "a+ b"),
        ("f(  # one\n'x')", "f(  \n)"),
        ("(  # open", "(  # open"),
        ("", ""),
    ],
)
def test_comments_and_what_looks_like_docstrings_are_stripped_as_published(source, expected):
    assert strip_comments(source) == expected


def test_known_defects_are_kept():
    assert package_formula("x", "x").score == pytest.approx(0.5554, abs=1e-4)
    assert package_formula("x + 1", "y.z(3)").score == pytest.approx(0.25 + 0.25 / 3, abs=0.1)
    assert package_formula("return 1", "import os").dataflow == 0
    assert package_formula("a + b", "a - b").syntax == package_formula("foo(bar)", "baz(qux)").syntax == 1


def test_the_published_wrapper_settles_empty_and_equal_texts_alone():
    def refuse(prediction, target):
        raise AssertionError

    assert codebleu_paper(Truncated("x", " x "), refuse) == CodeBleu.settled(1.0)
    assert codebleu_paper(Truncated("", ""), refuse) == CodeBleu.settled(0.0)
    assert codebleu_paper(Truncated("x", "\n"), refuse) == CodeBleu.settled(0.0)
    assert codebleu_paper(Truncated("x", "y"), lambda *_: CodeBleu.settled(0.5)) == CodeBleu.settled(0.5)


@pytest.mark.parametrize("text", [text for text in ODD_TEXTS if text.strip()])
def test_odd_texts_have_numbers_or_a_reason(text):
    started = time.process_time()
    for found in (package_formula(text, "f(a_target, 1)"), package_formula("f(a_target, 1)", text)):
        if isinstance(found.score, Unscored):
            assert found == CodeBleu.settled(found.score)
        else:
            assert all(0 <= value <= 1 for value in numbers(found))
    assert time.process_time() - started < 10


def test_texts_out_of_bounds_are_unscored_with_the_bound():
    deep = "(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1)
    assert package_formula(deep, "x").score == Unscored(reason="nested more than 200 levels deep")
    assert package_formula("x", "y" * (MAX_CHARACTERS + 1)).syntax == Unscored(reason="longer than 200000 characters")
    assert package_formula("\ud800", "x").score == Unscored(reason="half of a surrogate pair is no text")
    shallow = "(" * (MAX_DEPTH - 5) + "x" + ")" * (MAX_DEPTH - 5)
    assert isinstance(package_formula(shallow, "x").score, float)


def test_the_package_as_backend_gives_its_own_numbers_without_its_warnings(caplog):
    assert numbers(package_codebleu("f(1)", "f(2)")) == pytest.approx(numbers(package_formula("f(1)", "f(2)")))
    assert caplog.records == []
    assert package_codebleu("\ud800", "x").score == Unscored(reason="codebleu failed with UnicodeEncodeError")


def test_a_backend_that_is_absent_or_of_another_version_is_one_sentence(monkeypatch):
    def absent(name):
        raise codebleu_package.PackageNotFoundError

    monkeypatch.setattr(codebleu_package, "version", absent)
    with pytest.raises(ScoringError, match=r"codebleu 0\.7\.0, which is not installed: run pip install --no-deps"):
        require_package()
    monkeypatch.setattr(codebleu_package, "version", lambda name: "0.8.0")
    with pytest.raises(ScoringError, match=r"which is installed in version 0\.8\.0"):
        require_package()
