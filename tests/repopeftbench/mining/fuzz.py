"""Feeds any bytes and mutated Python to the extraction of sites and to the cut of tasks, and checks what always holds.

REPOBENCH_FUZZ_SECONDS=600 python tests/repopeftbench/mining/fuzz.py      for that long; prints what was fed
"""

import ast
import os
import time
import warnings
from collections import Counter
from pathlib import Path
from string import Formatter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.flatten import flattened
from repopeftbench.mining.reader import PieceReader
from repopeftbench.mining.sites import GRAMMAR_ERROR
from repopeftbench.mining.source import decode_source
from repopeftbench.tasks.cut import cut_site, target_type
from repopeftbench.tasks.layout import whole_layout

SEEDS = (Path(__file__).parent / "fuzz_seeds.txt").read_text("utf-8").split("=====\n")
TOKENS = [
    "(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "\\\n", "\n", "\r", "\r\n", "\f", "\t", "    ", " ", "#",
    "# x\n", "'", "\"", "'''", "\"\"\"", "f'", "f\"\"\"", "r'", "b'", "rb\"", "u'", "{{", "!r}", "=}", "==", "!=",
    "<=", ":=", "->", "=", "*", "**", "@", "@x\n", "+", "-", "not ", "in ", "is ", "and ", "or ", "if ", "else ",
    "elif x:\n", "for x in y ", "while 1:\n", "try:\n", "finally:\n", "except A:\n", "with a as b:\n",
    "match x:\n", "case _:\n", "async ", "await ", "yield ", "lambda: ", "def test_z():\n", "def test_y(): ",
    "class TestZ:\n", "    def test_x(self):\n", "return ", "pass\n", "assert ", "assert x == 1",
    "    assert a == b\n", "        assert c == d, e\n", "self.assertEqual(a, b)", "raises(", "pytest.raises(E)",
    "approx(1)", "assert_equal", "import pytest\n", "from pytest import *\n", "from . import x\n", "global x\n",
    "\u00e9", "\ufb01", "\u2028", "\u00a0", "\u0301", "\ufeff", "\u0000", "\u001a", "\u0085", "0", "1_0", "0x",
    "1e", "...", "None", "__debug__", "print x\n", "`x`", "# coding: latin-1\n", "# coding: utf-8\n",
    "<<<<<<< x\n", "\u000b", "\u001c", "type X = 1\n", "$", "?", "!",
]  # fmt: skip
ATOMS = st.sampled_from("x 1 -1 1.5j 'a' b'' f'{x!r:>{w}}' \"é\" None ... [] () {} {**a} x.y f() (yield) _ λ".split())
FORMS = [
    "({})", "({},)", "[{}, {}]", "{{{}: {}}}", "{{{}, *{}}}", "f({}, k={})", "f(*{}, **{})", "{}[{}]", "{}[{}:]",
    "{}.real", "{} + {}", "{} ** -{}", "~{}", "not {}", "{} if {} else {}", "lambda x=1, *y: {}",
    "({} for x in {} if {})", "[{} async for x in y]", "(z := {})", "{} < {} != {}", "{} is not {}", "{} not in {}",
    "{} and {} or {}",
    "await {}", "(\n{}\n)", "(# x\n  {},\n{}\n)", "{} \\\n == {}", "'a' \"b\" {}", "f'{{{}}}'", "('''\n''' + {})",
    "{}  ", "  {}",
]  # fmt: skip
STATEMENTS = [
    "assert {}", "assert {} == {}", "assert({} == {})", "assert {} == {}, {}", "assert (\n {}\n==\n {}\n), {}",
    "self.assertEqual({}, {})", "self.assertEqual(second={}, first={})", "assert_equal({}, {}, err_msg={})",
    "with pytest.raises({}) as e: pass", "raises({}, lambda: {})", "m.assert_called_with({})", "x = assert_x({})",
    "assert {} == {} ; assert {} != {}", "npt.assert_allclose(\n{},\n{}, # c\n)", "if {}: assert {} in {}",
]  # fmt: skip


@st.composite
def expressions(draw, depth=3):
    """An expression of nested forms, nearly always valid."""
    form = draw(st.sampled_from(FORMS)) if depth and draw(st.booleans()) else "{}"
    fields = sum(name is not None for _, name, _, _ in Formatter().parse(form))
    return form.format(*(draw(expressions(depth - 1) if depth else ATOMS) for _ in range(fields)))


