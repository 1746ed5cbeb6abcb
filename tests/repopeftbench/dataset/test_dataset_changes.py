import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.changes import Change, compare_datasets
from repopeftbench.dataset.store import Dataset
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.schema import Split, Track
from repopeftbench.sources import repository_list


def history(name):
    """Ten commits, each with a test file of its own."""
    files = [f"def test_{n}():\n    assert {name}({n}) == {n}\n    assert {name}({n}, 1) == [{n}]\n" for n in range(10)]
    return [{f"tests/test_{n}.py": text} for n, text in enumerate(files)]


@pytest.fixture
def mine(tmp_path, make_repository):
    """Mines histories by name into a folder and opens the dataset; a history is written once."""
    written = {}

    def mine(folder, histories, cutoff="none", **draft):
        for name, commits in histories.items():
            if name not in written:
                written[name] = make_repository(*commits, name=name)
        listing = tmp_path / f"{folder}.txt"
        listing.write_text("".join(f"{written[name]}\n" for name in histories))
        options = BuildOptions(
            folder=tmp_path / folder, draft=DraftOptions(**draft), cutoff=cutoff, cache=tmp_path / "cache"
        )
        build_dataset(repository_list(str(listing)), options, lambda *_: None)
        return Dataset(tmp_path / folder)

    return mine


def counts(changes):
    return {(one.change, one.track, one.split, one.reason): one.count for one in changes.counts}


def test_equal_datasets_differ_in_nothing(mine):
    one, two = mine("one", {"a": history("a")}), mine("two", {"a": history("a")})
    changes = compare_datasets(one, two, examples=3)
    assert changes.equal
    assert changes.unchanged == 40
    assert (changes.counts, changes.examples) == ((), ())


def test_repository_that_is_gone_takes_its_tasks_along_and_comes_back_as_new(mine):
    both, one = mine("both", {"a": history("a"), "b": history("b")}), mine("one", {"a": history("a")})
    changes = compare_datasets(both, one, examples=0)
    assert [(d.name, d.before, d.after) for d in changes.repositories] == [("b", "train", None)]
    assert {(key[0], key[3]) for key in counts(changes)} == {(Change.REMOVED, "no such repository")}
    assert sum(counts(changes).values()) == 40
    back = compare_datasets(one, both, examples=0)
    assert {(key[0], key[3]) for key in counts(back)} == {(Change.ADDED, "no such repository")}
    assert back.unchanged == changes.unchanged == 40


def test_commits_beyond_an_earlier_end_are_gone_and_the_snapshot_is_another_one(mine):
    histories = {"a": history("a")}
    whole, half = mine("whole", histories), mine("half", histories, cutoff="2023-01-07")
    changes = compare_datasets(whole, half, examples=0)
    found = counts(changes)
    assert found[Change.REMOVED, Track.EVOLUTION, Split.IR_TEST, "no such commit"] == 2
    assert found[Change.REMOVED, Track.STATIC, Split.IR_TEST, "other snapshot"] == 2
    assert found[Change.CHANGED, Track.EVOLUTION, Split.IR_TRAIN, "split to ir_test"] == 2
    assert found[Change.CHANGED, Track.STATIC, Split.IR_TRAIN, "split to ir_test, commit"] == 2
    assert found[Change.CHANGED, Track.STATIC, Split.IR_TRAIN, "commit"] == 6
    assert {difference.name for difference in changes.options} == {"cutoff"}
    assert {difference.name for difference in changes.repositories} == {"a revision", "a ended_by_cutoff"}
    assert "commits.parquet" in changes.files


def test_task_that_the_other_version_rejects_has_its_reason(mine):
    mocked = [{"tests/test_a.py": "def test_a(m):\n    m.assert_called_with(1)\n    assert f(1) == 1\n"}]
    with_mocks = mine("mocks", {"a": mocked}, families=frozenset(DraftOptions().families | {"mock"}))
    without = mine("plain", {"a": mocked})
    changes = compare_datasets(with_mocks, without, examples=5)
    assert counts(changes) == {
        (Change.REMOVED, Track.STATIC, Split.IR_TRAIN, "rejected: optional-family"): 1,
        (Change.REMOVED, Track.EVOLUTION, Split.IR_TRAIN, "rejected: optional-family"): 1,
    }
    assert [(one.test_file, one.lineno) for one in changes.examples] == [("tests/test_a.py", 2)] * 2
    back = compare_datasets(without, with_mocks, examples=0)
    assert {(key[0], key[3]) for key in counts(back)} == {(Change.ADDED, "rejected: optional-family")}


def test_other_prefixes_are_a_change_of_the_same_tasks(mine):
    long = [{"tests/test_a.py": "def helper():\n    return 1\n\n\ndef test_a():\n    assert helper() == 1\n"}]
    changes = compare_datasets(mine("one", {"a": long}), mine("two", {"a": long}, prefix_bytes=40), examples=1)
    assert {(key[0], key[3]) for key in counts(changes)} == {(Change.CHANGED, "prefix")}
    assert [(d.name, d.before, d.after) for d in changes.options] == [("prefix_bytes", "16384", "40")]


def test_statement_that_moved_in_a_later_snapshot_is_the_same_task(mine, make_repository):
    first = {"tests/test_a.py": "def test_a():\n    assert f(1) == 1\n"}
    second = {"tests/test_a.py": "import f\n\n\ndef test_a():\n    assert f(1) == 1\n    assert f(2) == 2\n"}
    histories = {"a": [first, second]}
    changes = compare_datasets(mine("one", histories, cutoff="2023-01-03"), mine("two", histories), examples=0)
    static = {key[0::3]: count for key, count in counts(changes).items() if key[1] is Track.STATIC}
    assert static == {(Change.CHANGED, "commit, place, prefix"): 1, (Change.ADDED, "other snapshot"): 1}


def test_examples_are_as_many_of_each_kind_as_asked(mine):
    both, one = mine("both", {"a": history("a"), "b": history("b")}), mine("one", {"a": history("a")})
    changes = compare_datasets(both, one, examples=2)
    assert len(changes.examples) == sum(min(2, count) for count in counts(changes).values())
    assert {example.repo_id for example in changes.examples} == {"b"}


def test_repetition_that_is_rejected_too_does_not_hide_the_reason(mine):
    twice = "def test_a():\n    assert f(1) == 1\n    assert f(1) == 1\n"
    commits = [{"tests/test_a.py": twice}, {"tests/test_b.py": twice}, history("z")[0]]
    short, whole = mine("short", {"a": commits}, cutoff="2023-01-04"), mine("whole", {"a": commits})
    rejects = {reject.reason for reject in whole.rejects() if reject.test_file == "tests/test_b.py"}
    assert rejects == {"duplicate", "in-train"}
    removed = {key[3] for key in counts(compare_datasets(short, whole, examples=0)) if key[0] is Change.REMOVED}
    assert removed == {"rejected: in-train"}
