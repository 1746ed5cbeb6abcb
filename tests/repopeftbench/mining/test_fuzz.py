from collections import Counter

import fuzz
from hypothesis import example, given, settings


@settings(max_examples=300)
@given(fuzz.INPUTS, fuzz.BUDGETS)
@example(b"", None)
@example(b"def test_a():\n    assert f() == 1\n", 0)
def test_any_bytes_give_sites_whose_cuts_are_exact(raw, budget):
    assert fuzz.check(raw, budget)["inputs"] == 1


def test_every_seed_is_fed_in_every_code():
    codes = ("utf-8", "utf-8-sig", "latin-1", "utf-16")
    inputs = [text.encode(code, "replace") for text in fuzz.SEEDS for code in codes]
    counts = sum((fuzz.check(raw, 400) for raw in inputs), Counter())
    assert counts["inputs"] == len(inputs)
    assert min(counts["valid"], counts["sites"], counts["tasks"]) >= len(fuzz.SEEDS)