@st.composite
def functions(draw):
    """A test function of assertions over any expressions: mostly valid Python."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.sampled_from(STATEMENTS))
        lines.append("    " + form.format(*(draw(expressions()) for _ in range(form.count("{}")))))
    head = draw(st.sampled_from(["def test_a():", "async def test_a():", "@x\ndef test_a(x):", "def test_é(λ=1):"]))
    return "\n".join([head, *lines, ""])


@st.composite
def mutated(draw):
    """Seeds in a row, of which spans are cut out, doubled, indented or replaced by tokens."""
    text = "".join(draw(st.lists(st.one_of(st.sampled_from(SEEDS), functions()), min_size=1, max_size=5)))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 0, 1, 2, 5, 20, 80])))
        middle = draw(
            st.one_of(
                st.sampled_from(TOKENS),
                st.sampled_from(TOKENS),
                st.just(""),
                st.just(text[start:end] * 2),
                st.just(text[start:end].replace("\n", "\n    ")),
                st.sampled_from(SEEDS),
            )
        )
        text = text[:start] + middle + text[end:]
    newline = draw(st.sampled_from(["\n"] * 8 + ["\r\n", "\r"]))
    return text.replace("\n", newline)


JUNK = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)


@st.composite
def encoded(draw):
    """Mutated Python as bytes: mostly UTF-8, sometimes with a mark, in another code, or with bytes changed."""
    text = draw(st.one_of(mutated(), mutated(), functions(), functions(), JUNK))
    code = draw(st.sampled_from(["utf-8"] * 12 + ["utf-8-sig", "latin-1", "utf-16", "cp1252", "utf-7"]))
    raw = bytearray(text.encode(code, "replace"))
    for _ in range(draw(st.sampled_from([0] * 8 + [1, 3]))):
        place = draw(st.integers(0, len(raw)))
        raw[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(raw)


INPUTS = st.one_of(encoded(), encoded(), encoded(), encoded(), st.binary(max_size=200))
BUDGETS = st.sampled_from([None, 0, 1, 50, 400, 16_384])


def check(raw, budget):
    """Checks one input; what it was (`valid`, `sites`, `tasks`), as counts."""
    found = extract_sites(raw)
    again = extract_sites(raw)
    assert (found.problem, found.sites) == (again.problem, again.sites)
    reader = PieceReader()
    pieces = reader.read(raw)
    assert pieces.problem == found.problem
    if found.problem is not None:
        return Counter(inputs=1)
    source = decode_source(raw)
    whole = whole_layout(flattened(source) if found.needs_flattening else source)
    for site in found.sites:
        check_site(raw, whole, site, budget)
    by_piece = reader.layout(pieces)
    for site in pieces.sites:
        check_site(raw, by_piece, site, budget)
    if GRAMMAR_ERROR in {site.reason for site in (*found.sites, *pieces.sites)}:
        assert [site.statement for site in found.sites] == [site.statement for site in pieces.sites]
    else:
        assert found.sites == pieces.sites
        with_target = [site for site in found.sites if site.target is not None]
        for site in with_target:
            assert cut_site(whole, site, budget) == cut_site(by_piece, site, budget)
    tasks = sum(site.target is not None for site in found.sites)
    return Counter(inputs=1, valid=1, sites=len(found.sites), tasks=tasks)


def check_site(raw, layout, site, budget):
    """Checks the spans of a site and, where it has a target, its cut."""
    source = layout.source
    assert 0 <= site.start < site.end <= len(source.utf8)
    assert 1 <= site.lineno <= site.end_lineno <= len(source.line_starts)
    assert source.slice(site.start, site.end) == site.statement
    assert site.test_function
    if site.target is None:
        assert site.reason
        assert (site.target_start, site.target_end) == (None, None)
        return
    assert site.start <= site.target_start < site.target_end <= site.end
    assert source.slice(site.target_start, site.target_end) == site.target
    assert is_expression(site.target)
    assert target_type(site.target) is not None
    cut = cut_site(layout, site, budget)
    assert cut == cut_site(layout, site, budget)
    assert (cut.prefix + cut.gap + cut.target + cut.suffix).endswith(site.statement)
    assert len(cut.gap + cut.target + cut.suffix) <= len(site.statement)
    assert cut.prefix == cut.prefix.rstrip()
    assert cut.target == site.target
    if source.encoding in ("utf-8", "iso-8859-1"):
        assert raw[cut.statement_start : cut.statement_end].decode(source.encoding) == site.statement
        assert raw[cut.target_start : cut.target_end].decode(source.encoding) == site.target


def is_expression(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(f"({text}\n)", mode="eval")
        except (SyntaxError, ValueError):
            return False
    return True


def main(seconds):
    """Feeds inputs for that many seconds; prints the counts."""
    end, counts, number = time.monotonic() + seconds, Counter(), 0
    while time.monotonic() < end:

        @seed(number)
        @settings(
            max_examples=500,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(INPUTS, BUDGETS)
        def feed(raw, budget):
            if time.monotonic() < end:
                counts.update(check(raw, budget))

        feed()
        number += 1
    words = ("inputs", "valid", "sites", "tasks")
    print(", ".join(f"{counts[word]:,} {word}" for word in words))  # noqa: T201


if __name__ == "__main__":
    main(float(os.environ.get("REPOBENCH_FUZZ_SECONDS", "60")))
