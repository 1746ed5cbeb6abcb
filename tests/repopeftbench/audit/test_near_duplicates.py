import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage_cases import changed, found, growing, mined

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.kinship import MOST_REPOSITORIES, Position, position
from repopeftbench.audit.minhash import jaccard, signature, similar_pairs
from repopeftbench.audit.near_duplicates import IN_TRAIN, NEAR_DUPLICATES, SIMILARITY, near_duplicates
from repopeftbench.audit.shared_files import SHARED_FILES, shared_files
from repopeftbench.audit.shingles import MOST_LINES, Shingler, document


def relations(findings, check):
    """Pair of repositories to what relates them."""
    named = [problem for problem in found(findings, check) if problem.severity != Severity.NOTE]
    return {frozenset(problem.where.split(" and ")): problem.message.partition(":")[0] for problem in named}


def test_copy_fork_and_vendored_folder_are_found_and_nothing_else(family):
    dataset, names = family
    findings = near_duplicates(dataset)
    assert relations(findings, NEAR_DUPLICATES) == {
        frozenset((names["copied"], "copy")): "fork or renamed repository",
        frozenset((names["forked"], "fork")): "fork or renamed repository",
        frozenset((names["vendored"], "host")): "vendored copy",
    }
    assert {problem.severity for problem in findings.problems} == {Severity.ERROR}


def test_copies_of_production_files_are_found_and_nothing_else(family):
    dataset, names = family
    findings = shared_files(dataset)
    assert relations(findings, SHARED_FILES) == {
        frozenset((names["copied"], "copy")): "fork or renamed repository",
        frozenset((names["forked"], "fork")): "fork or renamed repository",
        frozenset((names["vendored"], "host")): "vendored copy",
    }


def test_unrelated_repository_of_the_same_generator_has_no_near_duplicate(family):
    dataset, _ = family
    measures = [measure for measure in near_duplicates(dataset).measures if measure.name == IN_TRAIN]
    by_repository = {
        name: sum(m.count for m in measures if m.repo_id == name) for name in {m.repo_id for m in measures}
    }
    assert by_repository["fresh"] == 0
    assert by_repository["copy"] > 0


def test_in_the_paper_protocol_copies_are_warnings(family, tmp_path):
    dataset = changed(family[0], tmp_path / "data", protocol="paper")
    severities = {problem.severity for check in (near_duplicates, shared_files) for problem in check(dataset).problems}
    assert severities == {Severity.WARNING}


def test_two_repositories_for_training_that_share_code_are_a_warning(tmp_path):
    code = growing(6)
    tests_gone = [(time, {path: text for path, text in files.items() if "tests" not in path}) for time, files in code]
    own = growing(6, "_own")
    both = [(time, files | more) for (time, files), (_, more) in zip(own, tests_gone, strict=True)]
    padded = [
        (time, {p: t + b"\n\n# " + b"x" * 300 + b"\n" if p.startswith("pkg/") else t for p, t in files.items()})
        for time, files in both
    ]
    other = [
        (time, {p: t + b"\n\n# " + b"x" * 300 + b"\n" if p.startswith("pkg/") else t for p, t in files.items()})
        for time, files in code
    ]
    dataset = mined(tmp_path, {"one": other, "two": padded}, cutoff="none")
    assert near_duplicates(dataset).problems == ()
    (problem,) = shared_files(dataset).problems
    assert (problem.severity, problem.where) == (Severity.WARNING, "one and two")
    assert "one shares 6 of 6 (100.0 %)" in problem.message


def test_dataset_without_snapshots_says_that_files_were_not_looked_at(tmp_path):
    dataset = mined(tmp_path, {"one": growing(3)}, snapshots=False)
    (problem,) = shared_files(dataset).problems
    assert (problem.severity, "no snapshots" in problem.message) == (Severity.NOTE, True)


def test_text_that_very_many_repositories_have_relates_nobody(tmp_path):
    custom = {
        "tests/test_version.py": b"def test_version():\n    assert package.__version__ == '0.1.0', 'as released'\n"
    }
    histories = {f"r{n:02}": [(1_672_617_600, custom)] for n in range(MOST_REPOSITORIES + 2)}
    dataset = mined(tmp_path, histories, cutoff="none", snapshots=False)
    (problem,) = near_duplicates(dataset).problems
    assert problem.severity == Severity.NOTE
    assert f"{2 * (MOST_REPOSITORIES + 2)} tasks stand in more than" in problem.message


