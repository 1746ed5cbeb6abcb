"""Sizes against the published ones: what is compared, and when."""

from collections import Counter

import pytest
from published_cases import QNA, row, write, write_commits

from repopeftbench.official.build import ImportOptions, import_published
from repopeftbench.official.layout import Root
from repopeftbench.official.published import CommitSize, Measured, check_sizes, claims_to_be_whole
from repopeftbench.official.tally import SplitSize
from repopeftbench.schema import Split, Track


def sizes_of(rows, tasks, repositories):
    per_repository = Counter({f"r{n}": 1 for n in range(repositories)})
    per_repository["r0"] += tasks - repositories
    return SplitSize(rows=rows, tasks=per_repository, commits_with_tasks=45_516)


PUBLISHED = Measured(
    sizes={
        (Track.STATIC, Split.IR_TRAIN): sizes_of(44_149, 44_149, 400),
        (Track.STATIC, Split.CR_TEST): sizes_of(6_414, 6_414, 52),
        (Track.EVOLUTION, Split.IR_TRAIN): sizes_of(215_129, 215_129, 400),
        (Track.EVOLUTION, Split.IR_TEST): sizes_of(535_412, 42_061, 389),
        (Track.EVOLUTION, Split.OOD_TEST): sizes_of(181_500, 14_813, 92),
    },
    commits={
        Split.IR_TRAIN: CommitSize(repositories=400, commits=46_728),
        Split.OOD_TEST: CommitSize(repositories=92, commits=1_950),
    },
    has_json=True,
    has_anchor=True,
    is_capped=True,
    raw_train=False,
)


def changed(**changes):
    fields = {name: getattr(PUBLISHED, name) for name in Measured.__slots__}
    return Measured(**fields | changes)


def test_published_data_agrees_with_its_paper():
    checks = check_sizes(PUBLISHED)
    assert [check.what for check in checks if not check.agrees] == []
    compared = {check.what for check in checks}
    assert {"static ir_train (anchor): rows", "evolution ir_train: tasks", "evolution ir_test: rows"} <= compared
    # Training rows came with the smart cap: how many there were without it cannot be seen.
    assert "evolution ir_train: rows" not in compared
    # What was not imported is not compared.
    assert not any("cr_val" in what for what in compared)


@pytest.mark.parametrize(
    ("rows", "tasks", "named"),
    [
        (181_499, 14_813, {"evolution ood_test: rows"}),
        (181_500, 14_812, {"evolution ood_test: tasks"}),
        (181_500, 14_813, set()),
    ],
)
def test_a_size_that_differs_is_named(rows, tasks, named):
    sizes = {(Track.EVOLUTION, Split.OOD_TEST): sizes_of(rows, tasks, 92)}
    checks = check_sizes(changed(sizes=sizes, commits={}))
    assert {check.what for check in checks if not check.agrees} == named


def test_rounded_sizes_have_a_tolerance_and_no_more():
    for rows, agrees in ((535_412, True), (532_400, True), (530_000, False), (540_000, False)):
        sizes = {(Track.EVOLUTION, Split.IR_TEST): sizes_of(rows, 42_061, 389)}
        (check,) = (one for one in check_sizes(changed(sizes=sizes)) if one.what == "evolution ir_test: rows")
        assert check.agrees is agrees


def test_without_the_caps_rows_alone_are_compared():
    compared = {check.what for check in check_sizes(changed(is_capped=False))}
    assert "evolution ir_test: rows" in compared
    assert not any(what.endswith("tasks") for what in compared)


def test_only_data_with_all_training_repositories_claims_to_be_whole():
    assert claims_to_be_whole(PUBLISHED)
    assert not claims_to_be_whole(changed(commits={Split.IR_TRAIN: CommitSize(repositories=399, commits=46_728)}))
    assert not claims_to_be_whole(changed(commits={}))


def test_sizes_are_compared_when_asked_and_stand_in_the_manifest(tmp_path):
    folder = write_commits(tmp_path / "set")
    rows = [row("o/b", 0, "cr_test")]
    write(folder, "qna/cr_test.parquet", QNA, rows)
    roots = [Root(label="set", folder=folder)]
    quiet = import_published(roots, ImportOptions(folder=tmp_path / "quiet"), lambda *_: None)
    assert quiet.checks == ()
    asked = import_published(roots, ImportOptions(folder=tmp_path / "out", expect_published=True), lambda *_: None)
    found = {check.what: (check.expected, check.measured) for check in asked.checks}
    assert found["evolution cr_test: tasks"] == (44_732, 1)
    assert "Size of evolution cr_test: tasks: 1, published: 44,732." in asked.manifest.notes
    assert "Size of evolution cr_test: rows: 1, published: about 476,000." in asked.manifest.notes
