"""Test text in production diffs. Reads a dataset.

Diffs are what methods on the evolution track are conditioned on. What views show: `visible_tests`.
"""

from repopeftbench.audit.diff_chunks import chunks
from repopeftbench.audit.findings import Findings, Problem
from repopeftbench.audit.rows import rows
from repopeftbench.audit.tally import Group, Tally, defect, task_rows
from repopeftbench.dataset.store import Dataset
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.schema import Split, Track

TESTS_IN_DIFF = "test-file-in-diff"


def diffs_with_tests(dataset: Dataset) -> Findings:
    """Commits whose production diff shows lines of a test file: by path, or because tasks were mined from it."""
    mined = {(group.repo_id, path) for track in Track for group, (path,) in task_rows(dataset, track, "test_file")}
    tally = Tally()
    examples: dict[str, str] = {}
    columns = ("repo_id", "commit_sha", "split", "production_diff")
    for repo_id, sha, split, diff in rows(dataset.commit_tables(columns), columns):
        shown = {path for chunk in chunks(diff) if chunk.shows_text for path in (chunk.old_path, chunk.path)}
        if split not in set(Split):
            continue  # `values` says so.
        tests = sorted(path for path in shown if file_kind(path) is FileKind.TEST or (repo_id, path) in mined)
        tally.add(Group(None, Split(split), repo_id), bool(tests))
        if tests:
            examples.setdefault(repo_id, f"{tests[0]} at {sha[:12]}")
    problems = tuple(
        Problem(
            check=TESTS_IN_DIFF,
            severity=defect(dataset.manifest),
            where=found.where,
            message=f"{found} production diffs show lines of test files, such as {examples[found.where]}",
            fix="mine again with --protocol clean",
        )
        for found in tally.repositories()
        if found.count
    )
    return Findings(problems=problems, measures=tally.measures(TESTS_IN_DIFF))