def test_findings_do_not_depend_on_the_hash_seed(family):
    code = (
        "import sys; from pathlib import Path; from repopeftbench.dataset.store import Dataset\n"
        "from repopeftbench.audit.leakage import LEAKAGE_CHECKS\n"
        "dataset = Dataset(Path(sys.argv[1]))\n"
        "print([check(dataset) for check in LEAKAGE_CHECKS])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, family[0].folder],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "near-duplicates" in outputs.pop()


@given(st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=80), st.sets(st.integers(0, 2**32 - 1), max_size=80))
def test_estimate_is_near_the_exact_similarity(common, rest):
    own = sorted(rest - common)
    left = np.array(sorted(common | set(own[::2])), dtype=np.uint32)
    right = np.array(sorted(common | set(own[1::2])), dtype=np.uint32)
    exact = jaccard(left, right)
    assert exact == pytest.approx(len(common) / (len(common) + len(own)))
    assert (signature(left) == signature(right)).mean() == pytest.approx(exact, abs=0.25)  # over five deviations


def test_pairs_above_the_similarity_are_found_as_a_comparison_of_all_finds_them():
    rng = np.random.default_rng(5)
    sets = []
    for _ in range(60):
        base = rng.integers(0, 2**32, size=60, dtype=np.uint32)
        for kept in rng.integers(20, 60, size=3):
            new = rng.integers(0, 2**32, size=60 - kept, dtype=np.uint32)
            sets.append(np.unique(np.concatenate((base[:kept], new))))
    owners = np.array([number % 7 for number in range(len(sets))], dtype=np.int32)
    exact = {
        (left, right)
        for left in range(len(sets))
        for right in range(left + 1, len(sets))
        if owners[left] != owners[right] and jaccard(sets[left], sets[right]) >= SIMILARITY
    }
    pairs = similar_pairs(np.stack([signature(elements) for elements in sets]), owners, SIMILARITY - 0.12).tolist()
    assert exact and exact <= set(map(tuple, pairs))
    assert all(owners[left] != owners[right] and left < right for left, right in pairs)


def test_many_equal_sets_are_paired_without_comparing_all():
    same = np.tile(signature(np.arange(50, dtype=np.uint32)), (200, 1))
    owners = np.arange(200, dtype=np.int32)
    pairs = similar_pairs(same, owners, 0.9)
    assert set(pairs.ravel().tolist()) == set(range(200))
    assert len(pairs) < 200 * 64
    assert len(similar_pairs(same, np.zeros(200, dtype=np.int32), 0.9)) == 0
    assert len(similar_pairs(same[:2], np.array([-1, -1], dtype=np.int32), 0.9)) == 1
    assert len(similar_pairs(same[:0], owners[:0], 0.9)) == 0


def test_document_is_the_test_function_whatever_stands_above_it():
    body = "    async def test_pay(self):\n        bill = pay(3)\n        assert bill =="
    whole = document("import os\n\ndef test_other():\n    pass\n\n" + body, "TestBill.test_pay", " 3")
    assert whole == body + " 3"
    assert document("class TestBill:\n" + body, "TestBill::test_pay", " 3") == whole


def test_document_without_its_function_is_the_last_lines():
    prefix = "\n".join(f"line {n}" for n in range(100))
    assert document(prefix, "", " == 1").split("\n") == [
        *(f"line {n}" for n in range(100 - MOST_LINES, 99)),
        "line 99 == 1",
    ]


def test_layout_does_not_change_shingles_and_order_does():
    shingler = Shingler()
    one = shingler("assert f(1,  2) ==\n    3")
    assert one.tolist() == shingler("assert f(1, 2) == 3").tolist()
    assert jaccard(one, shingler("assert 3 == f(2, 1)")) < 1
    assert len(shingler("a b")) == 0


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("tests/test_a.py", "tests/test_a.py", Position.SAME),
        ("alns/tests/test_a.py", "renamed/tests/test_a.py", Position.SAME),
        ("tests/test_a.py", "vendor/x/tests/test_a.py", Position.MOVED),
        ("test_a.py", "third_party/x/test_a.py", Position.MOVED),
        ("a/b/tests/test_a.py", "c/d/tests/test_a.py", Position.MOVED),
        ("tests/test_a.py", "tests/test_b.py", Position.ELSEWHERE),
        ("x/y/test_a.py", "z/test_a.py", Position.ELSEWHERE),
    ],
)
def test_position_of_a_shared_file(left, right, expected):
    assert position(left, right) == position(right, left) == expected
