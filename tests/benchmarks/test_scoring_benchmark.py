import re
import subprocess
import sys
from pathlib import Path

import pytest
from contest.pairs import EXACT, expressions, make_pairs, statements

ROOT = Path(__file__).parent.parent.parent


def test_pairs_are_the_same_for_the_same_seed_and_about_as_often_equal_as_promised():
    pool = expressions(most_files=10)
    pairs = make_pairs(pool, 2_000, seed=1)
    assert pairs == make_pairs(pool, 2_000, seed=1) != make_pairs(pool, 2_000, seed=2)
    assert {target for _, target in pairs} <= set(pool)
    assert sum(prediction == target for prediction, target in pairs) / 2_000 == pytest.approx(EXACT, abs=0.05)


def test_pools_are_sorted_texts_of_real_code_each_once():
    for pool in (expressions(most_files=6), statements(most_files=6)):
        assert pool == sorted(set(pool))
        assert len(pool) > 100
    assert max(map(len, expressions(longest=40, most_files=6))) <= 40


@pytest.mark.slow
def test_scoring_benchmark_names_every_contender_with_a_rate():
    command = [sys.executable, str(ROOT / "benchmarks" / "scoring.py"), "--pairs", "60", "--predictions", "30"]
    done = subprocess.run([*command, "--rounds", "1", "--workers", "1"], capture_output=True, text=True, check=True)
    rows = re.findall(r"^\| (edit similarity|CodeBLEU) \| .* \| [\d,]+ \| [\d.]+ \|$", done.stdout, re.MULTILINE)
    assert rows.count("edit similarity") == 3
    assert rows.count("CodeBLEU") in (0, 3)
    assert "60 pairs" in done.stdout and "| 30 | 1 |" in done.stdout
